import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deflateSync } from 'node:zlib';
import {
  atom,
  BitString,
  decode,
  Decoder,
  decodeWithRest,
  encode,
  Float,
  ImproperList,
  OpaqueFun,
  Pid,
  Port,
  Reference,
  tuple,
  type Tuple,
} from '../../src/term/index.ts';
import { bytes, hex, read, refused } from './bytes.ts';

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
