/** What a thread that fuzzes and the one that watches it say to each other. */
import type { Finding } from './fuzzer.ts';

export interface WorkerData {
  readonly seed: number;
  /** Inputs to try; `Infinity` until it is stopped. */
  readonly inputs: number;
  /** Names of targets; all when there is none. */
  readonly targets: readonly string[];
  readonly mutant: string | undefined;
  /** Four numbers of 32 bits, see `SLOT`; then the input that is being tried. */
  readonly shared: SharedArrayBuffer;
}

export const SLOT = { number: 0, target: 1, length: 2, stop: 3 } as const;
/** Bytes of the numbers. */
export const HEAD = 16;

export interface Coverage {
  readonly branches: number;
  /** Inputs kept to be changed further. */
  readonly kept: number;
}

export type WorkerMessage =
  | { readonly type: 'ready'; readonly targets: readonly string[] }
  | { readonly type: 'finding'; readonly finding: Finding }
  | { readonly type: 'done'; readonly coverage: Readonly<Record<string, Coverage>>; readonly heap: readonly number[] };
