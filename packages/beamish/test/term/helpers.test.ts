import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  atom,
  atomMap,
  chardataToString,
  charlist,
  decode,
  encode,
  float,
  ImproperList,
  iodataToBytes,
  keyword,
  keywordGet,
  Pid,
  struct,
  structFields,
  structName,
  type Term,
  termEquals,
  toDate,
  toObject,
  toPlain,
  tuple,
  wireForm,
} from '../../src/term/index.ts';

test('keyword lists: made, sent, read', () => {
  const options = keyword({ timeout: 5, name: 'x' });
  assert.ok(termEquals(options, [tuple(atom('timeout'), 5), tuple(atom('name'), 'x')]));
  const got = decode(encode([...options, tuple(atom('timeout'), 6)]));
  assert.deepEqual([keywordGet(got, 'timeout'), keywordGet(got, 'name'), keywordGet(got, 'no')], [5, 'x', undefined]);
  assert.deepEqual(toObject(got), { timeout: 5, name: 'x' });
  assert.equal(keywordGet('timeout', 'timeout'), undefined);
  assert.equal(keywordGet([1, tuple('timeout', 5), tuple(atom('timeout'))], 'timeout'), undefined);
  assert.deepEqual(
    [toObject([]), toObject([1]), toObject([tuple('a', 1)]), toObject('a')],
    [{}, undefined, undefined, undefined],
  );
});

test('maps with atoms as keys, structs, and their fields as objects', () => {
  assert.ok(termEquals(atomMap({ id: 1 }), new Map([[atom('id'), 1]])));
  assert.deepEqual(
    toObject(
      new Map<Term, Term>([
        [atom('id'), 1],
        ['name', [float(1)]],
        [null, 2],
      ]),
    ),
    { id: 1, name: [float(1)], nil: 2 },
  );
  assert.deepEqual(toObject({ a: 1 }), { a: 1 });
  assert.equal(toObject(new Map<Term, Term>([[1, 2]])), undefined);
  assert.equal(toObject(decode(encode(JSON.parse('{"__proto__":{"x":1}}') as Term))), undefined);
  const item = decode(encode(struct('Elixir.Shop.Item', { name: 'tea', price: float(3) })));
  assert.equal(structName(item), 'Elixir.Shop.Item');
  assert.deepEqual(structFields(item, 'Elixir.Shop.Item'), { name: 'tea', price: float(3) });
  assert.equal(structFields(item, 'Elixir.Shop.Order'), undefined);
  assert.equal(structFields({ name: 'tea' }, 'Elixir.Shop.Item'), undefined);
});

test('charlists, chardata and iodata', () => {
  assert.equal(chardataToString(charlist('aé😀')), 'aé😀');
  assert.equal(chardataToString(['a', [98, ['c']], new ImproperList([100], 'e')]), 'abcde');
  assert.deepEqual([chardataToString('x'), chardataToString([])], ['x', '']);
  for (const wrong of [65, [-1], [0xd800], [0x11_0000], [1.5], [atom('a')], [float(65)], { a: 1 }, undefined])
    assert.equal(chardataToString(wrong), undefined);
  assert.deepEqual(
    iodataToBytes(['a', [98], Uint8Array.of(255), new ImproperList([0], 'é')]),
    Uint8Array.of(97, 98, 255, 0, 0xc3, 0xa9),
  );
  assert.deepEqual(
    [iodataToBytes('hi'), iodataToBytes(Uint8Array.of(104))],
    [Uint8Array.of(104, 105), Uint8Array.of(104)],
  );
  for (const wrong of [65, [256], [atom('a')], [-1], null]) assert.equal(iodataToBytes(wrong), undefined);
  let deep: Term = 'x';
  for (let level = 0; level < 100_000; level++) deep = [deep];
  assert.equal(chardataToString(deep), undefined, 'too deep, and no overflow');
});

test('toDate reads every DateTime, and nothing else', () => {
  const date = new Date(1_732_181_100_123);
  assert.equal(toDate(date), date);
  const form = wireForm(date) as ReadonlyMap<Term, Term>;
  const changed = (fields: { [name: string]: Term }): Map<Term, Term> => new Map([...form, ...atomMap(fields)]);
  assert.deepEqual(toDate(changed({ microsecond: tuple(123_999, 6) })), date);
  const berlin = { hour: 10, time_zone: 'Europe/Berlin', zone_abbr: 'CET', utc_offset: 3600 };
  assert.deepEqual(toDate(changed(berlin)), date);
  assert.deepEqual(toDate(changed({ ...berlin, hour: 11, std_offset: 3600 })), date);
  const naive = new Map([...form, ...atomMap({ __struct__: atom('Elixir.NaiveDateTime') })]);
  for (const key of ['utc_offset', 'std_offset', 'time_zone', 'zone_abbr']) naive.delete(atom(key));
  assert.deepEqual(toDate(naive), date);
  for (const wrong of [
    changed({ year: 'x' }),
    changed({ microsecond: 1 }),
    changed({ year: 2 ** 50 }),
    struct('Elixir.DateTime', {}),
    {},
    5,
    '2024-11-21',
  ])
    assert.equal(toDate(wrong), undefined);
});

test('toPlain is data as JSON has it', () => {
  const pid = new Pid('a@b', 1, 2, 3);
  const term = tuple(atom('ok'), [
    atomMap({ price: float(3), at: new Date(0), tags: new Set([atom('x')]) }),
    new Map<Term, Term>([[1, float(2)]]),
    new ImproperList([1], atom('a')),
    pid,
  ]);
  assert.deepEqual(toPlain(decode(encode(term))), [
    'ok',
    [{ price: 3, at: new Date(0), tags: new Set(['x']) }, new Map([[1, 2]]), [1, 'a'], pid],
  ]);
  assert.ok(toPlain(decode(encode(JSON.parse('{"__proto__":{"x":1}}') as Term))) instanceof Map);
});
