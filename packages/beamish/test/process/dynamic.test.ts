/** Elixir's DynamicSupervisor, Task and PartitionSupervisor. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isBeamishError } from '../../src/error/index.ts';
import { GenServer, PartitionSupervisor, Runtime, Task, child, dynamicSupervisor } from '../../src/process/index.ts';
import type { DynamicSupervisorRef, ProcessContext } from '../../src/process/index.ts';
import { atom, tuple } from '../../src/term/index.ts';
import type { Pid, Term } from '../../src/term/index.ts';
import { code } from '../support/code.ts';
import { fakeWorld, settle } from '../support/fake-world.ts';

class Worker extends GenServer {
  readonly id: number;
  readonly log: string[];
  constructor(id: number, log: string[] = []) {
    super();
    this.id = id;
    this.log = log;
  }
  who(): number {
    return this.id;
  }
  finish(): void {
    this.stop();
  }
  protected override async terminate(): Promise<void> {
    await this.process.sleep(100);
    this.log.push(`-${this.id}`);
  }
}

function start() {
  const world = fakeWorld();
  return { world, runtime: new Runtime({ world, nodeName: 'a@h' }) };
}

async function settled(): Promise<void> {
  for (let i = 0; i < 4; i++) await settle();
}

test('DynamicSupervisor: max_children refuses one more; the place of one that ended is free', async () => {
  const { runtime } = start();
  const dynamic = await runtime.startDynamicSupervisor({ maxChildren: 2 }, { name: 'dynamic' });
  const first = await dynamic.startChild(child(Worker, [1], { restart: 'temporary' }));
  await dynamic.startChild(child(Worker, [2]));
  await assert.rejects(dynamic.startChild(child(Worker, [3])), (error) => {
    assert.ok(isBeamishError(error, 'call_rejected'));
    assert.equal(error.details['reason'], atom('max_children'));
    return true;
  });
  runtime.exit(first, atom('kill'));
  await settled();
  await dynamic.startChild(child(Worker, [3]));
  assert.deepEqual(await dynamic.countChildren(), { specs: 2, active: 2, supervisors: 0, workers: 2 });
  await assert.rejects(
    runtime.startDynamicSupervisor({ maxChildren: -1, maxSeconds: 0 }),
    /maxChildren is -1.*maxSeconds is 0/,
  );
});

test('DynamicSupervisor: restart types, anonymous children, terminate_child/2 by pid, OTP’s which_children', async () => {
  const { world, runtime } = start();
  const dynamic = await runtime.startDynamicSupervisor();
  const permanent = await dynamic.startChild(child(Worker, [1], { name: 'permanent' }));
  const transient = await dynamic.startChild(child(Worker, [2], { restart: 'transient' }));
  await dynamic.startChild(child(Worker, [2], { restart: 'transient', name: 'crashes' }));
  await runtime.ref<Worker>(transient).finish();
  runtime.exit(permanent, atom('kill'));
  runtime.exit(runtime.whereis('crashes')!, atom('boom'));
  await world.clock.advance(200);
  await settled();
  const again = runtime.whereis('permanent')!;
  assert.ok(!again.equals(permanent));
  assert.deepEqual(
    (await dynamic.whichChildren()).map(({ id, status }) => [id, status]),
    [
      ['permanent', 'running'],
      ['crashes', 'running'],
    ],
  );
  assert.deepEqual(
    ((await runtime.call(dynamic.pid, atom('which_children'))) as Term[])[0],
    tuple(undefined, again, atom('worker'), []),
  );
  const stopping = dynamic.terminateChild(again);
  await world.clock.advance(100);
  await stopping;
  assert.equal(runtime.whereis('permanent'), undefined, 'not restarted');
  await assert.rejects(dynamic.terminateChild(again), code('noproc'));
  await assert.rejects(dynamic.startChild({ start: () => Promise.reject(new Error('no')) }), /no/);
  assert.equal((await dynamic.whichChildren()).length, 1);
});

test('DynamicSupervisor: more than max_restarts within max_seconds end it; a restart that fails is tried again and counts', async () => {
  const { runtime } = start();
  const dynamic = await runtime.startDynamicSupervisor({ maxRestarts: 3 });
  let starts = 0;
  const pid = await dynamic.startChild({
    start: async (own) => {
      if (starts++ > 0) throw new Error('not again');
      return await Promise.resolve(own.spawn({ handle() {} }));
    },
  });
  runtime.exit(pid, atom('boom'));
  await settled();
  assert.equal(starts, 4);
  assert.equal(runtime.isAlive(dynamic.pid), false);
});

test('DynamicSupervisor: its children end all at once, each with its own time; below a supervisor it is restarted empty', async () => {
  const { world, runtime } = start();
  const log: string[] = [];
  let dynamic: DynamicSupervisorRef | undefined;
  const top = await runtime.startSupervisor({
    strategy: 'one_for_one',
    children: [dynamicSupervisor('workers', {}, { onStart: (ref) => (dynamic = ref) })],
  });
  const first = dynamic;
  await first!.startChild(child(Worker, [1, log]));
  runtime.exit(first!.pid, atom('kill'));
  await world.clock.advance(200);
  await settled();
  assert.notEqual(dynamic, first);
  assert.deepEqual(await dynamic!.whichChildren(), []);
  log.length = 0;
  await dynamic!.startChild(child(Worker, [2, log]));
  await dynamic!.startChild(child(Worker, [3, log]));
  await dynamic!.startChild(child(Worker, [4, log], { shutdown: 50 }));
  const stopped = top.stop();
  await world.clock.advance(100);
  await stopped;
  assert.deepEqual(log, ['-2', '-3'], 'within the time of one; the one with 50 ms was killed');
});

test('Task.async and await give the result; the process ends with normal (Elixir Task)', async () => {
  const { runtime, world } = start();
  const task = Task.async(runtime, async (self) => {
    await self.sleep(10);
    return { pid: self.pid };
  });
  assert.ok(runtime.isAlive(task.pid));
  const result = task.await();
  await world.clock.advance(10);
  assert.deepEqual(await result, { pid: task.pid });
  assert.equal(runtime.isAlive(task.pid), false);
  assert.deepEqual(await task.await(), { pid: task.pid }, 'again');
  assert.equal(await Task.async(runtime, () => 1).await(), 1);
  assert.equal(world.clock.pendingTimers, 0);
});

test('a crash of the task reaches the awaiter, linked or not; a link ends the owner with the same reason', async () => {
  const { runtime } = start();
  const failing = (): never => {
    throw new RangeError('broken');
  };
  const crashed = (error: unknown): boolean =>
    isBeamishError(error, 'process_exited') && error.cause instanceof RangeError && /broken/.test(error.message);
  await assert.rejects(Task.async(runtime, failing).await(), crashed);
  const owner = (trapExit: boolean, link: boolean) => {
    let task: Task<never> | undefined;
    const reasons: Term[] = [];
    const handle = runtime.spawn(
      {
        init: (self: ProcessContext) => void (task = Task.async(self, failing, { link })),
        handle: (message) => void reasons.push(message),
      },
      { trapExit },
    );
    return { handle, reasons, task: () => task! };
  };
  const linked = owner(false, true);
  const trapping = owner(true, true);
  const free = owner(false, false);
  await settle();
  for (const { task } of [linked, trapping, free]) await assert.rejects(task().await(), crashed);
  assert.deepEqual([linked.handle.alive, trapping.handle.alive, free.handle.alive], [false, true, true]);
  assert.equal(trapping.reasons.length, 1, 'an EXIT message');
});

test('the end of its owner ends a linked task, and aborts its signal', async () => {
  const { runtime } = start();
  let signal: AbortSignal | undefined;
  const owner = runtime.spawn({
    init: (self) =>
      void Task.async(self, async (own) => {
        signal = own.signal;
        await own.sleep(1000);
      }),
    handle() {},
  });
  await settle();
  owner.exit(atom('gone'));
  await settle();
  assert.equal(signal?.aborted, true);
  assert.equal(runtime.processes().length, 1);
});

test('await: timeout and abort end the task; yield leaves it; shutdown gives a result that is there (Task.yield, Task.shutdown)', async () => {
  const { runtime, world } = start();
  const slow = (self: ProcessContext): Promise<number> => self.sleep(1000).then(() => 1);
  const task = Task.async(runtime, slow);
  const yielded = task.yield({ timeout: 10 });
  await world.clock.advance(10);
  assert.equal(await yielded, undefined);
  const timedOut = assert.rejects(task.await({ timeout: 10 }), code('timeout'));
  await world.clock.advance(10);
  await timedOut;
  await settle();
  assert.equal(runtime.isAlive(task.pid), false);
  const aborted = Task.async(runtime, slow);
  await assert.rejects(aborted.await({ signal: AbortSignal.abort() }), code('aborted'));
  await assert.rejects(aborted.await({ timeout: -1 }), code('option_invalid'));
  const done = Task.async(runtime, () => 'there');
  await settle();
  assert.deepEqual(await done.shutdown(), { status: 'ok', value: 'there' });
  const stopped = await Task.async(runtime, slow).shutdown();
  assert.ok(stopped.status === 'exit' && stopped.reason === atom('shutdown'));
});

test('Task.supervise: below a supervisor, unlinked (async_nolink) or linked; it goes on when a wait is given up', async () => {
  const { runtime, world } = start();
  const supervisor = await runtime.startDynamicSupervisor({ maxChildren: 1 });
  const task = await Task.supervise(supervisor, (self) => self.sleep(100).then(() => 'late'));
  await assert.rejects(
    Task.supervise(supervisor, () => 1),
    code('call_rejected'),
  );
  const timedOut = assert.rejects(task.await({ timeout: 10 }), code('timeout'));
  await world.clock.advance(10);
  await timedOut;
  const result = task.await();
  await world.clock.advance(100);
  assert.equal(await result, 'late');
  const failing = await Task.supervise(supervisor, () => Promise.reject(new Error('x')));
  await assert.rejects(failing.await(), code('process_exited'));
  assert.ok(runtime.isAlive(supervisor.pid));
  assert.deepEqual(await supervisor.whichChildren(), [], 'temporary');
  const running = await Task.supervise(supervisor, (self) => self.sleep(1000));
  await supervisor.stop();
  await assert.rejects(running.await(), /shutdown/);
});

test('Task.child: work of a supervisor; transient work is repeated when it crashes', async () => {
  const { runtime } = start();
  let runs = 0;
  const top = await runtime.startSupervisor({
    strategy: 'one_for_one',
    children: [
      Task.child(
        'warm up',
        () => {
          if (++runs < 3) throw new Error('cold');
        },
        { restart: 'transient' },
      ),
    ],
  });
  await settled();
  assert.equal(runs, 3);
  assert.deepEqual(
    (await top.whichChildren()).map(({ status }) => status),
    ['stopped'],
  );
});

test('PartitionSupervisor: integers by remainder, other keys by hash; one key is always one process, also restarted', async () => {
  const { runtime } = start();
  const shards = new PartitionSupervisor({ name: 'shards', partitions: 4, child: (n) => child(Worker, [n]) });
  assert.throws(() => shards.ref('x'), code('closed'));
  const top = await runtime.startSupervisor({ strategy: 'one_for_one', children: [shards.child()] });
  assert.deepEqual(
    [0, 5, -6, 7n, -(2n ** 64n)].map((key) => shards.partitionOf(key)),
    [0, 1, 2, 3, 0],
  );
  assert.equal(await shards.ref<Worker>(6).who(), 2);
  const key = tuple('user', 17);
  const partition = shards.partitionOf(key);
  assert.equal(shards.partitionOf(tuple(new Uint8Array(Buffer.from('user')), 17n)), partition, 'equal terms');
  const user = shards.ref<Worker>(key);
  assert.equal(await user.who(), partition);
  runtime.exit(shards.whereis(key) as Pid, atom('kill'));
  assert.equal(shards.whereis(key), undefined);
  await settled();
  assert.equal(await user.who(), partition);
  const counts = [0, 0, 0, 0];
  for (let i = 0; i < 4000; i++) counts[shards.partitionOf(`key ${i}`)]!++;
  for (const count of counts) assert.ok(count > 800 && count < 1200, String(counts));
  assert.equal(runtime.whereis('shards') !== undefined, true);
  void top;
  const own = new PartitionSupervisor({
    name: 'own',
    partitions: 2,
    child: (n) => child(Worker, [n]),
    partitionOf: () => 7,
  });
  assert.throws(() => own.partitionOf('x'), code('option_invalid'));
  assert.throws(
    () => new PartitionSupervisor({ name: 'p', partitions: 0, child: () => child(Worker, [1]) }),
    code('option_invalid'),
  );
});
