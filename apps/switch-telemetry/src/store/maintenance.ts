import { DailyPartitions } from '@beamish/postgres';
import { GenServer } from 'beamish/process';
import { atom, type Term } from 'beamish/term';
import type { Store } from './store.ts';

const day = 86_400_000;
const hour = 3_600_000;
const tick = atom('tick');

/** Keeps the daily partitions: two days ahead, and not longer than `retentionDays`. Every collector runs it; one works. */
export class Maintenance extends GenServer {
  readonly #store: Store;
  readonly #retentionDays: number;

  constructor(store: Store, retentionDays: number) {
    super();
    this.#store = store;
    this.#retentionDays = retentionDays;
  }

  protected override init(): void {
    this.process.setTimer(0, tick);
  }

  protected override async handleInfo(message: Term): Promise<void> {
    if (message !== tick) return super.handleInfo(message);
    const { logger, world } = this.process;
    const partitions = new DailyPartitions(this.#store.pool, 'samples');
    const now = world.clock.wallTime();
    let next = hour;
    try {
      await partitions.ensure(now, now + 2 * day);
      const dropped = await partitions.dropBefore(now - this.#retentionDays * day);
      if (dropped.length > 0) logger.info({ dropped }, 'deleted old samples');
    } catch (error) {
      next = 30_000;
      logger.warn(
        { error: (error as Error).message },
        'the partitions could not be looked after: trying again in 30 s',
      );
    }
    this.process.setTimer(next, tick);
  }
}
