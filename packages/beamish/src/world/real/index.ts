/** The real machine: Node's clocks, sockets, files and the operating system's random source. */
import type { Logger } from '../logger.ts';
import type { World } from '../world.ts';
import { realClock } from './clock.ts';
import { realDisk } from './disk.ts';
import { createLogger, type LoggerOptions } from './logger.ts';
import { realNetwork } from './network.ts';
import { realRandom } from './random.ts';

/** What can be chosen of the real world: its log. */
export interface RealWorldOptions {
  /** A logger of one's own (pino fits). @default one that writes to standard error, see `LoggerOptions` */
  readonly logger?: Logger;
  /** For the default logger. */
  readonly log?: LoggerOptions;
}

/** The world as it is. Cheap; several may exist beside each other. */
export function realWorld(options: RealWorldOptions = {}): World {
  return {
    clock: realClock,
    random: realRandom,
    network: realNetwork,
    disk: realDisk,
    logger: options.logger ?? createLogger(options.log),
  };
}
