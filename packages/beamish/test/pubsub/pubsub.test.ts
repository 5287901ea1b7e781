import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PubSub } from '../../src/pubsub/index.ts';
import type { PubSubAdapter, PubSubOptions } from '../../src/pubsub/index.ts';
import { atom, formatTerm, tuple } from '../../src/term/index.ts';
import type { Pid, Term } from '../../src/term/index.ts';
import { eventually } from '../support/eventually.ts';
import { Mesh } from '../groups/mesh.ts';
import type { MeshNode } from '../groups/mesh.ts';

const NAME = 'MyApp.PubSub';
const ADAPTER = 'Elixir.MyApp.PubSub.Adapter';

interface Pair {
  readonly mesh: Mesh;
  readonly a: MeshNode;
  readonly b: MeshNode;
  readonly onA: PubSub;
  readonly onB: PubSub;
}

async function pair(options: PubSubOptions = {}): Promise<Pair> {
  const mesh = new Mesh();
  const [a, b] = [mesh.add('a@h'), mesh.add('b@h')];
  const [onA, onB] = [await PubSub.start(a.node, NAME, options), await PubSub.start(b.node, NAME, options)];
  mesh.connect(a, b);
  // A probe that comes through is the proof that the groups know each other.
  for (const [from, to] of [
    [onA, onB],
    [onB, onA],
  ] as const) {
    let seen = false;
    const probe = to.subscribe('probe', () => void (seen = true));
    await eventually(() => (from.broadcast('probe', 1), seen));
    probe.cancel();
  }
  return { mesh, a, b, onA, onB };
}

function collect(pubsub: PubSub, topic: string): Term[] {
  const got: Term[] = [];
  pubsub.subscribe(topic, (message) => void got.push(message));
  return got;
}

test('a broadcast reaches the subscribers of its topic on every node, in order', async () => {
  const { mesh, onA, onB } = await pair();
  await using _ = mesh;
  const [here, there, other] = [collect(onA, 't'), collect(onB, 't'), collect(onB, 'other')];
  const messages = Array.from({ length: 1000 }, (_, index) => ({ index }));
  for (const message of messages) onA.broadcast('t', message);
  await eventually(() => there.length === 1000 && here.length === 1000);
  assert.deepEqual(here, messages);
  assert.deepEqual(there, messages);
  assert.deepEqual(other, []);
});

test('broadcastFrom leaves out one subscriber, here only; local and direct broadcasts go where they say', async () => {
  const { mesh, a, b, onA, onB } = await pair();
  await using _ = mesh;
  const got: string[] = [];
  const mine = onA.subscribe('t', (message) => void got.push(`mine ${formatTerm(message)}`));
  onA.subscribe('t', (message) => void got.push(`a ${formatTerm(message)}`));
  onB.subscribe('t', (message) => void got.push(`b ${formatTerm(message)}`));
  onA.broadcastFrom(mine, 't', 1);
  await eventually(() => got.length === 2);
  onA.localBroadcast('t', 2);
  await eventually(() => got.length === 4);
  onA.directBroadcast(b.name, 't', 3);
  await eventually(() => got.length === 5);
  onA.directBroadcast(a.name, 't', 4);
  await eventually(() => got.length === 7);
  assert.deepEqual(got.toSorted(), ['a 1', 'a 2', 'a 4', 'b 1', 'b 3', 'mine 2', 'mine 4']);
});

test('a pool keeps the order of a topic; broadcasters use the first of it only', async () => {
  const { mesh, a, onA, onB } = await pair({ poolSize: 4, broadcastPoolSize: 2 });
  await using _ = mesh;
  for (const suffix of ['', '_2', '_3', '_4']) assert(a.runtime.whereis(ADAPTER + suffix));
  const topics = ['a', 'b', 'c', 'd', 'e', 'f'];
  const got = topics.map((topic) => collect(onB, topic));
  for (let index = 0; index < 200; index++) for (const topic of topics) onA.broadcast(topic, index);
  await eventually(() => got.every((each) => each.length === 200));
  for (const each of got)
    assert.deepEqual(
      each,
      Array.from({ length: 200 }, (_, index) => index),
    );
});

test('a worker that is ended from outside is back, and receives', async () => {
  const { mesh, a, onA, onB } = await pair();
  await using _ = mesh;
  const got = collect(onA, 't');
  const first = a.runtime.whereis(ADAPTER) as Pid;
  a.runtime.exit(first, atom('kill'));
  await eventually(() => a.runtime.whereis(ADAPTER)?.equals(first) === false);
  await eventually(() => (onB.broadcast('t', 1), got.length > 0));
});

