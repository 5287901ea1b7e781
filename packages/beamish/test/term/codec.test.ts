import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { isBeamishError } from '../../src/error/index.ts';
import {
  atom,
  BitString,
  compareTerms,
  decode,
  Decoder,
  type DecodeOptions,
  decodeWithRest,
  encode,
  Encoder,
  ExportFun,
  float,
  Float,
  formatTerm,
  ImproperList,
  keyOf,
  OpaqueFun,
  Pid,
  Port,
  Reference,
  type Term,
  termEquals,
  tuple,
  Tuple,
} from '../../src/term/index.ts';
import { seed } from '../support/seed.ts';
import { arbitraryTerm } from './arbitrary.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytes = (...values: (number | string | Uint8Array)[]): Buffer =>
  Buffer.concat(
    values.map((value) => (typeof value === 'number' ? Buffer.of(value) : Buffer.from(value as string, 'utf8'))),
  );
const read = (...values: (number | string | Uint8Array)[]): Term => decode(bytes(131, ...values));
const refused =
  (code: 'term_malformed' | 'term_too_large' | 'term_not_encodable', text = '') =>
  (error: unknown) =>
    isBeamishError(error, code) && error.message.includes(text);

test('every term comes back equal, in the same JavaScript form, and with the same bytes', () => {
  fc.assert(
    fc.property(arbitraryTerm, (term) => {
      const encoded = encode(term);
      const decoded = decode(encoded);
      assert.ok(termEquals(decoded, term), formatTerm(decoded));
      assert.equal(keyOf(decoded), keyOf(term));
      assert.equal(compareTerms(decoded, term), 0);
      assert.deepEqual(decode(encode(decoded)), decoded);
      assert.equal(hex(encode(decoded, { canonical: true })), hex(encode(term, { canonical: true })));
      assert.deepEqual(decodeWithRest(bytes(1, encoded, 2), 1), { term: decoded, offset: encoded.length + 1 });
    }),
    { seed, numRuns: 500 },
  );
});

test('JSON values come back as they are', () => {
  fc.assert(
    fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
      // That key makes a Map, so that it sets no prototype.
      fc.pre(!JSON.stringify(value).includes('__proto__'));
      // JSON has no Float: an integral number is an integer either way.
      assert.deepEqual(decode(encode(value as Term)), value);
    }),
    { seed, numRuns: 300 },
  );
});

const canonical: readonly (readonly [name: string, term: Term, encoded: string])[] = [
  ['zero', 0, '6100'],
  ['the largest byte', 255, '61ff'],
  ['past a byte', 256, '6200000100'],
  ['minus one', -1, '62ffffffff'],
  ['the largest 32-bit integer', 2 ** 31 - 1, '627fffffff'],
  ['past 32 bits', 2 ** 31, '6e040000000080'],
  ['the smallest 32-bit integer', -(2 ** 31), '6280000000'],
  ['below 32 bits', -(2 ** 31) - 1, '6e040101000080'],
  ['the largest safe integer', Number.MAX_SAFE_INTEGER, '6e0700ffffffffffff1f'],
  ['a small bigint', 5n, '6e08000500000000000000'],
  ['a small negative bigint', -5n, '6e08010500000000000000'],
  ['a Map with texts as keys', new Map([['a', 1]]), '6c0000000074000000016d00000001616101'],
  ['an empty Map', new Map(), '6c000000007400000000'],
  ['NaN', Number.NaN, `68037703${Buffer.from('$js').toString('hex')}6d000000064e756d6265726d000000034e614e`],
  ['2^64', 2n ** 64n, '6e0900000000000000000001'],
  ['-2^63', -(2n ** 63n), '6e08010000000000000080'],
  ['a number past the safe integers is a float', 2 ** 60, '4643b0000000000000'],
  ['1.5', 1.5, '463ff8000000000000'],
  ['1.0', float(1), '463ff0000000000000'],
  ['-0.0', -0, '468000000000000000'],
  ['0.0', float(0), '460000000000000000'],
  ['true', true, '770474727565'],
  ['nil', null, '77036e696c'],
  ['undefined', undefined, `7709${Buffer.from('undefined').toString('hex')}`],
  ['an atom', atom('ok'), '77026f6b'],
  ['an atom in UTF-8', atom('é'), '7702c3a9'],
  ['a long atom', atom('日'.repeat(255)), `7602fd${'e697a5'.repeat(255)}`],
  ['an empty list', [], '6a'],
  ['a list of bytes', [1, 255], '6b000201ff'],
  ['a list with a float zero in it', [1, -0], '6c0000000261014680000000000000006a'],
  ['a list', [256], '6c0000000162000001006a'],
  ['an improper list', new ImproperList([atom('a')], atom('b')), '6c00000001770161770162'],
  ['an empty tuple', tuple(), '6800'],
  ['a string', 'é', '6d00000002c3a9'],
  ['bytes', Uint8Array.of(1, 2), '4d00000002080102'],
  ['no bytes', new Uint8Array(0), '4d0000000000'],
  ['bits', new BitString(Uint8Array.of(0xff), 3), '4d0000000103e0'],
  ['a map', { a: 1 }, '74000000016d00000001616101'],
  ['a pid', new Pid('a@b', 1, 2, 0xffff_ffff), '5877036140620000000100000002ffffffff'],
  ['a reference', new Reference('a@b', 1, [7, 8, 9]), '5a0003770361406200000001000000070000000800000009'],
  ['a port', new Port('a@b', 2n ** 63n, 1), '787703614062800000000000000000000001'],
  ['a fun of a module', new ExportFun('m', 'f', 2), '7177016d7701666102'],
];

