import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Window } from '../../src/node/wire/window.ts';

const KIB = 1024;
const FRAGMENT = 64 * KIB;

/** Fills the window at once, again and again, over a line of that bandwidth and delay; gives how much was under way at last. */
function settled(bytesPerMs: number, delay: number): number {
  const window = new Window();
  const line: { id: bigint; at: number; bytes: number }[] = [];
  let now = 0;
  let id = 1_000_000;
  let free = 0;
  for (let round = 0; round < 20_000; round++) {
    while (window.open) {
      window.sent(1n, --id, FRAGMENT, now);
      free = Math.max(free, now) + FRAGMENT / bytesPerMs;
      line.push({ id: BigInt(id), at: free + delay, bytes: FRAGMENT });
    }
    const read = line.splice(0, 4).at(-1);
    assert.ok(read !== undefined);
    now = Math.max(now, read.at);
    window.read(1n, read.id, now);
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

test('what was not sent changes nothing; a fragment that is told later frees all before it', () => {
  const window = new Window();
  for (let id = 8; id > 0; id--) window.sent(7n, id, FRAGMENT, 0);
  assert.ok(!window.open);
  window.read(7n, 99n, 1);
  window.read(8n, 1n, 1);
  assert.ok(!window.open);
  window.read(7n, 5n, 1);
  assert.ok(window.open);
});
