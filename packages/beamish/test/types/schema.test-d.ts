/** Compiled, never run: each `@ts-expect-error` fails the type check when the mistake below it would compile. */
import * as v from 'valibot';
import { z } from 'zod';
import type { Global, GlobalDelegate } from '../../src/global/index.ts';
import type { RemoteNode } from '../../src/node/index.ts';
import { GenServer, Runtime } from '../../src/process/index.ts';
import type { PartitionSupervisor, Registry } from '../../src/process/index.ts';
import type { PubSub } from '../../src/pubsub/index.ts';
import { check, guarded, plain } from '../../src/schema/index.ts';
import type { Handlers, InputOf, OutputOf } from '../../src/schema/index.ts';
import { realWorld } from '../../src/world/index.ts';

const Item = z.object({ sku: z.string(), count: z.number().default(1) });
const contract = {
  reserve: { args: z.tuple([Item, z.boolean().optional()]), reply: z.object({ left: z.number() }) },
  find: { args: v.tuple([v.string()]), reply: v.nullable(v.string()) },
  count: {},
};

export class Stock extends GenServer implements Handlers<typeof contract> {
  static override readonly contract = contract;
  reserve(item: z.output<typeof Item>, _urgent?: boolean): { left: number } {
    return { left: 10 - item.count };
  }
  find(sku: string): Promise<string | null> {
    return Promise.resolve(sku);
  }
  count(): number {
    return 1;
  }
}

export class WrongArgument extends GenServer implements Handlers<typeof contract> {
  // @ts-expect-error the schema gives an item
  reserve(item: string): { left: number } {
    return { left: item.length };
  }
  // @ts-expect-error the schema asks for a text or null
  find(sku: string): number {
    return sku.length;
  }
  count(): number {
    return 1;
  }
}

// @ts-expect-error two methods of the contract are missing
export class Missing extends GenServer implements Handlers<typeof contract> {
  count(): number {
    return 1;
  }
}

const runtime = new Runtime({ world: realWorld() });

export async function references(node: RemoteNode): Promise<void> {
  const stock = node.ref('stock', contract);
  (await stock.reserve({ sku: 'a' })) satisfies { left: number };
  (await stock.with({ timeout: 5 }).reserve({ sku: 'a', count: 2 }, true)) satisfies { left: number };
  (await stock.find('a')) satisfies string | null;
  stock.cast.reserve({ sku: 'a' });
  await stock.count();
  // @ts-expect-error an argument of another type
  await stock.reserve({ sku: 1 });
  // @ts-expect-error an argument is missing
  await stock.find();
  // @ts-expect-error too many arguments
  await stock.count(1);
  // @ts-expect-error no such method
  await stock.release({ sku: 'a' });
  // @ts-expect-error the reply may be null
  (await stock.find('a')) satisfies string;
  // @ts-expect-error casts are checked too
  stock.cast.reserve(1);
  // @ts-expect-error the reply of a method without a schema is any term
  (await stock.count()) satisfies number;
  (await runtime.ref('stock', contract).find('a')) satisfies string | null;
}

export async function otherReferences(
  registry: Registry,
  partitions: PartitionSupervisor,
  global: Global,
  delegate: GlobalDelegate,
): Promise<void> {
  for (const stock of [
    registry.ref('stock', contract),
    partitions.ref('stock', contract),
    global.ref('stock', contract),
    await delegate.ref('stock', { contract, timeout: 10 }),
  ]) {
    (await stock.find('a')) satisfies string | null;
    // @ts-expect-error an argument of another type
    await stock.find(1);
    // @ts-expect-error no such method
    await stock.release('a');
    // @ts-expect-error the reply may be null
    (await stock.find('a')) satisfies string;
    // @ts-expect-error casts are checked too
    stock.cast.reserve(1);
  }
  const all = runtime.multiRef(['a@h', 'b@h'], 'stock', { contract, timeout: 10 });
  (await all.find('a')).replies[0]?.reply satisfies string | null | undefined;
  // @ts-expect-error an argument of another type
  await all.find(1);
  // @ts-expect-error no such method
  await all.release('a');
  // @ts-expect-error the reply may be null
  (await all.find('a')).replies[0]?.reply satisfies string | undefined;
  // @ts-expect-error casts are checked too
  all.cast.reserve(1);
}

export async function boundaries(node: RemoteNode, pubsub: PubSub): Promise<void> {
  guarded(contract, {
    reserve: (item, urgent) => {
      item satisfies { sku: string; count: number };
      urgent satisfies boolean | undefined;
      return { left: item.count };
    },
    find: async (sku) => await Promise.resolve(sku),
    count: () => 1,
  });
  // @ts-expect-error a function of the contract is missing
  guarded(contract, { count: () => 1 });
  // @ts-expect-error the schema asks for an object with `left`
  guarded({ reserve: contract.reserve }, { reserve: () => 1 });

  (await node.rpc('Shop', 'price', ['a'], { reply: z.number() })) satisfies number;
  // @ts-expect-error the schema gives a number
  (await node.rpc('Shop', 'price', ['a'], { reply: z.number() })) satisfies string;

  const shop = node.module('Shop', { contract, timeout: 10 });
  (await shop.find('a')) satisfies string | null;
  shop.cast.find('a');
  // @ts-expect-error an argument of another type
  await shop.find(1);
  // @ts-expect-error the reply may be null
  (await shop.find('a')) satisfies string;

  pubsub.subscribe('orders', (order) => void (order.count satisfies number), { schema: Item });
  // @ts-expect-error the schema gives no such field
  pubsub.subscribe('orders', (order) => void order.price, { schema: Item });
  for await (const order of pubsub.messages('orders', { schema: Item })) order.sku satisfies string;
  // @ts-expect-error without a schema a message is a term
  for await (const order of pubsub.messages('orders')) order.sku satisfies string;

  (await check(Item, 1, 'item')) satisfies { sku: string; count: number };
  (await check(plain(Item), 1, 'item')) satisfies { sku: string; count: number };
}

({ sku: 'a' }) satisfies InputOf<typeof Item>;
// @ts-expect-error what the schema gives has its default filled in
({ sku: 'a' }) satisfies OutputOf<typeof Item>;
