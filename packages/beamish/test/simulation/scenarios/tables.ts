import assert from 'node:assert/strict';
import { isBeamishError } from '../../../src/error/index.ts';
import type { ProcessContext } from '../../../src/process/index.ts';
import { Table, type TableProtection } from '../../../src/table/index.ts';
import { atom, isTuple, type Pid, type Term, tuple } from '../../../src/term/index.ts';
import { compareKeys, type ModelRow, TableModel, textOf } from './table-model.ts';
import { onlyRuntime, type Scenario } from './scenario.ts';

const WORKERS = 5;
const NAMES = ['t0', 't1', 't2'];
const KEYS: readonly Term[] = [-1, 0, 1, 2, 3, 1000, atom('a'), atom('b'), tuple(1, 2), tuple('x'), '', 'a', 'b', 'ab'];
/** More rows than a chunk of an ordered table has. */
const MANY = 600;
const GO = atom('go');

type Row = ModelRow;

interface Known {
  readonly model: TableModel;
  readonly protection: TableProtection;
  owner: Pid;
  heir: { readonly pid: Pid; readonly data: Term } | undefined;
}

/**
 * Tables of every kind that processes share, whose owners are killed, give them away and leave them to heirs: each answer is that
 * of a plain list, and a table is there as long as its owner.
 */
