import { drainMicrotasks, realTurn } from './real/drain.ts';

/** Something that will happen. Times are whole microseconds: sums of them are exact on every machine. */
export interface SimEvent {
  readonly at: number;
  readonly order: number;
  /** Taken away when it has been cancelled or has happened. */
  run: (() => void) | undefined;
}

/** Events in one turn of the real event loop: then the program around the simulation (a watchdog, Ctrl-C) has its turn. */
const EVENTS_PER_TURN = 1000;
/** So many events within one virtual second are no program that works, but one that turns in a circle. */
const LIVELOCK_EVENTS = 3_000_000;

/**
 * Virtual time: a heap of events. One happens, then every promise job that follows from it, and only then does time move to
 * the next (FoundationDB, "Simulation", 2021; TigerBeetle's VOPR). Nothing else may run in between, or the same seed would
 * not be the same run.
 */
export class Scheduler {
  /** Microseconds since the start of the run. */
  now = 0;
  /** Events that have happened. */
  events = 0;
  readonly #heap: SimEvent[] = [];
  #order = 0;
  #cancelled = 0;
  #second = 0;
  #eventsInSecond = 0;
  readonly #afterEach: () => void;
  #error: Error | undefined;
  #over = false;

  /** @param afterEach called after each event and what follows from it; what it throws ends the run */
  constructor(afterEach: () => void) {
    this.#afterEach = afterEach;
  }

  /** @param at microseconds; what lies in the past happens now */
  at(at: number, run: () => void): SimEvent {
    const event: SimEvent = { at: at > this.now ? at : this.now, order: this.#order++, run };
    this.#push(event);
    return event;
  }

  cancel(event: SimEvent): void {
    if (event.run === undefined) return;
    event.run = undefined;
    // A program that sets and cancels a timer per message must not fill the heap with them.
    if (++this.#cancelled > 64 && this.#cancelled * 2 > this.#heap.length) this.#sweep();
  }

  /** Whether anything will ever happen again. */
  get idle(): boolean {
    return this.#heap.length === this.#cancelled;
  }

  /**
   * Runs until `finish` is called.
   * @param enter called at the start of each turn of the real event loop; what it returns, at its end
   */
  run(enter: () => () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const turn = (): void => {
        const leave = enter();
        try {
          drainMicrotasks();
          for (let count = 0; count < EVENTS_PER_TURN && !this.#over; count++) this.#step();
        } catch (error) {
          this.finish(error);
        } finally {
          leave();
        }
        // Told outside of the turn: whoever waits for the end of the run is no part of it.
        if (!this.#over) realTurn(turn);
        else if (this.#error === undefined) resolve();
        else reject(this.#error);
      };
      realTurn(turn);
    });
  }

  /** Ends the run after the event that happens now. The first error counts. */
  finish(error?: unknown): void {
    this.#over = true;
    if (error === undefined) return;
    this.#error ??= error instanceof Error ? error : new Error('a callback threw what is no Error', { cause: error });
  }

  get over(): boolean {
    return this.#over;
  }

  /** What to do when nothing will ever happen again. */
  onIdle: () => void = () => this.finish();

  #step(): void {
    const event = this.#pop();
    if (event === undefined) {
      this.onIdle();
      return;
    }
    const { run } = event;
    if (run === undefined) {
      this.#cancelled--;
      return;
    }
    event.run = undefined;
    this.now = event.at;
    this.events++;
    this.#watchForLivelock();
    run();
    drainMicrotasks();
    // Also after the last event.
    if (this.#error === undefined) this.#afterEach();
  }

  #watchForLivelock(): void {
    const second = Math.floor(this.now / 1e6);
    if (second !== this.#second) {
      this.#second = second;
      this.#eventsInSecond = 0;
    }
    if (++this.#eventsInSecond > LIVELOCK_EVENTS) {
      throw new Error(`${LIVELOCK_EVENTS} events within one virtual second: something calls itself again and again`);
    }
  }

  #sweep(): void {
    const live = this.#heap.filter((event) => event.run !== undefined);
    this.#heap.length = 0;
    this.#cancelled = 0;
    for (const event of live) this.#push(event);
  }

  #push(event: SimEvent): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(event);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent] as SimEvent;
      if (above.at < event.at || (above.at === event.at && above.order < event.order)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = event;
  }

  #pop(): SimEvent | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || first === last) return first;
    const size = heap.length;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= size) break;
      const right = child + 1;
      if (right < size && before(heap[right] as SimEvent, heap[child] as SimEvent)) child = right;
      if (before(last, heap[child] as SimEvent)) break;
      heap[index] = heap[child] as SimEvent;
      index = child;
    }
    heap[index] = last;
    return first;
  }
}

function before(a: SimEvent, b: SimEvent): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
