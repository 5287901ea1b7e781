import { Table } from '../../../src/table/index.ts';
import { atom, float, isTuple, tuple } from '../../../src/term/index.ts';
import type { Pid, Term } from '../../../src/term/index.ts';
import { OK, type Rules, each, runtime, time, tried } from './cast.ts';

/** A process that keeps the messages that fit. */
function collectorOf(fits: (message: Term) => boolean): { readonly pid: Pid; readonly got: Term[] } {
  const got: Term[] = [];
  return { pid: runtime.spawn({ handle: (message) => void (fits(message) && got.push(message)) }).pid, got };
}

export const tables: Rules = {
  'ets: the order of an ordered_set is that of terms, 1 and 1.0 are one key': async () => {
    const table = Table.create<[Term, number]>(runtime, { type: 'ordered_set' });
    const pairs = [tuple(1), tuple(1, 2), tuple(0, 0, 0)];
    for (const key of ['b', 'a', [], [1], ...pairs, atom('b'), atom('a'), 2.5, 1, float(1), -1]) table.insert([key, 0]);
    return await Promise.resolve(table.toArray().map(([key]) => key));
  },
  'ets: in a set 1 and 1.0 are two keys': async () => {
    const table = Table.create<[Term, Term]>(runtime, { type: 'set' });
    for (const key of [1, float(1)]) table.insert([key, key]);
    const rows = (key: Term): Term => table.lookup(key).map((row) => tuple(...row));
    return await Promise.resolve([table.size, rows(1), rows(float(1))]);
  },
  'ets: bag and duplicate_bag keep rows in the order of time': () =>
    each(['bag', 'duplicate_bag'] as const, async (type) => {
      const table = Table.create<[string, number]>(runtime, { type });
      const values = (): Term => table.lookup('k').map(([, value]) => value);
      for (const value of [2, 1, 2, 3]) table.insert(['k', value]);
      const all = values();
      table.deleteRow(['k', 2]);
      return await Promise.resolve(tuple(all, values()));
    }),
  'ets: insert_new, take, lookup_element, update_element, member': async () => {
    const table = Table.create<[Term, number]>(runtime, { type: 'set' });
    const [k, l, x] = [atom('k'), atom('l'), atom('x')];
    const taken = (): Term => table.take(k).map((row) => tuple(...row));
    return await Promise.resolve([
      table.insertNew([k, 1]),
      table.insertNew([k, 2]),
      table.insertNew([l, 1], [k, 3]),
      table.member(l),
      table.lookupElement(k, 1),
      table.updateElement(k, 1, 9),
      table.updateElement(x, 1, 9),
      taken(),
      taken(),
    ]);
  },
  'ets: update_counter with bounds, a default, and several at once': async () => {
    const table = Table.create<[Term, number, number]>(runtime, { type: 'set' });
    const [k, fresh] = [atom('k'), atom('new')];
    table.insert([k, 5, 10]);
    return await Promise.resolve([
      table.updateCounter(k, 3),
      table.updateCounter(k, { increment: 5, threshold: 10, reset: 0 }),
      table.updateCounter(k, { increment: -5, threshold: -2, reset: 100 }),
      tuple(...table.updateCounter(k, [{ increment: 1 }, { position: 2, increment: -1 }])),
      table.updateCounter(fresh, 7, [fresh, 1, 0]),
      table.lookup(k).map((row) => tuple(...row)),
    ]);
  },
  'ets: first, last, next and prev, also of a key that is not there': async () => {
    const table = Table.create<[number]>(runtime, { type: 'ordered_set' });
    for (const key of [10, 20, 30]) table.insert([key]);
    const end = atom('$end_of_table');
    const keys = [
      table.first(),
      table.last(),
      table.next(10),
      table.next(15),
      table.prev(15),
      table.next(30),
      table.prev(10),
    ];
    return await Promise.resolve(keys.map((key) => key ?? end));
  },
  'ets: the heir gets the table and is told; without one it goes with its owner': async () => {
    const heir = collectorOf((message) => isTuple(message, 4));
    const owner = runtime.spawn({
      init(self) {
        const data = { pid: heir.pid, data: atom('data') };
        Table.create<[Term, number]>(self, { name: 'inherited', heir: data }).insert([atom('k'), 1]);
        Table.create<[Term]>(self, { name: 'lost' });
      },
      handle: (_, self) => self.exit(atom('normal')),
    });
    await time(1);
    owner.send(OK);
    await time(1);
    const [, table, , data] = (heir.got[0] as unknown as { elements: readonly Term[] }).elements;
    const inherited = Table.whereis<[Term, number]>(runtime, 'inherited');
    return [
      tuple(table, data),
      inherited?.lookup(atom('k')).map((row) => tuple(...row)),
      Table.whereis(runtime, 'lost') === undefined ? undefined : OK,
      inherited?.owner.equals(heir.pid),
    ];
  },
  'ets: protected is read by all and written by its owner': async () => {
    let table: Table<[Term, number]> | undefined;
    runtime.spawn({
      init: (self) => {
        table = Table.create<[Term, number]>(self, { name: 'own', protection: 'protected' });
        table.insert([atom('k'), 1]);
      },
      handle() {},
    });
    await time(1);
    const other = Table.whereis<[Term, number]>(runtime, 'own')!;
    const write = tried(() => other.insert([atom('k'), 2])) === OK ? OK : atom('refused');
    return [other.lookup(atom('k')).map((row) => tuple(...row)), write];
  },
};
