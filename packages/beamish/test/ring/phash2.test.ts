import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isBeamishError } from '../../src/error/index.ts';
import { phash2 } from '../../src/ring/index.ts';
import {
  atom,
  BitString,
  decode,
  encode,
  ExportFun,
  float,
  ImproperList,
  Pid,
  type Term,
  tuple,
} from '../../src/term/index.ts';
import { seed } from '../support/seed.ts';
import { arbitraryTerm } from '../term/arbitrary.ts';

/** Answers of `erlang:phash2(Term, 1 bsl 32)` on OTP 25. All types at length: test/interop/terms.test.ts. */
const answers: readonly (readonly [name: string, term: Term, hash: number])[] = [
  ['ok', atom('ok'), 1883],
  ['[]', [], 3468870702],
  ['0', 0, 3175731469],
  ['-1', -1, 1117813597],
  ['2^27', 134217728, 2562491755],
  ['2^70', 2n ** 70n, 1070946125],
  ['1.5', 1.5, 2023646235],
  ['<<>>', '', 147926629],
  ['<<"abc">>', 'abc', 1306188027],
  ['<<1:3>>', new BitString(Uint8Array.of(0x20), 3), 3965351140],
  ['{}', tuple(), 221703996],
  ['{a,1}', tuple(atom('a'), 1), 4098956996],
  ['"hello"', [104, 101, 108, 108, 111], 753008767],
  ['[1,2|c]', new ImproperList([1, 2], atom('c')), 558711211],
  [
    '#{a=>1,<<"b">>=>[]}',
    new Map<Term, Term>([
      [atom('a'), 1],
      ['b', []],
    ]),
    3415203357,
  ],
  ['fun lists:map/2', new ExportFun('lists', 'map', 2), 840287883],
  ['<<"0123456789abc">>', '0123456789abc', 873230043],
  ['é', atom('é'), 233],
  ['日', atom('日'), 61461],
];

for (const [name, term, hash] of answers) {
  test(`phash2 of ${name}`, () => {
    assert.equal(phash2(term, 2 ** 32), hash);
    assert.equal(phash2(term), hash % 2 ** 27);
    assert.equal(phash2(term, 10), hash % 10);
    assert.equal(phash2(term, 1), 0);
  });
}

test('a term has one hash, whatever JavaScript values stand for it', () => {
  const same: readonly (readonly [Term, Term])[] = [
    [5, 5n],
    [-(2 ** 27) - 1, BigInt(-(2 ** 27) - 1)],
    ['é', Buffer.from('é')],
    [
      { a: 1, b: 2 },
      new Map<Term, Term>([
        ['b', 2n],
        ['a', 1],
      ]),
    ],
    [true, atom('true')],
    [1.5, float(1.5)],
    [-0, float(0)],
    [
      [1n, 2, 3n],
      [1, 2, 3],
    ],
    [new Pid('a@b', 7, 1, 2), new Pid('c@d', 7, 3, 4)],
  ];
  for (const [a, b] of same) assert.equal(phash2(a, 2 ** 32), phash2(b, 2 ** 32));
  assert.notEqual(phash2(1), phash2(float(1)));
  fc.assert(
    fc.property(arbitraryTerm, fc.integer({ min: 1, max: 2 ** 31 - 1 }), (term, range) => {
      const hash = phash2(term, 2 ** 32);
      assert.equal(phash2(decode(encode(term)), 2 ** 32), hash);
      assert.equal(phash2(term, range), hash % range);
    }),
    { seed, numRuns: 300 },
  );
});

test('very large integers take time in proportion to their length', () => {
  assert.equal(typeof phash2(2n ** 4_000_000n - 1n), 'number');
});

test('what is no term, or no range, is refused', () => {
  for (const range of [0, 2 ** 32 + 1, 1.5, Number.NaN, -1]) {
    assert.throws(
      () => phash2(1, range),
      (error: unknown) => isBeamishError(error, 'option_invalid'),
    );
  }
  for (const wrong of [() => 1, [Symbol('x')], { a: new WeakMap() }]) {
    assert.throws(
      () => phash2(wrong as unknown as Term),
      (error: unknown) => isBeamishError(error, 'term_not_encodable'),
    );
  }
  const circular: unknown[] = [];
  circular.push(circular);
  assert.throws(
    () => phash2(circular as Term),
    (error: unknown) => isBeamishError(error, 'term_too_large'),
  );
});
