import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type MeterState, stepMeter } from '../../src/snmp/rate-meter.ts';
import type { Reading } from '../../src/snmp/rates.ts';

const at = (seconds: number, inOctets: number, uptime = 100_000 + seconds * 100): Reading => ({
  uptime,
  time: seconds * 1000,
  interfaces: [
    { index: 1, name: 'a', inOctets: BigInt(inOctets), outOctets: 0n, bits: 64, speed: 1e9 },
    { index: 2, name: 'idle', inOctets: 7n, outOctets: 7n, bits: 64, speed: 1e9 },
  ],
});

function rates(...readings: Reading[]): (number | null | undefined)[] {
  let state: MeterState | undefined;
  return readings.map((reading) => {
    state = stepMeter(state, reading);
    return state.rates[0]?.in;
  });
}

test('counters that move at each poll', () =>
  assert.deepEqual(rates(at(0, 0), at(1, 1000), at(2, 3000)), [null, 8000, 16_000]));

test('an agent that reads its counters every three seconds', () =>
  assert.deepEqual(
    rates(at(0, 0), at(1, 0), at(2, 0), at(3, 3000), at(4, 3000), at(5, 3000), at(6, 6000), at(7, 6000)),
    [null, null, null, 8000, 8000, 8000, 8000, 8000],
  ));

test('traffic that ends is told after five seconds, and stays so', () =>
  assert.deepEqual(rates(at(0, 0), at(1, 1000), ...[2, 3, 4, 5, 6, 7, 8].map((seconds) => at(seconds, 1000))), [
    null,
    8000,
    8000,
    8000,
    8000,
    8000,
    8000,
    0,
    0,
  ]));

test('a restart with the same counters is no repeat', () =>
  assert.deepEqual(rates(at(0, 0), at(1, 0, 10)), [null, null]));

test('one interface that rests among others that move has no traffic', () => {
  const state = stepMeter(stepMeter(undefined, at(0, 0)), at(1, 500));
  assert.deepEqual(state.rates, [
    { in: 4000, out: 0 },
    { in: 0, out: 0 },
  ]);
});
