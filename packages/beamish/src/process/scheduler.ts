import type { Clock } from '../world/index.ts';
import { Mailbox } from './mailbox.ts';

export interface Runnable {
  /** Handles up to `limit` messages and gives how many it handled; puts itself back when more wait. */
  run(limit: number): number;
}

/** Messages of one process before the next process has its turn. */
const BATCH = 64;
/** Messages of all processes, and milliseconds, before timers and I/O have their turn. */
const TURN_MESSAGES = 2048;
const TURN_MILLISECONDS = 10;

/**
 * Runs processes round robin in microtasks, so that a message is handled within the turn that brought it, and lets the
 * event loop pass in between, so that processes that keep each other busy do not starve sockets and timers.
 */
export class Scheduler {
  readonly #clock: Clock;
  readonly #queue = new Mailbox<Runnable>();
  #scheduled = false;
  #handled = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  enqueue(runnable: Runnable): void {
    this.#queue.push(runnable);
    if (this.#scheduled) return;
    this.#scheduled = true;
    if (this.#handled < TURN_MESSAGES) queueMicrotask(this.#run);
    else this.#yield();
  }

  #yield(): void {
    this.#handled = 0;
    this.#clock.defer(this.#run);
  }

  // stays `scheduled` while it runs: what is enqueued meanwhile is reached by this very loop
  readonly #run = (): void => {
    const end = this.#clock.monotonicTime() + TURN_MILLISECONDS;
    while (this.#queue.length > 0) {
      if (this.#handled >= TURN_MESSAGES || this.#clock.monotonicTime() > end) {
        this.#yield();
        return;
      }
      this.#handled += this.#queue.shift().run(BATCH);
    }
    this.#scheduled = false;
  };
}
