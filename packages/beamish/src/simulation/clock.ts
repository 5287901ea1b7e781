import { BeamishError } from '../error/index.ts';
import type { Clock, SleepOptions, Timer } from '../world/index.ts';
import type { Life } from './life.ts';
import type { Scheduler, SimEvent } from './scheduler.ts';

/** Node's timers: less than a millisecond is one. */
const SHORTEST_TIMER = 1;
/** A turn of a host's event loop, in microseconds: what yields for ever still lets time pass. */
const TURN = 10;
/** 2023-11-14, as the tests' fake clock. Milliseconds. */
const EPOCH = 1_700_000_000_000;

interface Pending {
  readonly due: number;
  event: SimEvent | undefined;
  readonly fire: () => void;
}

/**
 * The oscillator of one machine. It runs at a rate of its own, and its wall clock is somewhere; both can be changed while
 * programs use it. It goes on while the machine is off.
 */
export class Oscillator {
  readonly #scheduler: Scheduler;
  #rate = 1;
  #since = 0;
  #local: number;
  /** Milliseconds that the wall clock is ahead of the true time. */
  wallOffset = 0;
  readonly #pending = new Set<Pending>();

  constructor(scheduler: Scheduler, start: number) {
    this.#scheduler = scheduler;
    this.#local = start;
  }

  /** Milliseconds since this machine's arbitrary start. */
  get monotonic(): number {
    return this.#local + ((this.#scheduler.now - this.#since) / 1000) * this.#rate;
  }

  get wall(): number {
    return Math.round(EPOCH + this.wallOffset + this.#scheduler.now / 1000);
  }

  /** @param ppm millionths that it runs too fast (or, below 0, too slow) from now on */
  drift(ppm: number): void {
    // Wall and monotonic clock come from one crystal.
    const local = this.monotonic;
    this.wallOffset += local - this.#local - (this.#scheduler.now - this.#since) / 1000;
    this.#local = local;
    this.#since = this.#scheduler.now;
    this.#rate = 1 + ppm / 1e6;
    for (const pending of this.#pending) {
      if (pending.event !== undefined) this.#scheduler.cancel(pending.event);
      pending.event = this.#scheduler.at(this.#global(pending.due), pending.fire);
    }
  }

  #global(due: number): number {
    return this.#since + Math.ceil(((due - this.#local) / this.#rate) * 1000);
  }

  /** @param delay milliseconds of this clock */
  set(delay: number, callback: () => void): { cancel(): void } {
    const due = this.monotonic + delay;
    const pending: Pending = {
      due,
      event: undefined,
      fire: () => {
        this.#pending.delete(pending);
        callback();
      },
    };
    pending.event = this.#scheduler.at(this.#global(due), pending.fire);
    this.#pending.add(pending);
    return {
      cancel: () => {
        if (pending.event !== undefined) this.#scheduler.cancel(pending.event);
        this.#pending.delete(pending);
      },
    };
  }
}

/** The clock that a program on a simulated host has. Of a life that is over, no callback comes any more. */
export class SimulatedClock implements Clock {
  readonly #life: Life;

  constructor(life: Life) {
    this.#life = life;
  }

  wallTime(): number {
    return this.#life.host.oscillator.wall;
  }

  monotonicTime(): number {
    return this.#life.host.oscillator.monotonic;
  }

  setTimer(delay: number, callback: () => void): Timer {
    const life = this.#life;
    if (life.over || delay === Infinity) return { cancel() {} };
    if (!(delay >= 0)) delay = 0;
    let wanted = true;
    const timer = life.host.oscillator.set(Math.max(SHORTEST_TIMER, delay), () => {
      life.timers.delete(handle);
      // Asked again when it runs: while the host is paused it waits, and may be cancelled.
      life.post(() => wanted && callback());
    });
    const handle: Timer = {
      cancel: () => {
        wanted = false;
        life.timers.delete(handle);
        timer.cancel();
      },
    };
    life.timers.add(handle);
    return handle;
  }

  defer(callback: () => void): void {
    this.#life.later(TURN, callback);
  }

  sleep(delay: number, options: SleepOptions = {}): Promise<void> {
    const { signal } = options;
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        timer.cancel();
        reject(new BeamishError('aborted', 'the sleep was aborted', { cause: signal?.reason }));
      };
      const timer = this.setTimer(delay, () => {
        signal?.removeEventListener('abort', abort);
        resolve();
      });
      if (signal?.aborted === true) abort();
      else signal?.addEventListener('abort', abort, { once: true });
    });
  }
}
