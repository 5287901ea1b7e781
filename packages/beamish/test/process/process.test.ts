import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Runtime } from '../../src/process/index.ts';
import type { ProcessBehaviour, ProcessContext } from '../../src/process/index.ts';
import { Pid, type Tuple, atom, isTuple, tuple } from '../../src/term/index.ts';
import type { Reference, Term } from '../../src/term/index.ts';
import { isBeamishError } from '../../src/error/index.ts';
import { fakeWorld, settle } from '../support/fake-world.ts';
import type { FakeWorld } from '../support/fake-world.ts';

const NORMAL = atom('normal');
const NOPROC = atom('noproc');
const BOOM = atom('boom');

function start(): { world: FakeWorld; runtime: Runtime } {
  const world = fakeWorld();
  return { world, runtime: new Runtime({ world }) };
}

/** A process that keeps what it receives and shows its context. */
function collector(runtime: Runtime, options: { trapExit?: boolean; name?: string; link?: Pid } = {}) {
  const received: Term[] = [];
  let context: ProcessContext | undefined;
  const handle = runtime.spawn(
    {
      init(self) {
        context = self;
      },
      handle(message) {
        received.push(message);
      },
    },
    options,
  );
  return {
    pid: handle.pid,
    handle,
    received,
    get self(): ProcessContext {
      assert.ok(context, 'init has run');
      return context;
    },
  };
}

async function collectors(runtime: Runtime, count: number, options: { trapExit?: boolean } = {}) {
  const made = Array.from({ length: count }, () => collector(runtime, options));
  await settle();
  return made;
}

function isDown(message: Term, reference: Reference): boolean {
  return isTuple(message, 5) && reference.equals(message.at(1));
}

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

// --- exits and links ---

test('an exit signal ends a process that does not trap exits, with its reason (exit/2)', async () => {
  const { runtime } = start();
  const [target, watcher] = await collectors(runtime, 2);
  const reference = watcher!.self.monitor(target!.pid);
  runtime.exit(target!.pid, BOOM);
  await settle();
  assert.equal(runtime.isAlive(target!.pid), false);
  assert.equal((watcher!.received[0] as Tuple).at(4), BOOM);
  assert.ok(isDown(watcher!.received[0], reference));
});

test('exit reason normal from another process is ignored', async () => {
  const { runtime } = start();
  const [target] = await collectors(runtime, 1);
  runtime.exit(target!.pid, NORMAL);
  await settle();
  assert.ok(runtime.isAlive(target!.pid));
});

test('a process that traps exits gets {EXIT, From, Reason}, also with reason normal', async () => {
  const { runtime } = start();
  const [from, target] = await collectors(runtime, 2, { trapExit: true });
  from!.self.exitProcess(target!.pid, BOOM);
  from!.self.exitProcess(target!.pid, NORMAL);
  await settle();
  assert.deepEqual(target!.received, [tuple(atom('EXIT'), from!.pid, BOOM), tuple(atom('EXIT'), from!.pid, NORMAL)]);
});

test('kill cannot be trapped; linked processes see killed (exit(Pid, kill))', async () => {
  const { runtime } = start();
  const [target, linked] = await collectors(runtime, 2, { trapExit: true });
  linked!.self.link(target!.pid);
  runtime.exit(target!.pid, atom('kill'));
  await settle();
  assert.equal(runtime.isAlive(target!.pid), false);
  assert.deepEqual(linked!.received, [tuple(atom('EXIT'), target!.pid, atom('killed'))]);
});

test('a link exit with reason kill can be trapped: only exit/2 kills', async () => {
  const { runtime } = start();
  const [trapping] = await collectors(runtime, 1, { trapExit: true });
  const { pid } = runtime.spawn({ handle: (_message, self) => self.exit(atom('kill')) }, { link: trapping!.pid });
  runtime.send(pid, 1);
  await settle();
  assert.deepEqual(trapping!.received, [tuple(atom('EXIT'), pid, atom('kill'))]);
});

test('a crash ends all linked processes that do not trap, whichever side made the link (link/1)', async () => {
  const { runtime } = start();
  const [a, b, c] = await collectors(runtime, 3);
  a!.self.link(b!.pid);
  c!.self.link(b!.pid);
  runtime.exit(a!.pid, BOOM);
  await settle();
  assert.deepEqual(
    [a, b, c].map((one) => runtime.isAlive(one!.pid)),
    [false, false, false],
  );
});

test('a normal exit tells linked processes, and does not end them', async () => {
  const { runtime } = start();
  const [plain] = await collectors(runtime, 1);
  const [trapping] = await collectors(runtime, 1, { trapExit: true });
  const { pid } = runtime.spawn({ handle: (_message, self) => self.exit(NORMAL) });
  plain!.self.link(pid);
  trapping!.self.link(pid);
  runtime.send(pid, 1);
  await settle();
  assert.ok(runtime.isAlive(plain!.pid));
  assert.deepEqual(trapping!.received, [tuple(atom('EXIT'), pid, NORMAL)]);
});

