import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isBeamishError } from '../../src/error/index.ts';
import { GenServer, Registry, Runtime, Via, child } from '../../src/process/index.ts';
import { atom, tuple } from '../../src/term/index.ts';
import type { Pid, Term } from '../../src/term/index.ts';
import { fakeWorld, settle } from '../support/fake-world.ts';

function start() {
  const runtime = new Runtime({ world: fakeWorld() });
  const received: Term[] = [];
  const spawn = (): Pid => runtime.spawn({ handle: (message) => void received.push(message) }).pid;
  return { runtime, received, spawn };
}

test('a unique key has one process; equal terms are one key (Elixir Registry, keys: :unique)', () => {
  const { runtime, spawn } = start();
  using registry = new Registry<string>(runtime, { keys: 'unique' });
  const [a, b] = [spawn(), spawn()];
  registry.register(tuple(atom('device'), 1), a, 'first');
  assert.equal(registry.whereis(tuple(atom('device'), 1n)), a);
  assert.throws(
    () => registry.register(tuple(atom('device'), 1), b, 'second'),
    (error) => isBeamishError(error, 'name_taken'),
  );
  assert.deepEqual(registry.lookup(tuple(atom('device'), 1)), [{ pid: a, value: 'first' }]);
  assert.ok(registry.update(tuple(atom('device'), 1), a, (value) => `${value}!`));
  assert.equal(
    registry.update('nothing', a, (value) => value),
    false,
  );
  assert.equal(registry.lookup(tuple(atom('device'), 1))[0]?.value, 'first!');
  assert.deepEqual(registry.keys(a), [tuple(atom('device'), 1)]);
  registry.unregister(tuple(atom('device'), 1), a);
  registry.unregister(tuple(atom('device'), 1), a);
  registry.register(tuple(atom('device'), 1), b, 'second');
  assert.equal(registry.count(), 1);
});

test('an entry goes with its process; the key is free at once', async () => {
  const { runtime, spawn } = start();
  const registry = new Registry(runtime, { keys: 'unique' });
  const [a, b] = [spawn(), spawn()];
  registry.register('x', a);
  registry.register('y', a);
  runtime.exit(a, atom('boom'));
  assert.equal(registry.whereis('x'), undefined, 'before its end was told');
  registry.register('x', b);
  await settle();
  assert.equal(registry.whereis('x'), b, 'the end of the former owner leaves the new one alone');
  assert.equal(registry.count(), 1);
  assert.deepEqual(registry.keys(a), []);
  assert.throws(
    () => registry.register('z', a),
    (error) => isBeamishError(error, 'noproc'),
  );
});

test('duplicate keys: many processes; dispatch reaches each, in the order of registration', async () => {
  const { runtime, received, spawn } = start();
  const registry = new Registry<number>(runtime, { keys: 'duplicate' });
  const pids = [spawn(), spawn(), spawn()];
  pids.forEach((pid, index) => registry.register('topic', pid, index));
  registry.dispatch('topic', 'hello');
  registry.dispatch('topic', (entries) =>
    assert.deepEqual(
      entries.map(({ value }) => value),
      [0, 1, 2],
    ),
  );
  registry.dispatch('other', () => assert.fail('nobody is there'));
  await settle();
  assert.deepEqual(received, ['hello', 'hello', 'hello']);
  registry.unregister('topic', pids[1]!);
  assert.deepEqual(
    registry.lookup('topic').map(({ value }) => value),
    [0, 2],
  );
});

test('duplicate keys: one process may have several entries of a key, each with its value (Elixir Registry)', async () => {
  const { runtime, received, spawn } = start();
  const registry = new Registry<number>(runtime, { keys: 'duplicate' });
  const pid = spawn();
  for (const value of [1, 2, 3]) registry.register('topic', pid, value);
  registry.dispatch('topic', 'hello');
  await settle();
  assert.deepEqual(received, ['hello', 'hello', 'hello']);
  registry.unregisterMatch('topic', pid, (value) => value === 2);
  assert.deepEqual(registry.values('topic', pid), [1, 3]);
  assert.deepEqual(registry.keys(pid), ['topic', 'topic']);
  assert.equal(
    registry.update('topic', pid, (value) => value * 10),
    true,
  );
  assert.deepEqual(registry.values('topic', pid), [10, 30]);
  registry.unregister('topic', pid);
  assert.deepEqual(registry.keys(pid), []);
  assert.equal(registry.count(), 0);
  registry.register('topic', pid, 4);
  runtime.exit(pid, atom('gone'));
  assert.equal(registry.count(), 0);
});

