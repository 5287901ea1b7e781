import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isBeamishError } from '../../src/error/index.ts';
import { GenServer } from '../../src/process/index.ts';
import type { ProcessContext } from '../../src/process/index.ts';
import { Pid, atom, isTuple, tuple } from '../../src/term/index.ts';
import type { Term } from '../../src/term/index.ts';
import { code } from '../support/code.ts';
import { settle } from '../support/fake-world.ts';
import { Counter, start } from './counter.ts';

test('public methods are calls, synchronous or not; arguments and replies travel', async () => {
  const { world, runtime } = start();
  const counter = await runtime.startServer(Counter, [40]);
  assert.equal(await counter.increment(2), 42);
  assert.equal(await counter.increment(), 43);
  const slow = counter.slowly(10);
  await world.clock.advance(10);
  assert.equal(await slow, 43);
  assert.equal(world.clock.pendingTimers, 0);
});

test('calls are served one at a time in their order, also when the first is slow (gen_server)', async () => {
  const { world, runtime } = start();
  const counter = await runtime.startServer(Counter, []);
  const first = counter.slowly(50);
  const second = counter.increment(5);
  await world.clock.advance(50);
  assert.equal(await first, 0);
  assert.equal(await second, 5);
});

test('a reference is no promise: awaiting it gives the reference', async () => {
  const { runtime } = start();
  const counter = await runtime.startServer(Counter, [], { name: 'counter' });
  const awaited = await Promise.resolve(counter);
  assert.equal(awaited, counter);
  assert.ok(counter.pid instanceof Pid);
  assert.equal(runtime.ref<Counter>('counter').pid, undefined);
  assert.equal(typeof JSON.stringify({ counter }), 'string');
  assert.equal(Object.prototype.toString.call(counter), '[object ServerRef]');
});

test('a call by name finds whoever has the name now', async () => {
  const { runtime } = start();
  const counter = runtime.ref<Counter>('counter');
  await assert.rejects(counter.count(), code('noproc'));
  await runtime.startServer(Counter, [7], { name: 'counter' });
  assert.equal(await counter.count(), 7);
});

test('casts have no reply and no error, and keep their order with calls', async () => {
  const { runtime } = start();
  const counter = await runtime.startServer(Counter, []);
  counter.cast.increment(1);
  counter.cast.increment(2);
  assert.equal(await counter.count(), 3);
  counter.cast.refuse();
  assert.equal(await counter.count(), 3);
  runtime.ref<Counter>('nobody').cast.increment(1);
});

test('a throw in a method ends the server; its caller gets process_exited with the error as cause (gen_server)', async () => {
  const { world, runtime } = start();
  const counter = await runtime.startServer(Counter, [], { name: 'counter' });
  const also = counter.slowly(1); // waits behind the crash: its caller is told too
  const crashed = counter.crash();
  const behind = counter.count();
  const rejections = Promise.allSettled([crashed, behind]);
  await world.clock.advance(1);
  await also;
  for (const result of await rejections) {
    assert.ok(result.status === 'rejected' && isBeamishError(result.reason, 'process_exited'));
    assert.ok(result.reason.cause instanceof RangeError);
    assert.match(result.reason.message, /counter\.(crash|count) on a@h.*broken/);
    assert.ok(isTuple(result.reason.details['reason'], 2));
  }
  assert.equal(world.logger.at('error').length, 1);
  assert.equal(runtime.whereis('counter'), undefined);
});

test('CallRejected refuses one call with its details; the server lives on', async () => {
  const { world, runtime } = start();
  const counter = await runtime.startServer(Counter, []);
  await assert.rejects(counter.refuse(), (error) => {
    assert.ok(isBeamishError(error, 'call_rejected'));
    assert.equal(error.message, 'not today');
    assert.deepEqual(error.details, { retry_after: 5 });
    return true;
  });
  assert.equal(await counter.count(), 0);
  assert.deepEqual(world.logger.at('error'), []);
});

test('an unknown method rejects that call and lists the methods; nothing else of the object can be called', async () => {
  const { runtime } = start();
  const counter = await runtime.startServer(Counter, [], { name: 'counter' });
  for (const name of [
    'nothing',
    '_hidden',
    'handleInfo',
    'terminate',
    'constructor',
    '__proto__',
    'hasOwnProperty',
    'toString',
    'process',
    'log',
  ]) {
    await assert.rejects(runtime.call('counter', atom(name)), (error) => {
      assert.ok(isBeamishError(error, 'method_unknown'), name);
      assert.deepEqual(error.details['methods'], [
        'increment',
        'slowly',
        'count',
        'listDevices',
        'refuse',
        'crash',
        'stopWith',
      ]);
      return true;
    });
  }
  for (const request of [1, 'count', tuple(), tuple(1), [atom('count')], undefined]) {
    await assert.rejects(runtime.call('counter', request), code('method_unknown'));
  }
  assert.equal(await counter.count(), 0);
});

test('requests as a BEAM writes them: an atom, a tuple, snake_case', async () => {
  const { runtime } = start();
  await runtime.startServer(Counter, [], { name: 'counter' });
  assert.equal(await runtime.call('counter', atom('count')), 0);
  assert.equal(await runtime.call('counter', tuple(atom('increment'), 3)), 3);
  assert.deepEqual(await runtime.call('counter', atom('list_devices')), ['a']);
  assert.deepEqual(await runtime.call('counter', atom('listDevices')), ['a']);
});

