import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isBeamishError } from '../../src/error/index.ts';
import { GenServer, NO_REPLY } from '../../src/process/index.ts';
import type { From, Runtime } from '../../src/process/index.ts';
import { type Pid, type Tuple, atom, tuple } from '../../src/term/index.ts';
import type { Term } from '../../src/term/index.ts';
import { code } from '../support/code.ts';
import { settle } from '../support/fake-world.ts';
import { Counter, start } from './counter.ts';

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

test('handleInfo, by default, says what it received', async () => {
  const { world, runtime } = start();
  const counter = await runtime.startServer(Counter, [], { name: 'counter' });
  runtime.send('counter', tuple(atom('hello'), new Uint8Array(3)) as Tuple);
  await counter.count();
  assert.equal(world.logger.at('warn').length, 1);
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
