/** More large messages than may wait for a peer: the later one is refused for its sender, and the connection stays. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isBeamishError } from '../../src/error/index.ts';
import { OWN_FLAGS } from '../../src/node/flags.ts';
import type { Node } from '../../src/node/index.ts';
import { PacketReader } from '../../src/node/wire/packets.ts';
import { GenServer, type Signal } from '../../src/process/index.ts';
import { PubSub } from '../../src/pubsub/index.ts';
import { isAtom, isTuple, Pid, type Term } from '../../src/term/index.ts';
import { eventually } from '../support/eventually.ts';
import { RawPeer, testCluster, types } from './nodes.ts';

const MAX = 1_000_000;
const options = { maxQueuedBytes: MAX };
const bytesOf = (length: number, fill = 1): Uint8Array => new Uint8Array(length).fill(fill);
const queueFull = (error: unknown): boolean =>
  isBeamishError(error, 'queue_full') && error.retryable && /b@127\.0\.0\.1.*drained\(\)/.test(error.message);
type T = Parameters<typeof testCluster>[0];

class Keeper extends GenServer {
  #kept: Uint8Array[] = [];
  keep(bytes: Uint8Array): number {
    return this.#kept.push(bytes);
  }
  sizes(): number[] {
    return this.#kept.map(({ length }) => length);
  }
  give(length: number): Uint8Array {
    return bytesOf(length);
  }
}

async function pair(t: T) {
  const cluster = await testCluster(t);
  const a = await cluster.start('a@127.0.0.1', options);
  const b = await cluster.start('b@127.0.0.1', options);
  const keeper = await b.node.spawn(Keeper, [], { name: 'keeper' });
  return { cluster, a, b, keeper, remote: a.node.at('b@127.0.0.1').ref<Keeper>('keeper') };
}

test('a call that finds no room rejects, what was sent before it arrives, and the connection stays', async (t) => {
  const { a, remote } = await pair(t);
  assert.deepEqual(await remote.sizes(), []);
  const first = remote.keep(bytesOf(1_900_000));
  await assert.rejects(remote.keep(bytesOf(1_900_001)), queueFull);
  // What is not large has room of its own beside it.
  const small = Array.from({ length: 9 }, () => remote.keep(bytesOf(100_000)));
  assert.equal(await first, 1);
  await Promise.all(small);
  await a.node.at('b@127.0.0.1').drained();
  assert.equal(await remote.keep(bytesOf(1_900_002)), 11);
  const large = (await remote.sizes()).filter((size) => size > 100_000);
  assert.deepEqual(large, [1_900_000, 1_900_002]);
  assert.deepEqual(types(a.events), ['nodeup b@127.0.0.1']);
  assert.equal(a.node.statistics().peers[0]?.queuedBytes, 0);
  assert.equal(a.node.runtime.statistics().references, 0);
});

test('the largest message that there is fits into an empty queue, and others beside it', async (t) => {
  const { a, remote } = await pair(t);
  await remote.sizes();
  // Beside its content a call has some bytes of its own; what they are is found by asking.
  let length = 2 * MAX;
  let sent: Promise<number> | undefined;
  for (; sent === undefined; length -= 1) {
    const call = remote.keep(bytesOf(length));
    const refused = await Promise.race([
      call.then(undefined, isBeamishError),
      eventually(() => false, { timeout: 5 }).catch(() => false),
    ]);
    if (refused !== true) sent = call;
  }
  const small = Array.from({ length: 5 }, () => remote.keep(bytesOf(100_000)));
  await Promise.all([sent, ...small]);
  assert.ok(length > 2 * MAX - 200);
  assert.deepEqual(types(a.events), ['nodeup b@127.0.0.1']);
});

test('before there is a connection it is the same', async (t) => {
  const { a, remote } = await pair(t);
  const first = remote.keep(bytesOf(1_900_000));
  await assert.rejects(remote.keep(bytesOf(1_900_001)), queueFull);
  assert.throws(() => a.node.runtime.send({ name: 'keeper', node: 'b@127.0.0.1' }, bytesOf(300_000)), queueFull);
  const small = Array.from({ length: 9 }, () => remote.keep(bytesOf(90_000)));
  assert.equal(await first, 1);
  await Promise.all(small);
  assert.deepEqual(types(a.events), ['nodeup b@127.0.0.1']);
  assert.equal(a.node.statistics().lostBytes, 0);
});

test('a reply that finds no room is a refusal for the caller; the server lives', async (t) => {
  const { a, b, keeper, remote } = await pair(t);
  await remote.sizes();
  const outcomes = await Promise.allSettled([remote.give(1_900_000), remote.give(1_900_000)]);
  const [first, second] = outcomes;
  assert.equal(first?.status === 'fulfilled' && first.value.length, 1_900_000);
  assert.ok(second?.status === 'rejected' && isBeamishError(second.reason, 'queue_full'));
  assert.deepEqual(await keeper.sizes(), []);
  assert.deepEqual(types(a.events), ['nodeup b@127.0.0.1']);
  assert.equal(b.node.runtime.statistics().remoteWatches, 0);
});

const there = (id: number): Pid => new Pid('b@127.0.0.1', id, 0, 5);

/** A peer that reads nothing until it is told to. */
async function deaf(t: T): Promise<{ node: Node; raw: RawPeer; signals: () => Signal[] }> {
  const cluster = await testCluster(t);
  const { node } = await cluster.start('a@127.0.0.1', { ...options, maxQueuedBytes: 10 * MAX });
  const raw = await RawPeer.connect(t, node, { name: 'b@127.0.0.1', flags: OWN_FLAGS });
  await eventually(() => node.nodes().length === 1);
  raw.socket.pause();
  const signals = (): Signal[] => {
    const packets = new PacketReader({ own: 'b@127.0.0.1', peer: 'a@127.0.0.1' }, { maxBytes: 100_000_000 });
    return raw.received.flatMap((frame) => (frame.length === 0 ? [] : (packets.read(Uint8Array.from(frame)) ?? [])));
  };
  return { node, raw, signals };
}

