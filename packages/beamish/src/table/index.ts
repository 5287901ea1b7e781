/** Tables that the processes of a node share (OTP `ets`), and persistent terms. @module */
export { Table } from './table.ts';
export type { TableInfo, TableOptions, TableProtection, TableType } from './table.ts';
export type { CounterUpdate } from './counter.ts';
export type { KeyRange } from './ordered-rows.ts';
export type { Row } from './rows.ts';
export type { Heir } from './tables.ts';
export { PersistentTerms } from './persistent-terms.ts';
