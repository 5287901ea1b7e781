import { keyOf, termEquals } from '../term/index.ts';
import type { Term } from '../term/index.ts';
import type { Row, Rows } from './rows.ts';

interface Entry<R> {
  readonly key: Term;
  rows: R[];
  /** Whether somebody has `rows`: then a change makes new ones, for what was looked up stays as it was. */
  lent: boolean;
  /** In the order in which the keys came: `next` needs no search. */
  before: Entry<R> | undefined;
  after: Entry<R> | undefined;
}

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
    return entry.rows;
  }

  put(row: R): void {
    const key = row[this.#position];
    const index = indexOf(key);
    const entry = this.#entries.get(index);
    if (entry === undefined) {
      const added: Entry<R> = { key, rows: [row], lent: false, before: this.#last, after: undefined };
      if (this.#last === undefined) this.#first = added;
      else this.#last.after = added;
      this.#last = added;
      this.#entries.set(index, added);
      this.size++;
    } else if (this.#type === 'set') {
      entry.rows = [row];
      entry.lent = false;
    } else if (this.#type === 'duplicate_bag' || !entry.rows.some((other) => termEquals(other, row))) {
      if (entry.lent) entry.rows = [...entry.rows, row];
      else entry.rows.push(row);
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
    this.size -= entry.rows.length;
    return entry.rows;
  }

  deleteRow(row: R): void {
    const key = row[this.#position];
    const entry = this.#entries.get(indexOf(key));
    if (entry === undefined) return;
    const rest = entry.rows.filter((other) => !termEquals(other, row));
    if (rest.length === 0) this.delete(key);
    else {
      this.size -= entry.rows.length - rest.length;
      entry.rows = rest;
      entry.lent = false;
    }
  }

  clear(): void {
    this.#entries.clear();
    this.#first = this.#last = undefined;
    this.size = 0;
  }

  *values(): Iterable<R> {
    for (const entry of this.#entries.values()) {
      entry.lent = true;
      yield* entry.rows;
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
