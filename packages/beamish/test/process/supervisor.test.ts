import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isBeamishError } from '../../src/error/index.ts';
import { GenServer, Runtime, child, supervisor } from '../../src/process/index.ts';
import type { ChildSpec, SupervisorSpec } from '../../src/process/index.ts';
import { Pid, atom, tuple } from '../../src/term/index.ts';
import type { Term } from '../../src/term/index.ts';
import { fakeWorld, settle } from '../support/fake-world.ts';
import type { FakeWorld } from '../support/fake-world.ts';

/** What happened, over all servers of a test. */
type Log = string[];

class Worker extends GenServer {
  readonly name: string;
  readonly log: Log;
  readonly delay: number;
  constructor(name: string, log: Log, delay = 0) {
    super();
    this.name = name;
    this.log = log;
    this.delay = delay;
  }
  protected override init(): void {
    this.log.push(`+${this.name}`);
  }
  protected override async terminate(): Promise<void> {
    if (this.delay > 0) await this.process.sleep(this.delay);
    this.log.push(`-${this.name}`);
  }
  crash(): never {
    throw new Error(`${this.name} crashed`);
  }
  finish(): void {
    this.stop();
  }
}

function start(): { world: FakeWorld; runtime: Runtime; log: Log } {
  const world = fakeWorld();
  return { world, runtime: new Runtime({ world }), log: [] };
}

const worker = (name: string, log: Log, options: Partial<ChildSpec> & { delay?: number } = {}): ChildSpec => {
  const { delay, ...rest } = options;
  return { ...child(Worker, [name, log, delay], { name }), ...rest };
};

async function settled(): Promise<void> {
  for (let i = 0; i < 4; i++) await settle();
}

async function crash(runtime: Runtime, name: string): Promise<void> {
  await assert.rejects(runtime.ref<Worker>(name).crash());
  await settled();
}

test('a tree starts in order and shuts down in reverse, one after the other', async () => {
  const { world, runtime, log } = start();
  const inner: SupervisorSpec = {
    strategy: 'one_for_one',
    children: [worker('b1', log), worker('b2', log, { delay: 10 })],
  };
  const top = await runtime.startSupervisor({
    strategy: 'one_for_one',
    children: [worker('a', log), supervisor('b', inner), worker('c', log, { delay: 10 })],
  });
  assert.deepEqual(log, ['+a', '+b1', '+b2', '+c']);
  const stopped = top.stop();
  await world.clock.advance(100);
  await stopped;
  assert.deepEqual(log.slice(4), ['-c', '-b2', '-b1', '-a']);
  assert.equal(runtime.processes().length, 1);
  await top.stop();
});

test('a crashed child is started again, and has its name again; the others are left alone (one_for_one)', async () => {
  const { runtime, log } = start();
  await runtime.startSupervisor({ strategy: 'one_for_one', children: [worker('a', log), worker('b', log)] });
  const [a, b] = [runtime.whereis('a'), runtime.whereis('b')];
  await crash(runtime, 'a');
  assert.deepEqual(log, ['+a', '+b', '-a', '+a']);
  assert.notEqual(runtime.whereis('a'), a);
  assert.equal(runtime.whereis('b'), b);
});

test('rest_for_one and one_for_all stop in reverse and start in order', async () => {
  for (const [strategy, expected] of [
    ['rest_for_one', ['-b', '-c', '+b', '+c']],
    ['one_for_all', ['-b', '-c', '-a', '+a', '+b', '+c']],
  ] as const) {
    const { runtime, log } = start();
    await runtime.startSupervisor({ strategy, children: ['a', 'b', 'c'].map((name) => worker(name, log)) });
    log.length = 0;
    await crash(runtime, 'b');
    assert.deepEqual(log, expected, strategy);
  }
});

test('a child that is killed, or ended from outside, is restarted too', async () => {
  const { runtime, log } = start();
  await runtime.startSupervisor({ strategy: 'one_for_one', children: [worker('a', log)] });
  runtime.exit(runtime.whereis('a')!, atom('kill'));
  await settled();
  assert.deepEqual(log, ['+a', '+a']);
});

