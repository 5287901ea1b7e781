import type { Clock, Logger } from '../../world/index.ts';

/** Characters that other nodes may write into our log at once, and after that in a second. */
const BURST = 1_000_000;
const PER_SECOND = 100_000;
/** What a line costs beside its text. */
const LINE = 100;
/** Characters of one line. */
const TEXT_LIMIT = 4000;

type Level = 'error' | 'warn' | 'info' | 'debug';

/**
 * What other nodes print and log, in the log of this one. A node that prints without end must not fill our disk: what is too
 * much is left out, and how much that was is told once there is room.
 */
export class ForeignLog {
  readonly #logger: Logger;
  readonly #clock: Clock;
  #room = BURST;
  #at: number;
  #leftOut = 0;

  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger;
    this.#clock = clock;
    this.#at = clock.monotonicTime();
  }

  write(level: Level, fields: object, text: string, message: string): void {
    const shown = text.slice(0, TEXT_LIMIT);
    const now = this.#clock.monotonicTime();
    this.#room = Math.min(this.#room + ((now - this.#at) / 1000) * PER_SECOND, BURST);
    this.#at = now;
    if (this.#room < shown.length + LINE) {
      this.#leftOut += 1;
      return;
    }
    this.#room -= shown.length + LINE;
    if (this.#leftOut > 0) {
      const lines = this.#leftOut;
      this.#leftOut = 0;
      this.#logger.warn({ lines }, `${lines} lines of other nodes were left out of the log: they came too fast`);
    }
    this.#logger[level]({ ...fields, text: shown }, message);
  }
}
