/**
 * The world as a parameter: time, randomness, network and disk reach Beamish only through these interfaces, so that the
 * same binary runs on the real machine (`realWorld()`) and in the simulated one. Everything here is callback based where
 * it is hot (sockets, timers), because a simulation must decide the order of every callback.
 */
import type { Clock } from './clock.ts';
import type { Disk } from './disk.ts';
import type { Logger } from './logger.ts';
import type { Network } from './network.ts';
import type { Random } from './random.ts';

/** Everything outside the program, as a parameter: `realWorld()`, or a simulated one. */
export interface World {
  readonly clock: Clock;
  readonly random: Random;
  readonly network: Network;
  readonly disk: Disk;
  readonly logger: Logger;
  /**
   * Whether exit reasons tell where in the code an error was thrown. A simulation says no: paths, lines and names of frames are
   * this machine's and this version's of Node, and what nodes send each other would differ by them. @default true
   */
  readonly stackTraces?: boolean;
}
