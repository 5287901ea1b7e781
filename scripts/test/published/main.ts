/** Two nodes, as a program on Node 22 writes them: its V8 does not know `await using`. */
import { inspect } from 'node:util';
import { ChannelServer } from '@beamish/phoenix';
import { Pool } from '@beamish/postgres';
import { GenServer, startNode } from 'beamish';
import { PubSub } from 'beamish/pubsub';
import { atom, tuple } from 'beamish/term';

class Counter extends GenServer {
  #count = 0;
  increment(by = 1): number {
    return (this.#count += by);
  }
}

const common = { cookie: 'c', hidden: false, epmd: { port: Number(process.env['EPMD']) } };
const node = await startNode({ ...common, name: 'one@127.0.0.1' });
const other = await startNode({ ...common, name: 'two@127.0.0.1' });
try {
  await node.spawn(Counter, [], { name: 'counter' });
  const counter = other.at(node.name).ref<Counter>('counter');
  await counter.increment();
  const counted: number = await counter.increment(2);
  const heard = Promise.withResolvers<unknown>();
  const [here, there] = [await PubSub.start(node, 'App'), await PubSub.start(other, 'App')];
  here.subscribe('topic', heard.resolve);
  // Who has not been heard of yet is sent nothing.
  const again = setInterval(() => there.broadcast('topic', { a: 1 }), 20);
  const topic = await heard.promise;
  clearInterval(again);
  const shown = inspect(tuple(atom('ok'), counted));
  const classes = [ChannelServer.name, Pool.name];
  const result = { version: process.version, counted, shown, topic, global: other.global !== undefined, classes };
  console.log(JSON.stringify(result));
} finally {
  await other.stop();
  await node.stop();
}
