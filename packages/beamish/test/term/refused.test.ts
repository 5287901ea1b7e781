import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isBeamishError } from '../../src/error/index.ts';
import {
  decode,
  type DecodeOptions,
  encode,
  Encoder,
  ExportFun,
  float,
  formatTerm,
  Pid,
  Port,
  Reference,
  type Term,
  tuple,
} from '../../src/term/index.ts';
import { bytes, hex, read, refused } from './bytes.ts';

test('a map with a key twice is refused both ways', () => {
  const pair = (...key: (number | string)[]): Buffer => bytes(...key, 97, 1);
  const twice = (...key: (number | string)[]): Buffer => bytes(131, 116, 0, 0, 0, 2, pair(...key), pair(...key));
  for (const key of [
    [109, 0, 0, 0, 1, 'a'],
    [97, 1],
    [119, 1, 'a'],
    [119, 4, 'true'],
    [104, 1, 97, 1],
    [106],
    [109, 0, 0, 0, 9, '__proto__'],
  ]) {
    assert.throws(() => decode(twice(...key)), refused('term_malformed', 'twice'), String(key));
  }
  assert.throws(
    () => read(116, 0, 0, 0, 2, 97, 1, 97, 1, 98, 0, 0, 0, 1, 97, 1),
    refused('term_malformed', 'twice'),
    '1 in two forms',
  );
  assert.throws(
    () => read(116, 0, 0, 0, 3, pair(109, 0, 0, 0, 1, 'a'), pair(97, 1), pair(109, 0, 0, 0, 1, 'a')),
    refused('term_malformed'),
  );
  assert.throws(
    () => read(116, 0, 0, 0, 3, pair(109, 0, 0, 0, 1, 'a'), pair(109, 0, 0, 0, 1, 'a'), pair(97, 1)),
    refused('term_malformed'),
  );
  assert.throws(
    () => read(116, 0, 0, 0, 2, pair(109, 0, 0, 0, 1, 'a'), pair(77, 0, 0, 0, 1, 8, 'a')),
    refused('term_malformed'),
    'a binary in two forms',
  );
  assert.deepEqual(
    (read(116, 0, 0, 0, 2, 97, 1, 97, 1, 70, 0x3f, 0xf0, Buffer.alloc(6), 97, 1) as Map<Term, Term>).size,
    2,
    '1 and 1.0',
  );

  const equal: readonly (readonly [Term, Term])[] = [
    [1, 1n],
    ['a', Uint8Array.of(97)],
    [tuple(1), tuple(1n)],
    [new Pid('a@b', 1, 2, 3), new Pid('a@b', 1, 2, 3)],
    [float(1.5), 1.5],
    [{ a: 1 }, new Map<Term, Term>([['a', 1]])],
  ];
  for (const [one, other] of equal) {
    assert.throws(
      () =>
        encode(
          new Map([
            [one, 1],
            [other, 2],
          ]),
        ),
      refused('term_not_encodable', 'same term'),
      formatTerm(one),
    );
  }
  assert.ok(
    encode(
      new Map<Term, Term>([
        [1, 1],
        [float(1), 2],
      ]),
    ),
  );
});

