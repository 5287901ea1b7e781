import type { Clock, Logger } from '../world/index.ts';
import type { ValueInvalid } from './check.ts';

/** Milliseconds between two lines in the log. */
const QUIET = 10_000;

/** Counts what guards refused, and says so at once and then once in ten seconds at most: a peer must not fill the log. */
export class RefusedValues {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #title: string;
  #count = 0;
  #quietUntil = -Infinity;

  constructor(clock: Clock, logger: Logger, title: string) {
    this.#clock = clock;
    this.#logger = logger;
    this.#title = title;
  }

  /** Since the start. */
  get count(): number {
    return this.#count;
  }

  refused(error: ValueInvalid): void {
    this.#count++;
    const now = this.#clock.monotonicTime();
    if (now < this.#quietUntil) return;
    this.#quietUntil = now + QUIET;
    this.#logger.warn(
      { refused: this.#count },
      `${this.#title} refused what does not fit its schema: ${error.message}`,
    );
  }
}
