import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isBeamishError } from '../../src/error/index.ts';
import {
  Atom,
  atom,
  atomName,
  BitString,
  charlist,
  compareTerms,
  decode,
  encode,
  ExportFun,
  float,
  Float,
  formatTerm,
  ImproperList,
  isAtom,
  isTermMap,
  isTuple,
  keyOf,
  mapEntries,
  mapGet,
  Pid,
  Port,
  Reference,
  struct,
  structName,
  type Term,
  termEquals,
  tuple,
} from '../../src/term/index.ts';
import { seed } from '../support/seed.ts';
import { arbitraryTerm } from './arbitrary.ts';

const notEncodable = (error: unknown): boolean => isBeamishError(error, 'term_not_encodable');

test('the same name gives the identical atom, from the program and from the wire', () => {
  assert.equal(atom('ok'), atom('ok'));
  const fromWire = decode(encode(atom('first_seen_on_the_wire')));
  assert.equal(fromWire, atom('first_seen_on_the_wire'));
  assert.ok(isAtom(atom('ok')) && isAtom(atom('ok'), 'ok') && !isAtom(atom('ok'), 'error') && !isAtom('ok'));
  assert.equal(String(atom('ok')), 'ok');
  assert.equal(JSON.stringify([atom('ok')]), '["ok"]');
  assert.deepEqual([atom('x'), true, false, null, undefined, 'x'].map(atomName), [
    'x',
    'true',
    'false',
    'nil',
    'undefined',
    undefined,
  ]);
});

test('the encoding of an atom keeps no memory but its own', () => {
  const name = atom('x'.repeat(200));
  encode(name);
  assert.deepEqual([name.wire.length, name.wire.buffer.byteLength], [202, 202]);
  assert.deepEqual([...atom('é').wire], [119, 2, 0xc3, 0xa9]);
  const long = atom('😀'.repeat(255)).wire;
  assert.deepEqual([...long.subarray(0, 3), long.length], [118, 1020 >> 8, 1020 & 255, 1023]);
});

test('names only peers use are forgotten in time; names of the program never', () => {
  const kept = atom('kept_by_the_program');
  const wire = (name: string): Buffer => Buffer.concat([Buffer.of(131, 119, name.length), Buffer.from(name)]);
  const cold = decode(wire('cold'));
  const hot = decode(wire('hot'));
  for (let index = 0; index < 120_000; index++) {
    decode(wire(`flood_${index}`));
    if (index % 10_000 === 0) assert.equal(decode(wire('hot')), hot);
  }
  assert.equal(decode(wire('kept_by_the_program')), kept);
  const again = decode(wire('cold'));
  assert.notEqual(again, cold);
  assert.ok(isAtom(again, 'cold') && termEquals(again, cold) && compareTerms(again, cold) === 0);
  assert.equal(mapGet(new Map([[cold, 1]]), again), 1);
});

test('atom names: 255 characters at most, well-formed', () => {
  assert.equal(atom('😀'.repeat(255)).name.length, 510);
  assert.throws(() => atom('a'.repeat(256)), notEncodable);
  assert.throws(() => atom('😀'.repeat(256)), notEncodable);
  assert.throws(() => atom('\uD800'), notEncodable);
  assert.throws(() => new Atom('a'.repeat(256)), notEncodable);
});

test('floats, tuples, bit strings, improper lists, charlists', () => {
  assert.equal((float(1) as unknown as number) < 2, true);
  assert.deepEqual(
    [String(float(1)), String(float(-0)), String(float(1.5)), JSON.stringify(float(1))],
    ['1.0', '-0.0', '1.5', '1'],
  );
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) assert.throws(() => float(value), notEncodable);
  const pair = tuple(atom('ok'), 'x');
  assert.deepEqual([pair.length, pair.at(1), [...pair]], [2, 'x', [atom('ok'), 'x']]);
  assert.ok(isTuple(pair) && isTuple(pair, 2) && !isTuple(pair, 3) && !isTuple([1, 2]));
  for (const bits of [0, 8, 1.5]) assert.throws(() => new BitString(Uint8Array.of(1), bits), notEncodable);
  assert.throws(() => new BitString(new Uint8Array(0), 1), notEncodable);
  assert.throws(() => new ImproperList([], 1), notEncodable);
  assert.throws(() => new ImproperList([1], [2]), notEncodable);
  assert.throws(() => new ImproperList([1], new ImproperList([2], 3)), notEncodable);
  assert.deepEqual(charlist('aé😀'), [97, 233, 0x1f600]);
});

