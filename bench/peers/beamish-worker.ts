/** Two Beamish nodes. Calls and casts go to a GenServer by its registered name, as in erl.ts. */
import { GenServer } from '../../packages/beamish/src/process/index.ts';
import { Node } from '../../packages/beamish/src/node/index.ts';
import { inFlight, oneWay, roundTrip, type Figures, type Time } from '../harness/loops.ts';
import { object1k, object64, type JsonObject } from '../harness/objects.ts';
import { serve, type Address } from '../harness/serve.ts';

class Bench extends GenServer {
  #count = 0;
  echo(object: JsonObject): JsonObject {
    return object;
  }
  count(): number {
    return this.#count;
  }
  sink(object: JsonObject): void {
    if (typeof object === 'object') this.#count++;
  }
}

/** How often the sender looks at the queue, in messages, and above how many bytes it waits. */
const lookEvery = 32;
const enough = 1_048_576;

const cookie = 'bench';
let running: Node | undefined;

const start = (role: 'server' | 'client', given: Address): Promise<Node> =>
  Node.start({
    name: `bench_${role}@127.0.0.1`,
    cookie,
    epmd: { port: Number(given['epmd']), bind: '127.0.0.1', embedded: role === 'server' ? 'always' : 'never' },
  });

await serve({
  async server(given) {
    running = await start('server', given);
    await running.spawn(Bench, [], { name: 'bench' });
    return { ...given, node: running.name };
  },
  async client(server) {
    running = await start('client', server);
    const remote = running.at(String(server['node']));
    const bench = remote.ref<Bench>('bench');
    await running.connect(remote.name);
    const call = (): Promise<unknown> => bench.echo(object64);
    let sent = 0;
    const stream = (object: JsonObject, time: Time): Promise<Figures> =>
      oneWay(
        {
          send() {
            bench.cast.sink(object);
            return ++sent % lookEvery !== 0 || remote.queuedBytes < enough;
          },
          writable: () => remote.drained(),
          received: () => bench.with({ timeout: 30_000 }).count(),
        },
        time,
      );
    return {
      roundTrip: (time) => roundTrip(call, time),
      inFlight: (time) => inFlight(call, time),
      oneWay64: (time) => stream(object64, time),
      oneWay1k: (time) => stream(object1k, time),
    };
  },
  stop: () => running?.stop(),
});
