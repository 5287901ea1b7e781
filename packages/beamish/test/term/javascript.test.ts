import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BeamishError, isBeamishError } from '../../src/error/index.ts';
import {
  atom,
  compareTerms,
  decode,
  encode,
  float,
  formatTerm,
  isTuple,
  keyOf,
  struct,
  type Term,
  termEquals,
  Tuple,
  tuple,
  wireForm,
} from '../../src/term/index.ts';
import { phash2 } from '../../src/ring/index.ts';
import { seed } from '../support/seed.ts';
import { arbitraryValue } from './arbitrary.ts';

const js = (name: Term, content: Term): Tuple => tuple(atom('$js'), name, content);
/** As a BEAM passes it on: the same term without our marks. */
const passedOn = (value: Term): Term => decode(encode(decode(encode(value)), { canonical: true }));

test('a JavaScript value of any kind comes back equal', () => {
  fc.assert(
    fc.property(arbitraryValue, (value) => {
      assert.deepStrictEqual(decode(encode(value)), value);
    }),
    { seed, numRuns: 1500 },
  );
});

test('what stands for a term is that term: same key, order, hash and bytes, also after a BEAM has passed it on', () => {
  fc.assert(
    fc.property(arbitraryValue, (value) => {
      const form = wireForm(value) ?? value;
      assert.ok(termEquals(value, form) && termEquals(form, value));
      assert.equal(compareTerms(value, form), 0);
      assert.equal(phash2(value), phash2(form));
      const back = passedOn(value);
      assert.ok(termEquals(back, value), formatTerm(back));
      assert.equal(compareTerms(back, value), 0);
      assert.equal(phash2(back), phash2(value));
    }),
    { seed, numRuns: 500 },
  );
});

test('dates: milliseconds, every year, and none', () => {
  for (const time of [0, -1, 1_732_181_100_123, Date.UTC(2024, 1, 29, 23, 59, 59, 999), 8.64e15, -8.64e15]) {
    assert.deepStrictEqual(passedOn(new Date(time)), new Date(time));
  }
  for (const year of [-9999, -10_000, 0, 1, 99, 9999, 10_000]) {
    const date = new Date(0);
    date.setUTCFullYear(year);
    assert.deepStrictEqual(passedOn(date), date, String(year));
    assert.equal(wireForm(date) instanceof Tuple, Math.abs(year) > 9999);
  }
  assert.ok(Number.isNaN((passedOn(new Date(Number.NaN)) as Date).getTime()));
});

test('errors: class, name, message, code, cause and errors travel; the stack and other properties do not', () => {
  class HttpError extends TypeError {
    override name = 'HttpError';
    status = 404;
    code = 'E_HTTP';
  }
  const sent = new HttpError('not there', { cause: new RangeError('inner') });
  const got = decode(encode(sent)) as Error & { code?: unknown };
  assert.equal(Object.getPrototypeOf(got), TypeError.prototype);
  assert.deepEqual([got.name, got.message, got.code], ['HttpError', 'not there', 'E_HTTP']);
  assert.deepStrictEqual(got.cause, new RangeError('inner'));
  assert.equal(Object.hasOwn(got, 'status'), false);
  assert.ok(!(got.stack ?? '').includes('\n'), got.stack);
  assert.ok(Error.stackTraceLimit > 0 && (new Error('x').stack ?? '').includes('\n'), 'stacks of others are as before');
  const ours = new BeamishError('timeout', 'late', { retryable: true, details: { node: 'a@b' }, cause: sent });
  const back = decode(encode(ours));
  assert.ok(isBeamishError(back, 'timeout') && back.retryable && (back.cause as Error).name === 'HttpError');
  const aborted = decode(encode(new DOMException('stop', 'AbortError'))) as Error;
  assert.deepEqual([aborted.name, aborted.message], ['AbortError', 'stop']);
});

test('classes that are not ours arrive as the nearest that is', () => {
  class Point extends Date {}
  assert.deepStrictEqual(decode(encode(new Point(5))), new Date(5));
  assert.deepStrictEqual(decode(encode(Buffer.from([255]))), Uint8Array.of(255));
  assert.deepStrictEqual(decode(encode(Object.create(null) as Term)), {});
  // eslint-disable-next-line no-sparse-arrays -- that is what it is about
  assert.deepStrictEqual(decode(encode([1, , 2] as Term)), [1, undefined, 2]);
  const view = new Uint16Array(Uint16Array.of(1, 2, 3, 4).buffer, 2, 2);
  assert.deepStrictEqual(decode(encode(view)), Uint16Array.of(2, 3));
});

test('sets keep their order, as maps do; a set in the form of Elixir before 1.15 goes back in it', () => {
  const words = ['b', '10', 'a', '2'];
  assert.deepEqual([...(decode(encode(new Set(words))) as Set<string>)], words);
  assert.deepEqual([...(decode(encode(new Map(words.map((word) => [word, 1])))) as Map<string, number>).keys()], words);
  const old = struct('Elixir.MapSet', { map: new Map<Term, Term>([[1, []]]), version: 2 });
  const set = decode(encode(old));
  assert.deepStrictEqual(set, new Set([1]));
  assert.ok(termEquals(set, old) && termEquals(decode(encode(set)), old));
  assert.ok(!termEquals(new Set([1]), old));
});

