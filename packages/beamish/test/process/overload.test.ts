import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Runtime, type ProcessBehaviour } from '../../src/process/index.ts';
import { atom } from '../../src/term/index.ts';
import type { Clock } from '../../src/world/index.ts';
import { fakeWorld } from '../support/fake-world.ts';

/** A clock whose time and turns of the event loop only the test moves. */
class TurnClock implements Pick<Clock, 'monotonicTime' | 'defer'> {
  now = 0;
  deferred: (() => void)[] = [];
  monotonicTime(): number {
    return this.now;
  }
  defer(callback: () => void): void {
    this.deferred.push(callback);
  }
  /** One turn: what was deferred until now, then every promise job. */
  async turn(): Promise<void> {
    const due = this.deferred;
    this.deferred = [];
    for (const callback of due) callback();
    await microtasks();
  }
}

async function microtasks(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

async function started(
  behaviour: ProcessBehaviour,
): Promise<{ runtime: Runtime; clock: TurnClock; readonly send: (count: number) => void }> {
  const world = fakeWorld();
  const clock = new TurnClock();
  const { monotonicTime, defer } = {
    monotonicTime: () => clock.now,
    defer: (callback: () => void) => clock.defer(callback),
  };
  const runtime = new Runtime({
    world: { ...world, clock: Object.assign(Object.create(world.clock) as Clock, { monotonicTime, defer }) },
  });
  const target = runtime.spawn(behaviour);
  await clock.turn();
  await clock.turn();
  return {
    runtime,
    clock,
    send: (count) => {
      for (let i = 0; i < count; i++) target.send(i);
    },
  };
}

test('who receives keeps up with a socket that gives many pieces in one turn', async () => {
  let handled = 0;
  const { send } = await started({ handle: () => void handled++ });
  for (let piece = 1; piece <= 50; piece++) {
    send(500);
    await microtasks();
    assert.equal(handled, piece * 500);
  }
});

test('processes have 10 ms of a turn, in as many runs as there are; the next turn they go on', async () => {
  let handled = 0;
  const { clock, send } = await started({
    handle() {
      handled++;
      clock.now += 0.1;
    },
  });
  for (let piece = 0; piece < 10; piece++) {
    send(20);
    await microtasks();
  }
  // the time is looked at between batches
  assert.ok(handled >= 100 && handled < 100 + 64, `${handled} in the first turn`);
  const first = handled;
  await clock.turn();
  assert.equal(handled, 200 > first + 164 ? first + 164 : 200);
  await clock.turn();
  assert.equal(handled, 200);
  clock.now += 5;
  await clock.turn();
  assert.equal(clock.deferred.length, 0, 'an idle runtime defers nothing');
});

test('two processes that keep each other busy let turns pass, also when time stands still', async () => {
  const { runtime, clock } = await started({ handle() {} });
  let count = 0;
  const [a, b] = [0, 1].map((index) =>
    runtime.spawn({
      handle() {
        if (count++ < 200_000) (index === 0 ? b : a)?.send('again');
      },
    }),
  );
  a?.send('begin');
  for (let turn = 0; turn < 20; turn++) {
    const before = count;
    await clock.turn();
    assert.ok(count - before <= 65_536 + 64);
  }
  assert.ok(count >= 200_000);
});

test('overloaded while more than 65,536 messages wait; relief comes once, when 16,384 are left', async () => {
  let handled = 0;
  const { runtime, clock, send } = await started({
    handle() {
      handled++;
      clock.now += 0.001;
    },
  });
  send(65_536);
  assert.equal(runtime.overloaded, false);
  send(30_000);
  assert.equal(runtime.overloaded, true);
  let left: number | undefined;
  runtime.onRelief(() => {
    assert.equal(left, undefined);
    left = 95_536 - handled;
  });
  await microtasks();
  for (let turn = 0; turn < 20; turn++) await clock.turn();
  assert.equal(handled, 95_536);
  assert.ok(left !== undefined && left <= 16_384 && left > 0, `relieved when ${left} were left`);
  assert.equal(runtime.overloaded, false);
});

test('messages of a process that itself waits do not count: what it waits for may come from where they came', async () => {
  let go = (): void => {};
  let handled = 0;
  const { runtime, clock, send } = await started({
    handle() {
      if (handled++ > 0) return undefined;
      return new Promise<void>((resolve) => (go = resolve));
    },
  });
  send(1);
  await microtasks();
  send(100_000);
  assert.equal(runtime.overloaded, false);
  go();
  await microtasks();
  for (let turn = 0; turn < 20; turn++) await clock.turn();
  assert.equal(handled, 100_001);
  assert.equal(runtime.overloaded, false);
});

test('a backlog that does not sink holds reading back for 100 ms at a time, not for ever', async () => {
  const { runtime, clock, send } = await started({
    handle() {
      clock.now += 1;
    },
  });
  send(70_000);
  const since = clock.now;
  let relieved: number | undefined;
  runtime.onRelief(() => (relieved ??= clock.now));
  await microtasks();
  for (let turn = 0; turn < 20; turn++) await clock.turn();
  assert.ok(
    relieved !== undefined && relieved - since >= 100 && relieved - since < 100 + 64 + 64,
    `after ${relieved} ms`,
  );
  assert.equal(runtime.overloaded, true);
});

test('messages of a process that ends no longer count', async () => {
  const { runtime, clock } = await started({ handle() {} });
  const target = runtime.spawn({ handle() {} });
  for (let i = 0; i < 100_000; i++) target.send(i);
  assert.equal(runtime.overloaded, true);
  let relieved = false;
  runtime.onRelief(() => (relieved = true));
  runtime.exit(target.pid, atom('kill'));
  assert.equal(runtime.overloaded, false);
  await clock.turn();
  assert.equal(relieved, true);
});
