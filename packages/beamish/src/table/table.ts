import { BeamishError } from '../error/index.ts';
import type { ProcessContext, Runtime } from '../process/index.ts';
import { formatTerm } from '../term/index.ts';
import type { Atom, Pid, Reference, Term } from '../term/index.ts';
import { updateCounters } from './counter.ts';
import type { CounterUpdate } from './counter.ts';
import { HashRows } from './hash-rows.ts';
import { OrderedRows } from './ordered-rows.ts';
import type { KeyRange } from './ordered-rows.ts';
import type { Row, Rows } from './rows.ts';
import { Tables } from './tables.ts';
import type { Heir, TableState } from './tables.ts';

/** As in ETS: one row per key; the same, in the order of terms; many rows per key; many, equal ones too. */
export type TableType = 'set' | 'ordered_set' | 'bag' | 'duplicate_bag';
/** public: everybody reads and writes; protected: the owner writes, everybody reads; private: the owner alone. */
export type TableProtection = 'public' | 'protected' | 'private';

/** Of `Table.create` (OTP `ets:new/2`). */
export interface TableOptions {
  /** Unique in its runtime; others find the table by it (OTP `named_table`). */
  readonly name?: string;
  /** @default 'set' */
  readonly type?: TableType;
  /** @default 'protected' */
  readonly protection?: TableProtection;
  /** Who gets the table when its owner ends, by the message `{'ETS-TRANSFER', Table, From, Data}`. @default nobody: it goes */
  readonly heir?: Heir;
}

type KeyPosition<P extends number> = P extends 0 ? { readonly keyPosition?: 0 } : { readonly keyPosition: P };

/** What is known of a table (OTP `ets:info/1`). */
export interface TableInfo {
  readonly id: Reference;
  readonly name: string | undefined;
  readonly type: TableType;
  readonly protection: TableProtection;
  readonly owner: Pid;
  readonly heir: Pid | undefined;
  readonly keyPosition: number;
  readonly size: number;
}

/**
 * Rows in memory that the processes of a node share (OTP `ets`), without a call to their owner. A row is an array of terms
 * whose element at `keyPosition` (0 unless said otherwise; positions count from 0, in OTP from 1) is the key.
 *
 * ```ts
 * const hits = Table.create<[page: string, count: number]>(this.process, { name: 'hits', protection: 'public' });
 * hits.updateCounter('/', 1, ['/', 0]);
 * Table.whereis<[string, number]>(other, 'hits')?.lookup('/'); // [['/', 1]]
 * ```
 *
 * A `Table` is the view of one process: what it may do depends on who owns the table now. It goes with its owner. Rows are
 * kept and given by reference, not copied: treat them as frozen. Every method throws `closed` when the table is gone, and
 * `access_denied` when its protection forbids it.
 */
export class Table<R extends Row = Row, P extends number = 0> {
  readonly #state: TableState;
  readonly #tables: Tables;
  readonly #self: Pid;

  private constructor(state: TableState, tables: Tables, self: Pid) {
    this.#state = state;
    this.#tables = tables;
    this.#self = self;
  }

  /**
   * A new table, owned by the process (by the runtime: it stays until the runtime ends).
   * @throws BeamishError `name_taken`, `noproc` when the owner has ended
   */
  static create<R extends Row, P extends number = 0>(
    owner: ProcessContext | Runtime,
    ...[options]: P extends 0 ? [options?: TableOptions & KeyPosition<P>] : [options: TableOptions & KeyPosition<P>]
  ): Table<R, P> {
    const { name, type = 'set', protection = 'protected', heir, keyPosition = 0 } = options ?? {};
    const runtime = 'runtime' in owner ? owner.runtime : owner;
    const tables = runtime.singleton(Tables);
    const state: TableState = {
      id: runtime.newReference(),
      name,
      type,
      protection,
      keyPosition,
      rows: type === 'ordered_set' ? new OrderedRows(keyPosition) : new HashRows(type, keyPosition),
      owner: owner.pid,
      heir,
      deleted: false,
      release: undefined,
    };
    tables.add(state);
    return new Table<R, P>(state, tables, owner.pid);
  }

  /** The view of `self` on a table, by its name or id (OTP `ets:whereis/1`). The type is the caller's to know. */
  static whereis<R extends Row, P extends number = 0>(
    self: ProcessContext | Runtime,
    table: string | Atom | Reference,
  ): Table<R, P> | undefined {
    const tables = ('runtime' in self ? self.runtime : self).singleton(Tables);
    const state = tables.find(table);
    return state === undefined ? undefined : new Table<R, P>(state, tables, self.pid);
  }

  /** All tables of a runtime (OTP `ets:all/0`). */
  static all(runtime: Runtime): readonly TableInfo[] {
    return runtime.singleton(Tables).all().map(infoOf);
  }