test('too many restarts end the supervisor with reason shutdown; the one above restarts it (intensity)', async () => {
  const { world, runtime, log } = start();
  const inner: SupervisorSpec = {
    strategy: 'one_for_one',
    maxRestarts: 1,
    maxSeconds: 10,
    children: [worker('a', log), worker('b', log)],
  };
  await runtime.startSupervisor({ strategy: 'one_for_one', children: [supervisor('inner', inner, { name: 'inner' })] });
  const first = runtime.whereis('inner');
  const down = new Promise<Term>((resolve) => runtime.monitor(first!, resolve));
  await crash(runtime, 'a');
  assert.equal(runtime.whereis('inner'), first);
  await crash(runtime, 'a');
  assert.equal(await down, atom('shutdown'));
  await settled();
  assert.notEqual(runtime.whereis('inner'), undefined);
  assert.deepEqual(log, ['+a', '+b', '-a', '+a', '-a', '-b', '+a', '+b']);
  assert.match(world.logger.at('error').at(-1)?.message ?? '', /gives up on child a: more than 1 restarts within 10 s/);
});

test('restarts long ago do not count', async () => {
  const { world, runtime, log } = start();
  await runtime.startSupervisor({
    strategy: 'one_for_one',
    maxRestarts: 1,
    maxSeconds: 5,
    children: [worker('a', log)],
  });
  for (let i = 0; i < 5; i++) {
    await crash(runtime, 'a');
    assert.ok(runtime.whereis('a'));
    await world.clock.advance(5001);
  }
});

test('a child that does not end within its shutdown time is killed, and that is said', async () => {
  const { world, runtime, log } = start();
  const top = await runtime.startSupervisor({
    strategy: 'one_for_one',
    children: [
      worker('slow', log, { delay: 1000, shutdown: 50 }),
      worker('brutal', log, { delay: 1000, shutdown: 'brutalKill' }),
    ],
  });
  let stopped = false;
  const stopping = top.stop().then(() => (stopped = true));
  await world.clock.advance(49);
  assert.equal(stopped, false);
  await world.clock.advance(1);
  await stopping;
  assert.deepEqual(log, ['+slow', '+brutal'], 'neither finished its terminate');
  assert.match(world.logger.at('warn')[0]?.message ?? '', /slow did not end within 50 ms/);
  assert.equal(world.clock.pendingTimers, 0);
});

test('a child that fails to start: those before it are stopped, and the start rejects with its error', async () => {
  class Failing extends GenServer {
    protected override init(): void {
      throw new Error('no database');
    }
  }
  const { runtime, log } = start();
  const outcome = runtime.startSupervisor({
    strategy: 'one_for_one',
    children: [worker('a', log), worker('b', log), child(Failing, [])],
  });
  await assert.rejects(outcome, (error) => {
    assert.ok(isBeamishError(error, 'process_exited'));
    assert.match(error.message, /child Failing could not be started.*no database/);
    return true;
  });
  assert.deepEqual(log, ['+a', '+b', '-b', '-a']);
  assert.equal(runtime.processes().length, 1);
});

test('a child whose init hangs fails after its startTimeout', async () => {
  class Hanging extends GenServer {
    protected override init(): Promise<void> {
      return new Promise(() => {});
    }
  }
  const { world, runtime } = start();
  const outcome = assert.rejects(
    runtime.startSupervisor({ strategy: 'one_for_one', children: [child(Hanging, [], { startTimeout: 100 })] }),
    /did not finish within 100 ms/,
  );
  await world.clock.advance(100);
  await outcome;
});

test('a transient child that ends normally stays ended; a temporary one is forgotten', async () => {
  const { runtime, log } = start();
  const top = await runtime.startSupervisor({
    strategy: 'one_for_one',
    children: [worker('t', log, { restart: 'transient' }), worker('x', log, { restart: 'temporary' })],
  });
  await runtime.ref<Worker>('t').finish();
  await crash(runtime, 'x');
  assert.deepEqual(await top.whichChildren(), [{ id: 't', pid: undefined, status: 'stopped', type: 'worker' }]);
  assert.deepEqual(await top.countChildren(), { specs: 1, active: 0, supervisors: 0, workers: 1 });
});

