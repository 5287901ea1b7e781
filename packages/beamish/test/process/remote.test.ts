import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isBeamishError } from '../../src/error/index.ts';
import { Runtime } from '../../src/process/index.ts';
import { Pid, type Tuple, atom, tuple } from '../../src/term/index.ts';
import type { Term } from '../../src/term/index.ts';
import { fakeWorld, settle } from '../support/fake-world.ts';
import { pair, process, turns } from './pair.ts';

const NOPROC = atom('noproc');
const NOCONNECTION = atom('noconnection');
const BOOM = atom('boom');

test('without a distribution every other node is out of reach', async () => {
  const world = fakeWorld();
  const runtime = new Runtime({ world });
  const elsewhere = new Pid('b@h', 1, 0, 1);
  await assert.rejects(runtime.call(elsewhere, 1), (error) => isBeamishError(error, 'noconnection'));
  runtime.send(elsewhere, 1);
  const one = await process(runtime, { trapExit: true });
  one.self.link(elsewhere);
  const reference = one.self.monitor({ name: 'x', node: 'b@h' });
  await settle();
  assert.deepEqual(one.received, [
    tuple(atom('EXIT'), elsewhere, NOCONNECTION),
    tuple(atom('DOWN'), reference, atom('process'), tuple(atom('x'), atom('b@h')), NOCONNECTION),
  ]);
});

test('links between nodes: exit reaches the other side, once (LINK, PAYLOAD_EXIT)', async () => {
  const { a, b } = pair();
  const [one, two] = [await process(a.runtime, { trapExit: true }), await process(b.runtime)];
  one.self.link(two.pid);
  one.self.link(two.pid);
  await turns();
  b.runtime.exit(two.pid, BOOM);
  await turns();
  assert.deepEqual(one.received, [tuple(atom('EXIT'), two.pid, BOOM)]);
  assert.deepEqual(a.wire.types(), ['link'], 'linking twice is one link');
  assert.deepEqual(b.wire.types(), ['linkExit']);
});

test('a link to a dead process of this node is answered noproc (LINK to a dead process)', async () => {
  const { a, b } = pair();
  const one = await process(a.runtime, { trapExit: true });
  const dead = b.runtime.newPid();
  one.self.link(dead);
  await turns();
  assert.deepEqual(one.received, [tuple(atom('EXIT'), dead, NOPROC)]);
});

test('unlink is acknowledged before anything else, also by the dead (UNLINK_ID, UNLINK_ID_ACK)', async () => {
  const { a, b } = pair();
  const [one, two] = [await process(a.runtime, { trapExit: true }), await process(b.runtime)];
  one.self.link(two.pid);
  await turns();
  one.self.unlink(two.pid);
  b.runtime.exit(two.pid, BOOM); // crosses the unlink
  await turns();
  assert.deepEqual(one.received, [], 'no exit of a link that was undone');
  assert.deepEqual(b.wire.types(), ['linkExit', 'unlinkAck']);
  assert.deepEqual(a.runtime.processes().find(({ pid }) => pid.equals(one.pid))?.links, []);
});

test('unlink and link again before the acknowledgement: the link holds (link protocol, protocols 3.5)', async () => {
  const { a, b } = pair();
  const [one, two] = [await process(a.runtime, { trapExit: true }), await process(b.runtime)];
  one.self.link(two.pid);
  one.self.unlink(two.pid);
  one.self.link(two.pid);
  await turns();
  b.runtime.exit(two.pid, BOOM);
  await turns();
  assert.deepEqual(one.received, [tuple(atom('EXIT'), two.pid, BOOM)]);
});

test('monitors between nodes fire once, by pid and by name, repeating what was monitored (MONITOR_P_EXIT)', async () => {
  const { a, b } = pair();
  const [one, two] = [await process(a.runtime), await process(b.runtime, { name: 'two' })];
  const byPid = one.self.monitor(two.pid);
  const byName = one.self.monitor({ name: 'two', node: 'b@h' });
  const nobody = one.self.monitor({ name: 'nobody', node: 'b@h' });
  await turns();
  b.runtime.exit(two.pid, BOOM);
  await turns();
  b.runtime.connectionLost('a@h');
  a.runtime.connectionLost('b@h');
  const [DOWN, PROCESS] = [atom('DOWN'), atom('process')];
  assert.deepEqual(one.received, [
    tuple(DOWN, nobody, PROCESS, tuple(atom('nobody'), atom('b@h')), NOPROC),
    tuple(DOWN, byPid, PROCESS, two.pid, BOOM),
    tuple(DOWN, byName, PROCESS, tuple(atom('two'), atom('b@h')), BOOM),
  ]);
  const answers = b.wire.sent.filter((signal) => signal.type === 'monitorExit');
  assert.deepEqual(
    answers.map(({ from }) => from),
    [{ name: 'nobody', node: 'b@h' }, two.pid, { name: 'two', node: 'b@h' }],
  );
});

