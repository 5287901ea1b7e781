/** What the encoder accepts under a limit of nesting, the decoder accepts under the same, and the reverse. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isBeamishError } from '../../src/error/index.ts';
import { atom, decode, encode, Float, ImproperList, Pid, Reference, tuple, type Term } from '../../src/term/index.ts';
import { seed } from '../support/seed.ts';
import { arbitraryTerm } from './arbitrary.ts';

function accepts(action: () => unknown): boolean {
  try {
    action();
    return true;
  } catch (error) {
    assert.ok(isBeamishError(error, 'term_too_large'), String(error));
    return false;
  }
}

/** The least limit under which it works. */
function levels(work: (maxDepth: number) => unknown): number {
  let maxDepth = 1;
  while (!accepts(() => work(maxDepth))) maxDepth += 1;
  return maxDepth;
}

function check(term: Term): void {
  const bytes = encode(term);
  assert.equal(
    levels((maxDepth) => encode(term, { maxDepth })),
    levels((maxDepth) => decode(bytes, { maxDepth })),
  );
}

const nested = (term: Term, depth: number): Term => (depth === 0 ? term : tuple(nested(term, depth - 1)));

test('leaves are no level, whatever they are', () => {
  const pid = new Pid('a@b', 1, 2, 3);
  const leaves: Term[] = [1, -0, new Float(1), 5n, 'text', atom('a'), null, pid, new Reference('a@b', 1, [1, 2, 3])];
  leaves.push(Uint8Array.of(1), [], [1, 2, 3]);
  for (const leaf of leaves) {
    encode(nested(leaf, 512));
    check(nested(leaf, 3));
    assert.throws(() => encode(nested(leaf, 513)), { code: 'term_too_large' });
  }
});

test('what holds others is one level, also when it holds none; NaN, dates, sets and errors are what they are written as', () => {
  const holders: Term[] = [{}, tuple(), new Map(), new Map([['a', 1]]), [atom('a')], new ImproperList([1], 2)];
  for (const holder of holders) {
    encode(nested(holder, 511));
    check(nested(holder, 3));
    assert.throws(() => encode(nested(holder, 512)), { code: 'term_too_large' });
  }
  for (const value of [NaN, Infinity, new Date(0), new Set([1]), new Set([[1, atom('a')]]), new Error('no')]) {
    check(nested(value, 3));
  }
});

test('terms of any kind', () => {
  fc.assert(fc.property(arbitraryTerm, check), { seed, numRuns: 500 });
});
