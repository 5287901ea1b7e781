import assert from 'node:assert/strict';
import type { ProcessContext } from '../../../src/process/index.ts';
import { lan, type Host } from '../../../src/simulation/index.ts';
import { atom, isTuple, tuple, type Pid, type Term } from '../../../src/term/index.ts';
import { isMesh, watchedNode } from './cluster.ts';
import { SETTLED_WITHIN, type Scenario } from './scenario.ts';

const SENDERS = 2;
/** What is sent to each other node in the end: sizes, and to which of its processes. */
const LAST = [
  [270_000, [0]],
  [10, [0, 1]],
  [70_000, [1]],
  [20, [0, 1]],
] as const;
const LAST_SIZE = 20;
const SIZES = [
  [265_000, 60_000],
  [66_000, 60_000],
  [1, 2000],
  [1, 2000],
  [1, 2000],
  [1, 2000],
] as const;
const GO = atom('go');
const FINISH = atom('finish');

/** The bytes of a message are a number that only it has: none of them can be another's. */
const byteOf = (number: number): number => 0x80 | (number & 0x7f);

function isContent(bytes: Uint8Array, number: number, size: number): boolean {
  // All are equal when each is equal to the next.
  return (
    bytes.length === size &&
    bytes[0] === byteOf(number) &&
    Buffer.compare(bytes.subarray(1), bytes.subarray(0, -1)) === 0
  );
}

/** Messages large and small of several processes at one time, to processes of other nodes, by pid and by name. */
export const large: Scenario = {
  name: 'large',
  checks:
    'large messages between small ones: whole, in order, none twice; after a lost connection nothing of them is left',
  nodes: 3,
  faults: { count: 3, from: 50, until: 2000 },
  // Slow, and in pieces: a large message takes 30 ms and more.
  network: lan({ bandwidth: 12_500, split: 0.1 }),
  async run(world) {
    let calm = false;
    /** The receivers of each life of a host, once they are there. */
    const receivers = new Map<Host['life'], readonly Pid[]>();
    /** Of the last round, by sender and receiver. */
    const finished = new Set<string>();
    const expected = new Set<string>();
    const program = world.start(async (host) => {
      const others = world.hosts.filter((other) => other !== host);
      const watched = await watchedNode(host, world);
      const { node } = watched;
      const { random, clock } = host.world;
      const life = `${node.name}#${host.life.number}`;
      const downs = new Map<string, number>();
      node.monitorNodes((event) => {
        if (event.type === 'nodedown') downs.set(event.node, (downs.get(event.node) ?? 0) + 1);
      });
      const receiver = (name: string): Pid => {
        /** The last number of each sender, and how often its node had been lost then. */
        const last = new Map<string, { number: number; downs: number }>();
        const behaviour = {
          handle(message: Term): void {
            assert.ok(isTuple(message, 5));
            const [from, at, number, size, bytes] = message.elements as [string, string, number, number, Uint8Array];
            const what = `${from} to ${life} ${name}: message ${number}`;
            const lost = downs.get(at) ?? 0;
            const before = last.get(from) ?? { number: 0, downs: -1 };
            if (number <= before.number) world.fail(new Error(`${what} after ${before.number}`));
            if (number > before.number + 1 && before.downs === lost)
              world.fail(new Error(`${what} after ${before.number} on one connection`));
            if (!isContent(bytes, number, size)) world.fail(new Error(`${what} is not what was sent`));
            last.set(from, { number, downs: lost });
            if (calm && size === LAST_SIZE) finished.add(`${from} to ${life} ${name}`);
          },
        };
        return node.runtime.spawn(behaviour, { name }).pid;
      };
      receivers.set(host.life, [receiver('first'), receiver('second')]);
      const senders: Pid[] = [];
      for (let index = 0; index < SENDERS; index++) {
        const sent = new Map<string, number>();
        const sender = `${life}/${index}`;
        const send = (self: ProcessContext, to: Host, target: number, size: number): void => {
          const name = target === 0 ? 'first' : 'second';
          const key = `${to.nodeName}#${to.life.number} ${name}`;
          const number = (sent.get(key) ?? 0) + 1;
          sent.set(key, number);
          const pid = receivers.get(to.life)?.[target];
          const destination = pid !== undefined && random.below(2) === 0 ? pid : { name, node: to.nodeName };
          self.send(destination, tuple(sender, node.name, number, size, new Uint8Array(size).fill(byteOf(number))));
        };
        const { pid } = node.runtime.spawn({
          handle(message, self: ProcessContext) {
            if (message === FINISH) {
              for (const other of others) {
                for (const [size, targets] of LAST) for (const target of targets) send(self, other, target, size);
              }
              return;
            }
            const to = others[random.below(others.length)] as Host;
            // In parts; in fragments at once; in one.
            const [least, more] = SIZES[random.below(SIZES.length)] as (typeof SIZES)[number];
            const size = least + random.below(more);
            // Only to who is there: what a stopped program was sent is no gap.
            if (node.nodes().some(({ name }) => name === to.nodeName)) send(self, to, random.below(2), size);
          },
        });
        void (async () => {
          for (;;) {
            await clock.sleep(1 + random.below(200));
            if (!calm) node.runtime.send(pid, GO);
          }
        })();
        senders.push(pid);
      }
      const finish = (): void => senders.forEach((pid) => node.runtime.send(pid, FINISH));
      return { ...watched, life, finish };
    });
    let calmSince: number | undefined;
    const settled = (): void => {
      assert.ok(program.complete, 'not every program has started');
      isMesh(program.all());
      for (const { node } of program.all()) {
        const { peers, ended } = node.statistics();
        const queues = peers.map(({ queuedBytes }) => queuedBytes);
        assert.deepEqual(queues, [0, 0], `queues of ${node.name}`);
        assert.equal(ended.frame_malformed, undefined, `${node.name} could not read a frame`);
        assert.equal(ended.stalled, undefined, `${node.name} had to cut off another`);
      }
    };
    world.eventually(
      'the nodes are a full mesh, nothing waits, and what is sent then arrives, all of it',
      () => {
        calm = true;
        calmSince ??= world.now;
        // A connection may be lost, and this end not know yet.
        if (world.now - calmSince < 30_000) return false;
        if (expected.size === 0) {
          settled();
          for (const from of program.all()) {
            for (const to of program.all()) {
              if (from === to) continue;
              for (let index = 0; index < SENDERS; index++) {
                for (const name of ['first', 'second']) expected.add(`${from.life}/${index} to ${to.life} ${name}`);
              }
            }
            from.finish();
          }
        }
        const missing = [...expected].filter((each) => !finished.has(each));
        assert.deepEqual(missing, []);
        settled();
        return true;
      },
      { within: SETTLED_WITHIN },
    );
    await world.until(() => program.complete, { within: 120_000 });
  },
};
