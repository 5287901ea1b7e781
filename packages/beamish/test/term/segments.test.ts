/** A writer of segments: the same bytes, nothing large copied. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isBeamishError } from '../../src/error/index.ts';
import { atom, decode, encode, Encoder, tuple, type Term, type Tuple } from '../../src/term/index.ts';
import { seed } from '../support/seed.ts';
import { arbitraryTerm } from './arbitrary.ts';

const MIB = 1024 * 1024;
const writer = (maxBytes = 64 * MIB): Encoder => new Encoder({ segments: { maxBytes } });

function joined(encoder: Encoder): Buffer {
  return Buffer.from(encoder.segmented ? Buffer.concat(encoder.takeSegments()) : encoder.bytes());
}

function whole(term: Term): Buffer {
  const encoder = new Encoder();
  encoder.writeTerm(term);
  return Buffer.from(encoder.bytes());
}

test('any terms, small and large, are the bytes that they are in one buffer', () => {
  const size = fc.integer({ min: 0, max: 600_000 });
  const large = fc.oneof(
    size.map((length) => 'x'.repeat(length)),
    size.map((length) => 'ж'.repeat(length / 2)),
    size.map((length) => new Uint8Array(length * 3)),
    size.map((length) => Array.from({ length: length / 8 }, (_, n) => tuple(n, atom('item')))),
  );
  const encoder = writer();
  fc.assert(
    fc.property(fc.array(fc.oneof(arbitraryTerm, large), { maxLength: 6 }), (terms) => {
      encoder.reset();
      for (const term of terms) encoder.writeTerm(term);
      const expected = Buffer.concat(terms.map(whole));
      assert.equal(encoder.length, expected.length);
      assert.ok(joined(encoder).equals(expected));
    }),
    { seed, numRuns: 60 },
  );
});

test('large bytes are the very same memory; so much is not even allocated', () => {
  const bytes = new Uint8Array(8 * MIB).fill(7);
  const encoder = writer();
  encoder.writeTerm([1000, bytes, 'after', bytes.subarray(5), atom('end')]);
  const expected = whole([1000, bytes, 'after', bytes.subarray(5), atom('end')]);
  const segments = encoder.takeSegments();
  assert.equal(segments.filter(({ buffer }) => buffer === bytes.buffer).length, 2);
  assert.ok(Buffer.concat(segments).equals(expected));
  assert.equal(encoder.length, 0);
});

test('a term that is refused leaves what was before it, and never writes into the bytes that were referred to', () => {
  const odd = (() => 1) as unknown as Term;
  const bytes = new Uint8Array(2 * MIB).fill(7);
  const before: Term[] = ['first', 'x'.repeat(300_000), bytes, [bytes, 'y'.repeat(1000)]];
  for (let count = 0; count <= before.length; count++) {
    const encoder = writer();
    for (const term of before.slice(0, count)) encoder.writeTerm(term);
    assert.throws(
      () => encoder.writeTerm([bytes, 'z'.repeat(400_000), bytes, odd]),
      (error) => isBeamishError(error, 'term_not_encodable'),
    );
    encoder.writeTerm('last');
    assert.ok(joined(encoder).equals(Buffer.concat([...before.slice(0, count), 'last'].map(whole))));
    assert.ok(bytes.every((byte) => byte === 7));
  }
});

test('more than the limit is refused before it is there', () => {
  const encoder = writer(MIB);
  for (const term of [new Uint8Array(MIB), 'x'.repeat(MIB), Array.from({ length: 300_000 }, (_, n) => n + 1000)]) {
    assert.throws(
      () => encoder.writeTerm(term),
      (error) => isBeamishError(error, 'term_too_large') && error.details['maxBytes'] === MIB,
    );
    assert.equal(encoder.length, 0);
  }
  encoder.writeTerm(new Uint8Array(MIB - 10));
  assert.equal(encoder.length, MIB - 4);
});

test('encode gives large terms in one piece, and a copy', () => {
  const bytes = new Uint8Array(3 * MIB).fill(7);
  const list = Array.from({ length: 100_000 }, (_, n) => tuple(n, 'item'));
  for (const canonical of [undefined, true]) {
    const options = canonical === undefined ? undefined : { canonical };
    const encoded = encode(tuple(list, bytes, 'end'), options);
    bytes.fill(8);
    const decoded = decode(encoded, { maxBytes: 64 * MIB }) as Tuple;
    assert.deepEqual(decoded.at(0), list);
    assert.equal((decoded.at(1) as Uint8Array).indexOf(8), -1);
    assert.equal(decoded.at(2), 'end');
    bytes.fill(7);
  }
  assert.throws(
    () => encode([list, bytes, () => 1] as unknown as Term),
    (error) => isBeamishError(error, 'term_not_encodable'),
  );
  assert.deepEqual(decode(encode('small')), 'small');
});