test('a peer that lies with such terms gets a plain term, which goes back as it came', () => {
  const date = wireForm(new Date(1_732_181_100_123)) as ReadonlyMap<Term, Term>;
  const changed = (name: string, value: Term): Map<Term, Term> => new Map(date).set(atom(name), value);
  const error = (name: string, fields: { [name: string]: Term }): Tuple => js(name, { name, message: 'm', ...fields });
  const beamish = { code: 'timeout', message: 'm', retryable: true, details: {} };
  const lies: readonly Term[] = [
    changed('month', 13),
    changed('month', 0),
    changed('day', 31.5),
    changed('day', tuple()),
    changed('hour', 24),
    changed('second', 60),
    changed('year', 10_000),
    changed('year', 2n ** 70n),
    changed('year', -0),
    changed('utc_offset', 3600),
    changed('utc_offset', -0),
    changed('std_offset', float(0)),
    changed('time_zone', 'Europe/Berlin'),
    changed('calendar', atom('Elixir.Calendar.Other')),
    changed('microsecond', tuple(123_456, 6)),
    changed('microsecond', tuple(123_456, 3)),
    changed('microsecond', tuple(-0, 3)),
    changed('microsecond', 5),
    changed('more', 1),
    struct('Elixir.DateTime', {}),
    struct('Elixir.MapSet', {}),
    struct('Elixir.MapSet', { map: [] }),
    struct('Elixir.MapSet', { map: new Map([[1, 2]]) }),
    struct('Elixir.MapSet', { map: { a: [1] } }),
    struct('Elixir.MapSet', { map: {}, version: 3 }),
    struct('Elixir.MapSet', { map: {}, version: 2, more: 1 }),
    struct('Elixir.MapSet', { map: new Set() }),
    js('Number', 'nan'),
    js('Number', '1'),
    js('Date', 0),
    js('Date', 'now'),
    js('Date', 9e15),
    js('Date', float(8.64e15)),
    js('URL', 'http://A/'),
    js('URL', 'not a url'),
    js('URL', 5),
    js('RegExp', '(a+)+$'),
    js('Function', 'return process'),
    js('Object', {}),
    js('toString', {}),
    js('__proto__', {}),
    js('constructor', { message: 'm', name: 'n' }),
    js(atom('Number'), 'NaN'),
    js(Uint8Array.of(255), 'NaN'),
    js('ArrayBuffer', [1]),
    js('Uint16Array', Uint8Array.of(1)),
    js('Float64Array', 'abc'),
    js('SharedArrayBuffer', Uint8Array.of(1)),
    js('Error', 'm'),
    js('Error', { message: 'm' }),
    js('Error', { name: 'Error' }),
    js('Error', tuple()),
    error('Error', { message: 5 }),
    error('Error', { stack: 'x' }),
    error('Error', { toString: 'x' }),
    error('Error', { code: undefined }),
    error('Error', { errors: [] }),
    error('AggregateError', {}),
    error('AggregateError', { errors: {} }),
    error('EvilError', {}),
    js(
      'Error',
      new Map<Term, Term>([
        ['__proto__', { polluted: 1 }],
        ['message', 'm'],
        ['name', 'n'],
      ]),
    ),
    js('BeamishError', { ...beamish, code: 'made_up' }),
    js('BeamishError', { ...beamish, code: 'toString' }),
    js('BeamishError', { ...beamish, retryable: 1 }),
    js('BeamishError', { ...beamish, details: [] }),
    js('BeamishError', { ...beamish, details: new Map() }),
    js('BeamishError', { ...beamish, cause: undefined }),
    js('BeamishError', { ...beamish, more: 1 }),
    tuple(atom('$js'), 'Number'),
    tuple(atom('$js'), 'Number', 'NaN', 1),
    ['$js', 'Number', 'NaN'],
  ];
  for (const lie of lies) {
    const got = decode(encode(lie));
    const plain = Array.isArray(got) || isTuple(got) || got instanceof Map;
    assert.ok(plain, `${formatTerm(lie)} became another value`);
    assert.equal(keyOf(got), keyOf(lie));
  }
  assert.equal(({} as { polluted?: number }).polluted, undefined);
});

test('what such terms become is counted as the memory it takes', () => {
  const many = (count: number): Uint8Array => encode(Array.from({ length: count }, () => js('URL', 'a:')));
  const options = { maxElements: 1200 };
  assert.ok(decode(encode(Array.from({ length: 200 }, () => js('Other', 'a:'))), options));
  assert.ok(decode(many(100), options));
  assert.throws(
    () => decode(many(200), options),
    (error: unknown) => isBeamishError(error, 'term_too_large'),
  );
});

test('numbers and bigints of one value are one key', () => {
  const [five, bigFive, one] = ['6105', '6e08000500000000000000', '6101'];
  const map = (...pairs: string[]): Buffer => Buffer.from(`83740000000${pairs.length / 2}${pairs.join('')}`, 'hex');
  assert.deepStrictEqual(decode(map(bigFive, one)), new Map([[5n, 1]]));
  assert.throws(
    () => decode(map(five, one, bigFive, one)),
    (error: unknown) => isBeamishError(error, 'term_malformed'),
  );
});
