/** What must not compile; that it does is an error. */
import { GenServer, startNode } from 'beamish';
import { PubSub } from 'beamish/pubsub';

class Counter extends GenServer {
  increment(by: number): number {
    return by;
  }
}

const node = await startNode({ name: 'one@127.0.0.1', cookie: 'c' });
const counter = node.at('two@127.0.0.1').ref<Counter>('counter');
// @ts-expect-error
await counter.incremnt(1);
// @ts-expect-error
await counter.increment('1');
// @ts-expect-error
const text: string = await counter.increment(1);
// @ts-expect-error
await node.spawn(Counter, [1]);
// @ts-expect-error
await startNode({ name: 'one@127.0.0.1', cooky: 'c' });
// @ts-expect-error
await PubSub.start(node, 1);
console.log(text);
