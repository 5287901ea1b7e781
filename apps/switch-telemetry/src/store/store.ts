import { migrate, Pool } from '@beamish/postgres';
import type { Clock, Logger } from 'beamish/world';
import type { InterfaceSeries, SeriesPoint, StoredDevice, StoreReader } from '../contract.ts';
import type { Device } from '../inventory/device.ts';
import { migrations } from './schema.ts';

export interface StoreOptions {
  /** `postgres://...` */
  readonly url: string;
  /** Connections at most: 20 on a collector, 10 on a web node. */
  readonly connections: number;
  readonly applicationName?: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

const maxSteps = 10_000;

/** What is kept in PostgreSQL. One per node. */
export class Store implements StoreReader {
  readonly pool: Pool;
  readonly #clock: Clock;

  private constructor(pool: Pool, clock: Clock) {
    this.pool = pool;
    this.#clock = clock;
  }

  /**
   * Connects and brings the schema up to date, trying again for up to `patience` ms while the database is not there.
   * @throws Error when it is not there by then, or refuses.
   */
  static async open(options: StoreOptions, patience = 30_000): Promise<Store> {
    const { url, connections, applicationName, clock, logger } = options;
    const pool = new Pool({
      url,
      max: connections,
      logger,
      ...(applicationName === undefined ? {} : { applicationName }),
    });
    const end = clock.monotonicTime() + patience;
    for (let told = false; ;) {
      try {
        const applied = await migrate(pool, migrations);
        if (applied.length > 0) logger.info({ applied }, 'the database has a new schema');
        return new Store(pool, clock);
      } catch (error) {
        const { code, message } = error as Error & { code?: string };
        const wrong = code !== undefined && /^(28|3D|42)/.test(code); // password, database name, SQL: waiting is no help
        if (wrong || clock.monotonicTime() >= end) {
          await pool.end();
          const { host, pathname } = new URL(url);
          throw new Error(`the database ${host}${pathname} cannot be used: ${message || String(code)}`, {
            cause: error,
          });
        }
        if (!told) logger.warn({ error: message || code }, 'the database is not there yet: trying again');
        told = true;
        await clock.sleep(250);
      }
    }
  }

  async devices(): Promise<readonly StoredDevice[]> {
    const { rows } = await this.pool.query<{ id: string; address: string; version: '2c' | '3' }>(
      'SELECT id, address, version FROM devices ORDER BY id',
    );
    return rows;
  }

  /** The inventory with the keys in it: for collectors. */
  async inventory(): Promise<Device[]> {
    const { rows } = await this.pool.query<{ id: string; address: string; access: Device['access'] }>(
      'SELECT id, address, access FROM devices ORDER BY id',
    );
    return rows.map(({ id, address, access }) => ({ id, address, access }));
  }

  /** Makes the inventory be exactly `devices`. */
  async saveInventory(devices: readonly Device[]): Promise<void> {
    await this.pool.transaction(async (client) => {
      await client.query('LOCK TABLE devices IN SHARE ROW EXCLUSIVE MODE'); // collectors boot at the same time
      await client.query('DELETE FROM devices WHERE id <> ALL ($1)', [devices.map(({ id }) => id)]);
      await client.query(
        `INSERT INTO devices (id, address, version, access)
         SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::jsonb[])
         ON CONFLICT (id) DO UPDATE SET address = excluded.address, version = excluded.version, access = excluded.access, updated_at = now()
         WHERE (devices.address, devices.access) IS DISTINCT FROM (excluded.address, excluded.access)`,
        [
          devices.map(({ id }) => id),
          devices.map(({ address }) => address),
          devices.map(({ access }) => access.version),
          devices.map(({ access }) => JSON.stringify(access)),
        ],
      );
    });
  }

  async samples(device: string, from: number, to: number, step: number): Promise<readonly InterfaceSeries[]> {
    if (!(step >= 1)) throw new RangeError('step must be at least 1 second');
    if (!(to > from) || !Number.isFinite(from) || !Number.isFinite(to)) throw new RangeError('to must be after from');
    if ((to - from) / 1000 / step > maxSteps)
      throw new RangeError(`the range may hold at most ${maxSteps} steps: choose a larger step`);
    const { rows } = await this.pool.query<{
      interface: number;
      name: string | null;
      at: Date;
      in_bps: number | null;
      out_bps: number | null;
    }>(
      `SELECT s.interface, i.name, s.at, s.in_bps, s.out_bps
       FROM (
         SELECT interface, date_bin(make_interval(secs => $4), at, 'epoch') AS at, avg(in_bps) AS in_bps, avg(out_bps) AS out_bps
         FROM samples WHERE device = $1 AND at >= $2 AND at < $3
         GROUP BY 1, 2
       ) s LEFT JOIN interfaces i ON i.device = $1 AND i.interface = s.interface
       ORDER BY s.interface, s.at`,
      [device, new Date(from), new Date(to), step],
    );
    const series: { index: number; name: string; points: SeriesPoint[] }[] = [];
    for (const row of rows) {
      let last = series.at(-1);
      if (last?.index !== row.interface)
        series.push((last = { index: row.interface, name: row.name ?? String(row.interface), points: [] }));
      last.points.push({ at: row.at.getTime(), in_bps: row.in_bps, out_bps: row.out_bps });
    }
    return series;
  }

  async ready(): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = this.#clock.setTimer(1000, () => resolve(false), { background: true });
    this.pool.query('SELECT 1').then(
      () => resolve(true),
      () => resolve(false),
    );
    const ready = await promise;
    timer.cancel();
    return ready;
  }

  statistics(): { readonly connections: number; readonly idle: number; readonly waiting: number } {
    return this.pool.statistics();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.pool.end();
  }
}
