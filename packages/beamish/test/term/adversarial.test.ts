import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BeamishError, isBeamishError } from '../../src/error/index.ts';
import {
  atom,
  decode,
  encode,
  float,
  formatTerm,
  ImproperList,
  Pid,
  Reference,
  type Term,
  tuple,
} from '../../src/term/index.ts';
import { seed } from '../support/seed.ts';
import { arbitraryTerm } from './arbitrary.ts';

/** Decodes; anything but a term or a BeamishError fails the test. */
function attempt(bytes: Uint8Array): Term | BeamishError {
  try {
    return decode(bytes);
  } catch (error) {
    if (error instanceof BeamishError && ['term_malformed', 'term_too_large'].includes(error.code)) return error;
    throw error;
  }
}

const sample: Term = {
  list: [1, 300, 2 ** 40, -1n, 2n ** 90n, 1.5, float(2)],
  tuple: tuple(atom('ok'), new ImproperList([new Reference('a@b', 1, [1, 2, 3])], new Pid('a@b', 1, 2, 3))),
  map: new Map<Term, Term>([
    [tuple(1), 'é'],
    [atom('x'), Uint8Array.of(1, 2, 3)],
  ]),
};

test('cut at every byte, a term is malformed and nothing else', () => {
  const encoded = encode(sample);
  for (let cut = 0; cut < encoded.length; cut++) {
    assert.throws(
      () => decode(encoded.subarray(0, cut)),
      (error: unknown) => isBeamishError(error, 'term_malformed'),
      `cut at ${cut}`,
    );
  }
  assert.throws(
    () => decode(Buffer.concat([encoded, Buffer.of(0)])),
    (error: unknown) => isBeamishError(error, 'term_malformed'),
  );
});

test('every byte set to every interesting value gives a term or a BeamishError', () => {
  const encoded = Buffer.from(encode(sample));
  const tags = [
    70, 77, 80, 82, 88, 89, 90, 97, 98, 99, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112, 113, 114,
    115, 116, 117, 118, 119, 120, 121,
  ];
  for (let at = 0; at < encoded.length; at++) {
    const original = encoded[at]!;
    for (const value of [0, 1, 127, 128, 255, ...tags]) {
      encoded[at] = value;
      attempt(encoded);
    }
    encoded[at] = original;
  }
});

test('random bytes, and random changes of real terms, give a term or a BeamishError', () => {
  const garbage = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.concat([Buffer.of(131), bytes]));
  const changed = fc
    .tuple(
      arbitraryTerm,
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 }),
    )
    .map(([term, changes]) => {
      const bytes = Buffer.from(encode(term));
      for (const [at, value] of changes) bytes[1 + (at % (bytes.length - 1))] = value;
      return bytes;
    });
  fc.assert(
    fc.property(fc.oneof(garbage, changed), (bytes) => {
      const result = attempt(bytes);
      // What was accepted is a term: it can be shown and sent, unless it is too long a closure of limits.
      if (!(result instanceof BeamishError)) {
        formatTerm(result);
        encode(result);
      }
    }),
    { seed, numRuns: 2000, interruptAfterTimeLimit: 2000 },
  );
});

test('huge lengths are refused before anything is allocated', () => {
  const before = process.memoryUsage();
  for (const head of ['6d', '6c', '69', '74', '6f', '4d', '70']) {
    for (const length of ['ffffffff', '7fffffff', '10000000']) {
      for (const rest of ['', '01', '6a6a6a6a6a6a6a6a', '08ffff']) {
        const result = attempt(Buffer.from(`83${head}${length}${rest}`, 'hex'));
        assert.ok(result instanceof BeamishError, `${head}${length}${rest}`);
      }
    }
  }
  const after = process.memoryUsage();
  assert.ok(after.rss + after.external - before.rss - before.external < 64 * 1024 * 1024);
});

test('nesting as deep as bytes allow does not overflow the stack', () => {
  const levels = 1_000_000;
  for (const level of ['6801', '6c00000001', '6900000001', '74000000016a', '7400000001']) {
    const deep = Buffer.concat([Buffer.of(131), Buffer.from(level.repeat(levels), 'hex'), Buffer.of(106)]);
    assert.throws(
      () => decode(deep, { maxDepth: 1024 }),
      (error: unknown) => isBeamishError(error, 'term_too_large'),
      level,
    );
  }
  // Tails nest without depth: a million times [1 | ...].
  const chain = Buffer.concat([Buffer.of(131), Buffer.from('6c000000016101'.repeat(levels), 'hex'), Buffer.of(106)]);
  assert.equal((decode(chain) as Term[]).length, levels);
});

