import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isBeamishError } from '../../src/error/index.ts';
import {
  atom,
  BitString,
  compareTerms,
  decode,
  Decoder,
  decodeWithRest,
  encode,
  Encoder,
  ExportFun,
  float,
  Float,
  formatTerm,
  ImproperList,
  keyOf,
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
import { bytes, hex, read, refused } from './bytes.ts';

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

test('an object is written with its own keys as they were at first, whatever its getters do', () => {
  const object = {
    first: 1,
    get second() {
      Reflect.deleteProperty(object, 'third');
      Object.assign(object, { late: 5 });
      return 2;
    },
    third: 3,
    fourth: 4,
  };
  assert.deepEqual(decode(encode(object)), { first: 1, second: 2, third: undefined, fourth: 4 });
  // As a library might that extends all objects.
  const all: object = Object.prototype;
  Object.defineProperty(all, 'inherited', { value: 1, enumerable: true, configurable: true });
  try {
    const read = decode(encode({ 7: 'seven', own: 2, nothing: Object.create(null) as { [key: string]: Term } }));
    assert.deepEqual(Object.entries(read as object), [
      ['7', 'seven'],
      ['own', 2],
      ['nothing', {}],
    ]);
  } finally {
    Reflect.deleteProperty(all, 'inherited');
  }
});
