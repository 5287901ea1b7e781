/** Daily range partitions, or TimescaleDB's hypertable where that extension is there. Days are UTC. */
import pg from 'pg';
import type { Pool, Queryable } from './pool.ts';

const day = 86_400_000;

const dayOf = (at: number): string => new Date(at).toISOString().slice(0, 10);
const partitionOf = (table: string, date: string): string => `${table}_${date.replaceAll('-', '')}`;

/**
 * Creates `table (columns) ` split by time: a hypertable when the server has TimescaledDB, else partitioned by range.
 * @param columns column definitions and constraints, as in CREATE TABLE; a primary key must contain `timeColumn`.
 * @returns which of the two.
 */
export async function createTimeTable(
  client: Queryable,
  table: string,
  columns: string,
  timeColumn: string,
): Promise<'hypertable' | 'partitions'> {
  const name = pg.escapeIdentifier(table);
  const column = pg.escapeIdentifier(timeColumn);
  if (await hasTimescale(client)) {
    await client.query(`CREATE TABLE ${name} (${columns})`);
    await client.query("SELECT create_hypertable($1::regclass, $2::name, chunk_time_interval => interval '1 day')", [
      name,
      timeColumn,
    ]);
    return 'hypertable';
  }
  await client.query(`CREATE TABLE ${name} (${columns}) PARTITION BY RANGE (${column})`);
  return 'partitions';
}

async function hasTimescale(client: Queryable): Promise<boolean> {
  const { rowCount } = await client.query("SELECT 1 FROM pg_available_extensions WHERE name = 'timescaledb'");
  if (rowCount === 0) return false;
  await client.query('SAVEPOINT timescale');
  try {
    await client.query('CREATE EXTENSION IF NOT EXISTS timescaledb');
    await client.query('RELEASE SAVEPOINT timescale');
    return true;
  } catch {
    // on disk but not preloaded, or not allowed to us
    await client.query('ROLLBACK TO SAVEPOINT timescale');
    return false;
  }
}

/**
 * Keeps the partitions of one table: those that rows are about to need, made by whoever comes first of several nodes,
 * and those that are too old, dropped. Does nothing on a hypertable, which makes its chunks by itself.
 */
export class DailyPartitions {
  readonly #pool: Pool;
  readonly #table: string;
  readonly #known = new Set<string>();
  #partitioned: boolean | undefined;

  constructor(pool: Pool, table: string) {
    this.#pool = pool;
    this.#table = table;
  }

  /** Makes the partitions of all days in [from, to], ms since the epoch, that are not there yet. @returns how many it made. */
  async ensure(from: number, to: number): Promise<number> {
    const wanted: string[] = [];
    for (let at = Math.floor(from / day) * day; at <= to; at += day) wanted.push(dayOf(at));
    const missing = wanted.filter((date) => !this.#known.has(date));
    if (missing.length === 0) return 0;
    let made = 0;
    if (await this.#isPartitioned()) {
      made = await this.#pool.transaction(async (client) => {
        await this.#lock(client);
        const existing = new Set(await this.#list(client));
        const absent = missing.filter((date) => !existing.has(partitionOf(this.#table, date)));
        for (const date of absent) {
          const next = dayOf(Date.parse(date) + day);
          await client.query(
            `CREATE TABLE ${pg.escapeIdentifier(partitionOf(this.#table, date))} PARTITION OF ${pg.escapeIdentifier(this.#table)} ` +
              `FOR VALUES FROM ('${date} 00:00:00+00') TO ('${next} 00:00:00+00')`,
          );
        }
        return absent.length;
      });
    }
    for (const date of missing) this.#known.add(date);
    return made;
  }

  /** Drops the partitions whose last moment is before `limit`, ms since the epoch. @returns their names. */
  async dropBefore(limit: number): Promise<string[]> {
    if (!(await this.#isPartitioned())) return [];
    const oldest = partitionOf(this.#table, dayOf(limit));
    return this.#pool.transaction(async (client) => {
      await this.#lock(client);
      const old = (await this.#list(client)).filter((name) => name < oldest);
      for (const name of old) await client.query(`DROP TABLE ${pg.escapeIdentifier(name)}`);
      this.#known.clear();
      return old;
    });
  }

  async #isPartitioned(): Promise<boolean> {
    if (this.#partitioned === undefined) {
      const { rows } = await this.#pool.query<{ relkind: string }>(
        'SELECT relkind FROM pg_class WHERE oid = $1::regclass',
        [pg.escapeIdentifier(this.#table)],
      );
      this.#partitioned = rows[0]?.relkind === 'p';
    }
    return this.#partitioned;
  }

  async #lock(client: Queryable): Promise<void> {
    await client.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`partitions of ${this.#table}`]);
  }

  async #list(client: Queryable): Promise<string[]> {
    const { rows } = await client.query<{ name: string }>(
      'SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = $1::regclass ORDER BY 1',
      [pg.escapeIdentifier(this.#table)],
    );
    return rows.map((row) => row.name);
  }
}
