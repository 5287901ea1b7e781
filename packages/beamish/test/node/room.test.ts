import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isBeamishError } from '../../src/error/index.ts';
import { checkRoom, isTooMuch, StallWatch } from '../../src/node/room.ts';
import { ManualClock } from '../fuzz/fakes.ts';

test('a large message fits into twice the bound, with what waits', () => {
  const full = (error: unknown): boolean => isBeamishError(error, 'queue_full') && error.retryable;
  checkRoom(200, undefined, 100, 'b@h');
  assert.throws(() => checkRoom(201, undefined, 100, 'b@h'), full);
  checkRoom(150, { queuedBytes: 50, largeBytes: 0 }, 100, 'b@h');
  assert.throws(() => checkRoom(151, { queuedBytes: 50, largeBytes: 50 }, 100, 'b@h'), full);
});

test('others have the same room, and beside large ones as much as the bound', () => {
  assert.equal(isTooMuch({ queuedBytes: 200, largeBytes: 0 }, 100), false);
  assert.equal(isTooMuch({ queuedBytes: 201, largeBytes: 0 }, 100), true);
  assert.equal(isTooMuch({ queuedBytes: 300, largeBytes: 200 }, 100), false);
  assert.equal(isTooMuch({ queuedBytes: 301, largeBytes: 200 }, 100), true);
});

function watch() {
  const clock = new ManualClock();
  const state = { taken: 5000, stalled: 0 };
  const stall = new StallWatch({
    clock,
    stallGrace: 400,
    maxQueuedBytes: 6400,
    taken: () => state.taken,
    onStalled: () => (state.stalled += 1),
  });
  /** @returns how often something happened */
  const pass = (looks: number, bytes: number): number => {
    for (let look = 0; look < looks; look++) {
      state.taken += bytes;
      clock.fire();
    }
    return state.stalled;
  };
  return { stall, pass };
}

test('who takes a 64th of the bound within the grace is not stalled, however long it lasts', () => {
  const { stall, pass } = watch();
  assert.equal(stall.begin(), true);
  assert.equal(stall.begin(), false);
  assert.equal(pass(100, 25), 0);
  assert.equal(pass(3, 24), 0);
  assert.equal(pass(5, 24), 1);
});

test('who takes nothing is stalled when the grace is over, once; a new watch begins anew', () => {
  const { stall, pass } = watch();
  stall.begin();
  assert.equal(pass(3, 0), 0);
  stall.end();
  assert.equal(pass(3, 0), 0);
  assert.equal(stall.begin(), true);
  assert.equal(pass(3, 0), 0);
  assert.equal(pass(1, 0), 1);
  assert.equal(pass(9, 0), 1);
});