test('nonsense sent to a worker is counted and logged once', async () => {
  const { mesh, a, b, onA } = await pair();
  await using _ = mesh;
  for (const message of [1, tuple(atom('forward_to_local'), 1, 2, 3), 'x'])
    b.runtime.send({ name: ADAPTER, node: a.name }, message);
  await eventually(() => onA.statistics().refused === 3);
  assert.equal(a.log.filter(({ level }) => level === 'warn').length, 1);
});

test('two of different names live beside each other; the same name twice does not', async () => {
  const { mesh, a, onA, onB } = await pair();
  await using _ = mesh;
  const other = await PubSub.start(a.node, 'Other.PubSub');
  const got = collect(other, 't');
  onA.broadcast('t', 1);
  onB.broadcast('t', 1);
  other.broadcast('t', 2);
  await eventually(() => got.length > 0);
  assert.deepEqual(got, [2]);
  await assert.rejects(PubSub.start(a.node, NAME), { code: 'name_taken' });
  await other.stop();
  const again = await PubSub.start(a.node, 'Other.PubSub');
  await again.stop();
});

test('stop ends streams and subscriptions, and everything after says closed', async () => {
  const { mesh, a, onA } = await pair();
  await using _ = mesh;
  const stream = onA.messages('t');
  onA.subscribe('t', () => {});
  assert.deepEqual(
    { ...onA.statistics(), broadcasts: 0, received: 0 },
    {
      topics: 1,
      subscribers: 2,
      queued: 0,
      broadcasts: 0,
      received: 0,
      refused: 0,
      invalid: 0,
      dropped: 0,
    },
  );
  const end = stream.next();
  await Promise.all([onA.stop(), onA.stop()]);
  assert.deepEqual(await end, { value: undefined, done: true });
  assert.equal(onA.statistics().subscribers, 0);
  assert.equal(a.runtime.whereis(ADAPTER), undefined);
  for (const use of [
    () => onA.broadcast('t', 1),
    () => onA.localBroadcast('t', 1),
    () => onA.subscribe('t', () => {}),
    () => onA.messages('t'),
  ]) {
    assert.throws(use, { code: 'closed' });
  }
});

test('messages() bounds what waits, and an abort that came before ends it at once', async () => {
  const { mesh, onA, onB } = await pair();
  await using _ = mesh;
  const stream = onB.messages('t', { queue: 5 });
  for (let index = 0; index < 20; index++) onA.broadcast('t', index);
  await eventually(() => stream.dropped === 15);
  const read: Term[] = [];
  for await (const message of stream) if (read.push(message) === 5) break;
  assert.deepEqual(read, [15, 16, 17, 18, 19]);
  assert.equal(onB.statistics().dropped, 15);
  assert.deepEqual(await onB.messages('t', { signal: AbortSignal.abort() }).next(), { value: undefined, done: true });
});

test('pool sizes are checked', async () => {
  await using mesh = new Mesh();
  const a = mesh.add('a@h');
  for (const options of [
    { poolSize: 0 },
    { poolSize: 1.5 },
    { poolSize: 2, broadcastPoolSize: 3 },
    { broadcastPoolSize: 0 },
  ]) {
    await assert.rejects(PubSub.start(a.node, NAME, options), { code: 'option_invalid' });
  }
  await assert.rejects(PubSub.start(a.node, ''), { code: 'option_invalid' });
});

test('another adapter carries the messages in place of the groups', async () => {
  await using mesh = new Mesh();
  const bus: ((topic: string, message: Term) => void)[] = [];
  const adapter: PubSubOptions['adapter'] = ({ deliver }) => {
    bus.push(deliver);
    const toOthers = (topic: string, message: Term): void => {
      for (const each of bus) if (each !== deliver) each(topic, message);
    };
    const made: PubSubAdapter = {
      broadcast: toOthers,
      directBroadcast: (_node, topic, message) => toOthers(topic, message),
      refused: 0,
      nodes: () => [],
      stop: () => Promise.resolve(),
    };
    return Promise.resolve(made);
  };
  const onA = await PubSub.start(mesh.add('a@h').node, NAME, { adapter });
  const onB = await PubSub.start(mesh.add('b@h').node, NAME, { adapter });
  const got = collect(onB, 't');
  onA.broadcast('t', 1);
  assert.deepEqual(got, [1]);
});
