/** Elixir's Task: what a wait leaves behind, and how a task that will not end is ended. */
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
import { isBeamishError } from '../../src/error/index.ts';
import { Runtime, Task } from '../../src/process/index.ts';
import type { ProcessContext } from '../../src/process/index.ts';
import { atom } from '../../src/term/index.ts';
import { code } from '../support/code.ts';
import { fakeWorld, settle } from '../support/fake-world.ts';

function start() {
  const world = fakeWorld();
  return { world, runtime: new Runtime({ world, nodeName: 'a@h' }) };
}

const slow = (self: ProcessContext): Promise<number> => self.sleep(1000).then(() => 1);

test('a wait that is over has let go of its signal and its timer, however it ended', async () => {
  const { runtime, world } = start();
  const { signal } = new AbortController();
  assert.equal(await Task.async(runtime, () => 1).await({ signal }), 1);
  assert.equal(getEventListeners(signal, 'abort').length, 0);
  const before = world.clock.pendingTimers;
  const task = Task.async(runtime, slow);
  const yielded = task.yield({ timeout: 10, signal });
  await settle();
  assert.equal(getEventListeners(signal, 'abort').length, 1);
  await world.clock.advance(10);
  assert.equal(await yielded, undefined);
  assert.equal(getEventListeners(signal, 'abort').length, 0);
  const controller = new AbortController();
  const aborted = assert.rejects(task.await({ timeout: 100, signal: controller.signal }), code('aborted'));
  controller.abort();
  await aborted;
  await settle();
  assert.equal(world.clock.pendingTimers, before);
});

test('a wait that is tried again finds a supervised task, and no linked one: only the former is retryable', async () => {
  const { runtime, world } = start();
  const supervisor = await runtime.startDynamicSupervisor();
  const retryable = async (task: Task<unknown>): Promise<boolean> => {
    const outcome = task.await({ timeout: 10 }).then(undefined, (error: unknown) => error);
    await world.clock.advance(10);
    const error = await outcome;
    assert.ok(isBeamishError(error, 'timeout'));
    return error.retryable;
  };
  const supervised = await Task.supervise(supervisor, slow);
  assert.equal(await retryable(supervised), true);
  assert.equal(runtime.isAlive(supervised.pid), true);
  const owned = Task.async(runtime, slow);
  assert.equal(await retryable(owned), false);
  await settle();
  assert.equal(runtime.isAlive(owned.pid), false);
});

test('a task that traps exits is killed when the time of shutdown is over (Task.shutdown/2)', async () => {
  const { runtime, world } = start();
  const stubborn = Task.async(runtime, (self) => {
    self.trapExit(true);
    return new Promise<never>(() => {});
  });
  await settle();
  const ending = stubborn.shutdown({ timeout: 50 });
  await world.clock.advance(49);
  assert.equal(runtime.isAlive(stubborn.pid), true);
  await world.clock.advance(1);
  const outcome = await ending;
  assert.ok(outcome.status === 'exit' && outcome.reason === atom('killed'));
});

test('Task.supervise with a link: a crash ends the owner, shutdown does not (Task.Supervisor.async/2)', async () => {
  const { runtime } = start();
  const supervisor = await runtime.startDynamicSupervisor();
  const owner = (): Promise<ProcessContext> =>
    new Promise((resolve) => void runtime.spawn({ init: (self) => resolve(self), handle() {} }));
  const [first, second] = [await owner(), await owner()];
  const failing = await Task.supervise(supervisor, () => Promise.reject(new Error('x')), { link: first });
  await assert.rejects(failing.await(), code('process_exited'));
  await settle();
  assert.equal(runtime.isAlive(first.pid), false);
  const stopped = await Task.supervise(supervisor, slow, { link: second });
  const outcome = await stopped.shutdown();
  assert.ok(outcome.status === 'exit' && outcome.reason === atom('shutdown'));
  await settle();
  assert.equal(runtime.isAlive(second.pid), true);
});

test('a wait of no time asks only', async () => {
  const { runtime, world } = start();
  const task = Task.async(runtime, slow);
  const asked = task.yield({ timeout: 0 });
  await world.clock.advance(0);
  assert.equal(await asked, undefined);
  assert.equal(runtime.isAlive(task.pid), true);
});