test('an exit goes out all the same, with a short reason', async (t) => {
  const { node, raw, signals } = await deaf(t);
  node.runtime.send(there(1), bytesOf(19 * MAX));
  node.runtime.exit(there(2), bytesOf(2 * MAX));
  raw.socket.resume();
  const exit = await eventually(() => signals().find(({ type }) => type === 'exit'));
  assert.ok(exit.type === 'exit' && isTuple(exit.reason, 2));
  assert.ok(isAtom(exit.reason.at(0), 'queue_full'));
  assert.ok((exit.reason.at(1) as string).length <= 500);
});

test('a request to spawn that finds no room rejects, and leaves nothing', async (t) => {
  const { node } = await deaf(t);
  const before = node.runtime.statistics().references;
  node.runtime.send(there(1), bytesOf(19 * MAX));
  const spawn = { module: 'm', function: 'f', arguments: [bytesOf(2 * MAX)] };
  await assert.rejects(node.runtime.requestSpawn('b@127.0.0.1', spawn), queueFull);
  assert.equal(node.runtime.statistics().references, before);
});

test('a broadcast reaches the others although one node has no room, and its sender hears of that', async (t) => {
  const cluster = await testCluster(t);
  const started = await Promise.all(
    ['a', 'b', 'c'].map(async (name) => {
      const { node } = await cluster.start(`${name}@127.0.0.1`, name === 'a' ? options : {});
      return { node, pubsub: await PubSub.start(node, 'Test') };
    }),
  );
  const [a, ...others] = started as [(typeof started)[0], ...typeof started];
  await Promise.all(others.map(({ node }) => node.connect(a.node.name)));
  const got: [string, Term][] = [];
  for (const { node, pubsub } of others) pubsub.subscribe('t', (message) => void got.push([node.name, message]));
  await eventually(() => a.pubsub.nodes().length === 2);
  a.node.runtime.send({ name: 'nobody', node: 'b@127.0.0.1' }, bytesOf(1_900_000));
  assert.throws(() => a.pubsub.broadcast('t', bytesOf(400_000, 7)), queueFull);
  const received = await eventually(() => got[0]);
  assert.equal(received[0], 'c@127.0.0.1');
  await a.node.at('b@127.0.0.1').drained();
  a.pubsub.broadcast('t', 'small');
  await eventually(() => got.length === 3);
  assert.deepEqual(
    got.filter(([, message]) => message !== 'small').map(([name]) => name),
    ['c@127.0.0.1'],
  );
});

class Sink extends GenServer {
  #bytes = 0;
  swallow(bytes: Uint8Array): void {
    this.#bytes += bytes.length;
  }
  bytes(): number {
    return this.#bytes;
  }
}

test('a queue that stays long while the peer takes from it is no stalled peer', async (t) => {
  const cluster = await testCluster(t);
  const a = await cluster.start('a@127.0.0.1', { maxQueuedBytes: 4 * MAX, stallGrace: 40 });
  const b = await cluster.start('b@127.0.0.1');
  await b.node.spawn(Sink, [], { name: 'sink' });
  const sink = a.node.at('b@127.0.0.1').ref<Sink>('sink').with({ timeout: 60_000 });
  assert.equal(await sink.bytes(), 0);
  const message = bytesOf(900_000);
  const remote = a.node.at('b@127.0.0.1');
  const began = performance.now();
  let sent = 0;
  let shortest = Infinity;
  // Long enough to be a stalled peer ten times over.
  while (performance.now() - began < 400 || sent < 30 * MAX) {
    if (sent > 8 * MAX) shortest = Math.min(shortest, remote.queuedBytes);
    for (; remote.queuedBytes + message.length < 8 * MAX; sent += message.length) sink.cast.swallow(message);
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(await sink.bytes(), sent);
  assert.ok(shortest > 4 * MAX, `${shortest} bytes at least`);
  assert.deepEqual(types(a.events), ['nodeup b@127.0.0.1']);
  assert.equal(a.node.statistics().peers[0]?.congestions, 1);
});