test('pids, references, ports: equal by all their fields', () => {
  const pids = [
    new Pid('a@b', 1, 2, 3),
    new Pid('a@c', 1, 2, 3),
    new Pid('a@b', 9, 2, 3),
    new Pid('a@b', 1, 9, 3),
    new Pid('a@b', 1, 2, 9),
  ];
  const references = [
    new Reference('a@b', 1, [1, 2]),
    new Reference('a@c', 1, [1, 2]),
    new Reference('a@b', 2, [1, 2]),
    new Reference('a@b', 1, [2, 1]),
    new Reference('a@b', 1, [1, 2, 0]),
  ];
  const ports = [new Port('a@b', 1n, 2), new Port('a@c', 1n, 2), new Port('a@b', 2n, 2), new Port('a@b', 1n, 3)];
  const funs = [
    new ExportFun('m', 'f', 1),
    new ExportFun('m', 'f', 2),
    new ExportFun('m', 'g', 1),
    new ExportFun('n', 'f', 1),
    new ExportFun('mf', '', 1),
  ];
  const all = [...pids, ...references, ...ports, ...funs];
  assert.equal(new Set(all.map(keyOf)).size, all.length);
  for (const [index, one] of all.entries()) {
    for (const [other, two] of all.entries()) assert.equal(one.equals(two), index === other);
    assert.ok(one.equals(decode(encode(one))));
  }
  assert.deepEqual([pids[0], references[0], ports[0], funs[0]].map(String), [
    '#PID<a@b.1.2>',
    '#Reference<a@b.2.1>',
    '#Port<a@b.1>',
    '&m.f/1',
  ]);
});

test('termEquals is =:=', () => {
  const same: readonly (readonly [Term, Term])[] = [
    [1, 1n],
    ['é', Buffer.from('é')],
    [{ a: [1] }, new Map<Term, Term>([['a', [1n]]])],
    [
      { a: 1, b: 2 },
      { b: 2, a: 1 },
    ],
    [true, atom('true')],
    [1.5, float(1.5)],
    [new BitString(Uint8Array.of(0xff), 1), new BitString(Uint8Array.of(0x80), 1)],
  ];
  for (const [a, b] of same)
    assert.ok(termEquals(a, b) && termEquals(b, a) && compareTerms(a, b) === 0, formatTerm(tuple(a, b)));
  const different: readonly (readonly [Term, Term])[] = [
    [1, float(1)],
    [0, -0],
    ['a', atom('a')],
    ['1', 1],
    [[1], tuple(1)],
    [[], ''],
    [[], {}],
    [null, undefined],
    [
      [1, [2]],
      [[1], 2],
    ],
    [{ a: 1 }, { a: 2 }],
    [tuple('a', 'b'), tuple('as1:b')],
  ];
  for (const [a, b] of different) assert.ok(!termEquals(a, b) && !termEquals(b, a), formatTerm(tuple(a, b)));
});

test("compareTerms is Erlang's order of types, and an order", () => {
  const ascending: readonly Term[] = [
    -(2n ** 70n),
    -1,
    0,
    0.5,
    1,
    2 ** 60,
    2n ** 64n,
    atom('a'),
    atom('b'),
    false,
    null,
    true,
    new Reference('a@b', 1, [1]),
    new ExportFun('m', 'f', 1),
    new Port('a@b', 1n, 1),
    new Pid('a@b', 1, 0, 1),
    new Pid('a@b', 0, 1, 1),
    tuple(),
    tuple(9),
    tuple(1, 1),
    {},
    { b: 1 },
    { a: 1, b: 0 },
    [],
    [1],
    new ImproperList([1], 2),
    [1, 0],
    [2],
    '',
    '\u0001',
    new BitString(Uint8Array.of(0x61, 0), 1),
    'a\u0001',
    'b',
    '\uFFFF',
    '😀',
    Uint8Array.of(255),
  ];
  const shuffled = [...ascending].reverse().sort(compareTerms);
  assert.deepEqual(
    shuffled.map((term) => formatTerm(term)),
    ascending.toSorted(compareTerms).map((term) => formatTerm(term)),
  );
  for (let index = 1; index < ascending.length; index++) {
    // The list above is in order but for one improper tail: a number is below a list.
    assert.ok(
      compareTerms(ascending[index - 1], ascending[index]) <= 0 || ascending[index] instanceof ImproperList,
      formatTerm(ascending[index]),
    );
  }
  assert.equal(compareTerms(1, float(1)), 0);
  fc.assert(
    fc.property(arbitraryTerm, arbitraryTerm, arbitraryTerm, (a, b, c) => {
      assert.equal(Math.sign(compareTerms(a, b)), 0 - Math.sign(compareTerms(b, a)));
      assert.equal(compareTerms(a, a), 0);
      // In tuples, because `sort` never asks about undefined.
      const [low, middle, high] = [[a], [b], [c]].sort(([x], [y]) => compareTerms(x, y)).map(([term]) => term);
      assert.ok(compareTerms(low, middle) <= 0 && compareTerms(middle, high) <= 0 && compareTerms(low, high) <= 0);
      if (termEquals(a, b)) assert.equal(compareTerms(a, b), 0);
    }),
    { seed, numRuns: 300 },
  );
});