for (const [name, term, encoded] of canonical) {
  test(`the bytes of ${name}`, () => {
    assert.equal(hex(encode(term)), `83${encoded}`);
    const decoded = decode(Buffer.from(`83${encoded}`, 'hex'));
    assert.equal(keyOf(decoded), keyOf(term));
    assert.equal(decoded?.constructor, term?.constructor);
  });
}

test('arities and lengths on both sides of their forms', () => {
  for (const count of [255, 256]) {
    const encoded = encode(new Tuple(Array.from({ length: count }, () => 1)));
    assert.equal(encoded[1], count === 255 ? 104 : 105);
    assert.equal((decode(encoded) as Tuple).length, count);
  }
  for (const count of [65535, 65536]) {
    const list = Array.from({ length: count }, () => 7);
    assert.equal(encode(list)[1], count === 65535 ? 107 : 108);
    assert.deepEqual(decode(encode(list)), list);
  }
  for (const digits of [255, 256]) {
    const value = 1n << BigInt(digits * 8 - 1);
    assert.equal(encode(value)[1], digits === 255 ? 110 : 111);
    assert.equal(decode(encode(-value)), -value);
  }
});

test('old and unusual forms a BEAM accepts are read', () => {
  assert.deepEqual(read(99, '1.50000000000000000000e+00', Buffer.alloc(5)), 1.5);
  assert.deepEqual(read(99, '-2.0e2', Buffer.alloc(25)), new Float(-200));
  assert.equal(read(100, 0, 2, 'ok'), atom('ok'));
  assert.equal(read(100, 0, 1, Buffer.of(0xe9)), atom('é'));
  assert.equal(read(115, 2, 'ok'), atom('ok'));
  assert.equal(read(115, 4, 'true'), true);
  assert.equal(read(118, 0, 3, 'nil'), null);
  assert.equal(read(98, 0, 0, 0, 5), 5);
  assert.equal(read(110, 1, 0, 5), 5);
  assert.equal(read(110, 0, 1), 0);
  assert.ok(Object.is(read(110, 1, 1, 0), 0), 'a negative zero is the integer 0');
  assert.equal(read(110, 9, 1, 5, Buffer.alloc(8)), -5);
  assert.equal(read(111, 0, 0, 0, 1, 0, 7), 7);
  assert.deepEqual(read(105, 0, 0, 0, 1, 97, 1), tuple(1));
  assert.deepEqual(read(107, 0, 0), []);
  assert.deepEqual(read(108, 0, 0, 0, 1, 97, 1, 107, 0, 1, 2), [1, 2], 'a tail that is a list');
  assert.deepEqual(read(108, 0, 0, 0, 1, 97, 1, 108, 0, 0, 0, 1, 97, 2, 97, 3), new ImproperList([1, 2], 3));
  assert.equal(read(108, 0, 0, 0, 0, 97, 2), 2, 'no element and a tail');
  assert.deepEqual(read(103, 115, 3, 'a@b', 0, 0, 0, 1, 0, 0, 0, 2, 3), new Pid('a@b', 1, 2, 3));
  assert.deepEqual(read(101, 115, 3, 'a@b', 0, 0, 0, 1, 2), new Reference('a@b', 2, [1]));
  assert.deepEqual(read(114, 0, 2, 115, 3, 'a@b', 2, 0, 0, 0, 1, 0, 0, 0, 9), new Reference('a@b', 2, [1, 9]));
  assert.deepEqual(read(102, 115, 3, 'a@b', 0, 0, 0, 1, 2), new Port('a@b', 1n, 2));
  assert.deepEqual(read(89, 115, 3, 'a@b', 0, 0, 0, 1, 0, 0, 0, 2), new Port('a@b', 1n, 2));
  assert.deepEqual(
    read(77, 0, 0, 0, 1, 3, 0xff),
    new BitString(Uint8Array.of(0xe0), 3),
    'bits past the end are dropped',
  );
});

