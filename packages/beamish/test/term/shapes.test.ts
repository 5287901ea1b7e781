/** Maps of a shape that was seen often are read another way: what comes out must be the same. */
import { deepEqual, equal, ok, throws } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { isBeamishError } from '../../src/error/index.ts';
import { decode, encode } from '../../src/term/index.ts';
import type { Term } from '../../src/term/index.ts';

/** More than it takes to learn a shape, and to make a function of it. */
const OFTEN = 1000;

function learn(term: Term): Uint8Array {
  const bytes = encode(term);
  for (let count = 0; count < OFTEN; count++) deepEqual(decode(bytes), term);
  return bytes;
}

/** The bytes with one text in place of another of the same length. */
function replaced(bytes: Uint8Array, text: string, by: string): Uint8Array {
  equal(text.length, by.length);
  const copy = Buffer.from(bytes);
  copy.write(by, copy.lastIndexOf(text));
  return copy;
}

const refused = (error: unknown): boolean => isBeamishError(error, 'term_malformed');

test('maps of one shape stay what they are, however often they come', () => {
  learn({ rx: 1, tx: 2.5, rxr: 'text', txr: null });
  for (const values of [
    [1, 2, 3, 4],
    [0.5, 'a', [], { rx: 1 }],
    [null, undefined, true, new Uint8Array([255])],
  ] as const) {
    const term = { rx: values[0], tx: values[1], rxr: values[2], txr: values[3] };
    const read = decode(encode(term));
    deepEqual(read, term);
    deepEqual(Object.keys(read as object), ['rx', 'tx', 'rxr', 'txr']);
    equal(Object.getPrototypeOf(read), Object.prototype);
  }
});

test('a map that leaves the shape anywhere is read as it is', () => {
  const bytes = learn({ first: 1, other: 2, third: 3 });
  for (const [key, by] of [
    ['first', 'fiist'],
    ['other', 'othxr'],
    ['third', 'thi\u00e9'],
    ['third', 'trird'],
  ] as const) {
    const size = Buffer.byteLength(by);
    equal(size, 5);
    const copy = Buffer.from(bytes);
    copy.write(by, copy.indexOf(key));
    const expected = Object.entries({ first: 1, other: 2, third: 3 }).map(([name, value]) => [
      name === key ? by : name,
      value,
    ]);
    deepEqual(decode(copy), Object.fromEntries(expected));
  }
  deepEqual(decode(encode({ first: 1, other: 2 })), { first: 1, other: 2 });
  deepEqual(decode(encode({ first: 1, other: 2, third: 3, more: 4 })), { first: 1, other: 2, third: 3, more: 4 });
});

test('a key twice is refused, also behind keys of a shape', () => {
  const bytes = learn({ once: 1, more: 2, last: 3 });
  throws(() => decode(replaced(bytes, 'last', 'once')), refused);
  throws(() => decode(replaced(bytes, 'more', 'once')), refused);
});

test('a map that ends too soon is refused, wherever it is cut', () => {
  const bytes = learn({ alpha: 1, beta: 'text', gamma: [] });
  for (let length = 1; length < bytes.length; length++) throws(() => decode(bytes.subarray(0, length)), refused);
});

test('keys that are no names are data, never program text', () => {
  const keys = [
    'a-b',
    '',
    'a b',
    '"',
    '\\',
    '`${1}`',
    "'];process.exit(7);['",
    '0',
    '10',
    '2',
    'é',
    '\u2028',
    'get',
    'class',
  ];
  for (const key of keys) {
    learn({ [key]: 1 });
    learn({ first: 0, [key]: 1 });
  }
});

test('the key __proto__ makes a Map, also behind keys of a shape', () => {
  const bytes = learn({ other: 1, ordinary1: 2 });
  const read = decode(replaced(bytes, 'ordinary1', '__proto__'));
  deepEqual(
    read,
    new Map([
      ['other', 1],
      ['__proto__', 2],
    ]),
  );
});

test('where all binaries are bytes, a shape changes nothing', () => {
  const bytes = learn({ some: 1, key: 2 });
  const read = decode(bytes, { binaries: 'bytes' });
  ok(read instanceof Map);
  deepEqual([...read.keys()], [new Uint8Array(Buffer.from('some')), new Uint8Array(Buffer.from('key'))]);
});

test('many shapes that begin alike are all read right', () => {
  for (let count = 0; count < OFTEN; count++) {
    const term = { type: 'event', [`key${count % 50}`]: count };
    deepEqual(decode(encode(term)), term);
  }
});

test('maps inside a map that begin as it does, and become the shape meanwhile, leave it what it is', () => {
  const part = { id: 1, size: 2, total: 3 };
  learn({ id: 1, parts: [], total: 3 });
  for (const count of [10, 20, 40, OFTEN]) {
    const term = { id: 1, parts: Array.from({ length: count }, () => part), total: 3 };
    const read = decode(encode(term));
    deepEqual(read, term);
    deepEqual(decode(encode(read)), term);
  }
});

test('random nested maps of few keys, in any order, are read as they are written', () => {
  const key = fc.constantFrom('id', 'ab', 'aa', 'total', 'tidal', '7', 'é', 'valueOf');
  const { term } = fc.letrec<{ term: Term }>((tie) => ({
    term: fc.oneof(
      { maxDepth: 4, depthSize: 'medium' },
      fc.integer(),
      fc.array(tie('term'), { maxLength: 20 }),
      fc.dictionary(key, tie('term'), { minKeys: 1, maxKeys: 4, noNullPrototype: true }),
    ),
  }));
  fc.assert(
    fc.property(fc.array(term, { maxLength: 40 }), (terms) => {
      const read = decode(encode(terms));
      deepEqual(read, terms);
      deepEqual(JSON.stringify(read), JSON.stringify(terms), 'the order of the keys too');
    }),
    { numRuns: 300 },
  );
});

test('without the permission to make functions, objects are made key by key', () => {
  const term = fileURLToPath(new URL('../../src/term/index.ts', import.meta.url));
  const program = `
    const { decode, encode } = await import(${JSON.stringify(term)});
    const bytes = encode({ some: 1, key: 2 });
    for (let count = 0; count < ${OFTEN}; count++) decode(bytes);
    console.log(JSON.stringify(decode(bytes)));`;
  const args = ['--disallow-code-generation-from-strings', '--input-type=module', '--eval', program];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  equal(stdout, '{"some":1,"key":2}\n', stderr);
});
