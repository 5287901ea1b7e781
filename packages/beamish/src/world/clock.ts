/** A pending timer. Cancelling one that has fired or was cancelled does nothing. */
export interface Timer {
  cancel(): void;
}

/** Of `Clock.sleep`. */
export interface SleepOptions {
  /** Ends the sleep early: the promise rejects with `BeamishError('aborted')`, its `cause` the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Time, and what happens later. */
export interface Clock {
  /** Milliseconds since the Unix epoch. May jump in both directions: never measure durations with it. */
  wallTime(): number;
  /** Milliseconds, with a fraction, since an arbitrary start. Never goes back. */
  monotonicTime(): number;
  /**
   * Calls `callback` once, after at least `delay` milliseconds.
   * @param options.background the timer alone does not keep the program running (Node's `unref`). Default false.
   */
  setTimer(delay: number, callback: () => void, options?: { readonly background?: boolean }): Timer;
  /** Calls `callback` soon, after pending I/O had its turn (Node's `setImmediate`). */
  defer(callback: () => void): void;
  /** Resolves after at least `delay` milliseconds. */
  sleep(delay: number, options?: SleepOptions): Promise<void>;
}
