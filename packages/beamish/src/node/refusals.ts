import { LogThrottle } from '../world/index.ts';
import type { Address, Clock, Logger } from '../world/index.ts';
import type { RefusalCause } from './types.ts';

/** Between two lines about the same address and cause, in ms. */
const QUIET = 60_000;
/** What happens between nodes that mean well, and to ports that are only probed: no reason to warn anybody. */
const ORDINARY: ReadonlySet<RefusalCause> = new Set(['simultaneous', 'alive', 'closed']);

/** Counts what was refused, and tells each cause once per address or node and minute. */
export class Refusals {
  readonly counts: Partial<Record<RefusalCause, number>> = {};
  readonly #throttle: LogThrottle;
  readonly #logger: Logger;

  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger;
    this.#throttle = new LogThrottle(clock, QUIET);
  }

  /** @param from whom: where a connection comes from, or the name of a node that has proved who it is */
  refuse(cause: RefusalCause, from: Address | string, message: string, fields: object = {}): void {
    this.counts[cause] = (this.counts[cause] ?? 0) + 1;
    const where = typeof from === 'string' ? { cause, node: from } : { cause, address: `${from.host}:${from.port}` };
    if (ORDINARY.has(cause)) {
      this.#logger.debug({ ...fields, ...where }, message);
      return;
    }
    const repeatedBefore = this.#throttle.pass(`${cause} ${typeof from === 'string' ? from : from.host}`);
    if (repeatedBefore === undefined) return;
    const repeated = repeatedBefore === 0 ? {} : { repeatedBefore };
    this.#logger.warn({ ...fields, ...where, ...repeated }, `refused: ${message}`);
  }
}
