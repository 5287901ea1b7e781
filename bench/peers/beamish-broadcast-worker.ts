/** Three Beamish nodes, a PubSub with 1,000 subscribers on each; the third broadcasts. */
import { GenServer } from '../../packages/beamish/src/process/index.ts';
import { Node } from '../../packages/beamish/src/node/index.ts';
import { PubSub } from '../../packages/beamish/src/pubsub/index.ts';
import { eventually } from '../../packages/beamish/test/support/eventually.ts';
import { object1k } from '../harness/objects.ts';
import { serve, type Address } from '../harness/serve.ts';
import { fanOut, nodes, subscribers } from './fan-out.ts';

const topic = 'bench';
const enough = 1_048_576;
const nameOf = (n: number): string => `bench_${n}@127.0.0.1`;
let delivered = 0;
let running: Node | undefined;

class Bench extends GenServer {
  delivered(): number {
    return delivered;
  }
}

async function start(n: number, given: Address): Promise<{ node: Node; pubsub: PubSub }> {
  const node = await Node.start({
    name: nameOf(n),
    cookie: 'bench',
    epmd: { port: Number(given['epmd']), bind: '127.0.0.1', embedded: n === 1 ? 'always' : 'never' },
  });
  running = node;
  const pubsub = await PubSub.start(node, 'Bench.PubSub');
  for (let count = 0; count < subscribers; count++) {
    pubsub.subscribe(topic, (message) => {
      if (typeof message === 'object') delivered++;
    });
  }
  await node.spawn(Bench, [], { name: 'bench' });
  return { node, pubsub };
}

await serve({
  async server(given) {
    await start(Number(given['n']), given);
    return given;
  },
  async client(given) {
    const { node, pubsub } = await start(nodes, given);
    const others = Array.from({ length: nodes - 1 }, (_, index) => node.at(nameOf(index + 1)));
    for (const other of others) await node.connect(other.name);
    await eventually(() => pubsub.nodes().length === others.length);
    const counters = others.map((other) => other.ref<Bench>('bench').with({ timeout: 30_000 }));
    return {
      broadcast: (time) =>
        fanOut(
          {
            broadcast: () => pubsub.broadcast(topic, object1k),
            async writable() {
              for (const other of others) if (other.queuedBytes > enough) await other.drained();
            },
            async delivered() {
              const elsewhere = await Promise.all(counters.map((counter) => counter.delivered()));
              return elsewhere.reduce((sum, count) => sum + count, delivered);
            },
          },
          time,
        ),
    };
  },
  stop: () => running?.stop(),
});
