import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isBeamishError } from '../../src/error/index.ts';
import { Runtime } from '../../src/process/index.ts';
import type { ProcessBehaviour } from '../../src/process/index.ts';
import { Pid, type Tuple, atom, isTuple, tuple } from '../../src/term/index.ts';
import { fakeWorld, settle } from '../support/fake-world.ts';
import { collector, collectors, start } from './collector.ts';

const BOOM = atom('boom');

// --- messages ---

test('messages of one sender to one receiver arrive in the order of sending (signal ordering)', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 300 }), async (receivers) => {
      const { runtime } = start();
      const made = await collectors(runtime, 4);
      receivers.forEach((receiver, index) => runtime.send(made[receiver]!.pid, index));
      await settle();
      made.forEach(({ received }, which) => {
        assert.deepEqual(
          received,
          [...receivers.keys()].filter((index) => receivers[index] === which),
        );
      });
    }),
    { numRuns: 30 },
  );
});

test('an asynchronous handler is awaited before the next message (one message at a time)', async () => {
  const { world, runtime } = start();
  const log: string[] = [];
  const { pid } = runtime.spawn({
    async handle(message, self) {
      log.push(`begin ${message as number}`);
      await self.sleep(10);
      log.push(`end ${message as number}`);
    },
  });
  runtime.send(pid, 1);
  runtime.send(pid, 2);
  await world.clock.advance(20);
  assert.deepEqual(log, ['begin 1', 'end 1', 'begin 2', 'end 2']);
});

test('100,000 messages are handled, in order', async () => {
  const { runtime } = start();
  const [target] = await collectors(runtime, 1);
  for (let i = 0; i < 100_000; i++) runtime.send(target!.pid, i);
  while (target!.received.length < 100_000) await settle();
  assert.ok(target!.received.every((message, index) => message === index));
});

test('processes that keep each other busy let timers and I/O have their turn', async () => {
  const { runtime } = start();
  let bounces = 0;
  let stop = false;
  const bounce: ProcessBehaviour = {
    handle(message, self) {
      bounces++;
      if (!stop) self.send(message as Pid, self.pid);
    },
  };
  const a = runtime.spawn(bounce);
  const b = runtime.spawn(bounce);
  runtime.send(a.pid, b.pid);
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  stop = true;
  assert.ok(bounces > 1000);
});

test('a message to a process that has ended, or to a name nobody has, is dropped (send/2)', async () => {
  const { runtime } = start();
  const { handle } = collector(runtime);
  runtime.exit(handle.pid, atom('kill'));
  runtime.send(handle.pid, 1);
  runtime.send('nobody', 1);
  runtime.send({ name: 'nobody', node: runtime.nodeName }, 1);
  runtime.send(runtime.newReference(), 1);
  await settle();
});

test('a pid of an earlier life of this node is dead, not the process that has its number now', async () => {
  const world = fakeWorld();
  const runtime = new Runtime({ world, nodeName: 'a@h', creation: 5 });
  const [target] = await collectors(runtime, 1);
  const stale = new Pid('a@h', target!.pid.id, target!.pid.serial, 4);
  runtime.send(stale, 1);
  assert.equal(runtime.isAlive(stale), false);
  await settle();
  assert.deepEqual(target!.received, []);
});

test('pids made before the node got its name stay valid', async () => {
  const { runtime } = start();
  const [target] = await collectors(runtime, 1);
  runtime.become('b@h', 7);
  runtime.send(target!.pid, 1);
  await settle();
  assert.deepEqual(target!.received, [1]);
  assert.equal(runtime.newPid().node, 'b@h');
});

// --- names ---

test('a name has one process; it is free again when the process ends (register/2)', async () => {
  const { runtime } = start();
  const { pid } = collector(runtime, { name: 'one' });
  assert.equal(runtime.whereis('one'), pid);
  assert.throws(
    () => collector(runtime, { name: 'one' }),
    (error) => isBeamishError(error, 'name_taken'),
  );
  const other = collector(runtime);
  assert.throws(
    () => runtime.register('one', other.pid),
    (error) => isBeamishError(error, 'name_taken'),
  );
  runtime.exit(pid, BOOM);
  assert.equal(runtime.whereis('one'), undefined);
  runtime.register('one', other.pid);
  assert.deepEqual(runtime.registered(), ['one']);
  assert.throws(
    () => runtime.register('two', other.pid),
    (error) => isBeamishError(error, 'option_invalid'),
  );
  runtime.unregister('one');
  assert.equal(runtime.whereis('one'), undefined);
  assert.throws(
    () => runtime.register('three', pid),
    (error) => isBeamishError(error, 'noproc'),
  );
});

// --- crashes, exits, timers ---