test('mapGet finds keys by term equality', () => {
  const map = new Map<Term, Term>([
    [tuple(1), 'tuple'],
    [atom('a'), 'atom'],
    [1, 'one'],
    [float(1), 'float'],
    [Uint8Array.of(0x62), 'bytes'],
    ['u', undefined],
  ]);
  assert.equal(mapGet(map, tuple(1)), 'tuple');
  assert.equal(mapGet(map, atom('a')), 'atom');
  assert.equal(mapGet(map, 1n), 'one');
  assert.equal(mapGet(map, new Float(1)), 'float');
  assert.equal(mapGet(map, Uint8Array.of(0x62)), 'bytes');
  assert.equal(mapGet(map, 'u'), undefined);
  assert.equal(mapGet(map, 'missing'), undefined);
  assert.equal(mapGet(map, true), undefined);
  assert.equal(mapGet({ a: 1 }, 'a'), 1);
  assert.equal(mapGet({ a: 1 }, 'toString'), undefined);
  assert.equal(mapGet({ a: 1 }, atom('a')), undefined);
  assert.deepEqual(mapEntries({ a: 1 }), mapEntries(new Map<Term, Term>([['a', 1]])));
  assert.ok(
    isTermMap({}) && isTermMap(map) && !isTermMap([]) && !isTermMap(tuple()) && !isTermMap(null) && !isTermMap('x'),
  );
});

test('structs of Elixir', () => {
  const made = struct('Elixir.User', { name: 'Ann', age: 7 });
  const decoded = decode(encode(made));
  assert.equal(structName(decoded), 'Elixir.User');
  assert.equal(mapGet(decoded as ReadonlyMap<Term, Term>, atom('name')), 'Ann');
  assert.equal(structName({ a: 1 }), undefined);
  assert.equal(structName(new Map()), undefined);
});

test('formatTerm writes Erlang, bounded, and never throws', () => {
  const shown: readonly (readonly [unknown, string])[] = [
    [tuple(atom('ok'), [1, -0, float(1), 1.5, 2n ** 64n]), '{ok,[1,-0.0,1.0,1.5,18446744073709551616]}'],
    [{ a: null, b: true }, '#{<<"a">> => nil,<<"b">> => true}'],
    [[atom('Elixir.Foo'), atom("it's"), atom(''), atom('a@b'), atom('end')], "['Elixir.Foo','it\\'s','',a@b,'end']"],
    [new ImproperList([1], 2), '[1|2]'],
    [Uint8Array.of(1, 255), '<<1,255>>'],
    [new BitString(Uint8Array.of(1, 0xe0), 3), '<<1,7:3>>'],
    [new ExportFun('lists', 'map', 2), 'fun lists:map/2'],
    [() => 1, '#NotATerm<function>'],
    [[new Date(0), new WeakMap()], '[#Date<1970-01-01T00:00:00.000Z>,#NotATerm<object>]'],
    [new Set([1]), "#{'__struct__' => 'Elixir.MapSet',map => #{1 => []}}"],
    [new URL('http://a/'), '{\'$js\',<<"URL">>,<<"http://a/">>}'],
    [
      {
        get x() {
          throw new Error('no');
        },
      },
      '#NotATerm<...>',
    ],
  ];
  for (const [term, text] of shown) assert.equal(formatTerm(term).replace(/^#\{#Not/, '#Not'), text);
  assert.equal(formatTerm([[[1]]], { maxDepth: 2 }), '[[...]]');
  assert.equal(
    formatTerm(
      Array.from({ length: 1e6 }, () => 1),
      { maxLength: 10 },
    ),
    '[1,1,1,...',
  );
  assert.ok(formatTerm('x'.repeat(1e6)).length <= 2000);
  assert.ok(formatTerm(2n ** 1_000_000n).length < 2000);
  const circular: unknown[] = [];
  circular.push(circular, circular);
  assert.ok(formatTerm(circular).length <= 2000);
  fc.assert(
    fc.property(fc.oneof(arbitraryTerm, fc.anything()), fc.nat({ max: 100 }), (value, maxLength) => {
      const text = formatTerm(value, { maxLength });
      assert.ok(text.length <= Math.max(maxLength, 3) && text.isWellFormed());
    }),
    { seed, numRuns: 500 },
  );
});
