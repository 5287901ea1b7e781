import type { Term } from '../term/index.ts';

/** One row of a table: an object of ETS, as an array. Do not change it once it is in. */
export type Row = readonly Term[];

/** How a table keeps its rows. Keys are never `undefined`, which stands for the end of the table. */
export interface Rows<R extends Row> {
  readonly size: number;
  get(key: Term): readonly R[];
  put(row: R): void;
  /** @returns what was there */
  delete(key: Term): readonly R[];
  /** Takes the rows away that are this very term. */
  deleteRow(row: R): void;
  clear(): void;
  /** All rows; those that are added or taken away meanwhile may be given or not, all others once. */
  values(): Iterable<R>;
  first(): Term;
  last(): Term;
  /** `known` is false when the key is not there and the table has no order to tell what follows it. */
  next(key: Term): { readonly known: boolean; readonly key: Term };
  prev(key: Term): { readonly known: boolean; readonly key: Term };
}
