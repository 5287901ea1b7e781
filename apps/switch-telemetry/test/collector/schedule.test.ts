import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { dueAfter, dueBy, gridOf, nextDue } from '../../src/collector/schedule.ts';

const grid = fc
  .integer({ min: 100, max: 10_000 })
  .chain((interval) => fc.record({ interval: fc.constant(interval), phase: fc.nat(interval - 1) }));
const time = fc.integer({ min: 1_700_000_000_000, max: 1_900_000_000_000 });

test('due times lie on the grid, one in each interval', () => {
  fc.assert(
    fc.property(grid, time, (grid, now) => {
      const next = dueAfter(grid, now);
      assert.ok(next > now && next <= now + grid.interval);
      assert.equal((next - grid.phase) % grid.interval, 0);
      assert.ok(dueBy(grid, now) <= now && dueBy(grid, now) > now - grid.interval);
    }),
  );
});

test('without failures there is no drift and no gap, whatever the delays below an interval', () => {
  fc.assert(
    fc.property(
      grid,
      time,
      fc.array(fc.double({ min: 0, max: 0.9, noNaN: true }), { minLength: 2, maxLength: 30 }),
      (grid, start, delays) => {
        let last = dueAfter(grid, start);
        for (const delay of delays) {
          const next = nextDue(grid, last, last + Math.floor(delay * grid.interval), 0);
          assert.equal(next, last + grid.interval);
          last = next;
        }
      },
    ),
  );
});

test('after a poll in between the next due time is kept, unless it is close', () => {
  const grid = { interval: 1000, phase: 0 };
  assert.equal(nextDue(grid, 10_500, 10_501, 0), 11_000);
  assert.equal(nextDue(grid, 10_749, 10_750, 0), 11_000);
  assert.equal(nextDue(grid, 10_800, 10_801, 0), 12_000);
});

test('from the second failure on the time between polls doubles up to half a minute', () => {
  const grid = { interval: 1000, phase: 0 };
  const steps = [0, 1, 2, 3, 4, 5, 6, 7, 20].map((failures) => nextDue(grid, 100_000, 100_500, failures) - 100_000);
  assert.deepEqual(steps, [1000, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  const slow = { interval: 60_000, phase: 0 };
  assert.equal(nextDue(slow, 600_000, 600_500, 9), 660_000);
});

test('a clock that is set, or a program that slept, is caught up with in one interval', () => {
  fc.assert(
    fc.property(grid, time, time, fc.nat(10), (grid, last, now, failures) => {
      const next = nextDue(grid, last, now, failures);
      const longest = Math.max(1, Math.floor(30_000 / grid.interval)) + 2;
      assert.ok(next > now - grid.interval && next <= now + longest * grid.interval, `${next - now}`);
    }),
  );
});

test('24 devices are spread over the interval', () => {
  const phases = Array.from({ length: 24 }, (_, at) => gridOf(`sw-${String(at + 1).padStart(2, '0')}`, 1000).phase);
  for (let from = 0; from < 1000; from += 250) {
    const share = phases.filter((phase) => phase >= from && phase < from + 250).length;
    assert.ok(share >= 1 && share <= 14, `${share} of 24 in one quarter`);
  }
});
