import type { Clock } from './clock.ts';

/** Keys remembered; beyond that the oldest is forgotten, and has its next line at once. */
const MAX_KEYS = 1024;

/**
 * Which lines about what others do go into the log: at most one for each key in a period, so that who does the same thing
 * for ever fills neither the log nor memory.
 *
 * ```ts
 * const before = throttle.pass(`${cause} ${host}`);
 * if (before !== undefined) logger.warn({ cause, host, heldBack: before }, 'refused');
 * ```
 */
export class LogThrottle {
  readonly #clock: Clock;
  readonly #period: number;
  /** In the order of their lines. */
  readonly #keys = new Map<string, { readonly since: number; heldBack: number }>();

  /** @param period milliseconds that a line keeps others of its key back */
  constructor(clock: Clock, period: number) {
    this.#clock = clock;
    this.#period = period;
  }

  /** @returns how many of this key were held back since its last line, 0 for its first; undefined: hold this one back */
  pass(key: string): number | undefined {
    const now = this.#clock.monotonicTime();
    const known = this.#keys.get(key);
    if (known !== undefined && now - known.since < this.#period) {
      known.heldBack += 1;
      return undefined;
    }
    this.#keys.delete(key);
    this.#keys.set(key, { since: now, heldBack: 0 });
    const oldest = this.#keys.keys().next();
    if (this.#keys.size > MAX_KEYS && oldest.done !== true) this.#keys.delete(oldest.value);
    return known?.heldBack ?? 0;
  }
}
