import { channel } from 'node:diagnostics_channel';
import type { Pid, Term } from '../term/index.ts';

/**
 * What happens to processes, for who watches from outside (docs/diagnostics.md). The names are the interface: nothing is
 * made for a channel that nobody has subscribed to.
 */
export const PROCESS_EXIT = channel('beamish:process:exit');
export const SLOW_TURN = channel('beamish:turn:slow');

/** What `beamish:process:exit` tells: the end of a process, whatever its reason. */
export interface ProcessExit {
  readonly pid: Pid;
  readonly name: string | undefined;
  readonly label: string | undefined;
  /** `normal`, `shutdown`, `killed`, ... as an exit signal carries it. */
  readonly reason: Term;
}

/** What `beamish:turn:slow` tells: the event loop was kept for longer than `blockedAfter`. */
export interface SlowTurn {
  readonly milliseconds: number;
  /** The messages since the last look at the clock, one of them slow: one, in all but a flood. */
  readonly handled: readonly {
    readonly pid: Pid;
    readonly name: string | undefined;
    readonly label: string | undefined;
    /** A term, or what stands for an exit signal. Do not keep it: it may be large. */
    readonly message: unknown;
  }[];
}