test('children come and go while it runs (start_child, terminate_child, restart_child, delete_child)', async () => {
  const { runtime, log } = start();
  const top = await runtime.startSupervisor({ strategy: 'one_for_one', children: [] });
  const pid = await top.startChild(worker('a', log));
  assert.equal(runtime.whereis('a'), pid);
  await assert.rejects(top.startChild(worker('a', log)), (error) => isBeamishError(error, 'name_taken'));
  await assert.rejects(top.deleteChild('a'), (error) => isBeamishError(error, 'option_invalid'));
  await top.terminateChild('a');
  assert.equal(runtime.whereis('a'), undefined);
  assert.ok((await top.restartChild('a')) instanceof Pid);
  await assert.rejects(top.restartChild('a'), (error) => isBeamishError(error, 'option_invalid'));
  await top.terminateChild('a');
  await top.deleteChild('a');
  await assert.rejects(
    top.restartChild('a'),
    (error) => isBeamishError(error, 'option_invalid') && /no child 'a'/.test(error.message),
  );
  const failing: ChildSpec = { id: 'f', start: () => Promise.reject(new Error('no')) };
  await assert.rejects(top.startChild(failing), /no/);
  assert.deepEqual(await top.whichChildren(), []);
  assert.deepEqual(log, ['+a', '-a', '+a', '-a']);
});

test('a child started by a function of one’s own is adopted: linked, restarted, shut down with terminate', async () => {
  const { runtime, log } = start();
  let starts = 0;
  const spec: ChildSpec = {
    id: 'own',
    start: async (own) => {
      starts++;
      return own.startServer(Worker, ['own', log], { name: 'own' });
    },
  };
  const top = await runtime.startSupervisor({ strategy: 'one_for_one', children: [spec] });
  await crash(runtime, 'own');
  assert.equal(starts, 2);
  await top.stop();
  assert.deepEqual(log, ['+own', '-own', '+own', '-own']);
});

test('a BEAM may ask which children there are (supervisor:which_children/1, count_children/1)', async () => {
  const { runtime, log } = start();
  const top = await runtime.startSupervisor({ strategy: 'one_for_one', children: [worker('a', log)] });
  assert.deepEqual(await runtime.call(top.pid, atom('which_children')), [
    tuple('a', runtime.whereis('a'), atom('worker'), []),
  ]);
  assert.deepEqual(await runtime.call(top.pid, atom('count_children')), [
    tuple(atom('specs'), 1),
    tuple(atom('active'), 1),
    tuple(atom('supervisors'), 0),
    tuple(atom('workers'), 1),
  ]);
  assert.deepEqual(await runtime.call(top.pid, tuple(atom('start_child'), 1)), tuple(atom('error'), atom('badarg')));
});

test('the exit of a process that is no child does not end a supervisor', async () => {
  const { runtime, log } = start();
  const top = await runtime.startSupervisor({ strategy: 'one_for_one', children: [worker('a', log)] });
  const stranger = runtime.spawn({ handle() {} }, { link: top.pid });
  stranger.exit(atom('boom'));
  await settled();
  assert.ok(runtime.isAlive(top.pid));
  assert.deepEqual(log, ['+a']);
});

test('runtime.stop ends trees in their order', async () => {
  const { runtime, log } = start();
  await runtime.startSupervisor({ strategy: 'one_for_one', children: [worker('a', log), worker('b', log)] });
  await runtime.startServer(Worker, ['z', log]);
  await runtime.stop();
  assert.deepEqual(log, ['+a', '+b', '+z', '-z', '-b', '-a']);
});

test('all faults of a specification are told at once', async () => {
  const { runtime } = start();
  const spec = {
    strategy: 'one_for_none',
    maxRestarts: -1,
    maxSeconds: 0,
    children: [
      { id: '' },
      { id: 'a', start: async () => {}, restart: 'often', shutdown: -1 },
      { id: 'a', start: async () => {} },
    ],
  } as unknown as SupervisorSpec;
  await assert.rejects(runtime.startSupervisor(spec), (error) => {
    assert.ok(isBeamishError(error, 'option_invalid'));
    for (const fault of [
      /no id/,
      /start is no function/,
      /restart is 'often'/,
      /shutdown is -1/,
      /two children have the id 'a'/,
      /one_for_none/,
      /maxRestarts/,
      /maxSeconds/,
    ]) {
      assert.match(error.message, fault);
    }
    return true;
  });
});
