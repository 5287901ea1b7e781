import type { Term } from '../term/index.ts';
import type { SpawnOptions } from './behaviour.ts';

/** How a start ended; told once. */
export interface StartFailure {
  readonly reason: Term;
  readonly error: unknown;
}

/** What only this folder gives to a new process. */
export interface InternalSpawnOptions extends SpawnOptions {
  /** Told once, when `init` is done or has failed. A failure is then not reported to the log: whoever asked has it. */
  readonly onStarted?: (failure: StartFailure | undefined) => void;
  /** The runtime's own process, which only `stop` ends. */
  readonly root?: boolean;
}