test('static calls restricts what can be called', async () => {
  class Restricted extends Counter {
    static override readonly calls = ['count'];
  }
  const { runtime } = start();
  const server = await runtime.startServer(Restricted, []);
  assert.equal(await server.count(), 0);
  await assert.rejects(server.increment(), code('method_unknown'));
  class Wrong extends Counter {
    static override readonly calls = ['cuont'];
  }
  await assert.rejects(runtime.startServer(Wrong, []), code('option_invalid'));
});

test('a class whose method has a name that references need is refused at the start', async () => {
  const { runtime } = start();
  for (const name of ['then', 'cast', 'with', 'pid', 'catch', 'finally', 'destination']) {
    const Bad = { [name]: class extends GenServer {} }[name]!;
    Object.defineProperty(Bad.prototype, name, { value: () => 1 });
    await assert.rejects(runtime.startServer(Bad, []), code('option_invalid'), name);
  }
});

test('20,000 calls in flight to one server are all answered, each with its own reply', async () => {
  const { world, runtime } = start();
  const counter = await runtime.startServer(Counter, []);
  const replies = await Promise.all(Array.from({ length: 20_000 }, () => counter.increment()));
  assert.deepEqual(
    replies,
    Array.from({ length: 20_000 }, (_, index) => index + 1),
  );
  assert.equal(world.clock.pendingTimers, 0);
});

// --- calls that fail ---

test('a call that times out names node, process and method; its late reply is dropped (gen_server:call/3)', async () => {
  const { world, runtime } = start();
  const counter = await runtime.startServer(Counter, [], { name: 'counter' });
  const received: Term[] = [];
  let context: ProcessContext | undefined;
  runtime.spawn({
    init: (self) => void (context = self),
    handle: (message) => void received.push(message),
  });
  await settle();
  const outcome = assert.rejects(context!.ref<Counter>('counter').with({ timeout: 20 }).slowly(100), (error) => {
    assert.ok(isBeamishError(error, 'timeout'));
    assert.match(error.message, /counter\.slowly on a@h: no answer within 20 ms/);
    assert.deepEqual(error.details, { node: 'a@h', process: 'counter', method: 'slowly' });
    return true;
  });
  await world.clock.advance(20);
  await outcome;
  await world.clock.advance(100);
  assert.deepEqual(received, [], 'no stray reply');
  assert.equal(runtime.processes().find(({ name }) => name === 'counter')?.watchers, 0, 'no monitor is left');
  assert.equal(world.clock.pendingTimers, 0);
  assert.equal(await counter.count(), 0);
});

test('the default timeout is 5000 ms; Infinity waits for ever; anything else is refused', async () => {
  const { world, runtime } = start();
  const counter = await runtime.startServer(Counter, []);
  const first = assert.rejects(counter.slowly(100_000), code('timeout'));
  await world.clock.advance(5000);
  await first;
  const second = counter.with({ timeout: Infinity }).count();
  await world.clock.advance(100_000);
  assert.equal(await second, 0);
  for (const timeout of [-1, Number.NaN])
    await assert.rejects(counter.with({ timeout }).count(), code('option_invalid'));
});

test('an aborted call rejects with aborted and leaves nothing behind', async () => {
  const { world, runtime } = start();
  const counter = await runtime.startServer(Counter, []);
  const controller = new AbortController();
  const outcome = assert.rejects(counter.with({ signal: controller.signal }).slowly(1000), (error) => {
    assert.ok(isBeamishError(error, 'aborted'));
    assert.equal(error.cause, controller.signal.reason);
    return true;
  });
  await settle();
  controller.abort(new Error('enough'));
  await outcome;
  await assert.rejects(counter.with({ signal: controller.signal }).count(), code('aborted'));
  assert.equal(world.clock.pendingTimers, 1, 'only the sleep of the server');
});

test('a server that is killed while it serves: process_exited at once', async () => {
  const { runtime } = start();
  const counter = await runtime.startServer(Counter, []);
  const outcome = assert.rejects(counter.slowly(1000), code('process_exited'));
  await settle();
  runtime.exit(counter.pid!, atom('kill'));
  await outcome;
  await assert.rejects(counter.count(), code('noproc'));
});

test('a process that calls itself is told so at once (calling_self)', async () => {
  class Selfish extends GenServer {
    async again(): Promise<Term> {
      return this.process.call(this.process.pid, atom('again'));
    }
  }
  const { runtime } = start();
  const server = await runtime.startServer(Selfish, []);
  await assert.rejects(
    server.again(),
    (error) => isBeamishError(error, 'process_exited') && isBeamishError(error.cause, 'call_rejected'),
  );
});

test('calls of a process that ends are given up', async () => {
  const { world, runtime } = start();
  await runtime.startServer(Counter, [], { name: 'counter' });
  let outcome: Promise<unknown> | undefined;
  const caller = runtime.spawn({
    handle(_message, self) {
      outcome = self.ref<Counter>('counter').slowly(1000);
    },
  });
  caller.send(1);
  await settle();
  caller.exit(atom('gone'));
  await assert.rejects(outcome!, code('aborted'));
  assert.equal(world.clock.pendingTimers, 1);
});

test('a call to an alias is refused, for an alias cannot be monitored', async () => {
  const { runtime } = start();
  await assert.rejects(runtime.call(runtime.newReference(), 1), code('option_invalid'));
});
