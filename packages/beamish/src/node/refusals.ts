import type { Address, Clock, Logger } from '../world/index.ts';
import type { RefusalCause } from './types.ts';

/** Between two lines about the same address and cause, in ms. */
const QUIET = 60_000;
/** Addresses remembered. */
const MAX_REMEMBERED = 1024;
/** What happens between nodes that mean well, and to ports that are only probed: no reason to warn anybody. */
const ORDINARY: ReadonlySet<RefusalCause> = new Set(['simultaneous', 'alive', 'closed']);

interface Remembered {
  since: number;
  repeated: number;
}

/**
 * Counts what was refused, and tells each cause once per address or node and minute: an attacker fills neither the log nor memory.
 */
export class Refusals {
  readonly counts: Partial<Record<RefusalCause, number>> = {};
  readonly #remembered = new Map<string, Remembered>();
  readonly #logger: Logger;
  readonly #clock: Clock;

  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger;
    this.#clock = clock;
  }

  /** @param from whom: where a connection comes from, or the name of a node that has proved who it is */
  refuse(cause: RefusalCause, from: Address | string, message: string, fields: object = {}): void {
    this.counts[cause] = (this.counts[cause] ?? 0) + 1;
    const where = typeof from === 'string' ? { cause, node: from } : { cause, address: `${from.host}:${from.port}` };
    if (ORDINARY.has(cause)) {
      this.#logger.debug({ ...fields, ...where }, message);
      return;
    }
    const key = `${cause} ${typeof from === 'string' ? from : from.host}`;
    const now = this.#clock.monotonicTime();
    const known = this.#remembered.get(key);
    if (known !== undefined && now - known.since < QUIET) {
      known.repeated += 1;
      return;
    }
    this.#remembered.delete(key);
    this.#remembered.set(key, { since: now, repeated: 0 });
    const oldest = this.#remembered.keys().next();
    if (this.#remembered.size > MAX_REMEMBERED && oldest.done !== true) this.#remembered.delete(oldest.value);
    const repeated = known === undefined || known.repeated === 0 ? {} : { repeatedBefore: known.repeated };
    this.#logger.warn({ ...fields, ...where, ...repeated }, `refused: ${message}`);
  }
}
