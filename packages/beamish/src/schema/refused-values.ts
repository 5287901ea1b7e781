import { LogThrottle } from '../world/index.ts';
import type { Clock, Logger } from '../world/index.ts';
import type { ValueInvalid } from './check.ts';

/** Milliseconds between two lines in the log. */
const QUIET = 10_000;

/** Counts what guards refused, and says so at once and then once in ten seconds at most. */
export class RefusedValues {
  readonly #logger: Logger;
  readonly #title: string;
  readonly #throttle: LogThrottle;
  #count = 0;

  constructor(clock: Clock, logger: Logger, title: string) {
    this.#logger = logger;
    this.#title = title;
    this.#throttle = new LogThrottle(clock, QUIET);
  }

  /** Since the start. */
  get count(): number {
    return this.#count;
  }

  /** Counts one more, and logs it unless one was logged just before. */
  refused(error: ValueInvalid): void {
    this.#count++;
    if (this.#throttle.pass(this.#title) === undefined) return;
    this.#logger.warn(
      { refused: this.#count },
      `${this.#title} refused what does not fit its schema: ${error.message}`,
    );
  }
}
