/** What a table is meant to be, as plainly as it can be said: a list of rows, searched from end to end. */
import { Atom, formatTerm, type Term, Tuple } from '../../../src/term/index.ts';

export type ModelRow = readonly [key: Term, count: number, mark: number];
export type ModelType = 'set' | 'ordered_set' | 'bag' | 'duplicate_bag';

export const textOf = (term: Term): string => formatTerm(term);

/** The keys of a scenario are the same objects every time. */
const isSame = (a: ModelRow, b: ModelRow): boolean => a.every((element, index) => element === b[index]);

/** The order of Erlang's terms, for the kinds of keys that are used here. */
export function compareKeys(a: Term, b: Term): number {
  const rank = (term: Term): number =>
    typeof term === 'number' ? 0 : term instanceof Atom ? 1 : term instanceof Tuple ? 2 : 3;
  if (rank(a) !== rank(b)) return rank(a) - rank(b);
  if (typeof a === 'number') return a - (b as number);
  if (a instanceof Tuple && b instanceof Tuple && a.length !== b.length) return a.length - b.length;
  const [left, right] = [textOf(a), textOf(b)];
  return left < right ? -1 : left > right ? 1 : 0;
}

export class TableModel {
  readonly type: ModelType;
  rows: ModelRow[] = [];
  /** Of walks that go on: the keys that came or went meanwhile. */
  readonly walks = new Set<Set<string>>();

  constructor(type: ModelType) {
    this.type = type;
  }

  lookup(key: Term): ModelRow[] {
    return this.rows.filter((row) => row[0] === key);
  }

  insert(row: ModelRow): void {
    const same = this.lookup(row[0]);
    if (same.length === 0) this.#touch(row[0]);
    if (this.type === 'set' || this.type === 'ordered_set')
      this.rows = this.rows.filter((other) => !same.includes(other));
    else if (this.type === 'bag' && same.some((other) => isSame(other, row))) return;
    this.rows.push(row);
  }

  delete(key: Term): ModelRow[] {
    const gone = this.lookup(key);
    if (gone.length > 0) this.#touch(key);
    this.rows = this.rows.filter((row) => !gone.includes(row));
    return gone;
  }

  deleteRow(row: ModelRow): void {
    this.keep((other) => !isSame(other, row));
  }

  /** @returns how many went */
  keep(fits: (row: ModelRow) => boolean): number {
    const gone = this.rows.filter((row) => !fits(row));
    this.rows = this.rows.filter(fits);
    for (const [key] of gone) if (this.lookup(key).length === 0) this.#touch(key);
    return gone.length;
  }

  /** The keys in order; of a table that has none, in any. */
  keys(): Term[] {
    const keys = [...new Set(this.rows.map(([key]) => key))];
    return this.type === 'ordered_set' ? keys.toSorted(compareKeys) : keys;
  }

  /** All rows as a text each: of an ordered table in its order, else sorted by it. */
  texts(): string[] {
    return this.type === 'ordered_set'
      ? this.rows.toSorted((a, b) => compareKeys(a[0], b[0])).map(textOf)
      : this.rows.map(textOf).toSorted();
  }

  #touch(key: Term): void {
    for (const touched of this.walks) touched.add(textOf(key));
  }
}