export const tables: Scenario = {
  name: 'tables',
  checks: 'tables against a plain model; owners and heirs; readers beside writers',
  nodes: 1,
  faults: { types: ['pause', 'jump', 'drift'], count: 3, until: 800 },
  async run(world) {
    const { random } = world;
    const { runtime } = onlyRuntime(world);
    const known = new Map<string, Known>();
    /** What each process is to be told of tables that it gets. */
    const transfers = new Map<string, string[]>();
    const workers: Pid[] = [];
    let calm = false;

    world.always('a table is there as long as its owner, and is the owner’s of the model', () => {
      for (const name of NAMES) {
        const expected = known.get(name);
        const info = Table.whereis(runtime, name)?.info();
        if (expected === undefined) assert.equal(info, undefined, `${name} is there, and its owner has ended`);
        else {
          assert.ok(info !== undefined, `${name} is gone`);
          assert.ok(info.owner.equals(expected.owner), `${name} is owned by ${info.owner.toString()}`);
          assert.ok(runtime.isAlive(info.owner), `the owner of ${name} has ended`);
          assert.equal(info.size, expected.model.rows.length, `rows of ${name}`);
        }
      }
    });

    const spawn = (): void => {
      const { pid } = runtime.spawn({
        init: (self) => void self.setTimer(random.below(50), GO),
        async handle(message, self) {
          // A process that throws would only end.
          await work(message, self).catch((error: unknown) => world.fail(error));
        },
      });
      workers.push(pid);
    };

    const work = async (message: Term, self: ProcessContext): Promise<void> => {
      if (message !== GO) return told(self, message);
      if (calm) return;
      self.setTimer(1 + random.below(100), GO);
      for (let count = 0; count < 6; count++) step(self, random.pick(NAMES));
      if (random.chance(0.2)) await walk(self, random.pick(NAMES)).catch(unlessAborted);
    };

    /** `{'ETS-TRANSFER', Table, From, Data}` */
    const told = (self: ProcessContext, message: Term): void => {
      const expected = transfers.get(self.pid.key) ?? [];
      const text = isTuple(message, 4) ? textOf(message) : 'something else';
      // Of an owner of two tables either may come first.
      const index = expected.indexOf(text);
      assert.ok(index >= 0, `${self.pid.toString()} is told ${text}, to be told is ${expected.join()}`);
      expected.splice(index, 1);
    };

    const transfer = (name: string, table: Known, to: Pid, data: Term): void => {
      const message = tuple(atom('ETS-TRANSFER'), atom(name), table.owner, data);
      transfers.set(to.key, [...(transfers.get(to.key) ?? []), textOf(message)]);
      table.owner = to;
    };

    const kill = (pid: Pid): void => {
      workers.splice(workers.indexOf(pid), 1);
      for (const [name, table] of known) {
        if (!table.owner.equals(pid)) continue;
        if (table.heir !== undefined && workers.some((other) => other.equals(table.heir?.pid)))
          transfer(name, table, table.heir.pid, table.heir.data);
        else known.delete(name);
      }
      runtime.exit(pid, atom('kill'));
      spawn();
    };

    const create = (self: ProcessContext, name: string): void => {
      const type = random.pick(['set', 'ordered_set', 'bag', 'duplicate_bag'] as const);
      const protection = random.pick(['public', 'public', 'protected', 'private'] as const);
      const heir = random.chance(0.6) ? { pid: random.pick(workers), data: random.below(100) } : undefined;
      const table = Table.create<Row>(self, { name, type, protection, ...(heir === undefined ? {} : { heir }) });
      const model = new TableModel(type);
      known.set(name, { model, protection, owner: self.pid, heir });
      if (!random.chance(0.03)) return;
      for (let key = 0; key < MANY; key++) {
        table.insert([(key * 7) % MANY, key, 0]);
        model.insert([(key * 7) % MANY, key, 0]);
      }
    };

    /** One thing that a process does with a table, and the model after it: results and refusals are the same. */
    const step = (self: ProcessContext, name: string): void => {
      const expected = known.get(name);
      if (expected === undefined) {
        if (random.chance(0.3)) create(self, name);
        return;
      }
      const table = Table.whereis<Row>(self, name);
      assert.ok(table !== undefined, `${name} is gone`);
      const { model, protection, owner } = expected;
      const isOwner = owner.equals(self.pid);
      const action = random.pick(actions);
      const mayDo =
        { read: protection !== 'private', write: protection === 'public', own: false }[action.needs] || isOwner;
      const row: Row = [random.pick(KEYS), random.below(3), random.below(2)];
      if (mayDo) {
        action.run({ table, model, row, name, expected });
        return;
      }
      const simplest = {
        read: () => table.lookup(row[0]),
        write: () => table.insert(row),
        own: () => table.setHeir(undefined),
      }[action.needs];
      assert.throws(simplest, (error) => isBeamishError(error, 'access_denied'), `${name} is ${protection}`);
    };

    interface Doing {
      readonly table: Table<Row>;
      readonly model: TableModel;
      readonly row: Row;
      readonly name: string;
      readonly expected: Known;
    }

    const isSet = ({ type }: TableModel): boolean => type === 'set' || type === 'ordered_set';
    const actions: readonly { readonly needs: 'read' | 'write' | 'own'; readonly run: (doing: Doing) => void }[] = [
      { needs: 'write', run: ({ table, model, row }) => (table.insert(row), model.insert(row)) },
      { needs: 'write', run: ({ table, model, row }) => (table.insert(row), model.insert(row)) },
      {
        needs: 'write',
        run({ table, model, row }) {
          const isNew = model.lookup(row[0]).length === 0;
          assert.equal(table.insertNew(row), isNew);
          if (isNew) model.insert(row);
        },
      },
      { needs: 'write', run: ({ table, model, row }) => (table.delete(row[0]), void model.delete(row[0])) },
      { needs: 'write', run: ({ table, model, row }) => (table.deleteRow(row), model.deleteRow(row)) },
      { needs: 'write', run: ({ table, model, row: [key] }) => same(table.take(key), model.delete(key)) },
      {
        needs: 'write',
        run({ table, model, row: [, count] }) {
          const unfit = (row: Row): boolean => row[1] === count && row[0] === 1000;
          assert.equal(
            table.matchDelete(unfit),
            model.keep((row) => !unfit(row)),
          );
        },
      },
      { needs: 'write', run: (doing) => count(doing) },
      { needs: 'write', run: (doing) => count(doing) },
      {
        needs: 'write',
        run({ table, model }) {
          if (!random.chance(0.05)) return;
          table.clear();
          model.keep(() => false);
        },
      },
      {
        needs: 'write',
        run({ table, name }) {
          if (!random.chance(0.05)) return;
          table.drop();
          known.delete(name);
          assert.throws(
            () => table.size,
            (error) => isBeamishError(error, 'closed'),
          );
        },
      },
      { needs: 'read', run: ({ table, model, row: [key] }) => same(table.lookup(key), model.lookup(key)) },
      { needs: 'read', run: (doing) => compareAll(doing) },
      { needs: 'read', run: (doing) => compareRange(doing) },
      {
        needs: 'own',
        run({ table, name, expected }) {
          const to = random.pick(workers);
          if (to.equals(expected.owner)) return;
          table.giveAway(to, 'a gift');
          transfer(name, expected, to, 'a gift');
        },
      },
      {
        needs: 'own',
        run({ table }) {
          // To nobody: it stays with its owner, and goes with it.
          assert.throws(
            () => table.giveAway(dead, 'a gift'),
            (error) => isBeamishError(error, 'noproc'),
          );
        },
      },
      {
        needs: 'own',
        run({ table, expected }) {
          expected.heir = random.chance(0.3) ? undefined : { pid: random.pick(workers), data: random.below(100) };
          table.setHeir(expected.heir);
        },
      },
    ];

    const same = (actual: readonly Row[], expected: readonly Row[]): void =>
      assert.deepEqual(actual.map(textOf), expected.map(textOf));

    const count = ({ table, model, row: [key, by] }: Doing): void => {
      const update = { increment: by - 1, ...(random.chance(0.5) ? { threshold: by * 2, reset: -1 } : {}) };
      const initial: Row = [key, 5, 0];
      const update_ = (): unknown => table.updateCounter(key, update, initial);
      if (!isSet(model)) {
        assert.throws(update_, (error) => isBeamishError(error, 'option_invalid'));
        return;
      }
      const [, before, mark] = model.lookup(key)[0] ?? initial;
      const sum = before + update.increment;
      const { threshold, reset } = update;
      const beyond = threshold !== undefined && (update.increment >= 0 ? sum > threshold : sum < threshold);
      const after = beyond ? (reset as number) : sum;
      assert.equal(update_(), after);
      model.insert([key, after, mark]);
    };

    const compareAll = ({ table, model }: Doing): void => {
      const all = table.toArray().map(textOf);
      assert.deepEqual(model.type === 'ordered_set' ? all : all.toSorted(), model.texts());
      if (model.type !== 'ordered_set') return;
      const keys = model.keys();
      assert.equal(textOf(table.first()), textOf(keys[0]));
      assert.equal(textOf(table.last()), textOf(keys.at(-1)));
    };

    /** Bounds that may be absent, open, closed, and the wrong way round. */
    const compareRange = ({ table, model }: Doing): void => {
      if (model.type !== 'ordered_set') {
        assert.throws(
          () => table.range(),
          (error) => isBeamishError(error, 'option_invalid'),
        );
        return;
      }
      const bound = (name: string): object => (random.chance(0.4) ? { [name]: random.pick(KEYS) } : {});
      const range: { from?: Term; after?: Term; to?: Term; before?: Term } = {
        ...bound('from'),
        ...bound('after'),
        ...bound('to'),
        ...bound('before'),
      };
      const reverse = random.chance(0.5);
      const { from, after, to, before } = range;
      const expected = model
        .keys()
        .filter(
          (key) =>
            (from === undefined || compareKeys(key, from) >= 0) &&
            (after === undefined || compareKeys(key, after) > 0) &&
            (to === undefined || compareKeys(key, to) <= 0) &&
            (before === undefined || compareKeys(key, before) < 0),
        )
        .map(textOf);
      const found = [...table.range({ ...range, reverse })].map(([key]) => textOf(key));
      assert.deepEqual(found, reverse ? expected.toReversed() : expected);
      const key = random.pick(KEYS);
      const keys = model.keys();
      assert.equal(textOf(table.next(key)), textOf(keys.find((other) => compareKeys(other, key) > 0)));
      assert.equal(textOf(table.prev(key)), textOf(keys.findLast((other) => compareKeys(other, key) < 0)));
    };

    /** The reader was killed in its sleep. */
    const unlessAborted = (error: unknown): void => {
      if (!isBeamishError(error, 'aborted')) throw error;
    };

    /** A reader that takes its time, while others write: what stays is met once, in order where there is one. */
    const walk = async (self: ProcessContext, name: string): Promise<void> => {
      const expected = known.get(name);
      const table = Table.whereis<Row>(self, name);
      if (
        expected === undefined ||
        table === undefined ||
        (expected.protection === 'private' && !expected.owner.equals(self.pid))
      )
        return;
      const { model } = expected;
      const touched = new Set<string>();
      model.walks.add(touched);
      const before = model.keys().map(textOf);
      const met: Term[] = [];
      let steps = 0;
      for (const [key] of model.type === 'ordered_set' && random.chance(0.5) ? table.range() : table) {
        if (met.length === 0 || textOf(met.at(-1)) !== textOf(key)) met.push(key);
        // The first of a large table are enough of a wait.
        if (++steps < 12 && random.chance(0.5)) await self.sleep(random.below(30));
        if (known.get(name) !== expected) break;
      }
      model.walks.delete(touched);
      if (known.get(name) !== expected) return;
      const texts = met.map(textOf).filter((text) => !touched.has(text));
      assert.equal(new Set(texts).size, texts.length, `a walk through ${name} met a key twice`);
      assert.deepEqual(
        texts.toSorted(),
        before.filter((text) => !touched.has(text)).toSorted(),
        `a walk through ${name}`,
      );
      if (model.type !== 'ordered_set') return;
      for (const [index, key] of met.entries())
        if (index > 0) assert.ok(compareKeys(met[index - 1], key) < 0, `a walk through ${name} went back`);
    };

    const { pid: dead } = runtime.spawn({ handle() {} });
    runtime.exit(dead, atom('kill'));
    for (let index = 0; index < WORKERS; index++) spawn();
    while (world.now < 800) {
      await world.sleep(random.below(60));
      kill(random.pick(workers));
    }
    calm = true;
    world.eventually('every heir was told', () => {
      for (const pid of workers) assert.deepEqual(transfers.get(pid.key) ?? [], [], pid.toString());
    });
  },
};
