/** Elixir's Task.async_stream and Task.Supervisor.async_stream_nolink. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { isBeamishError } from '../../src/error/index.ts';
import { Runtime, Task } from '../../src/process/index.ts';
import type { ProcessContext, TaskOutcome, TaskStreamOptions } from '../../src/process/index.ts';
import { atom, formatTerm } from '../../src/term/index.ts';
import { fakeWorld, settle } from '../support/fake-world.ts';
import type { FakeWorld } from '../support/fake-world.ts';
import { seed } from '../support/seed.ts';

function start(): { world: FakeWorld; runtime: Runtime } {
  const world = fakeWorld();
  return { world, runtime: new Runtime({ world }) };
}

const text = (outcome: TaskOutcome<unknown>): unknown =>
  outcome.status === 'ok' ? outcome.value : `exit ${formatTerm(outcome.reason)}`;

/** Reads all, while time passes. */
async function readAll(world: FakeWorld, stream: AsyncIterable<TaskOutcome<unknown>>): Promise<unknown[]> {
  const state = { got: [] as unknown[], ended: false };
  const read = async (): Promise<void> => {
    try {
      for await (const outcome of stream) state.got.push(text(outcome));
    } finally {
      state.ended = true;
    }
  };
  const reading = read();
  reading.catch(() => {});
  while (!state.ended) await world.clock.advance(1);
  await reading;
  return state.got;
}

/** Sleeps for the item, gives the item. */
const wait = (item: number, self: ProcessContext): Promise<number> => self.sleep(item).then(() => item);

test('async_stream: outcomes in the order of the items, or as they come (ordered: false)', async () => {
  const { runtime, world } = start();
  const items = [30, 10, 20];
  assert.deepEqual(await readAll(world, Task.asyncStream(runtime, items, wait)), [30, 10, 20]);
  assert.deepEqual(await readAll(world, Task.asyncStream(runtime, items, wait, { ordered: false })), [10, 20, 30]);
  assert.deepEqual(await readAll(world, Task.asyncStream(runtime, [], wait)), []);
  assert.equal(world.clock.pendingTimers, 0);
  assert.deepEqual(runtime.processes().length, 1);
});

test('async_stream: max_concurrency tasks at one time, whatever their times, order and number', async () => {
  const arbitrary = fc.record({
    items: fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 25 }),
    maxConcurrency: fc.integer({ min: 1, max: 6 }),
    ordered: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(arbitrary, async ({ items, maxConcurrency, ordered }) => {
      const { runtime, world } = start();
      let running = 0;
      let most = 0;
      const work = async (item: number, self: ProcessContext): Promise<number> => {
        most = Math.max(most, ++running);
        await self.sleep(item);
        running--;
        return item;
      };
      const got = await readAll(world, Task.asyncStream(runtime, items, work, { maxConcurrency, ordered }));
      const same = (values: readonly unknown[]): unknown =>
        ordered ? values : values.map(Number).toSorted((a, b) => a - b);
      assert.deepEqual(same(got), same(items));
      assert.ok(most <= maxConcurrency);
      if (items.length > 0 && items.every((item) => item > 0))
        assert.equal(most, Math.min(maxConcurrency, items.length));
    }),
    { seed, numRuns: 40 },
  );
});

test('async_stream is lazy: it is never more than max_concurrency items ahead of who reads', async () => {
  const { runtime } = start();
  let taken = 0;
  function* endless(): Generator<number> {
    for (;;) yield taken++;
  }
  const stream = Task.asyncStream(runtime, endless(), (item) => item, { maxConcurrency: 3 });
  await settle();
  assert.equal(taken, 0, 'nothing before the first read');
  for (let read = 1; read <= 10; read++) {
    await stream.next();
    await settle();
    assert.ok(taken <= read + 3, `${taken} taken, ${read} read`);
  }
  await stream.return();
});

test('timeout: kill_task gives {exit, timeout} for that item alone; exit ends all, and throws', async () => {
  const { runtime, world } = start();
  const options = { timeout: 100 } satisfies TaskStreamOptions;
  const killing = Task.asyncStream(runtime, [10, 500, 20], wait, { ...options, onTimeout: 'killTask' });
  assert.deepEqual(await readAll(world, killing), [10, 'exit timeout', 20]);
  const ending = Task.asyncStream(runtime, [10, 500, 200], wait, options);
  await assert.rejects(readAll(world, ending), (error) => isBeamishError(error, 'timeout'));
  assert.equal(runtime.processes().length, 1, 'no task is left');
  assert.equal(world.clock.pendingTimers, 0);
});

