/** Many rows of one key: a bag of them is a plain list that has each row once, however it is kept. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { HashRows } from '../../src/table/hash-rows.ts';
import type { Row } from '../../src/table/rows.ts';
import { keyOf, tuple } from '../../src/term/index.ts';
import type { Term } from '../../src/term/index.ts';

/** Forty values, of which some are the same term in another form. */
const values: readonly Term[] = Array.from({ length: 40 }, (_, n): Term => {
  if (n % 4 === 0) return n;
  if (n % 4 === 1) return BigInt(n - 1);
  return n % 4 === 2 ? `text ${n}` : tuple(n, [n]);
});

type Operation = readonly ['put' | 'deleteRow', number] | readonly ['get' | 'values' | 'delete'];
const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 240, arbitrary: fc.tuple(fc.constant('put' as const), fc.nat(39)) },
  { weight: 80, arbitrary: fc.tuple(fc.constant('deleteRow' as const), fc.nat(39)) },
  { weight: 60, arbitrary: fc.constant(['get'] as const) },
  { weight: 20, arbitrary: fc.constant(['values'] as const) },
  { weight: 1, arbitrary: fc.constant(['delete'] as const) },
);

test('a bag and a duplicate_bag are plain lists; what was looked up stays as it was', () => {
  for (const type of ['bag', 'duplicate_bag'] as const) {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 200, size: 'max' }), (operations) => {
        const rows = new HashRows<Row>(type, 0);
        let list: Row[] = [];
        const lent: [readonly Row[], readonly Row[]][] = [];
        for (const [name, index] of operations) {
          const row: Row = ['key', values[index ?? 0]];
          const isRow = (other: Row): boolean => keyOf(other) === keyOf(row);
          if (name === 'put') {
            rows.put(row);
            if (type === 'duplicate_bag' || !list.some(isRow)) list.push(row);
          } else if (name === 'deleteRow') {
            rows.deleteRow(row);
            list = list.filter((other) => !isRow(other));
          } else if (name === 'delete') {
            assert.deepEqual(rows.delete('key'), list);
            list = [];
          } else {
            const got = name === 'get' ? rows.get('key') : [...rows.values()];
            assert.deepEqual(got, list);
            lent.push([got, [...list]]);
          }
          assert.equal(rows.size, list.length);
          assert.equal(rows.first(), list.length === 0 ? undefined : 'key');
        }
        assert.deepEqual(rows.get('key'), list);
        for (const [got, then] of lent) assert.deepEqual(got, then);
      }),
      { numRuns: 300 },
    );
  }
});

// Comparing each with each would take minutes.
test('20,000 rows of one key are added, found and taken away', { timeout: 60_000 }, () => {
  const rows = new HashRows<Row>('bag', 0);
  const row = (n: number): Row => ['room', `user ${n}`, { at: n, tags: ['a', 'b'] }];
  for (let turn = 0; turn < 2; turn++) for (let n = 0; n < 20_000; n++) rows.put(row(n));
  assert.equal(rows.size, 20_000);
  assert.deepEqual(rows.get('room')[19_999], row(19_999));
  for (let n = 0; n < 20_000; n += 2) rows.deleteRow(row(n));
  assert.deepEqual(rows.get('room').slice(0, 2), [row(1), row(3)]);
  for (let n = 19_999; n > 0; n -= 2) rows.deleteRow(row(n));
  assert.equal(rows.size, 0);
  assert.equal(rows.first(), undefined);
});