test('binaries: texts as strings, others as bytes, by option one of both', () => {
  const text = bytes(131, 109, 0, 0, 0, 2, 'hi');
  const other = bytes(131, 109, 0, 0, 0, 2, Buffer.of(0xff, 0));
  assert.equal(decode(text), 'hi');
  assert.deepEqual(decode(other), Uint8Array.of(0xff, 0));
  assert.deepEqual(decode(text, { binaries: 'bytes' }), new Uint8Array(Buffer.from('hi')));
  assert.equal(decode(text, { binaries: 'string' }), 'hi');
  assert.throws(() => decode(other, { binaries: 'string' }), refused('term_malformed', 'not UTF-8'));
  assert.deepEqual(
    decode(bytes(131, 116, 0, 0, 0, 1, text.subarray(1), 97, 1), { binaries: 'bytes' }),
    new Map([[new Uint8Array(Buffer.from('hi')), 1]]),
  );
  for (const invalid of ['c0af', 'eda080', 'f4908080', 'e697', '80', `${'61'.repeat(40)}ff`]) {
    const raw = Buffer.from(invalid, 'hex');
    assert.deepEqual(read(109, 0, 0, 0, raw.length, raw), new Uint8Array(raw), invalid);
  }
  for (const valid of ['\uFFFD', '\uFEFFbom', '\0', '😀'.repeat(30), '\uFFFD'.repeat(30)])
    assert.equal(decode(encode(valid)), valid);
  assert.equal(encode(Uint8Array.of(1), { canonical: true })[1], 109);
});

test('what is decoded holds no view of the input', () => {
  const input = Buffer.from(encode([Uint8Array.of(1, 2, 3), new BitString(Uint8Array.of(0x80), 1), 'text']));
  const term = decode(input);
  const before = formatTerm(term);
  input.fill(0);
  assert.equal(formatTerm(term), before);
});

test('maps: plain objects for string keys, a Map for others', () => {
  assert.deepEqual(decode(encode({ b: 1, a: { c: [] } })), { b: 1, a: { c: [] } });
  assert.deepEqual(decode(encode(new Map<Term, Term>([['a', 1]]))), new Map([['a', 1]]));
  assert.deepEqual(decode(encode(new Map<Term, Term>([['a', 1]]), { canonical: true })), { a: 1 });
  assert.deepEqual(decode(encode({})), {});
  const mixed = new Map<Term, Term>([
    ['a', 1],
    [atom('b'), 2],
    [3, 4],
    [true, 5],
    [tuple(1), 6],
    [1.5, 7],
  ]);
  assert.deepEqual(decode(encode(mixed)), mixed);
  const polluting = encode(JSON.parse('{"a":1,"__proto__":{"polluted":true},"b":2}') as Term);
  const decoded = decode(polluting);
  assert.deepEqual(
    decoded,
    new Map<Term, Term>([
      ['a', 1],
      ['__proto__', { polluted: true }],
      ['b', 2],
    ]),
  );
  assert.equal(({} as { polluted?: boolean }).polluted, undefined);
  const constructor = decode(encode({ constructor: 1, toString: 2, hasOwnProperty: 3 }));
  assert.deepEqual(constructor, { constructor: 1, toString: 2, hasOwnProperty: 3 });
  const inherited: { x: number } = Object.assign(Object.create(null), { x: 1 });
  assert.deepEqual(decode(encode(inherited)), { x: 1 });
});