test(
  '20,000 processes under one key: each comes and goes without a look at the others',
  { timeout: 20_000 },
  async () => {
    const { runtime, spawn } = start();
    const registry = new Registry(runtime, { keys: 'duplicate' });
    const pids = Array.from({ length: 20_000 }, spawn);
    for (const pid of pids) registry.register('topic', pid);
    assert.equal(registry.count(), pids.length);
    for (const pid of pids.slice(1)) runtime.exit(pid, atom('gone'));
    await settle();
    assert.deepEqual(registry.lookup('topic'), [{ pid: pids[0], value: undefined }]);
  },
);

test('a disposed registry watches nobody any more', () => {
  const { runtime, spawn } = start();
  const registry = new Registry(runtime, { keys: 'unique' });
  const pid = spawn();
  registry.register('x', pid);
  registry[Symbol.dispose]();
  assert.equal(runtime.processes().find((info) => info.pid.equals(pid))?.watchers, 0);
});

class Device extends GenServer {
  readonly id: number;
  constructor(id: number) {
    super();
    this.id = id;
  }
  who(): number {
    return this.id;
  }
}

test('a via name starts, calls, casts, monitors and survives a restart (Elixir {:via, Registry, {R, key}})', async () => {
  const { runtime } = start();
  const registry = new Registry<string>(runtime, { keys: 'unique', name: 'devices' });
  const key = tuple(atom('device'), 1);
  const device = registry.ref<Device>(key);
  await assert.rejects(device.who(), (error) => {
    assert.ok(isBeamishError(error, 'noproc'));
    assert.match(error.message, /devices\/\{device,1\}\.who/);
    return true;
  });
  device.cast.who();
  const top = await runtime.startSupervisor({
    strategy: 'one_for_one',
    children: [child(Device, [1], { via: registry.via(key, 'v') })],
  });
  assert.equal(await device.who(), 1);
  assert.deepEqual(registry.values(key, device.pid!), ['v']);
  const first = device.pid;
  await assert.rejects(runtime.startServer(Device, [2], { via: registry.via(key, 'x') }), (error) =>
    isBeamishError(error, 'name_taken'),
  );
  assert.equal(runtime.processes().length, 3, 'nothing is left of the refused start');
  const downs: Term[] = [];
  runtime.monitor(registry.via(key, ''), (reason) => downs.push(reason));
  runtime.exit(first!, atom('kill'));
  await settle();
  assert.deepEqual(downs, [atom('killed')]);
  assert.equal(await device.who(), 1);
  assert.notEqual(device.pid, first);
  // a registered name that is spelled as the via name is somebody else
  await top.stop();
  runtime.register('devices/{device,1}', runtime.spawn({ handle() {} }).pid);
  await assert.rejects(device.who(), (error) => isBeamishError(error, 'noproc'));
  assert.throws(
    () => new Registry(runtime, { keys: 'duplicate' }).via('x'),
    (error) => isBeamishError(error, 'option_invalid'),
  );
  const lookup = new Via({ title: 'mine', whereis: () => undefined });
  await assert.rejects(runtime.startServer(Device, [1], { via: lookup }), (error) =>
    isBeamishError(error, 'option_invalid'),
  );
});

test('match, count_match, select, unregister_match and meta (Elixir Registry)', () => {
  const { runtime, spawn } = start();
  const registry = new Registry<number>(runtime, { keys: 'duplicate' });
  const [a, b] = [spawn(), spawn()];
  registry.register('x', a, 1);
  registry.register('x', b, 2);
  registry.register('y', a, 3);
  assert.deepEqual(
    registry.match('x', (value) => value > 1),
    [{ pid: b, value: 2 }],
  );
  assert.equal(
    registry.countMatch('x', () => true),
    2,
  );
  assert.deepEqual(
    registry.select(({ value }) => value % 2 === 1),
    [
      { key: 'x', pid: a, value: 1 },
      { key: 'y', pid: a, value: 3 },
    ],
  );
  assert.equal(registry.select().length, registry.count());
  registry.unregisterMatch('x', a, (value) => value === 9);
  registry.unregisterMatch('x', a, (value) => value === 1);
  assert.equal(
    registry.countMatch('x', () => true),
    1,
  );
  assert.equal(registry.meta('config'), undefined);
  registry.putMeta('config', { a: 1 });
  assert.deepEqual(registry.meta('config'), { a: 1 });
  registry.deleteMeta('config');
  assert.equal(registry.meta('config'), undefined);
});
