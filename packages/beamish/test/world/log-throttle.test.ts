import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LogThrottle } from '../../src/world/index.ts';
import { fakeWorld } from '../support/fake-world.ts';

test('a key passes once in the period, with the number of those held back before it; other keys are their own', async () => {
  const { clock } = fakeWorld();
  const throttle = new LogThrottle(clock, 100);
  assert.deepEqual(
    ['a', 'a', 'b', 'a'].map((key) => throttle.pass(key)),
    [0, undefined, 0, undefined],
  );
  await clock.advance(99);
  assert.equal(throttle.pass('a'), undefined);
  await clock.advance(1);
  assert.deepEqual(
    ['a', 'b', 'a'].map((key) => throttle.pass(key)),
    [3, 0, undefined],
  );
});

test('keys without end take bounded memory: the one whose line is the oldest is forgotten', () => {
  const throttle = new LogThrottle(fakeWorld().clock, 100);
  for (let key = 0; key < 1025; key++) assert.equal(throttle.pass(`${key}`), 0);
  assert.equal(throttle.pass('1'), undefined);
  assert.equal(throttle.pass('0'), 0);
});
