import type { Clock, Logger, Timer } from 'beamish/world';
import { isPassing } from './failure.ts';

/** Of `new BatchWriter`. */
export interface BatchWriterOptions<R> {
  /**
   * Stores one batch. It must be idempotent (ON CONFLICT DO NOTHING): a batch whose answer was lost is written again.
   */
  readonly write: (rows: readonly R[]) => Promise<void>;
  readonly clock: Clock;
  /**
   * Rows that may wait. A push that does not fit is dropped whole, and counted; what was accepted is never dropped.
   * Too small loses rows in a short outage, too large costs memory. @default 200000
   */
  readonly capacity?: number;
  /** Rows in one batch at most. @default 2000 */
  readonly batch?: number;
  /** Milliseconds that rows are collected before a batch is written. @default 250 */
  readonly interval?: number;
  /** Milliseconds between two tries while the database is away: doubled from `min` to `max`. @default { min: 100, max: 2000 } */
  readonly retry?: { readonly min: number; readonly max: number };
  readonly logger?: Logger;
}

/** What waits, and what became of the rows since the start. */
export interface BatchWriterStatistics {
  /** Rows waiting, those being written included. */
  readonly queued: number;
  /** Rows the database has. */
  readonly stored: number;
  /** Rows that did not fit the buffer. */
  readonly dropped: number;
  /** Rows the database refused for what they are. */
  readonly rejected: number;
  /** Tries that failed as the database was away, or refused for another reason than the rows. */
  readonly failures: number;
  /** Whether the last try failed. */
  readonly away: boolean;
}

/**
 * A bounded buffer in front of the database. Rows are written in batches, in order, one batch at a time; while the
 * database is away they wait and are tried again for ever. A row that the database refuses is found by halving its batch,
 * and left out alone.
 */
export class BatchWriter<R> {
  readonly #options: Required<Omit<BatchWriterOptions<R>, 'logger'>>;
  readonly #logger: Logger | undefined;
  #rows: R[] = [];
  /** Rows at the front of `#rows` that are taken already; the array is cut only now and then. */
  #head = 0;
  #stored = 0;
  #dropped = 0;
  #rejected = 0;
  #failures = 0;
  #away = false;
  /** What was dropped since the last line about it. */
  #untold = 0;
  #timer: Timer | undefined;
  #writing = false;
  #closed = false;
  /** What was not written by now is given up: also a try that is under way is the last one. */
  #over = false;
  #delay = 0;
  #due = Infinity;
  #idle: (() => void)[] = [];

  constructor(options: BatchWriterOptions<R>) {
    this.#options = {
      write: options.write,
      clock: options.clock,
      capacity: options.capacity ?? 200_000,
      batch: options.batch ?? 2000,
      interval: options.interval ?? 250,
      retry: options.retry ?? { min: 100, max: 2000 },
    };
    this.#logger = options.logger;
  }

  /** Queues rows, all or none of them. @returns false when they did not fit or the writer is closed. */
  push(rows: readonly R[]): boolean {
    if (this.#closed || this.#queued + rows.length > this.#options.capacity) {
      this.#dropped += rows.length;
      if (this.#untold === 0)
        this.#logger?.error({ dropped: this.#dropped }, 'the buffer of samples is full: samples are dropped');
      this.#untold += rows.length;
      return false;
    }
    for (const row of rows) this.#rows.push(row);
    if (this.#queued >= this.#options.batch && !this.#away) this.#schedule(0);
    else this.#schedule(this.#options.interval);
    return true;
  }

  /** What waits, and what became of the rows since the start. */
  statistics(): BatchWriterStatistics {
    return {
      queued: this.#queued,
      stored: this.#stored,
      dropped: this.#dropped,
      rejected: this.#rejected,
      failures: this.#failures,
      away: this.#away,
    };
  }

  /**
   * Writes what waits, without waiting for more.
   * @param timeout milliseconds. @returns how many rows are still not written.
   */
  async flush(timeout: number): Promise<number> {
    if (this.#queued === 0) return 0;
    this.#schedule(0);
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#options.clock.setTimer(timeout, resolve);
    this.#idle.push(resolve);
    await promise;
    timer.cancel();
    return this.#queued;
  }

  /** Takes no more, flushes, and gives up what is not written by then, with an error in the log. @returns how many that were. */
  async close(timeout: number): Promise<number> {
    this.#closed = true;
    const left = await this.flush(timeout);
    this.#over = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    if (left > 0) this.#logger?.error({ lost: left }, 'stopped with samples that the database did not take');
    return left;
  }

  get #queued(): number {
    return this.#rows.length - this.#head;
  }

  #schedule(delay: number): void {
    if (this.#writing || this.#over) return; // goes on by itself, or no more
    if (this.#away && delay > 0) delay = Math.max(delay, this.#delay);
    const due = this.#options.clock.monotonicTime() + delay;
    if (this.#timer !== undefined && this.#due <= due) return;
    this.#timer?.cancel();
    this.#due = due;
    this.#timer = this.#options.clock.setTimer(delay, () => {
      this.#timer = undefined;
      void this.#work();
    });
  }

  async #work(): Promise<void> {
    if (this.#writing) return;
    this.#writing = true;
    try {
      do {
        if (this.#over) break;
        const batch = this.#rows.slice(this.#head, this.#head + this.#options.batch);
        if (batch.length === 0) break;
        const done = await this.#store(batch);
        this.#take(done);
        if (done < batch.length) return;
      } while (this.#queued >= this.#options.batch || (this.#queued > 0 && (this.#idle.length > 0 || this.#closed)));
    } finally {
      this.#writing = false;
      if (this.#queued === 0) for (const resolve of this.#idle.splice(0)) resolve();
      else this.#schedule(this.#away ? this.#delay : this.#options.interval);
    }
  }

  #take(count: number): void {
    this.#head += count;
    if (this.#head * 2 > this.#rows.length) {
      this.#rows = this.#rows.slice(this.#head);
      this.#head = 0;
    }
    if (this.#untold > 0 && this.#queued < this.#options.capacity / 2) {
      this.#logger?.error(
        { dropped: this.#untold, total: this.#dropped },
        'samples were dropped while the database was away',
      );
      this.#untold = 0;
    }
  }

  /** How many of the rows, from the first on, are done with; fewer than all when the database is away. */
  async #store(rows: readonly R[]): Promise<number> {
    try {
      await this.#options.write(rows);
    } catch (error) {
      if (isPassing(error)) {
        this.#failed(error);
        return 0;
      }
      if (rows.length === 1) {
        this.#rejected += 1;
        this.#logger?.error({ row: rows[0], error: (error as Error).message }, 'the database refuses a sample');
        return 1;
      }
      const middle = rows.length >> 1;
      const done = await this.#store(rows.slice(0, middle));
      return done < middle ? done : done + (await this.#store(rows.slice(middle)));
    }
    this.#stored += rows.length;
    if (this.#away) this.#logger?.info({ queued: this.#queued }, 'the database is back');
    this.#away = false;
    this.#delay = 0;
    return rows.length;
  }

  #failed(error: unknown): void {
    const { min, max } = this.#options.retry;
    this.#failures += 1;
    this.#delay = Math.min(max, this.#delay === 0 ? min : this.#delay * 2);
    if (!this.#away)
      this.#logger?.warn(
        { error: (error as Error).message },
        'the database does not take samples: they wait in memory',
      );
    this.#away = true;
  }
}
