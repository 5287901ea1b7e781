import fc from 'fast-check';
import { BeamishError } from '../../src/error/index.ts';
import {
  type Atom,
  atom,
  BitString,
  ExportFun,
  Float,
  ImproperList,
  isAtom,
  keyOf,
  Pid,
  Port,
  Reference,
  type Term,
  Tuple,
} from '../../src/term/index.ts';

const word = fc.integer({ min: 0, max: 0xffff_ffff });
const objects = { maxKeys: 5, noNullPrototype: true } as const;
const text = fc.string({ unit: 'grapheme', maxLength: 20 });
/** A set or a map takes -0 for 0, which is the same term as 0n. */
const entryKey = (value: Term): string => keyOf(value === 0 ? 0 : value);
/** An object with an own property of that name arrives as a `Map`. */
const fieldName = text.filter((name) => name !== '__proto__');
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
      .uniqueArray(fc.tuple(tie('term'), tie('term')), { maxLength: 6, selector: ([key]) => entryKey(key) })
      .map((pairs) => new Map(pairs)),
    fc
      .tuple(fc.array(tie('term'), { minLength: 1, maxLength: 4 }), tie('term'))
      .filter(([, tail]) => !Array.isArray(tail) && !(tail instanceof ImproperList))
      .map(([elements, tail]) => new ImproperList(elements, tail)),
  ),
})).term;

const bytes = fc.uint8Array({ maxLength: 24 });
const name = fc.constantFrom('Error', 'TypeError', 'ValidationError', 'x', '');

function errorOf(
  Class: new (message?: string, options?: ErrorOptions) => Error,
  message: string,
  own: string,
  code: Term,
  options: ErrorOptions | undefined,
): Error {
  const error = new Class(message, options);
  if (own !== error.name) error.name = own;
  return code === undefined ? error : Object.assign(error, { code });
}

/** Numbers, dates, errors, ... that Erlang has no type for, and what it does not tell from another. */
const javascriptLeaf: fc.Arbitrary<Term> = fc.oneof(
  fc.double(),
  fc.bigInt({ min: -(2n ** 66n), max: 2n ** 66n }),
  fc.bigInt({ min: -10n, max: 10n }),
  fc.date({ noInvalidDate: false }),
  fc.date({ min: new Date('1990-01-01'), max: new Date('2040-01-01') }),
  fc.constantFrom<Term>(Number.NaN, Infinity, -Infinity, -0, 0n, new Date(Number.NaN), new Date(8.64e15)),
  fc.webUrl({ withFragments: true, withQueryParameters: true }).map((href) => new URL(href)),
  bytes,
  bytes.map((content) => content.slice().buffer),
  bytes.map((content) => new DataView(content.slice().buffer)),
  fc.int8Array(),
  fc.uint8ClampedArray(),
  fc.int16Array(),
  fc.uint16Array(),
  fc.int32Array(),
  fc.uint32Array(),
  fc.float32Array(),
  fc.float64Array(),
  fc.bigInt64Array(),
  fc.bigUint64Array(),
);

/** Atoms that JavaScript has a value of its own for. */
function isValueAtom(term: Term): boolean {
  return ['true', 'false', 'nil', 'undefined'].some((name) => isAtom(term, name));
}

/** JavaScript values of every kind that travels, nested a few levels. */
export const arbitraryValue: fc.Arbitrary<Term> = fc.letrec<{ value: Term; error: Error }>((tie) => ({
  error: fc.oneof(
    fc
      .tuple(
        fc.constantFrom(Error, TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError),
        text,
        name,
        fc.option(fc.oneof(text, fc.integer()), { nil: undefined }),
        fc.option(fc.record({ cause: tie('value') }), { nil: undefined }),
      )
      .map((parts) => errorOf(...parts)),
    fc
      .tuple(fc.array(tie('value'), { maxLength: 3 }), text)
      .map(([errors, message]) => new AggregateError(errors, message)),
    fc
      .tuple(fc.constantFrom('timeout', 'noproc'), text, fc.boolean(), fc.dictionary(fieldName, tie('value'), objects))
      .map(([code, message, retryable, details]) => new BeamishError(code, message, { retryable, details })),
  ),
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf.filter((term) => !(term instanceof BitString) && !isValueAtom(term)),
    javascriptLeaf,
    tie('error'),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.array(tie('value'), { maxLength: 5 }).map((elements) => new Tuple(elements)),
    fc.dictionary(fieldName, tie('value'), objects),
    fc.dictionary(text, tie('value'), objects).map((object) => new Map(Object.entries(object))),
    fc.uniqueArray(tie('value'), { maxLength: 5, selector: entryKey }).map((elements) => new Set(elements)),
    fc
      .uniqueArray(fc.tuple(tie('value'), tie('value')), { maxLength: 5, selector: ([key]) => entryKey(key) })
      .map((pairs) => new Map(pairs)),
  ),
})).value;