test('-0.0 as a key of a map stays a float', () => {
  const encoded = Buffer.from('8374000000014680000000000000006101', 'hex');
  const decoded = decode(encoded) as ReadonlyMap<Term, Term>;
  assert.ok(decoded.keys().next().value instanceof Float);
  assert.equal(hex(encode(decoded)), hex(encoded));
  const both = Buffer.from('837400000002610061014680000000000000006102', 'hex');
  assert.equal((decode(both) as ReadonlyMap<Term, Term>).size, 2);
});

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

test('a getter may encode while encoding', () => {
  const nested = {
    get inner(): Term {
      return encode({ x: 1 });
    },
    after: 2,
  };
  const decoded = decode(encode(nested)) as { inner: Uint8Array; after: number };
  assert.deepEqual(decode(decoded.inner), { x: 1 });
  assert.equal(decoded.after, 2);
});

test('the encoder as a writer of frames', () => {
  const encoder = new Encoder();
  encoder.writeUint32(0);
  encoder.writeByte(1);
  encoder.writeUint16(0x0203);
  encoder.writeUint64(0x0405060708090a0bn);
  encoder.writeBytes(Uint8Array.of(0xfe, 0xff));
  encoder.patchUint32(0, encoder.length - 4);
  const kept = encoder.take();
  assert.equal(hex(kept), '0000000d0102030405060708090a0bfeff');
  assert.throws(
    () => encoder.patchUint32(encoder.length - 3, 0),
    (error: unknown) => isBeamishError(error, 'option_invalid'),
  );
  encoder.reset();
  assert.equal(encoder.length, 0);
  encoder.writeTerm('x'.repeat(3_000_000));
  assert.equal(encoder.length, 3_000_005);
  encoder.reset();
  encoder.writeTerm(1);
  assert.equal(hex(encoder.bytes()), '6101');
  assert.equal(hex(kept), '0000000d0102030405060708090a0bfeff', 'take() is a copy');
});

test('the decoder as a reader of frames', () => {
  const decoder = new Decoder(bytes(1, 2, 3, 4, 5, 6, 7, Buffer.alloc(7), 9, 97, 5, 106, 8, 8), {}, 0);
  assert.equal(decoder.readByte(), 1);
  assert.equal(decoder.readUint16(), 0x0203);
  assert.equal(decoder.readUint32(), 0x04050607);
  assert.equal(decoder.readUint64(), 9n);
  assert.equal(decoder.offset, 15);
  assert.equal(decoder.readTerm(), 5);
  assert.deepEqual(decoder.readTerm(), []);
  assert.deepEqual(decoder.readBytes(2), Uint8Array.of(8, 8));
  assert.equal(decoder.remaining, 0);
  assert.throws(() => decoder.readByte(), refused('term_malformed'));
  assert.throws(() => decoder.readUint32(), refused('term_malformed'));
  assert.throws(() => decoder.readBytes(1), refused('term_malformed'));
});

test('a decoder that begins again has the limits of a new one, and nothing of what it read before', () => {
  const limits = { maxBytes: 16, maxElements: 4 };
  const decoder = new Decoder(bytes(97, 1), limits);
  assert.equal(decoder.readTerm(), 1);
  const threeElements = bytes(104, 3, 97, 1, 97, 2, 97, 3);
  for (let times = 0; times < 3; times++) {
    decoder.restart(threeElements, 0);
    assert.deepEqual(decoder.readTerm(), new Decoder(threeElements, limits).readTerm());
    assert.equal(decoder.remaining, 0);
  }
  assert.throws(() => decoder.restart(Buffer.alloc(17), 0), refused('term_too_large', 'maxBytes'));
  decoder.restart(bytes(0, 97), 1);
  assert.throws(() => decoder.readTerm(), refused('term_malformed', 'expected'));
  decoder.restart(bytes(0, 97, 7), 1);
  assert.equal(decoder.readTerm(), 7);
});

