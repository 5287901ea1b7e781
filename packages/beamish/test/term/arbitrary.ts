import fc from 'fast-check';
import {
  type Atom,
  atom,
  BitString,
  ExportFun,
  Float,
  ImproperList,
  keyOf,
  Pid,
  Port,
  Reference,
  type Term,
  Tuple,
} from '../../src/term/index.ts';

const word = fc.integer({ min: 0, max: 0xffff_ffff });
const text = fc.string({ unit: 'grapheme', maxLength: 20 });
const node = fc.constantFrom('a@host', 'b@127.0.0.1', 'é@host');

export const arbitraryAtom: fc.Arbitrary<Atom> = fc.string({ unit: 'grapheme-ascii', maxLength: 12 }).map(atom);

const leaf: fc.Arbitrary<Term> = fc.oneof(
  fc.integer(),
  fc.maxSafeInteger(),
  fc.bigInt({ min: -(2n ** 300n), max: 2n ** 300n }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer().map((value) => new Float(value)),
  fc.constantFrom<Term>(true, false, null, undefined, -0, 0, '', 2 ** 53, -(2 ** 53), Number.MAX_SAFE_INTEGER),
  text,
  fc.uint8Array({ maxLength: 40 }),
  fc
    .tuple(fc.uint8Array({ minLength: 1, maxLength: 9 }), fc.integer({ min: 1, max: 7 }))
    .map(([bytes, bits]) => new BitString(bytes, bits)),
  arbitraryAtom,
  fc.tuple(node, word, word, word).map(([name, id, serial, creation]) => new Pid(name, id, serial, creation)),
  fc.tuple(node, word, fc.array(word, { minLength: 1, maxLength: 5 })).map((parts) => new Reference(...parts)),
  fc.tuple(node, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), word).map((parts) => new Port(...parts)),
  fc.tuple(text, text, fc.integer({ min: 0, max: 255 })).map((parts) => new ExportFun(...parts)),
  fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 30 }),
);

/** Terms of every type a program can make, nested a few levels. */
export const arbitraryTerm: fc.Arbitrary<Term> = fc.letrec<{ term: Term }>((tie) => ({
  term: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc.array(tie('term'), { maxLength: 6 }),
    fc.array(tie('term'), { maxLength: 6 }).map((elements) => new Tuple(elements)),
    fc.dictionary(text, tie('term'), { maxKeys: 6 }),
    fc
      .uniqueArray(fc.tuple(tie('term'), tie('term')), { maxLength: 6, selector: ([key]) => keyOf(key) })
      .map((pairs) => new Map(pairs)),
    fc
      .tuple(fc.array(tie('term'), { minLength: 1, maxLength: 4 }), tie('term'))
      .filter(([, tail]) => !Array.isArray(tail) && !(tail instanceof ImproperList))
      .map(([elements, tail]) => new ImproperList(elements, tail)),
  ),
})).term;
