/**
 * Three processes with ioredis on one redis-server: each has 1,000 subscribers, on one connection whose messages are parsed
 * once and emitted to all of them, or on a connection each. Objects travel as JSON.
 */
import { EventEmitter } from 'node:events';
import { Redis } from 'ioredis';
import { object1k } from '../harness/objects.ts';
import { serve, type Address } from '../harness/serve.ts';
import { fanOut, nodes, subscribers } from './fan-out.ts';

const topic = 'bench';
let delivered = 0;

function open(given: Address): Redis {
  return new Redis({ host: '127.0.0.1', port: Number(given['port']), enableAutoPipelining: true });
}

/** Redis cuts off who falls behind, so the sender stays this far ahead at most of what all processes have confirmed. */
const window = (connections: number): number => (connections === 1 ? 8192 : 64);

/** The subscribers of this process; it answers questions for its count, and confirms each quarter of a window. */
async function subscribe(given: Address): Promise<void> {
  const connections = Number(given['connections']);
  const each = subscribers / connections;
  const confirmEvery = (window(connections) * subscribers) / 4;
  const answers = open(given);
  const confirm = (): void => void answers.publish('count', `${given['n']} ${delivered}`);
  for (let n = 0; n < connections; n++) {
    const connection = open(given);
    const emitter = new EventEmitter().setMaxListeners(0);
    for (let count = 0; count < each; count++) {
      emitter.on(topic, (message: unknown) => {
        if (typeof message === 'object' && ++delivered % confirmEvery === 0) confirm();
      });
    }
    connection.on('message', (channel, text) => {
      if (channel === 'ask') confirm();
      else emitter.emit(channel, JSON.parse(text));
    });
    await connection.subscribe(topic, ...(n === 0 ? ['ask'] : []));
  }
}

await serve({
  async server(given) {
    await subscribe(given);
    return given;
  },
  async client(given) {
    await subscribe({ ...given, n: nodes });
    const counts = new Map<string, number>();
    let wake = (): void => {};
    const control = open(given);
    control.on('message', (_, text) => {
      const [node = '', count] = text.split(' ');
      counts.set(node, Number(count));
      wake();
    });
    await control.subscribe('count');
    const publisher = open(given);
    let sent = 0;
    let last: Promise<unknown> = Promise.resolve();
    const ahead = window(Number(given['connections']));
    const confirmed = (): number => Math.min(...Array.from({ length: nodes }, (_, n) => counts.get(`${n + 1}`) ?? 0));
    return {
      broadcast: (time) =>
        fanOut(
          {
            broadcast() {
              sent++;
              last = publisher.publish(topic, JSON.stringify(object1k));
            },
            async writable() {
              await last;
              while (sent - confirmed() / subscribers > ahead) {
                await new Promise<void>((resolve) => (wake = resolve));
              }
            },
            async delivered() {
              counts.clear();
              await publisher.publish('ask', '');
              while (counts.size < nodes) await new Promise<void>((resolve) => (wake = resolve));
              return [...counts.values()].reduce((sum, count) => sum + count, 0);
            },
          },
          time,
        ),
    };
  },
});