test('compressed terms: at the start only, and never larger than they say or than the limit', () => {
  const inner = encode(Array.from({ length: 1000 }, () => 'aaaa')).subarray(1);
  const size = Buffer.alloc(4);
  size.writeUInt32BE(inner.length);
  const compressed = bytes(131, 80, size, deflateSync(inner));
  assert.deepEqual(
    decode(compressed),
    Array.from({ length: 1000 }, () => 'aaaa'),
  );
  assert.equal(decodeWithRest(bytes(7, compressed, 1, 2), 1).offset, compressed.length + 1);
  assert.throws(() => decode(bytes(compressed, 1)), refused('term_malformed', 'after the term'));
  assert.throws(() => new Decoder(compressed, {}, 1).readTerm(), refused('term_malformed', 'compressed'));
  assert.throws(() => decode(compressed, { maxBytes: 4000 }), refused('term_too_large'));
  for (const wrong of [inner.length - 1, inner.length + 1, 0]) {
    size.writeUInt32BE(wrong);
    assert.throws(() => decode(bytes(131, 80, size, deflateSync(inner))), refused('term_malformed'), `${wrong}`);
  }
  size.writeUInt32BE(inner.length);
  for (let cut = 0; cut < compressed.length; cut++) {
    assert.throws(() => decode(compressed.subarray(0, cut)), refused('term_malformed'), `cut at ${cut}`);
  }
  const bomb = deflateSync(Buffer.alloc(50_000_000));
  size.writeUInt32BE(100);
  assert.throws(() => decode(bytes(131, 80, size, bomb)), refused('term_malformed'));
  size.writeUInt32BE(0xffff_ffff);
  assert.throws(() => decode(bytes(131, 80, size, bomb)), refused('term_too_large'));
});

/** A fun of the module m that closes over the atom x, its atoms written as `name` says. */
function funBytes(name: (text: string) => Buffer): Buffer {
  const pid = bytes(88, name('a@b'), Buffer.alloc(11), 1);
  const body = bytes(
    1,
    Buffer.alloc(16, 9),
    0,
    0,
    0,
    2,
    0,
    0,
    0,
    1,
    name('m'),
    97,
    2,
    98,
    0,
    0,
    1,
    0,
    pid,
    104,
    2,
    name('x'),
    97,
    7,
  );
  const size = Buffer.alloc(4);
  size.writeUInt32BE(body.length + 4);
  return bytes(112, size, body);
}

test('a closure goes back as the bytes it came in, with latin-1 atoms and all', () => {
  const encoded = bytes(
    131,
    104,
    2,
    funBytes((text) => bytes(115, text.length, text)),
    106,
  );
  const decoded = decode(encoded) as Tuple;
  const fun = decoded.at(0) as OpaqueFun;
  assert.ok(fun instanceof OpaqueFun);
  assert.deepEqual([fun.module, fun.arity, fun.index, fun.oldIndex, fun.oldUniq], ['m', 1, 2, 2, 256]);
  assert.deepEqual(fun.free, [tuple(atom('x'), 7)]);
  assert.equal(hex(encode(decoded)), hex(encoded));
  const lying = Buffer.from(encoded);
  lying.writeUInt32BE(3, 4);
  assert.deepEqual((decode(lying) as Tuple).at(1), [], 'the size field is not relied on');
});

test('references to the atom cache of a connection: read by callback, never sent on', () => {
  const names = ['ok', 'a@b', 'm', 'x', 'true'];
  const atomCache = (index: number) => (names[index] === undefined ? undefined : atom(names[index]));
  const cached = (text: string): Buffer => bytes(82, names.indexOf(text));
  assert.equal(new Decoder(bytes(82, 0), { atomCache }).readTerm(), atom('ok'));
  assert.equal(new Decoder(bytes(82, 4), { atomCache }).readTerm(), true);
  assert.throws(() => new Decoder(bytes(82, 9), { atomCache }).readTerm(), refused('term_malformed', 'cache'));
  assert.throws(() => new Decoder(bytes(82, 0)).readTerm(), refused('term_malformed', 'cache'));
  const fun = new Decoder(funBytes(cached), { atomCache }).readTerm() as OpaqueFun;
  assert.equal(hex(fun.bytes), hex(funBytes((text) => bytes(119, text.length, text))));
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
