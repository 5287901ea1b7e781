import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { counterDelta, type CounterReading, ratesBetween, type Reading, secondsBetween } from '../../src/snmp/rates.ts';

const top64 = 2n ** 64n;
const top32 = 2n ** 32n;

function reading(uptime: number, time: number, ...interfaces: (Partial<CounterReading> & { name: string })[]): Reading {
  return {
    uptime,
    time,
    interfaces: interfaces.map((each, at) => ({
      index: at + 1,
      inOctets: 0n,
      outOctets: 0n,
      bits: 64,
      speed: 1e9,
      ...each,
    })),
  };
}

const unknown = { in: null, out: null };

const tables: readonly { what: string; before: Reading | undefined; now: Reading; expected: unknown[] }[] = [
  { what: 'the first poll knows nothing', before: undefined, now: reading(100, 0, { name: 'a' }), expected: [unknown] },
  {
    what: 'octets become bits per second',
    before: reading(1000, 0, { name: 'a', inOctets: 1000n, outOctets: 500n }),
    now: reading(1200, 2000, { name: 'a', inOctets: 3000n, outOctets: 500n }),
    expected: [{ in: 8000, out: 0 }],
  },
  {
    what: 'a 64-bit counter goes over its top',
    before: reading(0, 0, { name: 'a', inOctets: top64 - 500n }),
    now: reading(100, 1000, { name: 'a', inOctets: 500n }),
    expected: [{ in: 8000, out: 0 }],
  },
  {
    what: 'a 32-bit counter goes over its top',
    before: reading(0, 0, { name: 'a', bits: 32, inOctets: top32 - 500n }),
    now: reading(100, 1000, { name: 'a', bits: 32, inOctets: 500n }),
    expected: [{ in: 8000, out: 0 }],
  },
  {
    what: 'sysUpTime going back is a restart, not a spike',
    before: reading(500_000, 0, { name: 'a', inOctets: 10n ** 12n }),
    now: reading(50, 1000, { name: 'a', inOctets: 4000n }),
    expected: [unknown],
  },
  {
    what: 'a restart is seen even if the counters have grown past their old values',
    before: reading(500_000, 0, { name: 'a', inOctets: 10n }),
    now: reading(50, 1000, { name: 'a', inOctets: 4000n }),
    expected: [unknown],
  },
  {
    what: 'sysUpTime over its top after 497 days is no restart',
    before: reading(2 ** 32 - 50, 0, { name: 'a', inOctets: 0n }),
    now: reading(50, 1000, { name: 'a', inOctets: 1000n }),
    expected: [{ in: 8000, out: 0 }],
  },
  {
    what: 'a counter set back without a restart is unknown, both directions',
    before: reading(0, 0, { name: 'a', inOctets: 10n ** 12n, outOctets: 5n }, { name: 'b', inOctets: 0n }),
    now: reading(100, 1000, { name: 'a', inOctets: 0n, outOctets: 1005n }, { name: 'b', inOctets: 1000n }),
    expected: [unknown, { in: 8000, out: 0 }],
  },
  {
    what: 'an interface that got another index is known by its name',
    before: reading(0, 0, { name: 'a', index: 1, inOctets: 1000n }, { name: 'b', index: 2, inOctets: 90_000n }),
    now: reading(100, 1000, { name: 'b', index: 1, inOctets: 91_000n }, { name: 'a', index: 3, inOctets: 2000n }),
    expected: [
      { in: 8000, out: 0 },
      { in: 8000, out: 0 },
    ],
  },
  {
    what: 'an index that another interface got is not compared',
    before: reading(0, 0, { name: 'a', index: 1, inOctets: 1000n }),
    now: reading(100, 1000, { name: 'new', index: 1, inOctets: 2000n }),
    expected: [unknown],
  },
  {
    what: 'names that are there twice are told apart by index',
    before: reading(0, 0, { name: 'x', index: 1, inOctets: 0n }, { name: 'x', index: 2, inOctets: 0n }),
    now: reading(100, 1000, { name: 'x', index: 2, inOctets: 1000n }, { name: 'x', index: 3, inOctets: 9999n }),
    expected: [{ in: 8000, out: 0 }, unknown],
  },
  {
    what: 'from 32 to 64 bits nothing is compared',
    before: reading(0, 0, { name: 'a', bits: 32, inOctets: 0n }),
    now: reading(100, 1000, { name: 'a', bits: 64, inOctets: 1000n }),
    expected: [unknown],
  },
  {
    what: 'two answers at one moment have no rate',
    before: reading(0, 1000, { name: 'a' }),
    now: reading(0, 1000, { name: 'a' }),
    expected: [unknown],
  },
];

for (const { what, before, now, expected } of tables) {
  test(what, () => assert.deepEqual(ratesBetween(before, now), expected));
}

test("an answer that was late on its way is measured by the agent's clock", () => {
  const seconds = secondsBetween(reading(1000, 0), reading(1100, 1400));
  assert.ok(seconds !== undefined && Math.abs(seconds - 1.01) < 1e-9, String(seconds));
});

test('any traffic at a constant rate is found again, wherever the counter stands and however often it wraps', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(32 as const, 64 as const),
      fc.bigInt(0n, top64 - 1n),
      fc.integer({ min: 0, max: 100_000_000 }),
      fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      fc.integer({ min: 100, max: 5000 }),
      (bits, start, perSecond, uptime, centiseconds) => {
        const modulus = 1n << BigInt(bits);
        const delta = BigInt(Math.round((perSecond * centiseconds) / 100));
        fc.pre(delta < modulus);
        const from = start % modulus;
        const before = reading(uptime, 0, { name: 'a', bits, inOctets: from });
        const now = reading((uptime + centiseconds) % 2 ** 32, centiseconds * 10, {
          name: 'a',
          bits,
          inOctets: (from + delta) % modulus,
        });
        const [rate] = ratesBetween(before, now);
        assert.ok(
          rate?.in !== null && rate !== undefined && Math.abs(rate.in - (Number(delta) * 8 * 100) / centiseconds) < 1,
          JSON.stringify(rate),
        );
      },
    ),
  );
});

test('no reading whatever gives a rate that is negative, no number, or after a set-back faster than the port', () => {
  const any = fc.record({
    uptime: fc.nat(2 ** 32 - 1),
    time: fc.double({ min: 0, max: 1e7, noNaN: true }),
    interfaces: fc.array(
      fc.record({
        index: fc.integer({ min: 1, max: 4 }),
        name: fc.constantFrom('a', 'b', 'c'),
        inOctets: fc.bigInt(0n, top64 - 1n),
        outOctets: fc.bigInt(0n, top64 - 1n),
        bits: fc.constantFrom(32 as const, 64 as const),
        speed: fc.constantFrom(0, 1e7, 1e9, 1e11),
      }),
      { maxLength: 5 },
    ),
  });
  fc.assert(
    fc.property(any, any, (before, now) => {
      const rates = ratesBetween(before, now);
      assert.equal(rates.length, now.interfaces.length);
      for (const { in: input, out } of rates) {
        for (const rate of [input, out]) assert.ok(rate === null || (Number.isFinite(rate) && rate >= 0));
      }
    }),
  );
  assert.equal(counterDelta(10n ** 15n, 0n, 64, 1, 1e9), undefined);
});
