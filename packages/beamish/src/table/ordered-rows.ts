import { compareTerms, termEquals } from '../term/index.ts';
import type { Term } from '../term/index.ts';
import type { Row, Rows } from './rows.ts';

/** Rows of one chunk, at most. A chunk that is full is halved. */
const CHUNK = 512;

/** Bounds of a walk over keys; a bound that is absent is none. */
export interface KeyRange<K extends Term = Term> {
  /** From this key on. */
  readonly from?: K;
  /** Above this key. */
  readonly after?: K;
  /** Up to this key. */
  readonly to?: K;
  /** Below this key. */
  readonly before?: K;
  /** From the greatest key down. @default false */
  readonly reverse?: boolean;
}

/**
 * ordered_set: keys in the order of terms, equal as with `==` (`1` and `1.0` are one key).
 *
 * A list of sorted chunks, which is a B+ tree of two levels, and not a balanced tree: it compares as few keys (log2 n), a
 * walk over a range is a walk over arrays, there is no node per row and nothing to rebalance. An insert moves at most 512
 * rows and, once in 256, the list of the chunks: 4 k pointers at a million rows. One sorted array would move all.
 */
export class OrderedRows<R extends Row> implements Rows<R> {
  readonly #position: number;
  /** None is empty. */
  #chunks: R[][] = [];
  #changes = 0;
  // where `#find` has been
  #chunk = 0;
  #index = 0;
  size = 0;

  constructor(position: number) {
    this.#position = position;
  }

  /** Sets the place of the first row whose key is not below `key`. @returns whether it has that key */
  #find(key: Term): boolean {
    let low = 0;
    let high = this.#chunks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (compareTerms(this.#keyAt(middle, 0), key) <= 0) low = middle;
      else high = middle - 1;
    }
    this.#chunk = low;
    const chunk = this.#chunks[low] ?? [];
    let from = 0;
    let to = chunk.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      if (compareTerms((chunk[middle] as R)[this.#position], key) < 0) from = middle + 1;
      else to = middle;
    }
    this.#index = from;
    return from < chunk.length && compareTerms((chunk[from] as R)[this.#position], key) === 0;
  }

  #keyAt(chunk: number, index: number): Term {
    return this.#chunks[chunk]?.[index]?.[this.#position];
  }

  #here(): R | undefined {
    return this.#chunks[this.#chunk]?.[this.#index];
  }

  get(key: Term): readonly R[] {
    return this.#find(key) ? [this.#here() as R] : [];
  }

  put(row: R): void {
    const found = this.#find(row[this.#position]);
    const chunk = this.#chunks[this.#chunk];
    if (chunk === undefined) this.#chunks.push([row]);
    else if (found) chunk[this.#index] = row;
    else {
      chunk.splice(this.#index, 0, row);
      if (chunk.length > CHUNK) this.#chunks.splice(this.#chunk + 1, 0, chunk.splice(CHUNK >> 1));
    }
    if (found) return;
    this.size++;
    this.#changes++;
  }

  delete(key: Term): readonly R[] {
    if (!this.#find(key)) return [];
    const chunk = this.#chunks[this.#chunk] as R[];
    const gone = chunk.splice(this.#index, 1);
    if (chunk.length === 0) this.#chunks.splice(this.#chunk, 1);
    this.size--;
    this.#changes++;
    return gone;
  }

  deleteRow(row: R): void {
    const key = row[this.#position];
    if (this.#find(key) && termEquals(this.#here(), row)) this.delete(key);
  }

  clear(): void {
    this.#chunks = [];
    this.size = 0;
    this.#changes++;
  }

  values(): Iterable<R> {
    return this.range({});
  }

  first(): Term {
    return this.#keyAt(0, 0);
  }

  last(): Term {
    return this.#chunks.at(-1)?.at(-1)?.[this.#position];
  }

  next(key: Term): { readonly known: boolean; readonly key: Term } {
    if (this.#find(key)) this.#index++;
    return { known: true, key: this.#hereOrAfter() };
  }

  prev(key: Term): { readonly known: boolean; readonly key: Term } {
    this.#find(key);
    this.#back();
    return { known: true, key: this.#here()?.[this.#position] };
  }

  #hereOrAfter(): Term {
    this.#forward();
    return this.#here()?.[this.#position];
  }

  /** A place behind the last row of a chunk is the first of the next. */
  #forward(): void {
    if (this.#index < (this.#chunks[this.#chunk]?.length ?? 0)) return;
    this.#chunk++;
    this.#index = 0;
  }

  #back(): void {
    if (--this.#index >= 0) return;
    this.#chunk--;
    this.#index = (this.#chunks[this.#chunk]?.length ?? 0) - 1;
  }

  /** Robust against changes meanwhile: it then looks up where it was. */
  *range(range: KeyRange): Iterable<R> {
    const reverse = range.reverse === true;
    this.#start(range, reverse);
    for (;;) {
      const row = this.#here();
      if (row === undefined || !isWithin(row[this.#position], range)) return;
      const [chunk, index, changes] = [this.#chunk, this.#index, this.#changes];
      yield row;
      if (changes === this.#changes) {
        this.#chunk = chunk;
        this.#index = index;
        if (!reverse) this.#index++;
      } else if (this.#find(row[this.#position]) && !reverse) this.#index++;
      if (reverse) this.#back();
      else this.#forward();
    }
  }

  #start({ from, after, to, before }: KeyRange, reverse: boolean): void {
    if (!reverse) {
      const bound = from === undefined || (after !== undefined && compareTerms(after, from) >= 0) ? after : from;
      this.#chunk = this.#index = 0;
      if (bound !== undefined && this.#find(bound) && bound === after) this.#index++;
      this.#forward();
      return;
    }
    const bound = to === undefined || (before !== undefined && compareTerms(before, to) <= 0) ? before : to;
    if (bound === undefined) {
      this.#chunk = this.#chunks.length - 1;
      this.#index = (this.#chunks.at(-1)?.length ?? 0) - 1;
    } else if (!this.#find(bound) || bound === before) this.#back();
  }
}

function isWithin(key: Term, { from, after, to, before }: KeyRange): boolean {
  return (
    (from === undefined || compareTerms(key, from) >= 0) &&
    (after === undefined || compareTerms(key, after) > 0) &&
    (to === undefined || compareTerms(key, to) <= 0) &&
    (before === undefined || compareTerms(key, before) < 0)
  );
}
