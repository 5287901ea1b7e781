import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Window } from '../../src/node/wire/window.ts';

const KIB = 1024;
const FRAGMENT = 64 * KIB;

/** Fills the window at once, again and again, over a line of that bandwidth and delay; gives how much was under way at last. */
function settled(bytesPerMs: number, delay: number): number {
  const window = new Window();
  const line: { number: number; at: number; bytes: number }[] = [];
  let now = 0;
  let number = 0;
  let free = 0;
  for (let round = 0; round < 20_000; round++) {
    while (window.open) {
      window.sent(++number, FRAGMENT, now);
      free = Math.max(free, now) + FRAGMENT / bytesPerMs;
      line.push({ number, at: free + delay, bytes: FRAGMENT });
    }
    const read = line.splice(0, 4).at(-1);
    assert.ok(read !== undefined);
    now = Math.max(now, read.at);
    window.read(read.number, now);
  }
  return line.reduce((sum, { bytes }) => sum + bytes, 0);
}

test('as much is under way as the line takes, and a few milliseconds of it', () => {
  // 1 Gbit/s to the next machine: the least
  assert.ok(settled(125 * KIB, 0.2) <= 768 * KIB);
  // 1 Gbit/s over 40 ms: 5 MB are on the way when nothing waits
  const far = settled(125 * KIB, 40);
  assert.ok(far > 4.5e6 && far < 7e6, `${far}`);
  // a slow line, and a very slow one
  assert.ok(settled(KIB, 10) <= 768 * KIB);
});

test('what is told frees all before it; fragments that are not counted here may stand between', () => {
  const window = new Window();
  for (let number = 3; number <= 24; number += 3) window.sent(number, FRAGMENT, 0);
  assert.ok(!window.open);
  window.read(2, 1);
  assert.ok(!window.open);
  window.read(4, 1);
  assert.ok(window.open);
  window.read(4, 2);
  window.read(1_000_000, 2);
  assert.ok(window.open);
});

test('64 MiB are under way at most, whatever the line takes', () => {
  const window = new Window();
  let number = 0;
  let most = 0;
  for (let now = 0; now < 20; now++) {
    const before = number;
    while (window.open && number - before < 2000) window.sent(++number, FRAGMENT, now);
    most = Math.max(most, (number - before) * FRAGMENT);
    window.read(number, now + 1);
  }
  assert.equal(most, 64 * 1024 * KIB);
});
