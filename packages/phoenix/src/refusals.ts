/** Refusals by cause, counted, and logged once for each peer and minute. */
import { LogThrottle } from 'beamish/world';
import type { Clock, Logger } from 'beamish/world';

/** ms in which one peer's refusals for one cause are one line. */
const QUIET = 60_000;

export class Refusals {
  readonly #logger: Logger;
  readonly #throttle: LogThrottle;
  readonly #counts = new Map<string, number>();

  constructor(clock: Clock, logger: Logger) {
    this.#logger = logger;
    this.#throttle = new LogThrottle(clock, QUIET);
  }

  /** Causes and how often since the start. */
  get counts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }

  /** @param host the peer without its port: what the quiet time goes by */
  note(cause: string, host: string, peer: string, reason: string): void {
    this.#counts.set(cause, (this.#counts.get(cause) ?? 0) + 1);
    const repeatedBefore = this.#throttle.pass(`${host} ${cause}`);
    if (repeatedBefore === undefined) return;
    const repeated = repeatedBefore === 0 ? {} : { repeatedBefore };
    this.#logger.warn({ peer, cause, reason, ...repeated }, 'refused a channel client');
  }
}