test('unlink: no exit signal afterwards; links are not counted (unlink/1)', async () => {
  const { runtime } = start();
  const [a, b] = await collectors(runtime, 2);
  a!.self.link(b!.pid);
  a!.self.link(b!.pid);
  b!.self.unlink(a!.pid);
  runtime.exit(a!.pid, BOOM);
  await settle();
  assert.ok(runtime.isAlive(b!.pid));
  assert.deepEqual(runtime.processes().find(({ pid }) => pid.equals(b!.pid))?.links, []);
});

test('a link to a process that does not exist is answered with the exit signal noproc (link/1)', async () => {
  const { runtime } = start();
  const [trapping] = await collectors(runtime, 1, { trapExit: true });
  const [plain] = await collectors(runtime, 1);
  const nobody = runtime.newPid();
  trapping!.self.link(nobody);
  plain!.self.link(nobody);
  await settle();
  assert.deepEqual(trapping!.received, [tuple(atom('EXIT'), nobody, NOPROC)]);
  assert.equal(runtime.isAlive(plain!.pid), false);
});

test('a chain of 20,000 linked processes ends without exhausting the stack', async () => {
  const { runtime } = start();
  const all = await collectors(runtime, 20_000);
  all.forEach((one, index) => index > 0 && runtime.link(one.pid, all[index - 1]!.pid));
  runtime.exit(all[0]!.pid, BOOM);
  await settle();
  assert.equal(runtime.processes().length, 1);
});

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

// --- monitors ---

test('a monitor fires exactly once; several of one process each fire (monitor/2)', async () => {
  const { runtime } = start();
  const [watcher, target] = await collectors(runtime, 2);
  const references = [1, 2, 3].map(() => watcher!.self.monitor(target!.pid));
  runtime.exit(target!.pid, BOOM);
  runtime.exit(target!.pid, atom('again'));
  await settle();
  assert.deepEqual(
    watcher!.received,
    references.map((reference) => tuple(atom('DOWN'), reference, atom('process'), target!.pid, BOOM)),
  );
});

test('monitor of a dead process, or of a name nobody has: noproc at once, naming what was monitored', async () => {
  const { runtime } = start();
  const [watcher] = await collectors(runtime, 1);
  const dead = runtime.newPid();
  const byPid = watcher!.self.monitor(dead);
  const byName = watcher!.self.monitor('nobody');
  await settle();
  assert.deepEqual(watcher!.received, [
    tuple(atom('DOWN'), byPid, atom('process'), dead, NOPROC),
    tuple(atom('DOWN'), byName, atom('process'), tuple(atom('nobody'), atom(runtime.nodeName)), NOPROC),
  ]);
});

test('demonitor: no DOWN afterwards; flush also takes one that is there already', async () => {
  const { runtime } = start();
  const [watcher, a, b] = await collectors(runtime, 3);
  watcher!.self.demonitor(watcher!.self.monitor(a!.pid));
  runtime.exit(a!.pid, BOOM);
  const reference = watcher!.self.monitor(b!.pid);
  runtime.exit(b!.pid, BOOM);
  watcher!.self.demonitor(reference, { flush: true });
  await settle();
  assert.deepEqual(watcher!.received, []);
  assert.equal(runtime.processes().length, 2);
});

test('a monitor of code that is no process: once, in a later turn; not after cancel', async () => {
  const { runtime } = start();
  const [a, b] = await collectors(runtime, 2);
  const told: unknown[] = [];
  runtime.monitor(a!.pid, (reason) => told.push(['a', reason]));
  const cancelled = runtime.monitor(b!.pid, () => told.push('cancelled'));
  runtime.monitor('nobody', (reason) => told.push(['nobody', reason]));
  assert.deepEqual(told, []);
  runtime.exit(a!.pid, BOOM);
  runtime.exit(b!.pid, BOOM);
  cancelled.cancel();
  await settle();
  assert.deepEqual(told, [
    ['nobody', NOPROC],
    ['a', BOOM],
  ]);
});

test('a listener that throws is logged and ends nothing', async () => {
  const { world, runtime } = start();
  runtime.monitor('nobody', () => {
    throw new Error('listener');
  });
  await settle();
  assert.equal(world.logger.at('error').length, 1);
});

test('an alias receives until it is cancelled (alias/0)', async () => {
  const { runtime } = start();
  const received: Term[] = [];
  const alias = runtime.alias((message) => received.push(message));
  runtime.send(alias.reference, 1);
  await settle();
  runtime.send(alias.reference, 2);
  alias.cancel();
  runtime.send(alias.reference, 3);
  await settle();
  assert.deepEqual(received, [1]);
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
