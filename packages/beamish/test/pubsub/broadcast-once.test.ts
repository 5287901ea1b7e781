import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isBeamishError } from '../../src/error/index.ts';
import { PubSub } from '../../src/pubsub/index.ts';
import type { Pid, Term } from '../../src/term/index.ts';
import { testCluster, type TestNode } from '../node/nodes.ts';
import { eventually } from '../support/eventually.ts';

const names = ['a@127.0.0.1', 'b@127.0.0.1', 'c@127.0.0.1'];

/** A message that counts how often it is read, which is how often it is encoded: nobody else reads it. */
function counted(index: number): { readonly message: Term; readonly reads: () => number } {
  let reads = 0;
  const message = {
    index,
    get value() {
      return ++reads;
    },
  };
  return { message, reads: () => reads };
}

async function three(t: Parameters<typeof testCluster>[0]): Promise<[TestNode, TestNode, TestNode]> {
  const cluster = await testCluster(t);
  const nodes: TestNode[] = [];
  for (const name of names) nodes.push(await cluster.start(name));
  const [a, b, c] = nodes as [TestNode, TestNode, TestNode];
  await a.node.connect(b.node.name);
  await a.node.connect(c.node.name);
  return [a, b, c];
}

/** A process that keeps what it gets. */
function keeper({ node }: TestNode): { readonly pid: Pid; readonly got: Term[] } {
  const got: Term[] = [];
  const { pid } = node.runtime.spawn({ handle: (message) => void got.push(message) });
  return { pid, got };
}

test('a broadcast is encoded once for all nodes, and keeps its place among messages to one of them', async (t) => {
  const [a, b, c] = await three(t);
  const [onA, onB, onC] = [await PubSub.start(a.node), await PubSub.start(b.node), await PubSub.start(c.node)];
  await eventually(() => onA.nodes().length === 2);
  const indices: number[][] = [[], []];
  for (const [n, pubsub] of [onB, onC].entries()) {
    pubsub.subscribe('t', (message) => void indices[n]?.push((message as { index: number }).index));
  }
  const sent = Array.from({ length: 300 }, (_, index) => counted(index));
  for (const [index, { message }] of sent.entries()) {
    onA.broadcast('t', message);
    onA.directBroadcast(b.node.name, 't', { index: 1000 + index });
  }
  await eventually(() => indices[0]?.length === 600 && indices[1]?.length === 300);
  assert.deepEqual(
    sent.map(({ reads }) => reads()),
    sent.map(() => 1),
  );
  assert.deepEqual(
    indices[0],
    sent.flatMap((_, index) => [index, 1000 + index]),
  );
  assert.deepEqual(
    indices[1],
    sent.map((_, index) => index),
  );
});

test('sendAll: small and large, here and elsewhere, a node that must be connected first, a process that is gone', async (t) => {
  const [a, b, c] = await three(t);
  const keepers = [a, b, c].map(keeper);
  const gone = b.node.runtime.spawn({ handle() {} });
  gone.exit('normal');
  const all = [...keepers.map(({ pid }) => pid), gone.pid];
  a.node.disconnect(c.node.name);
  await eventually(() => c.node.nodes().length === 0);
  const { message, reads } = counted(0);
  a.node.runtime.sendAll(all, message);
  a.node.runtime.sendAll(all, 'x'.repeat(300_000));
  a.node.runtime.send(keepers[2]?.pid as Pid, 'last');
  await eventually(() => keepers.every(({ got }) => got.length >= 2) && keepers[2]?.got.length === 3);
  assert.equal(reads(), 1);
  assert.equal(keepers[0]?.got[0], message);
  for (const { got } of keepers.slice(1))
    assert.deepEqual(got.slice(0, 2), [{ index: 0, value: 1 }, 'x'.repeat(300_000)]);
  assert.equal(keepers[2]?.got[2], 'last');
});

test('sendAll of what has no form on the wire fails at the sender, and reaches no other node', async (t) => {
  const [a, b, c] = await three(t);
  const [onB, onC] = [keeper(b), keeper(c)];
  const wrong = { list: [1, () => 1] } as unknown as Term;
  assert.throws(
    () => a.node.runtime.sendAll([onB.pid, onC.pid], wrong),
    (error) => isBeamishError(error, 'term_not_encodable') && error.message.includes('list'),
  );
  a.node.runtime.sendAll([onB.pid, onC.pid], 'next');
  await eventually(() => onB.got.length > 0 && onC.got.length > 0);
  assert.deepEqual([onB.got, onC.got], [['next'], ['next']]);
});
