import type { DailyPartitions, Pool, Queryable } from '@beamish/postgres';
import type { InterfaceSample, Sample } from '../contract.ts';

/** One interface in one poll: a row of `samples`. */
export interface SampleRow {
  readonly device: string;
  readonly at: number;
  readonly owner: string;
  readonly of: InterfaceSample;
}

export function rowsOf(sample: Sample): SampleRow[] {
  const { device, at, owner } = sample;
  return sample.interfaces.map((of) => ({ device, at, owner, of }));
}

/** Writes rows so that writing them again changes nothing: (device, interface, at) is the key. */
export class SampleTable {
  readonly #pool: Pool;
  readonly #partitions: DailyPartitions;
  /** What `interfaces` holds, as far as this node has written it. */
  readonly #described = new Map<string, string>();

  constructor(pool: Pool, partitions: DailyPartitions) {
    this.#pool = pool;
    this.#partitions = partitions;
  }

  async write(rows: readonly SampleRow[]): Promise<void> {
    const times = rows.map(({ at }) => at);
    await this.#partitions.ensure(Math.min(...times), Math.max(...times));
    const news = this.#undescribed(rows);
    if (news.size === 0) return insertSamples(this.#pool, rows);
    await this.#pool.transaction(async (client) => {
      await describe(client, [...news.values()]);
      await insertSamples(client, rows);
    });
    for (const [key, { of }] of news) this.#described.set(key, descriptionOf(of));
  }

  #undescribed(rows: readonly SampleRow[]): Map<string, SampleRow> {
    const news = new Map<string, SampleRow>();
    for (const row of rows) {
      const key = `${row.device} ${row.of.index}`;
      if (this.#described.get(key) === descriptionOf(row.of)) news.delete(key);
      else news.set(key, row);
    }
    return news;
  }
}

const descriptionOf = ({ name, alias, speed }: InterfaceSample): string => JSON.stringify([name, alias, speed]);

async function insertSamples(client: Queryable, rows: readonly SampleRow[]): Promise<void> {
  await client.query(
    `INSERT INTO samples (device, interface, at, in_octets, out_octets, in_errors, out_errors, in_bps, out_bps, oper_up, owner)
     SELECT * FROM unnest($1::text[], $2::int[], $3::timestamptz[], $4::numeric[], $5::numeric[], $6::bigint[], $7::bigint[],
       $8::float8[], $9::float8[], $10::bool[], $11::text[])
     ON CONFLICT DO NOTHING`,
    [
      rows.map((row) => row.device),
      rows.map((row) => row.of.index),
      rows.map((row) => new Date(row.at)),
      rows.map((row) => row.of.in_octets),
      rows.map((row) => row.of.out_octets),
      rows.map((row) => row.of.in_errors),
      rows.map((row) => row.of.out_errors),
      rows.map((row) => row.of.in_bps),
      rows.map((row) => row.of.out_bps),
      rows.map((row) => row.of.oper === 'up'),
      rows.map((row) => row.owner),
    ],
  );
}

async function describe(client: Queryable, rows: readonly SampleRow[]): Promise<void> {
  // In one order on every node, so that two nodes writing the same rows don't wait for each other in a ring.
  const ordered = [...rows].sort((a, b) =>
    a.device === b.device ? a.of.index - b.of.index : a.device < b.device ? -1 : 1,
  );
  await client.query(
    `INSERT INTO interfaces (device, interface, name, alias, speed)
     SELECT * FROM unnest($1::text[], $2::int[], $3::text[], $4::text[], $5::float8[])
     ON CONFLICT (device, interface) DO UPDATE SET name = excluded.name, alias = excluded.alias, speed = excluded.speed`,
    [
      ordered.map((row) => row.device),
      ordered.map((row) => row.of.index),
      ordered.map((row) => row.of.name),
      ordered.map((row) => row.of.alias),
      ordered.map((row) => row.of.speed),
    ],
  );
}
