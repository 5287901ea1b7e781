/** Two nodes and the same calls. They find each other through the port mapper, which the first one serves. */
import { GenServer, startNode } from 'beamish';
import { epmdHosts } from 'beamish/discovery';
import { PubSub } from 'beamish/pubsub';

class Counter extends GenServer {
  #count = 0;
  increment(by = 1): number {
    return (this.#count += by);
  }
}

const epmd = { port: Number(process.env['ERL_EPMD_PORT'] ?? 4370) };
const common = { cookie: 'example', epmd } as const;
await using one = await startNode({ ...common, name: 'one@127.0.0.1', roles: ['counting'] });
await using two = await startNode({ ...common, name: 'two@127.0.0.1', discovery: epmdHosts({ hosts: [one.name] }) });

await one.spawn(Counter, [], { name: 'counter' });
const counter = two.at(one.name).ref<Counter>('counter');
console.log(await counter.increment(2), await counter.with({ timeout: 500 }).increment(40));
console.log('counting:', two.nodesWithRole('counting'));

const here = await PubSub.start(one, 'Shop.PubSub');
const there = await PubSub.start(two, 'Shop.PubSub');
const orders = there.messages('orders:new');
while (here.nodes().length === 0) await one.world.clock.sleep(1); // until the groups have met
here.broadcast('orders:new', { id: 1 });
for await (const order of orders) {
  console.log('order', order);
  break;
}

// prints:
// 2 42
// counting: [ 'one@127.0.0.1' ]
// order { id: 1 }
