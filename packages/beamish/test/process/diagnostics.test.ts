import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { Runtime } from '../../src/process/index.ts';
import type { ProcessExit, SlowTurn } from '../../src/process/index.ts';
import type { NodeDown, NodeUp } from '../../src/node/index.ts';
import { atom } from '../../src/term/index.ts';
import { testCluster } from '../node/nodes.ts';
import { eventually } from '../support/eventually.ts';
import { FakeClock, fakeWorld, settle } from '../support/fake-world.ts';

/** What a channel tells from here on. */
function heard<T>(t: TestContext, channel: string): T[] {
  const messages: T[] = [];
  const listener = (message: unknown): void => void messages.push(message as T);
  subscribe(channel, listener);
  t.after(() => unsubscribe(channel, listener));
  return messages;
}

test('beamish:process:exit tells each end once, with the name that the process had', async (t) => {
  const runtime = new Runtime({ world: fakeWorld() });
  const exits = heard<ProcessExit>(t, 'beamish:process:exit');
  const [named, other] = [runtime.spawn({ handle() {} }, { name: 'named' }), runtime.spawn({ handle() {} })];
  await settle();
  named.exit(atom('boom'));
  named.exit(atom('again'));
  other.exit(atom('kill'));
  assert.deepEqual(
    exits.map(({ pid, name, reason }) => ({ pid, name, reason })),
    [
      { pid: named.pid, name: 'named', reason: atom('boom') },
      { pid: other.pid, name: undefined, reason: atom('killed') },
    ],
  );
});

test('beamish:turn:slow tells who kept the event loop, with what, and how long', async (t) => {
  let now = 0;
  const clock = new (class extends FakeClock {
    override monotonicTime = (): number => now;
  })();
  const runtime = new Runtime({ world: { ...fakeWorld(), clock } });
  const slow = heard<SlowTurn>(t, 'beamish:turn:slow');
  const process = runtime.spawn({ handle: () => void (now += 150) }, { name: 'slow' });
  await settle();
  process.send('work');
  await settle();
  assert.deepEqual(
    slow.map(({ milliseconds, handled }) => [milliseconds, handled]),
    [[150, [{ pid: process.pid, name: 'slow', label: undefined, message: 'work' }]]],
  );
});

test('beamish:node:up and beamish:node:down tell the same as monitorNodes', async (t) => {
  const [ups, downs] = [heard<NodeUp>(t, 'beamish:node:up'), heard<NodeDown>(t, 'beamish:node:down')];
  const cluster = await testCluster(t);
  const [a, b] = [await cluster.start('a@127.0.0.1'), await cluster.start('b@127.0.0.1')];
  await a.node.connect('b@127.0.0.1');
  await eventually(() => ups.length === 2);
  a.node.disconnect('b@127.0.0.1');
  await eventually(() => downs.length === 2);
  const told = [a, b].flatMap(({ node, events }) => events.map((event) => ({ self: node.name, ...event })));
  for (const { self, type, node } of told) {
    const [message, ...others] = (type === 'nodeup' ? ups : downs).filter((one) => one.self === self);
    assert.equal(message?.node, node);
    assert.equal(others.length, 0);
  }
  assert.deepEqual(
    downs.map(({ self, reason }) => [self, reason]),
    [
      ['a@127.0.0.1', 'disconnected'],
      ['b@127.0.0.1', 'closed'],
    ],
  );
});
