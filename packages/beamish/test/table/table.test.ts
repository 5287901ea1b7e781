/** OTP's ets and persistent_term. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Runtime } from '../../src/process/index.ts';
import type { ProcessContext } from '../../src/process/index.ts';
import { PersistentTerms, Table } from '../../src/table/index.ts';
import { atom, compareTerms, float, tuple } from '../../src/term/index.ts';
import type { Term } from '../../src/term/index.ts';
import { code } from '../support/code.ts';
import { fakeWorld, settle } from '../support/fake-world.ts';

type Row = readonly [key: Term, value: Term];

function start(): Runtime {
  return new Runtime({ world: fakeWorld(), nodeName: 'a@h' });
}

async function owner(runtime: Runtime, messages: Term[] = []): Promise<ProcessContext> {
  let context: ProcessContext | undefined;
  runtime.spawn({ init: (self) => void (context = self), handle: (message) => void messages.push(message) });
  await settle();
  return context as ProcessContext;
}

test('set: one row per key, compared with =:=; insert replaces, insert_new does not (ets:insert/2, insert_new/2)', () => {
  const table = Table.create<Row>(start());
  table.insert(['a', 1], ['b', 2]);
  table.insert(['a', 3]);
  assert.deepEqual(table.lookup('a'), [['a', 3]]);
  assert.deepEqual(table.lookup(new TextEncoder().encode('a')), [['a', 3]], 'the same binary');
  assert.equal(table.insertNew(['c', 1], ['b', 9]), false, 'all or none');
  assert.equal(table.member('c'), false);
  assert.equal(table.insertNew(['c', 1]), true);
  assert.equal(table.size, 3);
  const keys: Term[] = [
    1,
    float(1),
    -0,
    '1',
    atom('1'),
    '\0i1;',
    tuple(1),
    [1],
    null,
    true,
    1.5,
    2n ** 70n,
    -(2n ** 53n),
    { a: 1 },
  ];
  for (const [index, key] of keys.entries()) table.insert([key, index]);
  for (const [index, key] of keys.entries()) assert.deepEqual(table.lookup(key)[0]?.[1], index);
  assert.equal(table.lookup(1n)[0]?.[1], 0);
  assert.throws(() => table.insert(['x', 1], [undefined, 1]), code('option_invalid'));
  assert.equal(table.member('x'), false);
});

test('bag keeps each row once, duplicate_bag every one, in order of time (ets: types)', () => {
  const runtime = start();
  for (const [type, rows] of [
    ['bag', [1, 2]],
    ['duplicate_bag', [1, 2, 1]],
  ] as const) {
    const table = Table.create<Row>(runtime, { type });
    const before = table.lookup('a');
    table.insert(['a', 1], ['a', 2], ['a', 1], ['b', 1]);
    assert.deepEqual(before, []);
    assert.deepEqual(
      table.lookup('a').map(([, value]) => value),
      rows,
    );
    assert.equal(table.size, rows.length + 1);
    table.deleteRow(['a', 1]);
    assert.deepEqual(table.lookup('a'), [['a', 2]]);
    assert.equal(table.insertNew(['a', 5]), false);
    assert.throws(() => table.updateCounter('a', 1), code('option_invalid'));
    table.deleteRow(['a', 2]);
    assert.equal(table.member('a'), false);
    assert.deepEqual(table.take('b'), [['b', 1]]);
    assert.equal(table.size, 0);
  }
});

test(
  'rows of one key: what was looked up, or is walked through, stays as it was; each of 50,000 is put without a copy',
  {
    timeout: 20_000,
  },
  () => {
    const table = Table.create<Row>(start(), { type: 'duplicate_bag' });
    table.insert(['a', 0]);
    const seen = [table.lookup('a')];
    table.insert(['a', 1]);
    seen.push(table.lookup('a'));
    assert.deepEqual(
      seen.map(({ length }) => length),
      [1, 2],
    );
    const walk = Table.create<Row>(start(), { type: 'duplicate_bag' });
    walk.insert(['a', 0], ['a', 1]);
    const walked = walk.foldl((count, row) => {
      walk.insert(row);
      return count + 1;
    }, 0);
    assert.deepEqual([walked, walk.size], [2, 4]);
    table.deleteRow(['a', 0]);
    for (let i = 0; i < 50_000; i++) table.insert(['a', i]);
    assert.equal(table.lookup('a').length, 50_001);
  },
);

test('ordered_set: the order of terms, 1 and 1.0 are one key (==); first, next, prev, last, ranges', () => {
  const table = Table.create<Row>(start(), { type: 'ordered_set' });
  const keys: Term[] = [1, 2.5, atom('a'), tuple(1), [], [1], 'a', 'b'];
  for (const key of keys.toReversed()) table.insert([key, 0]);
  assert.deepEqual(
    table.toArray().map(([key]) => key),
    keys,
  );
  table.insert([float(1), 'float']);
  assert.equal(table.size, keys.length);
  assert.deepEqual(table.lookup(1), [[float(1), 'float']]);
  assert.equal(table.last(), 'b');
  assert.equal(table.next(1.5), 2.5, 'a key that is not there');
  assert.equal(table.prev(1.5)?.valueOf(), 1);
  assert.equal(table.next('b'), undefined);
  assert.equal(table.prev(0), undefined);
  const picked = (range: Parameters<typeof table.range>[0]): Term[] => Array.from(table.range(range), ([key]) => key);
  assert.deepEqual(picked({ from: 2.5, before: [1] }), [2.5, atom('a'), tuple(1), []]);
  assert.deepEqual(picked({ after: 2.5, to: [], reverse: true }), [[], tuple(1), atom('a')]);
  assert.deepEqual(
    table.match(([key]) => key !== 'a', { from: [1] }),
    [
      [[1], 0],
      ['b', 0],
    ],
  );
  const set = Table.create<Row>(start());
  assert.throws(() => set.range(), code('option_invalid'));
});

test('an ordered set of any size is what a sorted list of its rows is', () => {
  const key = fc.oneof(fc.integer({ min: -3000, max: 3000 }), fc.string({ maxLength: 2 }));
  const step = fc.tuple(fc.boolean(), key);
  fc.assert(
    fc.property(fc.array(step, { maxLength: 3000, size: 'max' }), key, key, (steps, from, to) => {
      const table = Table.create<Row>(start(), { type: 'ordered_set' });
      const model = new Map<Term, Row>();
      for (const [add, at] of steps) {
        if (add) {
          table.insert([at, 1]);
          model.set(at, [at, 1]);
        } else {
          table.delete(at);
          model.delete(at);
        }
      }
      const sorted = [...model.values()].sort((a, b) => compareTerms(a[0], b[0]));
      assert.deepEqual(table.toArray(), sorted);
      assert.equal(table.size, sorted.length);
      assert.deepEqual([...table.range({ reverse: true })], sorted.toReversed());
      const within = sorted.filter(([at]) => compareTerms(at, from) >= 0 && compareTerms(at, to) < 0);
      assert.deepEqual([...table.range({ from, before: to })], within);
      assert.deepEqual([...table.range({ from, before: to, reverse: true })], within.toReversed());
      assert.deepEqual(table.next(from), sorted.find(([at]) => compareTerms(at, from) > 0)?.[0]);
      assert.deepEqual(table.prev(from), sorted.findLast(([at]) => compareTerms(at, from) < 0)?.[0]);
    }),
    { numRuns: 60 },
  );
});

test('a walk goes on while rows come and go (ets: safe traversal)', () => {
  const runtime = start();
  for (const type of ['set', 'ordered_set'] as const) {
    const table = Table.create<readonly [number, number]>(runtime, { type });
    for (let i = 0; i < 2000; i++) table.insert([i, i]);
    const seen: number[] = [];
    for (const [key] of table) {
      seen.push(key);
      table.delete(key);
      if (key % 2 === 0) table.delete(key + 1);
    }
    assert.deepEqual(
      seen,
      Array.from({ length: 1000 }, (_, i) => i * 2),
      type,
    );
    assert.equal(table.size, 0);
  }
  const set = Table.create<readonly [number]>(runtime);
  set.insert([1], [2], [3]);
  set.delete(2);
  assert.deepEqual([set.first(), set.next(1), set.next(3), set.prev(3), set.last()], [1, 3, undefined, 1, 3]);
  assert.throws(() => set.next(2), code('option_invalid'));
});

test('update_counter: bounds, several at once, a row to start from, exact beyond 2^53 (ets:update_counter/3,4)', () => {
  const table = Table.create<readonly [string, number | bigint, number]>(start(), { type: 'ordered_set' });
  assert.throws(() => table.updateCounter('x', 1), code('option_invalid'));
  assert.equal(table.updateCounter('x', 1, ['', 10, 0]), 11);
  assert.deepEqual(table.lookup('x'), [['x', 11, 0]], 'under the key that was asked for');
  assert.equal(table.updateCounter('x', { increment: 5, threshold: 15, reset: 0 }), 0);
  assert.equal(table.updateCounter('x', { increment: -5, threshold: -3 }), -3);
  assert.deepEqual(table.updateCounter('x', [{ increment: 1 }, { position: 2, increment: 7 }]), [-2, 7]);
  const before = table.lookup('x');
  assert.throws(
    () => table.updateCounter('x', [{ increment: 1 }, { position: 0, increment: 1 }]),
    code('option_invalid'),
  );
  assert.throws(() => table.updateCounter('x', { increment: 0.5 }), code('option_invalid'));
  assert.deepEqual(table.lookup('x'), before, 'all or none');
  assert.equal(table.updateCounter('x', { increment: Number.MAX_SAFE_INTEGER }), Number.MAX_SAFE_INTEGER - 2);
  assert.equal(table.updateCounter('x', 10), 2n ** 53n + 7n);
  assert.equal(table.updateCounter('x', -10), Number.MAX_SAFE_INTEGER - 2);
  assert.equal(table.updateElement('x', 2, 9), true);
  assert.equal(table.updateElement('y', 2, 9), false);
  assert.throws(() => table.updateElement('x', 0, 'z'), code('option_invalid'));
  assert.equal(table.lookupElement('x', 2), 9);
});

test('lookup_element, match, foldl, select_delete, keypos', () => {
  const runtime = start();
  const table = Table.create<readonly [number, string], 1>(runtime, { keyPosition: 1 });
  table.insert([1, 'a'], [2, 'b'], [3, 'c']);
  assert.equal(table.lookupElement('b', 0), 2);
  assert.equal(table.lookupElement('z', 0, 7), 7);
  assert.throws(() => table.lookupElement('z', 0), code('option_invalid'));
  assert.deepEqual(
    table.match(([n]) => n > 1),
    [
      [2, 'b'],
      [3, 'c'],
    ],
  );
  assert.equal(
    table.foldl((sum, [n]) => sum + n, 0),
    6,
  );
  assert.equal(
    table.matchDelete(([n]) => n !== 2),
    2,
  );
  assert.deepEqual(table.toArray(), [[2, 'b']]);
  table.clear();
  assert.equal(table.first(), undefined);
});

test('protection: private, protected, public; another process finds a named table (ets:new/2)', async () => {
  const runtime = start();
  const [self, other] = [await owner(runtime), await owner(runtime)];
  for (const protection of ['private', 'protected', 'public'] as const) {
    const table = Table.create<Row>(self, { name: protection, protection });
    table.insert(['a', 1]);
    const view = Table.whereis<Row>(other, protection)!;
    if (protection === 'private') assert.throws(() => view.lookup('a'), code('access_denied'));
    else assert.deepEqual(view.lookup('a'), [['a', 1]]);
    if (protection === 'public') view.insert(['a', 2]);
    else assert.throws(() => view.insert(['a', 2]), code('access_denied'));
    assert.throws(() => view.giveAway(other.pid, 1), code('access_denied'));
    assert.equal(Table.whereis<Row>(other, table.id)?.info()?.name, protection);
  }
  assert.throws(() => Table.create<Row>(other, { name: 'public' }), code('name_taken'));
  assert.deepEqual(
    Table.all(runtime).map(({ name }) => name),
    ['private', 'protected', 'public'],
  );
  assert.equal(Table.whereis(new Runtime({ world: fakeWorld() }), 'public'), undefined, 'names are per runtime');
});

test('a table goes with its owner, before anybody hears of that end; its name is free', async () => {
  const runtime = start();
  const self = await owner(runtime);
  const table = Table.create<Row>(self, { name: 't', protection: 'public' });
  let seen: unknown = 'nothing';
  runtime.spawn({
    init: (watcher) => void watcher.monitor(self.pid),
    handle: () => void (seen = Table.whereis(runtime, 't')),
  });
  await settle();
  runtime.exit(self.pid, atom('kill'));
  assert.throws(() => table.lookup('a'), code('closed'));
  assert.equal(table.info(), undefined);
  await settle();
  assert.equal(seen, undefined);
  const again = Table.create<Row>(runtime, { name: 't' });
  again.drop();
  again.drop();
  assert.equal(Table.whereis(runtime, 't'), undefined);
  assert.throws(() => Table.create<Row>(self), code('noproc'));
});

test('heir and give_away: {ETS-TRANSFER, Table, From, Data}, and the new owner’s rights (ets: heir, give_away/3)', async () => {
  const runtime = start();
  const messages: Term[] = [];
  const [first, second] = [await owner(runtime), await owner(runtime)];
  const heir = await owner(runtime, messages);
  const table = Table.create<Row>(first, { name: 'sessions', heir: { pid: heir.pid, data: 'left' } });
  table.insert(['a', 1]);
  table.giveAway(second.pid, 'gift');
  assert.throws(() => table.insert(['b', 1]), code('access_denied'));
  runtime.exit(first.pid, atom('kill'));
  assert.equal(table.size, 1, 'the former owner means nothing any more');
  runtime.exit(second.pid, atom('kill'));
  const own = Table.whereis<Row>(heir, 'sessions')!;
  own.insert(['c', 1]);
  await settle();
  assert.deepEqual(messages, [tuple(atom('ETS-TRANSFER'), atom('sessions'), second.pid, 'left')]);
  assert.ok(own.owner.equals(heir.pid));
  runtime.exit(heir.pid, atom('kill'));
  assert.equal(own.info(), undefined, 'an heir is no heir of its own');
  const late = Table.create<Row>(await owner(runtime), {});
  late.setHeir({ pid: heir.pid, data: 1 });
  runtime.exit(late.owner, atom('kill'));
  assert.equal(late.info(), undefined, 'the heir was gone before');
});

test('what cannot be given away stays its owner’s, and goes with it', async () => {
  const runtime = start();
  const [first, dead] = [await owner(runtime), await owner(runtime)];
  runtime.exit(dead.pid, atom('kill'));
  const table = Table.create<Row>(first, {});
  assert.throws(() => table.giveAway(dead.pid, 'gift'), code('noproc'));
  assert.ok(table.owner.equals(first.pid));
  runtime.exit(first.pid, atom('kill'));
  assert.equal(table.info(), undefined);
});

test('persistent terms: put, get, erase, per runtime (persistent_term)', () => {
  const runtime = start();
  const terms = PersistentTerms.of(runtime);
  terms.put(tuple('app', 'limit'), 5);
  assert.equal(PersistentTerms.of(runtime).get<number>(tuple('app', 'limit')), 5);
  assert.equal(PersistentTerms.of(start()).get(tuple('app', 'limit'), 'none'), 'none');
  assert.throws(() => terms.get('other'), code('option_invalid'));
  terms.put('u', undefined);
  assert.equal(terms.get('u', 1), undefined);
  assert.equal(terms.entries().length, 2);
  assert.equal(terms.erase('u'), true);
  assert.equal(terms.erase('u'), false);
});
