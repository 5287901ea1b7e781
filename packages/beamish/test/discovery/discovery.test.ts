import assert from 'node:assert/strict';
import { test } from 'node:test';
import { epmdHosts, startDiscovery } from '../../src/discovery/index.ts';
import type { DiscoveryContext, DiscoveryStrategy } from '../../src/discovery/index.ts';
import { atom } from '../../src/term/index.ts';
import { eventually } from '../support/eventually.ts';
import { Mesh } from '../groups/mesh.ts';
import type { MeshNode } from '../groups/mesh.ts';

const QUICK = { minDelay: 5, maxDelay: 20 };

/** A strategy that a test speaks for. */
class Told implements DiscoveryStrategy {
  readonly name = 'told';
  context: DiscoveryContext | undefined;
  runs = 0;
  fail: ((error: Error) => void) | undefined;
  run(context: DiscoveryContext): Promise<void> {
    this.runs++;
    this.context = context;
    return new Promise((_, reject) => (this.fail = reject));
  }
}

const connected = (a: MeshNode, b: MeshNode): boolean => a.nodes().some(({ name }) => name === b.name);

test('nodes that list each other connect, and find each other again each time they are severed', async () => {
  await using mesh = new Mesh();
  const [a, b] = [mesh.add('a@h'), mesh.add('b@h')];
  const hosts = epmdHosts({ hosts: ['a@h', 'b@h'] });
  await using _a = await startDiscovery(a.node, hosts, QUICK);
  await using _b = await startDiscovery(b.node, [hosts], QUICK);
  for (let round = 0; round < 5; round++) {
    await eventually(() => connected(a, b));
    mesh.disconnect(a, b);
  }
  await eventually(() => connected(a, b));
});

test('a node that is away for long is found when it is back, with one line in the log for each change', async () => {
  await using mesh = new Mesh();
  const [a, b] = [mesh.add('a@h'), mesh.add('b@h')];
  mesh.unreachable.add('b@h');
  await using search = await startDiscovery(a.node, epmdHosts({ hosts: ['b@h'] }), QUICK);
  await eventually(() => mesh.dialled.length > 10);
  assert.equal(search.nodes()[0]?.status === 'connected', false);
  mesh.unreachable.clear();
  await eventually(() => connected(a, b));
  assert.deepEqual(
    a.log.map(({ level, message }) => `${level} ${message}`),
    [
      'info found a node',
      'warn cannot connect to a node that was found; trying on',
      'info connected to a node that was found',
    ],
  );
  assert.deepEqual(search.nodes(), [{ name: 'b@h', status: 'connected', strategies: ['epmd#0'], attempts: 0 }]);
});

test('several strategies at once; a name left out by all is let go, and only then', async () => {
  await using mesh = new Mesh();
  const [a, b] = [mesh.add('a@h'), mesh.add('b@h')];
  const [one, two] = [new Told(), new Told()];
  await using search = await startDiscovery(a.node, [one, two], QUICK);
  await eventually(() => one.context && two.context);
  one.context?.report(['b@h', 'bad name']);
  two.context?.report(['b@h']);
  await eventually(() => connected(a, b));
  assert.deepEqual(
    search.nodes().map(({ strategies }) => strategies),
    [['told#0', 'told#1']],
  );
  assert.deepEqual(search.statistics().refused, { 'told#0': 1 });
  one.context?.report([], { disconnectLost: true });
  assert(connected(a, b));
  two.context?.report([], { disconnectLost: true });
  assert.deepEqual([connected(a, b), search.nodes()], [false, []]);
});

test('a strategy that fails is started again; the others go on', async () => {
  await using mesh = new Mesh();
  const a = mesh.add('a@h');
  const [one, two] = [new Told(), new Told()];
  await using _search = await startDiscovery(a.node, [one, two], QUICK);
  await eventually(() => two.context);
  two.fail?.(new Error('a bug'));
  await eventually(() => two.runs === 2);
  assert.equal(one.runs, 1);
  assert(a.log.some(({ message }) => message.startsWith('a discovery strategy failed')));
});

test('the dialler ended from outside is started again, and hears from its strategies anew', async () => {
  await using mesh = new Mesh();
  const [a, b] = [mesh.add('a@h'), mesh.add('b@h')];
  await using search = await startDiscovery(a.node, epmdHosts({ hosts: ['b@h'] }), QUICK);
  await eventually(() => connected(a, b));
  const dialler = a.runtime.processes().find(({ label }) => label === 'discovery');
  assert(dialler);
  a.runtime.exit(dialler.pid, atom('kill'));
  await eventually(() => !a.runtime.isAlive(dialler.pid));
  await eventually(() => search.nodes()[0]?.status === 'connected');
  mesh.disconnect(a, b);
  await eventually(() => connected(a, b));
  assert.equal(a.listeners.size, 1);
});

test('stop ends the search and leaves the connections', async () => {
  await using mesh = new Mesh();
  const [a, b, c] = [mesh.add('a@h'), mesh.add('b@h'), mesh.add('c@h')];
  mesh.unreachable.add('c@h');
  const search = await startDiscovery(a.node, epmdHosts({ hosts: ['b@h', 'c@h'] }), QUICK);
  await eventually(() => connected(a, b));
  await Promise.all([search.stop(), search.stop()]);
  assert(connected(a, b));
  const before = mesh.dialled.length;
  mesh.disconnect(a, b);
  await a.world.clock.sleep(60);
  assert.equal(mesh.dialled.length, before);
  assert.equal(connected(a, c), false);
  assert.equal(a.listeners.size, 0);
});

test('bad hosts and limits are refused, every one named', async () => {
  await using mesh = new Mesh();
  assert.throws(() => epmdHosts({ hosts: ['a@h', 'b', '@c'] }), {
    code: 'option_invalid',
    message: /these are not: b, @c$/,
  });
  await assert.rejects(startDiscovery(mesh.add('a@h').node, [], { maxDelay: 0 }), { code: 'option_invalid' });
});
