import type { Fault } from './faults.ts';

/**
 * What went wrong in a run.
 * - `invariant`: a check of `always` did not hold after some event
 * - `liveness`: a check of `eventually` did not come to hold after the last heal
 * - `leak`: the program used the real clock, randomness, network, disk or another thread
 * - `deadlock`: the test waits for something that does not come
 * - `exception`: the test, a program or a callback threw, or nobody took a rejection
 * - `nondeterminism`: the same seed gave another run
 */
export type FailureKind = 'invariant' | 'liveness' | 'leak' | 'deadlock' | 'exception' | 'nondeterminism';

export interface SimulationFailureDetails {
  readonly seed: number;
  /** The faults that are needed for it to happen, as far as they were found; `simulate({ faults })` takes them. */
  readonly faults: readonly Fault[];
  /** A message sequence chart. */
  readonly trace: string;
  readonly hash: string;
  /** Milliseconds of virtual time. */
  readonly at: number;
}

/** What `simulate` rejects with. Its message has all that is needed to see and replay the run. */
export class SimulationFailure extends Error {
  override readonly name = 'SimulationFailure';
  readonly kind: FailureKind;
  readonly seed: number;
  readonly faults: readonly Fault[];
  declare readonly trace: string;
  readonly hash: string;
  readonly at: number;

  constructor(kind: FailureKind, message: string, details: SimulationFailureDetails, cause: unknown) {
    super(message, { cause });
    this.kind = kind;
    this.seed = details.seed;
    this.faults = details.faults;
    // It is in the message already: whoever prints the error should not print it twice.
    Object.defineProperty(this, 'trace', { value: details.trace, enumerable: false });
    this.hash = details.hash;
    this.at = details.at;
  }
}

/** Inside of a run: why it ends. */
export class Violation extends Error {
  readonly kind: FailureKind;

  constructor(kind: FailureKind, message: string, cause?: unknown) {
    super(message, { cause });
    this.kind = kind;
  }
}