test('a handler that throws ends the process with {{js_error, Name, Message}, Stack}, and is reported once', async () => {
  const { world, runtime } = start();
  const [watcher] = await collectors(runtime, 1);
  const { pid } = runtime.spawn({
    handle() {
      throw new TypeError('no such thing');
    },
  });
  watcher!.self.monitor(pid);
  runtime.send(pid, tuple(atom('hello'), 'x'.repeat(10_000)));
  await settle();
  const [first, stack] = ((watcher!.received[0] as Tuple).at(4) as Tuple).elements;
  assert.deepEqual(first, tuple(atom('js_error'), 'TypeError', 'no such thing'));
  assert.ok(Array.isArray(stack) && isTuple(stack[0], 4));
  const reports = world.logger.at('error');
  assert.equal(reports.length, 1);
  assert.match(reports[0]!.message, /no such thing/);
  assert.equal(reports[0]!.fields['pid'], pid.toString());
  assert.ok(String(reports[0]!.fields['lastMessage']).length < 300, 'the last message is cut');
});

test('a rejected promise of a handler is a crash too; what is thrown may be anything', async () => {
  for (const thrown of [new Error('late'), 'a text', undefined, Object.create(null)]) {
    const { world, runtime } = start();
    const { pid } = runtime.spawn({ handle: async () => Promise.reject(thrown as Error) });
    runtime.send(pid, 1);
    await settle();
    assert.equal(runtime.isAlive(pid), false);
    assert.equal(world.logger.at('error').length, 1);
  }
});

test('exit() ends the process after the message that is handled; those behind it are lost; terminate runs', async () => {
  const { runtime } = start();
  const log: unknown[] = [];
  const { pid } = runtime.spawn({
    handle(message, self) {
      log.push(message);
      if (message === 2) self.exit(BOOM);
    },
    terminate(reason) {
      log.push(reason);
    },
  });
  for (const message of [1, 2, 3]) runtime.send(pid, message);
  await settle();
  assert.deepEqual(log, [1, 2, BOOM]);
});

test('timers, signal and sleep of a process end with it', async () => {
  const { world, runtime } = start();
  let aborted = 0;
  const { pid } = runtime.spawn({
    init(self) {
      self.setTimer(1000, 'late');
      self.sendAfter(1000, 'somebody', 'late');
      self.signal.addEventListener('abort', () => aborted++);
    },
    handle: (_message, self) => self.sleep(5000),
  });
  runtime.send(pid, 1);
  await settle();
  assert.equal(world.clock.pendingTimers, 3);
  runtime.exit(pid, BOOM);
  await settle();
  assert.equal(world.clock.pendingTimers, 0);
  assert.equal(aborted, 1);
});

test('a timer message arrives after its time, and not once it is cancelled', async () => {
  const { world, runtime } = start();
  const [target] = await collectors(runtime, 1);
  target!.self.setTimer(10, 'a');
  target!.self.setTimer(20, 'b').cancel();
  await world.clock.advance(9);
  assert.deepEqual(target!.received, []);
  await world.clock.advance(50);
  assert.deepEqual(target!.received, ['a']);
});

// --- the end ---

test('stop ends all processes, the youngest first, and starts none afterwards', async () => {
  const { world, runtime } = start();
  const ended: string[] = [];
  for (const name of ['a', 'b', 'c']) runtime.spawn({ handle() {}, terminate: () => void ended.push(name) }, { name });
  await settle();
  const waiting = runtime.call('a', atom('never'), { timeout: Infinity });
  await Promise.all([runtime.stop(), assert.rejects(waiting)]);
  assert.deepEqual(ended, ['c', 'b', 'a']);
  assert.throws(
    () => runtime.spawn({ handle() {} }),
    (error) => isBeamishError(error, 'closed'),
  );
  await assert.rejects(runtime.call('a', 1), (error) => isBeamishError(error, 'closed'));
  await runtime.stop();
  assert.equal(world.clock.pendingTimers, 0);
});

test('stop ends 50,000 processes, and those that are started meanwhile', { timeout: 20_000 }, async () => {
  const { runtime } = start();
  for (let i = 0; i < 50_000; i++) runtime.spawn({ handle() {} });
  let late = 0;
  runtime.spawn({ handle() {}, terminate: () => void runtime.spawn({ handle() {}, terminate: () => void late++ }) });
  await runtime.stop();
  assert.equal(late, 1);
  assert.deepEqual(runtime.processes().length, 1);
});

test('stop kills what does not end in time, and says so', async () => {
  const { world, runtime } = start();
  const stuck = runtime.spawn({ handle() {}, terminate: () => new Promise(() => {}) });
  await settle();
  const stopped = runtime.stop({ timeout: 100 });
  await world.clock.advance(100);
  await stopped;
  assert.equal(stuck.alive, false);
  assert.equal(world.logger.at('warn').length, 1);
});

test('observers see pid, name, mailbox and counters of every process', async () => {
  const { runtime } = start();
  const [a] = await collectors(runtime, 1);
  const slow = runtime.spawn({ handle: () => new Promise(() => {}) }, { name: 'slow', label: 'Slow' });
  await settle();
  for (let i = 0; i < 3; i++) runtime.send(slow.pid, i);
  runtime.link(a!.pid, slow.pid);
  await settle();
  const info = runtime.processes().find(({ name }) => name === 'slow');
  assert.deepEqual(
    { ...info, pid: undefined },
    {
      pid: undefined,
      name: 'slow',
      label: 'Slow',
      parent: undefined,
      state: 'running',
      mailbox: 2,
      handled: 1,
      links: [a!.pid],
      watchers: 0,
      trappingExits: false,
    },
  );
});