test('a crash is an outcome when tasks are not linked, and the end of the owner when they are', async () => {
  const { runtime, world } = start();
  const broken = (item: number): number => {
    if (item === 2) throw new RangeError('broken');
    return item;
  };
  const outcomes = await readAll(world, Task.asyncStream(runtime, [1, 2, 3], broken));
  assert.match(String(outcomes[1]), /^exit .*broken/);
  assert.deepEqual([outcomes[0], outcomes[2]], [1, 3]);
  const owner = (link: boolean) => {
    const got: unknown[] = [];
    const handle = runtime.spawn({
      async init(self) {
        for await (const outcome of Task.asyncStream(self, [1, 2, 3], broken, { link })) got.push(text(outcome));
      },
      handle() {},
    });
    return { handle, got };
  };
  const [linked, free] = [owner(true), owner(false)];
  for (let i = 0; i < 5; i++) await settle();
  assert.equal(linked.handle.alive, false);
  assert.equal(free.handle.alive, true);
  assert.equal(free.got.length, 3);
  assert.equal(runtime.processes().length, 2);
});

test('who leaves the loop, or ends, ends the tasks and closes the items; its own links are not what kills it', async () => {
  const { runtime, world } = start();
  let closed = 0;
  async function* items(): AsyncGenerator<number> {
    try {
      for (const item of [1, 1000, 1000, 1000]) yield await Promise.resolve(item);
    } finally {
      closed++;
    }
  }
  const owner = runtime.spawn({
    async init(self) {
      for await (const outcome of Task.asyncStream(self, items(), wait)) if (text(outcome) === 1) break;
    },
    handle() {},
  });
  for (let i = 0; i < 10; i++) await world.clock.advance(1);
  assert.equal(owner.alive, true);
  assert.equal(closed, 1);
  assert.equal(runtime.processes().length, 2);
  const ending = runtime.spawn({
    async init(self) {
      for await (const outcome of Task.asyncStream(self, items(), wait, { link: false })) text(outcome);
    },
    handle() {},
  });
  for (let i = 0; i < 10; i++) await world.clock.advance(1);
  assert.ok(runtime.processes().length > 3);
  ending.exit(atom('gone'));
  for (let i = 0; i < 10; i++) await settle();
  assert.equal(runtime.processes().length, 2);
  assert.equal(closed, 2);
  const controller = new AbortController();
  const aborted = readAll(world, Task.asyncStream(runtime, items(), wait, { signal: controller.signal }));
  await settle();
  controller.abort();
  await assert.rejects(aborted, (error) => isBeamishError(error, 'aborted'));
  assert.equal(closed, 3);
});

test('what the items throw is thrown to the reader, and the tasks are ended; an item that never comes holds nobody', async () => {
  const { runtime, world } = start();
  function* items(): Generator<number> {
    yield 1000;
    throw new Error('no more items');
  }
  await assert.rejects(readAll(world, Task.asyncStream(runtime, items(), wait)), /no more items/);
  assert.equal(runtime.processes().length, 1);
  async function* stuck(): AsyncGenerator<number> {
    yield 1;
    await new Promise(() => {});
  }
  const got: unknown[] = [];
  let left = false;
  void (async () => {
    for await (const outcome of Task.asyncStream(runtime, stuck(), wait)) {
      got.push(text(outcome));
      break;
    }
    left = true;
  })();
  for (let i = 0; i < 5; i++) await world.clock.advance(1);
  assert.deepEqual([got, left], [[1], true]);
});

test('options are checked at once, with every fault', () => {
  const { runtime } = start();
  const options = { maxConcurrency: 0, timeout: -1, onTimeout: 'never' } as unknown as TaskStreamOptions;
  assert.throws(
    () => Task.asyncStream(runtime, [], wait, options),
    /maxConcurrency is 0.*timeout is -1.*onTimeout is 'never'/,
  );
});

test('Task.shutdown unlinks: who asks for it does not end with its task (Task.shutdown/2)', async () => {
  const { runtime } = start();
  const outcomes: unknown[] = [];
  const owner = runtime.spawn({
    async init(self) {
      const forever = (own: ProcessContext): Promise<void> => own.sleep(1_000_000);
      outcomes.push(text(await Task.async(self, forever).shutdown()));
      outcomes.push(text(await Task.async(self, forever).shutdown({ timeout: 'brutalKill' })));
    },
    handle() {},
  });
  for (let i = 0; i < 5; i++) await settle();
  assert.equal(owner.alive, true);
  assert.deepEqual(outcomes, ['exit shutdown', 'exit killed']);
});
