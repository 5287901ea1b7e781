import type { Clock } from '../world/index.ts';

/** Allows `rate` events per second on average, and `capacity` at once. */
export class TokenBucket {
  readonly #clock: Clock;
  readonly #capacity: number;
  readonly #rate: number;
  #tokens: number;
  #at: number;

  constructor(clock: Clock, capacity: number, rate: number) {
    this.#clock = clock;
    this.#capacity = capacity;
    this.#rate = rate;
    this.#tokens = capacity;
    this.#at = clock.monotonicTime();
  }

  /** @returns false when the event is one too many. */
  take(): boolean {
    const now = this.#clock.monotonicTime();
    this.#tokens = Math.min(this.#capacity, this.#tokens + ((now - this.#at) / 1000) * this.#rate);
    this.#at = now;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