test('the deepest allowed term does not overflow the stack in any function', () => {
  let deep: Term = 1;
  for (let level = 0; level < 1024; level++) deep = level % 2 === 0 ? [deep] : tuple(deep);
  const encoded = encode(deep, { maxDepth: 1024 });
  assert.equal(encode(decode(encoded, { maxDepth: 1024 }), { maxDepth: 1024 }).length, encoded.length);
  assert.ok(formatTerm(deep, { maxDepth: 1024, maxLength: 1e6 }).length > 2000);
});

test('maps as keys of maps, nested: refused before the time becomes quadratic', () => {
  const leaf = Buffer.from(encode('x'.repeat(1_000_000))).subarray(1);
  const nested = Buffer.concat([
    Buffer.of(131),
    Buffer.from('74000000026a6101'.repeat(400), 'hex'),
    leaf,
    Buffer.from('6101'.repeat(400), 'hex'),
  ]);
  const started = process.cpuUsage();
  assert.throws(
    () => decode(nested),
    (error: unknown) => isBeamishError(error, 'term_too_large'),
  );
  assert.ok(process.cpuUsage(started).user < 5_000_000);
  const honest = new Map<Term, Term>([
    [
      new Map<Term, Term>([
        [new Map<Term, Term>([[1, 2]]), 3],
        [tuple(), 4],
      ]),
      5,
    ],
    [[], 6],
  ]);
  assert.deepEqual(decode(encode(honest)), honest);
});

test('elements are bounded: few bytes cannot become gigabytes of objects', () => {
  const count = 5_000_000;
  const head = Buffer.alloc(6);
  head.writeUInt16BE(0x836c);
  head.writeUInt32BE(count, 2);
  const empties = Buffer.concat([head, Buffer.alloc(count, 106), Buffer.of(106)]);
  assert.throws(
    () => decode(empties),
    (error: unknown) => isBeamishError(error, 'term_too_large'),
  );
});

const malformed: readonly (readonly [name: string, hex: string])[] = [
  ['nothing', ''],
  ['another version', '8461'],
  ['an unknown tag', '83ff'],
  ['a tag of local terms', '837900'],
  ['an old fun', '837500000000'],
  ['NaN', '83467ff8000000000000'],
  ['infinity', '83467ff0000000000000'],
  ['a text float that is none', `8363${Buffer.from('nan').toString('hex').padEnd(62, '0')}`],
  ['a text float too large', `8363${Buffer.from('1.0e999').toString('hex').padEnd(62, '0')}`],
  ['an atom that is not UTF-8', '837701ff'],
  ['an atom of a surrogate', '837703eda080'],
  ['an atom of 256 characters', `83760100${'61'.repeat(256)}`],
  ['a latin-1 atom of 256 characters', `83640100${'e9'.repeat(256)}`],
  ['a pid whose node is a string', '83586d000000016100'.repeat(12)],
  ['a pid whose node is an integer', '8358610100'.repeat(12)],
  ['a reference without words', '835a000077016100000001'],
  ['a reference of six words', '835a000677016100'.repeat(28)],
  ['a bitstring of 9 bits a byte', '834d000000010900'],
  ['a bitstring of 0 bits and a byte', '834d000000010000'],
  ['a bitstring of 8 bits and no byte', '834d0000000008'],
  ['a fun whose arity is an atom', '8371770161770162770163'],
  ['a fun of arity 256', '83717701617701626200000100'],
  ['compression inside of a term', '8368015000000001789c4b040000620062'],
];

for (const [name, hex] of malformed) {
  test(`refused as malformed, with the offset: ${name}`, () => {
    assert.throws(
      () => decode(Buffer.from(hex, 'hex')),
      (error: unknown) =>
        isBeamishError(error, 'term_malformed') &&
        Number.isInteger(error.details['offset']) &&
        /offset \d/.test(error.message),
    );
  });
}
