import type { Pool, Queryable } from './pool.ts';

/** One step of the schema; each is applied once. */
export interface Migration {
  /** Never changes once released; migrations run in the order given. */
  readonly id: string;
  /** SQL statements, or what runs them. All of one call of `migrate` is one transaction. */
  readonly up: string | ((client: Queryable) => Promise<void>);
}

/** Any number that all nodes share and nobody else uses: "beamish" in ASCII, cut to 63 bits. */
const lockKey = '27690893903131508';

/**
 * Brings the schema up to date. Safe when several nodes boot at once: one works, the others wait for it and find
 * everything done. All or nothing.
 * @returns the ids that this call applied.
 * @throws Error when the database has migrations that `migrations` doesn't know: it belongs to a newer version.
 */
export async function migrate(pool: Pool, migrations: readonly Migration[]): Promise<string[]> {
  return pool.transaction(async (client) => {
    await client.query(`SELECT pg_advisory_xact_lock(${lockKey})`);
    await client.query(
      'CREATE TABLE IF NOT EXISTS schema_migrations (id text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())',
    );
    const { rows } = await client.query<{ id: string }>('SELECT id FROM schema_migrations');
    const done = new Set(rows.map((row) => row.id));
    const unknown = [...done].filter((id) => !migrations.some((migration) => migration.id === id));
    if (unknown.length > 0)
      throw new Error(`the database is of a newer version: it has the migrations ${unknown.join(', ')}`);
    const applied: string[] = [];
    for (const { id, up } of migrations) {
      if (done.has(id)) continue;
      if (typeof up === 'string') await client.query(up);
      else await up(client);
      await client.query('INSERT INTO schema_migrations (id) VALUES ($1)', [id]);
      applied.push(id);
    }
    return applied;
  });
}
