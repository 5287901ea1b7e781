/** A contract of schemas: what other nodes may call, checked by the compiler here and by the schemas when it comes in. */
import { startNode, GenServer } from 'beamish';
import { guarded, type Handlers } from 'beamish/schema';
import { z } from 'zod';

const contract = {
  reserve: {
    args: z.tuple([z.object({ sku: z.string(), count: z.number().int().positive().default(1) })]),
    reply: z.number(),
  },
};

class Stock extends GenServer implements Handlers<typeof contract> {
  static override readonly contract = contract;
  #left = 10;
  reserve({ count }: { sku: string; count: number }): number {
    return (this.#left -= count);
  }
}

await using shop = await startNode({ name: 'shop@127.0.0.1', cookie: 'a secret' });
await shop.spawn(Stock, [], { name: 'stock' });
shop.expose('Shop', guarded({ price: { args: z.tuple([z.string()]) } }, { price: (sku) => sku.length }));

await using web = await startNode({ name: 'web@127.0.0.1', cookie: 'a secret' });
const stock = web.at('shop@127.0.0.1').ref('stock', contract);
console.log(await stock.reserve({ sku: 'apple', count: 3 })); // stock.reserve({ sku: 1 }) does not compile
console.log(await stock.reserve({ sku: 'apple' }));

// What does not fit is refused by the node that serves: here somebody who has no compiler.
const untyped = web.at('shop@127.0.0.1').ref<{ reserve(order: unknown): number }>('stock');
await untyped.reserve({ sku: 'apple', count: -5 }).catch((error: Error) => console.log(error.message));
console.log(await web.at('shop@127.0.0.1').rpc('Shop', 'price', ['pear'], { reply: z.number() }));

// prints:
// 7
// 6
// reserve: at [0].count: Too small: expected number to be >0
// 4