test('what is no term is refused, with its place, and leaves the encoder as it was', () => {
  class Point {}
  const wrong: readonly (readonly [unknown, path: string, text: string])[] = [
    [{ a: [1, { b: /x/ }] }, '.a[1].b', 'RegExp'],
    [tuple(1, tuple(2, (() => 1) as unknown as Term)), '[1][1]', 'function'],
    [[Symbol('x')], '[0]', 'symbol'],
    [new Map([['k', new WeakMap()]]), '.get("k")', 'WeakMap'],
    [{ e: new Error('x', { cause: new Point() }) }, '.e.cause', 'Point'],
    [[new Set([1, () => 1])], '[0].values[1]', 'function'],
    [{ s: new Set([[1], [1]]) }, '.s', 'same term'],
    [
      {
        m: new Map<Term, Term>([
          [1, 1],
          [1n, 2],
        ]),
      },
      '.m',
      'same term',
    ],
    [[new Point()], '[0]', 'Point'],
    [{ a: '\uD800' }, '.a', 'well-formed'],
    [{ '\uD800': 1 }, '.\uD800', 'well-formed'],
    [[new Pid('a@b', -1, 0, 0)], '[0]', '32-bit'],
    [[new Reference('a@b', 0, [])], '[0]', '1 to 5 words'],
    [[new Port('a@b', 2n ** 64n, 0)], '[0]', '64 bits'],
    [[new ExportFun('m', 'f', 256)], '[0]', '0 to 255'],
    [new Map([[Symbol('k'), 1]]), '.keys[0]', 'symbol'],
    [[new SharedArrayBuffer(1)], '[0]', 'SharedArrayBuffer'],
  ];
  const encoder = new Encoder();
  encoder.writeTerm('kept');
  const before = hex(encoder.bytes());
  for (const [value, path, text] of wrong) {
    assert.throws(
      () => encoder.writeTerm(value as Term),
      (error: unknown) =>
        isBeamishError(error, 'term_not_encodable') && error.details['path'] === path && error.message.includes(text),
      text,
    );
    assert.equal(hex(encoder.bytes()), before);
  }
  assert.throws(() => encode(new Pid('x'.repeat(256), 0, 0, 0)), refused('term_not_encodable', '255'));
});

test('values that contain themselves, and deep ones, are refused', () => {
  const itself: unknown[] = [];
  itself.push(1, itself);
  const inner: { [key: string]: unknown } = { list: [1, 2] };
  inner['back'] = new Map([['up', new Set([inner])]]);
  const cause = new Error('a');
  cause.cause = new Error('b', { cause });
  const circles: readonly (readonly [unknown, path: string, text: string])[] = [
    [itself, '[1]', 'this is the whole'],
    [{ a: [inner] }, '.a[0].back.get("up").values[0]', 'the same as .a[0]'],
    [cause, '.cause.cause', 'this is the whole'],
  ];
  for (const [value, path, text] of circles) {
    assert.throws(
      () => encode(value as Term),
      (error: unknown) =>
        isBeamishError(error, 'term_not_encodable') && error.details['path'] === path && error.message.includes(text),
      path,
    );
  }
  const twice = { x: 1 };
  assert.deepEqual(decode(encode([twice, twice])), [twice, twice], 'the same value in two places is no circle');
  // Each level twice in the next: looking for a circle must not take twice as long for each.
  let wide: Term = [];
  for (let level = 0; level < 600; level++) wide = [wide, wide];
  assert.throws(() => encode(wide), refused('term_too_large'));
  let deep: Term = 'x';
  for (let level = 0; level < 512; level++) deep = [deep];
  assert.deepEqual(decode(encode(deep)), deep);
  assert.throws(() => encode([deep]), refused('term_too_large'));
  const encoded = encode([deep], { maxDepth: 513 });
  assert.throws(() => decode(encoded), refused('term_too_large', 'maxDepth'));
  assert.ok(decode(encoded, { maxDepth: 513 }));
  for (const maxDepth of [0, 1025, 1.5, Number.NaN]) {
    assert.throws(
      () => decode(encoded, { maxDepth }),
      (error: unknown) => isBeamishError(error, 'option_invalid'),
    );
    assert.throws(
      () => encode(1, { maxDepth }),
      (error: unknown) => isBeamishError(error, 'option_invalid'),
    );
  }
});

test('limits on elements and bytes', () => {
  const options: DecodeOptions = { maxElements: 10 };
  assert.ok(decode(encode(Array.from({ length: 10 }, () => 'x')), options));
  assert.throws(
    () => decode(encode(Array.from({ length: 11 }, () => 'x')), options),
    refused('term_too_large', 'maxElements'),
  );
  assert.throws(() => decode(encode(Array.from({ length: 11 }, () => 1)), options), refused('term_too_large'));
  assert.throws(() => decode(encode(Array.from({ length: 4 }, () => tuple(1, 2))), options), refused('term_too_large'));
  assert.throws(() => decode(encode({ a: 1, b: 2, c: 3, d: 4, e: 5, f: 6 }), options), refused('term_too_large'));
  assert.throws(() => decode(encode('x'.repeat(100)), { maxBytes: 100 }), refused('term_too_large', 'maxBytes'));
});
