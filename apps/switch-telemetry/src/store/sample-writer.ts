import { BatchWriter, type BatchWriterStatistics, DailyPartitions } from '@beamish/postgres';
import { GenServer } from 'beamish/process';
import type { Sample } from '../contract.ts';
import { rowsOf, type SampleRow, SampleTable } from './sample-rows.ts';
import type { Store } from './store.ts';

export interface SampleWriterOptions {
  /** Rows that may wait while the database is away. @default 500000: with 24 switches of 8 ports each second, 43 minutes */
  readonly capacity?: number;
  /** Milliseconds that samples are collected before they are written. @default 100: what a kill of the collector can lose */
  readonly interval?: number;
  /** Milliseconds to write what waits when it is stopped. @default 3000 */
  readonly flushTimeout?: number;
}

/** The process between the pollers and the database: takes samples at once, writes them in batches. */
export class SampleWriter extends GenServer {
  readonly #store: Store;
  readonly #options: SampleWriterOptions;
  #writer: BatchWriter<SampleRow> | undefined;

  constructor(store: Store, options: SampleWriterOptions = {}) {
    super();
    this.#store = store;
    this.#options = options;
  }

  protected override init(): void {
    const table = new SampleTable(this.#store.pool, new DailyPartitions(this.#store.pool, 'samples'));
    const { capacity = 500_000, interval = 100 } = this.#options;
    this.#writer = new BatchWriter({
      write: (rows) => table.write(rows),
      clock: this.process.world.clock,
      logger: this.process.logger,
      capacity,
      interval,
    });
  }

  /** Meant to be cast. What does not fit the buffer is dropped and counted. */
  store(sample: Sample): void {
    this.#writer?.push(rowsOf(sample));
  }

  /** Writes what waits. @param timeout ms. @returns how many rows still wait. */
  async flush(timeout: number): Promise<number> {
    return (await this.#writer?.flush(timeout)) ?? 0;
  }

  statistics(): BatchWriterStatistics {
    return this.#writer?.statistics() ?? { queued: 0, stored: 0, dropped: 0, rejected: 0, failures: 0, away: false };
  }

  protected override async terminate(): Promise<void> {
    await this.#writer?.close(this.#options.flushTimeout ?? 3000);
  }
}
