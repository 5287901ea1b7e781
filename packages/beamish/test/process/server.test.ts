import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isBeamishError } from '../../src/error/index.ts';
import type { BeamishErrorCode } from '../../src/error/index.ts';
import { CallRejected, GenServer, NO_REPLY, Runtime } from '../../src/process/index.ts';
import type { From, ProcessContext } from '../../src/process/index.ts';
import { Pid, type Tuple, atom, isTuple, tuple } from '../../src/term/index.ts';
import type { Term } from '../../src/term/index.ts';
import { fakeWorld, settle } from '../support/fake-world.ts';
import type { FakeWorld } from '../support/fake-world.ts';

class Counter extends GenServer {
  #count: number;
  readonly log: unknown[] = [];
  constructor(first = 0) {
    super();
    this.#count = first;
  }
  increment(by = 1): number {
    return (this.#count += by);
  }
  async slowly(milliseconds: number): Promise<number> {
    await this.process.sleep(milliseconds);
    return this.#count;
  }
  count(): number {
    return this.#count;
  }
  listDevices(): string[] {
    return ['a'];
  }
  refuse(): never {
    throw new CallRejected('not today', { retry_after: 5 });
  }
  crash(): never {
    throw new RangeError('broken');
  }
  stopWith(reason: Term): string {
    this.stop(reason);
    return 'stopping';
  }
  _hidden(): number {
    return 1;
  }
}

function start(): { world: FakeWorld; runtime: Runtime } {
  const world = fakeWorld();
  return { world, runtime: new Runtime({ world, nodeName: 'a@h', creation: 1 }) };
}

const code =
  (wanted: BeamishErrorCode) =>
  (error: unknown): boolean =>
    isBeamishError(error, wanted);

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

// --- callbacks ---

class Callbacks extends GenServer {
  readonly seen: unknown[];
  constructor(seen: unknown[]) {
    super();
    this.seen = seen;
  }
  protected override init(): void {
    this.seen.push('init');
    this.continueWith('more');
  }
  protected override handleContinue(argument: Term): void {
    this.seen.push(['continue', argument]);
  }
  protected override handleInfo(message: Term): void {
    this.seen.push(['info', message]);
  }
  protected override handleCast(request: Term): void {
    this.seen.push(['cast', request]);
  }
  protected override handleCall(request: Term, from: From): unknown {
    this.seen.push(['call', request]);
    if (request === 'later') {
      this.process.sendAfter(10, this.process.pid, tuple('reply', from));
      return NO_REPLY;
    }
    return ['got', request];
  }
  protected override async terminate(reason: Term): Promise<void> {
    await this.process.sleep(5);
    this.seen.push(['terminate', reason]);
  }
  ping(): string {
    this.seen.push('ping');
    return 'pong';
  }
}

test('init, continue before any message, then info, cast and raw calls (gen_server callbacks)', async () => {
  const { runtime } = start();
  const seen: unknown[] = [];
  runtime.startServer(Callbacks, [seen], { name: 'server' }).catch(assert.fail);
  runtime.send('server', 'early');
  await settle();
  assert.deepEqual(seen, ['init', ['continue', 'more'], ['info', 'early']]);
  runtime.cast('server', tuple(atom('unknown'), 1));
  assert.deepEqual(await runtime.call('server', 'raw'), ['got', 'raw']);
  assert.deepEqual(seen.slice(3), [
    ['cast', tuple(atom('unknown'), 1)],
    ['call', 'raw'],
  ]);
});

test('terminate runs on stop, on a crash and on the parent’s order, not on a foreign exit (gen_server:terminate/2)', async () => {
  const SHUTDOWN = atom('shutdown');
  const cases: [string, (server: Pid, runtime: Runtime) => void, Term | undefined][] = [
    ['the runtime orders it', (pid, runtime) => runtime.exit(pid, SHUTDOWN), SHUTDOWN],
    ['kill', (pid, runtime) => runtime.exit(pid, atom('kill')), undefined],
    [
      'another process asks',
      (pid, runtime) => runtime.spawn({ init: (self) => self.exitProcess(pid, SHUTDOWN), handle() {} }),
      undefined,
    ],
  ];
  for (const [name, act, reason] of cases) {
    const { world, runtime } = start();
    const seen: unknown[] = [];
    const server = await runtime.startServer(Callbacks, [seen]);
    await settle();
    act(server.pid!, runtime);
    await world.clock.advance(10);
    assert.deepEqual(seen.slice(2), reason === undefined ? [] : [['terminate', reason]], name);
    assert.equal(runtime.isAlive(server.pid!), false, name);
  }
});

test('stop lets the reply of the current call go out, then ends with the reason', async () => {
  const { runtime } = start();
  const counter = await runtime.startServer(Counter, []);
  const down = new Promise((resolve) => runtime.monitor(counter.pid!, resolve));
  assert.equal(await counter.stopWith(tuple(atom('shutdown'), 1)), 'stopping');
  assert.deepEqual(await down, tuple(atom('shutdown'), 1));
});

test('a deferred reply: NO_REPLY now, reply(from, term) later; other calls are served in between (gen_server:reply/2)', async () => {
  class Doors extends GenServer {
    #waiting: From[] = [];
    wait(): typeof NO_REPLY | string {
      this.#waiting.push(this.from!);
      return NO_REPLY;
    }
    async waitAsync(): Promise<typeof NO_REPLY | string> {
      const { from } = this;
      await this.process.sleep(1);
      this.#waiting.push(from!);
      return NO_REPLY;
    }
    open(): number {
      for (const from of this.#waiting) this.reply(from, 'open');
      return this.#waiting.length;
    }
  }
  const { world, runtime } = start();
  const doors = await runtime.startServer(Doors, []);
  const waiting = [doors.wait(), doors.waitAsync(), doors.wait()];
  await world.clock.advance(1);
  assert.equal(await doors.open(), 3);
  assert.deepEqual(await Promise.all(waiting), ['open', 'open', 'open']);
  assert.equal(await doors.open(), 3, 'a second reply is dropped');
});

test('a server that traps exits gets them in handleInfo; its parent’s ends it', async () => {
  const { runtime } = start();
  const seen: unknown[] = [];
  const parent = runtime.spawn({ handle() {} });
  const other = runtime.spawn({ handle() {} });
  class Trapping extends GenServer {
    protected override handleInfo(message: Term): void {
      seen.push(message);
    }
    protected override terminate(reason: Term): void {
      seen.push(['terminate', reason]);
    }
  }
  const server = await runtime.startServer(Trapping, [], { trapExit: true, parent: parent.pid, link: parent.pid });
  runtime.link(server.pid!, other.pid);
  runtime.exit(other.pid, atom('boom'));
  await settle();
  runtime.exit(parent.pid, atom('bang'));
  await settle();
  assert.deepEqual(seen, [tuple(atom('EXIT'), other.pid, atom('boom')), ['terminate', atom('bang')]]);
});

// --- start ---

test('an init that throws: the start rejects with the error as cause; the name is free; nothing is linked or logged', async () => {
  class Failing extends GenServer {
    protected override async init(): Promise<void> {
      await this.process.sleep(1);
      throw new Error('no database');
    }
  }
  const { world, runtime } = start();
  const parent = runtime.spawn({ handle() {} });
  const outcome = assert.rejects(runtime.startServer(Failing, [], { name: 'failing', link: parent.pid }), (error) => {
    assert.ok(isBeamishError(error, 'process_exited'));
    assert.match(error.message, /failing could not be started: Error: no database/);
    assert.equal((error.cause as Error).message, 'no database');
    return true;
  });
  await world.clock.advance(1);
  await outcome;
  assert.equal(runtime.whereis('failing'), undefined);
  assert.ok(parent.alive, 'who starts is told by the rejection alone (proc_lib:start_link)');
  assert.deepEqual(world.logger.at('error'), []);
});

test('an init that hangs: the start rejects with timeout after startTimeout, and the process is gone', async () => {
  class Hanging extends GenServer {
    protected override init(): Promise<void> {
      return new Promise(() => {});
    }
  }
  const { world, runtime } = start();
  const outcome = assert.rejects(
    runtime.startServer(Hanging, [], { name: 'hanging', startTimeout: 100 }),
    code('timeout'),
  );
  await world.clock.advance(100);
  await outcome;
  assert.equal(runtime.whereis('hanging'), undefined);
  assert.equal(world.clock.pendingTimers, 0);
});

test('a constructor that throws, a name that is taken: the start rejects', async () => {
  class Throwing extends GenServer {
    constructor() {
      super();
      throw new Error('constructor');
    }
  }
  const { runtime } = start();
  await assert.rejects(runtime.startServer(Throwing, []), /constructor/);
  await runtime.startServer(Counter, [], { name: 'taken' });
  await assert.rejects(runtime.startServer(Counter, [], { name: 'taken' }), code('name_taken'));
  class Early extends GenServer {
    constructor() {
      super();
      this.process.trapExit(true);
    }
  }
  await assert.rejects(runtime.startServer(Early, []), code('option_invalid'));
});

test('a server that stops itself in init does not start', async () => {
  class Unwilling extends GenServer {
    protected override init(): void {
      this.stop(atom('unwilling'));
    }
  }
  const { runtime } = start();
  await assert.rejects(
    runtime.startServer(Unwilling, []),
    (error) => isBeamishError(error, 'process_exited') && error.details['reason'] === atom('unwilling'),
  );
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

test('handleInfo, by default, says what it received', async () => {
  const { world, runtime } = start();
  const counter = await runtime.startServer(Counter, [], { name: 'counter' });
  runtime.send('counter', tuple(atom('hello'), new Uint8Array(3)) as Tuple);
  await counter.count();
  assert.equal(world.logger.at('warn').length, 1);
});