test('after demonitor nothing is answered; the end of a watcher ends its monitors (DEMONITOR_P)', async () => {
  const { a, b } = pair();
  const [one, two] = [await process(a.runtime), await process(b.runtime)];
  one.self.demonitor(one.self.monitor(two.pid));
  one.self.monitor(two.pid);
  await turns();
  a.runtime.exit(one.pid, BOOM);
  await turns();
  assert.equal(b.runtime.processes().find(({ pid }) => pid.equals(two.pid))?.watchers, 0);
  b.runtime.exit(two.pid, BOOM);
  await turns();
  assert.deepEqual(b.wire.types(), []);
});

test('a node cannot answer for another: a monitor exit from elsewhere is ignored', async () => {
  const { a, b } = pair();
  const one = await process(a.runtime);
  const two = await process(b.runtime);
  const reference = one.self.monitor(two.pid);
  a.runtime.receive({
    type: 'monitorExit',
    from: new Pid('c@h', two.pid.id, 0, 1),
    to: one.pid,
    reference,
    reason: BOOM,
  });
  await settle();
  assert.deepEqual(one.received, []);
});

test('the loss of a connection breaks links and fires monitors with noconnection, once, on both sides', async () => {
  const { a, b } = pair();
  const [one, two] = [await process(a.runtime, { trapExit: true }), await process(b.runtime)];
  one.self.link(two.pid);
  const reference = one.self.monitor(two.pid);
  await turns();
  for (let i = 0; i < 2; i++) {
    a.runtime.connectionLost('b@h');
    b.runtime.connectionLost('a@h');
  }
  await settle();
  assert.equal(one.received.length, 2);
  assert.ok(
    one.received.some((message) => (message as Tuple).at(1) === two.pid && (message as Tuple).at(2) === NOCONNECTION),
  );
  assert.ok(
    one.received.some(
      (message) => reference.equals((message as Tuple).at(1)) && (message as Tuple).at(4) === NOCONNECTION,
    ),
  );
  assert.equal(b.runtime.isAlive(two.pid), false);
});

test('exit/2 to another node; sends to names and aliases there', async () => {
  const { a, b } = pair();
  const one = await process(a.runtime);
  const two = await process(b.runtime, { name: 'two' });
  one.self.send({ name: 'two', node: 'b@h' }, 'by name');
  one.self.send(two.pid, 'by pid');
  const received: Term[] = [];
  const alias = b.runtime.alias((message) => received.push(message));
  one.self.send(alias.reference, 'by alias');
  one.self.exitProcess(two.pid, BOOM);
  await turns();
  assert.deepEqual(two.received, ['by name', 'by pid']);
  assert.deepEqual(received, ['by alias']);
  assert.equal(b.runtime.isAlive(two.pid), false);
});

test('a spawn request is always answered; with monitor its reference is the monitor’s (SPAWN_REQUEST)', async () => {
  const { a, b } = pair();
  const spawn = { module: 'math', function: 'add', arguments: [1, 2] };
  await assert.rejects(
    a.runtime.requestSpawn('b@h', spawn),
    (error) => isBeamishError(error, 'remote_error') && error.details['reason'] === atom('notsup'),
  );
  b.runtime.onSpawnRequest(({ arguments: args }) => {
    const [first, second] = args as number[];
    return b.runtime.spawn({ init: (self) => self.exit(tuple(atom('return'), first! + second!)), handle() {} }).pid;
  });
  const down = Promise.withResolvers<Term>();
  const pid = await a.runtime.requestSpawn('b@h', spawn, { onDown: down.resolve });
  assert.equal(pid.node, 'b@h');
  assert.deepEqual(await down.promise, tuple(atom('return'), 3));
  assert.deepEqual(b.wire.types(), ['spawnReply', 'spawnReply', 'monitorExit']);
  b.runtime.onSpawnRequest(() => {
    throw new Error('handler');
  });
  await assert.rejects(a.runtime.requestSpawn('b@h', spawn), (error) => isBeamishError(error, 'remote_error'));
  a.wire.connected = false;
  await assert.rejects(a.runtime.requestSpawn('b@h', spawn), (error) => isBeamishError(error, 'noconnection'));
  assert.equal(a.world.clock.pendingTimers, 0);
});
