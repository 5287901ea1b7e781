import type { Clock } from '../world/index.ts';
import { Mailbox } from './mailbox.ts';
import type { TurnWatch } from './turn-watch.ts';

export interface Runnable {
  /** Handles up to `limit` messages and gives how many it handled; puts itself back when more wait. */
  run(limit: number): number;
}

/** Messages of one process before the next process has its turn. */
const BATCH = 64;
/** Milliseconds of one turn of the event loop for processes, before timers and I/O have theirs. */
const TURN_MILLISECONDS = 10;
/** The same in messages, for a clock that stands still within a turn (a simulation's). */
const TURN_MESSAGES = 65_536;
/** Messages that wait: above the first nothing more is read from other nodes, until no more than the second are left. */
const OVERLOADED = 65_536;
const RELIEVED = 16_384;
/** Even then something is read every so many milliseconds: ticks, and replies that somebody here waits for. */
const LONGEST_PAUSE = 100;

/**
 * Runs processes round robin in microtasks, so that a message is handled within the turn that brought it, and lets the
 * event loop pass in between, so that processes that keep each other busy do not starve sockets and timers.
 *
 * The time is that of a turn, however often processes run within it: where a socket gives many chunks in one turn, those
 * who receive keep up with it.
 */
export class Scheduler {
  readonly watch: TurnWatch;
  readonly #clock: Clock;
  readonly #queue = new Mailbox<Runnable>();
  /** A run is coming, in this turn or the next. */
  #scheduled = false;
  #inTurn = false;
  #turnEnd = 0;
  #turnIsOver = false;
  #handled = 0;
  #paused: (() => void)[] = [];
  #patience = 0;
  /**
   * Messages that wait for processes that are ready to handle them. Those of a process that waits for something itself
   * do not count: what it waits for may come from another node.
   */
  backlog = 0;

  constructor(clock: Clock, watch: TurnWatch) {
    this.#clock = clock;
    this.watch = watch;
  }

  enqueue(runnable: Runnable): void {
    this.#queue.push(runnable);
    if (this.#scheduled) return;
    this.#scheduled = true;
    if (!this.#turnIsOver) queueMicrotask(this.#run);
  }

  get overloaded(): boolean {
    return this.backlog > OVERLOADED;
  }

  /** While `overloaded`: calls back once when it has become less, or after a time. So there is always a run to come. */
  onRelief(callback: () => void): void {
    if (this.#paused.length === 0) this.#patience = this.#clock.monotonicTime() + LONGEST_PAUSE;
    this.#paused.push(callback);
  }

  #beginTurn(): void {
    this.#inTurn = true;
    this.#handled = 0;
    const now = this.#clock.monotonicTime();
    this.#turnEnd = now + TURN_MILLISECONDS;
    this.watch.begin(now);
    this.#clock.defer(this.#nextTurn);
  }

  readonly #nextTurn = (): void => {
    this.#inTurn = false;
    if (!this.#turnIsOver) return;
    this.#turnIsOver = false;
    if (this.#scheduled) this.#run();
  };

  // stays `scheduled` while it runs: what is enqueued meanwhile is reached by this very loop
  readonly #run = (): void => {
    if (this.#inTurn) this.watch.begin();
    else this.#beginTurn();
    while (this.#queue.length > 0 && !this.#turnIsOver) {
      this.#handled += this.#queue.shift().run(BATCH);
      this.#turnIsOver = this.#handled >= TURN_MESSAGES || this.#clock.monotonicTime() >= this.#turnEnd;
    }
    this.watch.end();
    if (this.#queue.length === 0) this.#scheduled = false;
    if (this.#paused.length > 0) this.#relieve();
  };

  #relieve(): void {
    if (this.backlog > RELIEVED && this.#clock.monotonicTime() < this.#patience) return;
    const paused = this.#paused;
    this.#paused = [];
    for (const callback of paused) callback();
  }
}
