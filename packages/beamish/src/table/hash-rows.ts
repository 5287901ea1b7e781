import { keyOf } from '../term/index.ts';
import type { Term } from '../term/index.ts';
import type { Row, Rows } from './rows.ts';

interface Entry<R> {
  readonly key: Term;
  /** Undefined: those of `index`, which nobody has asked for since they changed. */
  rows: R[] | undefined;
  /** The rows of a bag when they are many, in their order, by what two that are the same have in common. */
  index: Map<string, R> | undefined;
  /** Whether somebody has `rows`: then a change makes new ones, for what was looked up stays as it was. */
  lent: boolean;
  /** In the order in which the keys came: `next` needs no search. */
  before: Entry<R> | undefined;
  after: Entry<R> | undefined;
}

/** Rows of one key in a bag that are compared one by one; of more an index is worth its memory. */
const FEW = 16;

/** Equal exactly for keys that are the same term. Texts and small integers, most keys there are, stand for themselves. */
function indexOf(key: Term): string | number {
  if (typeof key === 'string') return key.charCodeAt(0) === 0 ? `\0s${key}` : key;
  if (typeof key === 'number' && Number.isSafeInteger(key) && !Object.is(key, -0)) return key;
  if (typeof key === 'bigint' && Number.isSafeInteger(Number(key))) return Number(key);
  if (key instanceof Uint8Array) {
    const text = keyOf(key); // bytes that are a text are the same binary: sLENGTH:TEXT
    if (text.startsWith('s')) return indexOf(text.slice(text.indexOf(':') + 1));
  }
  return `\0${keyOf(key)}`;
}

function rowsOf<R extends Row>(entry: Entry<R>): R[] {
  return (entry.rows ??= [...(entry.index?.values() ?? [])]);
}

/** Whether a bag does not have the row; it is in the index then, if there is one. */
function isNew<R extends Row>(entry: Entry<R>, row: R): boolean {
  const text = keyOf(row);
  if (entry.index === undefined) {
    const rows = rowsOf(entry);
    if (rows.length < FEW) return !rows.some((other) => keyOf(other) === text);
    entry.index = new Map(rows.map((other) => [keyOf(other), other]));
  }
  if (entry.index.has(text)) return false;
  entry.index.set(text, row);
  return true;
}

/** Takes the rows away that are this very term. @returns how many they were */
function without<R extends Row>(entry: Entry<R>, row: R): number {
  const text = keyOf(row);
  if (entry.index !== undefined) {
    if (!entry.index.delete(text)) return 0;
    entry.rows = undefined;
    return 1;
  }
  const rows = rowsOf(entry);
  entry.rows = rows.filter((other) => keyOf(other) !== text);
  return rows.length - entry.rows.length;
}

/** set, bag and duplicate_bag: keys are compared with `=:=` (ets.erl: "match"). */
export class HashRows<R extends Row> implements Rows<R> {
  readonly #type: 'set' | 'bag' | 'duplicate_bag';
  readonly #position: number;
  readonly #entries = new Map<string | number, Entry<R>>();
  #first: Entry<R> | undefined;
  #last: Entry<R> | undefined;
  size = 0;

  constructor(type: 'set' | 'bag' | 'duplicate_bag', position: number) {
    this.#type = type;
    this.#position = position;
  }

  get(key: Term): readonly R[] {
    const entry = this.#entries.get(indexOf(key));
    if (entry === undefined) return [];
    entry.lent = true;
    return rowsOf(entry);
  }

  put(row: R): void {
    const key = row[this.#position];
    const index = indexOf(key);
    const entry = this.#entries.get(index);
    if (entry === undefined) {
      const added: Entry<R> = { key, rows: [row], index: undefined, lent: false, before: this.#last, after: undefined };
      if (this.#last === undefined) this.#first = added;
      else this.#last.after = added;
      this.#last = added;
      this.#entries.set(index, added);
      this.size++;
    } else if (this.#type === 'set') {
      entry.rows = [row];
      entry.lent = false;
    } else if (this.#type === 'duplicate_bag' || isNew(entry, row)) {
      if (!entry.lent) entry.rows?.push(row);
      else entry.rows = entry.index === undefined ? [...rowsOf(entry), row] : undefined;
      entry.lent = false;
      this.size++;
    }
  }

  delete(key: Term): readonly R[] {
    const index = indexOf(key);
    const entry = this.#entries.get(index);
    if (entry === undefined) return [];
    this.#entries.delete(index);
    if (entry.before === undefined) this.#first = entry.after;
    else entry.before.after = entry.after;
    if (entry.after === undefined) this.#last = entry.before;
    else entry.after.before = entry.before;
    const rows = rowsOf(entry);
    this.size -= rows.length;
    return rows;
  }

  deleteRow(row: R): void {
    const key = row[this.#position];
    const entry = this.#entries.get(indexOf(key));
    if (entry === undefined) return;
    const gone = without(entry, row);
    if (gone === 0) return;
    entry.lent = false;
    this.size -= gone;
    if (entry.rows?.length === 0 || entry.index?.size === 0) this.delete(key);
  }

  clear(): void {
    this.#entries.clear();
    this.#first = this.#last = undefined;
    this.size = 0;
  }

  *values(): Iterable<R> {
    for (const entry of this.#entries.values()) {
      entry.lent = true;
      yield* rowsOf(entry);
    }
  }

  first(): Term {
    return this.#first?.key;
  }

  last(): Term {
    return this.#last?.key;
  }

  next(key: Term): { readonly known: boolean; readonly key: Term } {
    const entry = this.#entries.get(indexOf(key));
    return { known: entry !== undefined, key: entry?.after?.key };
  }

  prev(key: Term): { readonly known: boolean; readonly key: Term } {
    const entry = this.#entries.get(indexOf(key));
    return { known: entry !== undefined, key: entry?.before?.key };
  }
}
