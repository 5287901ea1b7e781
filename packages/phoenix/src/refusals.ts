/** Refusals by cause, counted, and logged once for each peer and minute: a peer that keeps knocking fills no disk. */
import type { Clock, Logger } from 'beamish/world';

/** ms in which one peer's refusals for one cause are one line. */
const QUIET = 60_000;
/** Peers remembered; beyond that the oldest is forgotten, and would be logged again. */
const MAX_REMEMBERED = 1_000;

export class Refusals {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #remembered = new Map<string, { readonly since: number; unsaid: number }>();
  readonly #counts = new Map<string, number>();

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Causes and how often since the start. */
  get counts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }

  /** @param host the peer without its port: what the quiet time goes by */
  note(cause: string, host: string, peer: string, reason: string): void {
    this.#counts.set(cause, (this.#counts.get(cause) ?? 0) + 1);
    const key = `${host} ${cause}`;
    const now = this.#clock.monotonicTime();
    const known = this.#remembered.get(key);
    if (known !== undefined && now - known.since < QUIET) {
      known.unsaid += 1;
      return;
    }
    this.#remembered.delete(key);
    if (this.#remembered.size >= MAX_REMEMBERED) {
      for (const oldest of this.#remembered.keys()) {
        this.#remembered.delete(oldest);
        break;
      }
    }
    this.#remembered.set(key, { since: now, unsaid: 0 });
    const more = known && known.unsaid > 0 ? { since_last_line: known.unsaid } : {};
    this.#logger.warn({ peer, cause, reason, ...more }, 'refused a channel client');
  }
}
