import type { Clock, Timer } from '../world/index.ts';

/** Timers that end with their process. */
export class OwnTimers {
  readonly #timers = new Set<Timer>();

  set(clock: Clock, delay: number, callback: () => void): Timer {
    const timer = clock.setTimer(delay, () => {
      this.#timers.delete(handle);
      callback();
    });
    const handle: Timer = {
      cancel: () => {
        this.#timers.delete(handle);
        timer.cancel();
      },
    };
    this.#timers.add(handle);
    return handle;
  }

  cancelAll(): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }
}