  get id(): Reference {
    return this.#state.id;
  }

  /** OTP `ets:info/1`, open to everybody; undefined when the table is gone. */
  info(): TableInfo | undefined {
    return this.#state.deleted ? undefined : infoOf(this.#state);
  }

  // --- writing ---

  /** Adds rows, all or none (OTP `insert/2`): in a set in place of those with the same key. */
  insert(...rows: readonly R[]): void {
    const own = this.#write();
    for (const row of rows) this.#keyOf(row);
    for (const row of rows) own.put(row);
  }

  /** Adds rows when none of their keys is there (OTP `insert_new/2`). @returns whether it did */
  insertNew(...rows: readonly R[]): boolean {
    const own = this.#write();
    if (rows.map((row) => this.#keyOf(row)).some((key) => own.get(key).length > 0)) return false;
    for (const row of rows) own.put(row);
    return true;
  }

  /** Takes all rows of the key away. */
  delete(key: R[P]): void {
    this.#write().delete(key);
  }

  /** Takes the rows away that are this very term (OTP `delete_object/2`). */
  deleteRow(row: R): void {
    this.#write().deleteRow(row);
  }

  /** Takes the rows of the key away and gives them (OTP `take/2`). */
  take(key: R[P]): readonly R[] {
    return this.#write().delete(key);
  }

  /** Takes all rows away that fit (OTP `select_delete/2`). @returns how many */
  matchDelete(fits: (row: R) => boolean): number {
    const own = this.#write();
    const rows = [...own.values()].filter((row) => fits(row));
    const before = own.size;
    for (const row of rows) own.deleteRow(row);
    return before - own.size;
  }

  /** OTP `delete_all_objects/1`. */
  clear(): void {
    this.#write().clear();
  }

  /** Sets one element (OTP `update_element/3`; sets only). @returns whether there is such a key */
  updateElement<N extends number>(key: R[P], position: N, value: R[N]): boolean {
    const own = this.#write();
    this.#onlySets('updateElement');
    const [row] = own.get(key);
    if (row === undefined) return false;
    if (position === this.#state.keyPosition || !Number.isInteger(position) || position < 0 || position >= row.length)
      throw new BeamishError('option_invalid', `position ${position} is the key, or not in the row`);
    own.put(row.with(position, value) as unknown as R);
    return true;
  }

  /**
   * Adds to a counter, or to several, all or none, and gives what they are then (OTP `update_counter/3,4`; sets only).
   * @param update an increment of the element behind the key, or which element and with what bounds
   * @param initial the row to start from when there is none
   * @throws BeamishError `option_invalid` when there is no such row, or an element is no integer
   */
  updateCounter(key: R[P], update: number | bigint | CounterUpdate, initial?: R): number | bigint;
  updateCounter(key: R[P], updates: readonly CounterUpdate[], initial?: R): readonly (number | bigint)[];
  updateCounter(
    key: R[P],
    update: number | bigint | CounterUpdate | readonly CounterUpdate[],
    initial?: R,
  ): number | bigint | readonly (number | bigint)[] {
    const own = this.#write();
    this.#onlySets('updateCounter');
    const { keyPosition } = this.#state;
    const found = own.get(key)[0] ?? initial?.with(keyPosition, key);
    if (found === undefined) throw this.#missing(key);
    const several = Array.isArray(update);
    const updates = several
      ? (update as readonly CounterUpdate[])
      : [typeof update === 'object' ? (update as CounterUpdate) : { increment: update }];
    const { row, values } = updateCounters(found, updates, keyPosition);
    own.put(row as R);
    return several ? values : (values[0] as number | bigint);
  }

  // --- reading ---

  /** The rows of the key: one at most in a set, in order of their insertion in a bag. */
  lookup(key: R[P]): readonly R[] {
    return this.#read().get(key);
  }

  /**
   * One element of the row of a set (OTP `lookup_element/3,4`); of a bag the first row's: see `lookup` for all.
   * @param fallback what it is when there is no row
   * @throws BeamishError `option_invalid` when there is no row, and no fallback
   */
  lookupElement<N extends number>(key: R[P], position: N, ...fallback: [] | [fallback: R[N]]): R[N] {
    const [row] = this.#read().get(key);
    if (row !== undefined) return row[position];
    if (fallback.length === 1) return fallback[0];
    throw this.#missing(key);
  }

  /** Whether there is a row with the key. */
  member(key: R[P]): boolean {
    return this.#read().get(key).length > 0;
  }

  get size(): number {
    return this.#read().size;
  }

  /** Rows that fit: of an ordered set in order, and of a range of keys only when one is given (OTP `select/2`). */
  match(fits: (row: R) => boolean, range?: KeyRange<R[P]>): readonly R[] {
    const found: R[] = [];
    for (const row of range === undefined ? this.#read().values() : this.range(range)) if (fits(row)) found.push(row);
    return found;
  }

  /** The rows of a range of keys, as they are asked for. @throws BeamishError `option_invalid` when it is no ordered set */
  range(range: KeyRange<R[P]> = {}): Iterable<R> {
    const own = this.#read();
    if (own instanceof OrderedRows) return own.range(range) as Iterable<R>;
    throw new BeamishError('option_invalid', `${this.#title}: a range needs the type ordered_set`);
  }

  /** All rows: in order of their keys in an ordered set, else of the first insertion of the key (OTP `tab2list/1`). */
  toArray(): readonly R[] {
    return [...this.#read().values()];
  }

  [Symbol.iterator](): Iterator<R> {
    return this.#read().values()[Symbol.iterator]();
  }

  /** OTP `foldl/3`. */
  foldl<A>(fold: (accumulator: A, row: R) => A, initial: A): A {
    let accumulator = initial;
    for (const row of this.#read().values()) accumulator = fold(accumulator, row);
    return accumulator;
  }

  /** The first key; undefined in an empty table (OTP `'$end_of_table'`). */
  first(): R[P] | undefined {
    return this.#read().first();
  }

  /** The last key; undefined in an empty table. */
  last(): R[P] | undefined {
    return this.#read().last();
  }

  /**
   * The key after `key`; undefined after the last. In an ordered set `key` need not be there.
   * @throws BeamishError `option_invalid` when the key is not in a table without order (OTP: badarg)
   */
  next(key: R[P]): R[P] | undefined {
    return this.#neighbour(key, this.#read().next(key));
  }

  /** The key before; undefined is the end. @throws as `next` */
  prev(key: R[P]): R[P] | undefined {
    return this.#neighbour(key, this.#read().prev(key));
  }

  // --- ownership ---

  get owner(): Pid {
    return this.#state.owner;
  }

  /** Gives the table to another process, which gets `{'ETS-TRANSFER', Table, From, Data}` (OTP `give_away/3`; owner only). */
  giveAway(to: Pid, data: Term): void {
    this.#own();
    this.#tables.transfer(this.#state, to, data);
  }

  /** OTP `setopts(Table, {heir, Pid, Data})`; owner only. */
  setHeir(heir: Heir | undefined): void {
    this.#own();
    this.#state.heir = heir;
  }

  /** The end of the table (OTP `ets:delete/1`): who may write may also end it. Idempotent. */
  drop(): void {
    if (this.#state.deleted) return;
    this.#write();
    this.#tables.delete(this.#state);
  }

  // --- inside ---

  #neighbour(key: R[P], found: { readonly known: boolean; readonly key: Term }): R[P] | undefined {
    if (!found.known) throw this.#missing(key);
    return found.key;
  }

  #read(): Rows<R> {
    this.#check(this.#state.protection === 'private', 'read');
    return this.#state.rows as Rows<R>;
  }

  #write(): Rows<R> {
    this.#check(this.#state.protection !== 'public', 'written');
    return this.#state.rows as Rows<R>;
  }

  #own(): void {
    this.#check(true, 'given away or bequeathed');
  }

  #check(ownerOnly: boolean, what: string): void {
    const { deleted, owner, protection } = this.#state;
    if (deleted) throw new BeamishError('closed', `${this.#title} is gone`);
    if (!ownerOnly || owner === this.#self || owner.key === this.#self.key) return;
    throw new BeamishError(
      'access_denied',
      `${this.#title} is ${protection}: it can be ${what} by its owner ${owner.toString()} alone, not by ${this.#self.toString()}`,
      { details: { owner, protection } },
    );
  }

  #keyOf(row: R): Term {
    const key = row[this.#state.keyPosition];
    if (key === undefined)
      throw new BeamishError(
        'option_invalid',
        `${this.#title}: a row has no key at position ${this.#state.keyPosition}`,
      );
    return key;
  }

  #onlySets(what: string): void {
    const { type } = this.#state;
    if (type === 'bag' || type === 'duplicate_bag')
      throw new BeamishError('option_invalid', `${this.#title} is a ${type}: ${what} is for sets`);
  }

  #missing(key: Term): BeamishError {
    return new BeamishError('option_invalid', `${this.#title} has no row ${formatTerm(key, { maxLength: 100 })}`);
  }

  get #title(): string {
    return `table ${this.#state.name ?? formatTerm(this.#state.id)}`;
  }
}

function infoOf({ id, name, type, protection, owner, heir, keyPosition, rows }: TableState): TableInfo {
  return { id, name, type, protection, owner, heir: heir?.pid, keyPosition, size: rows.size };
}
