import type { Logger } from 'beamish/world';
import pg from 'pg';

/** Of `new Pool`. */
export interface PoolOptions {
  /** `postgres://user:password@host:port/database`. */
  readonly url: string;
  /** The most connections open at one time; more queries wait for one. */
  readonly max: number;
  /** Shown in `pg_stat_activity`. */
  readonly applicationName?: string;
  /** Milliseconds to get a connection, waiting in line included. @default 5000 */
  readonly connectTimeout?: number;
  /** Milliseconds after which a query fails on this side: a server that is stopped but connected is noticed. @default 15000 */
  readonly queryTimeout?: number;
  readonly logger?: Logger;
}

/** What the pool holds now. */
export interface PoolStatistics {
  readonly connections: number;
  readonly idle: number;
  /** Queries waiting for a connection. */
  readonly waiting: number;
}

/** What runs SQL: the pool, or one connection inside a transaction. */
export interface Queryable {
  query<R extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<pg.QueryResult<R>>;
}

/** Connections to one database. A connection that breaks is replaced; the query it carried rejects. */
export class Pool implements Queryable, AsyncDisposable {
  readonly #pool: pg.Pool;
  #ending: Promise<void> | undefined;

  constructor(options: PoolOptions) {
    const queryTimeout = options.queryTimeout ?? 15_000;
    this.#pool = new pg.Pool({
      connectionString: options.url,
      max: options.max,
      connectionTimeoutMillis: options.connectTimeout ?? 5000,
      query_timeout: queryTimeout,
      statement_timeout: queryTimeout, // the server gives up as well, so that nothing goes on unseen
      keepAlive: true,
      ...(options.applicationName === undefined ? {} : { application_name: options.applicationName }),
    });
    // An idle connection that breaks is an event of the pool: unheard it would end the process.
    this.#pool.on('error', (error) =>
      options.logger?.debug({ error: error.message }, 'an idle database connection broke'),
    );
  }

  /** Rejects with pg's error: `code` is the SQLSTATE, or Node's code when the connection failed. */
  async query<R extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<pg.QueryResult<R>> {
    return this.#pool.query<R>(text, values);
  }

  /** Runs `work` in one transaction on one connection: committed when it resolves, rolled back when it rejects. */
  async transaction<T>(work: (client: Queryable) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect();
    let broken: Error | undefined;
    const onError = (error: Error): void => {
      broken = error;
    };
    client.on('error', onError);
    try {
      await client.query('BEGIN');
      const result = await work(client);
      await client.query('COMMIT');
      return result;
    } catch (error) {
      await client.query('ROLLBACK').catch((failure: Error) => {
        broken = failure;
      });
      throw error;
    } finally {
      client.off('error', onError);
      client.release(broken);
    }
  }

  /** What the pool holds now. */
  statistics(): PoolStatistics {
    return { connections: this.#pool.totalCount, idle: this.#pool.idleCount, waiting: this.#pool.waitingCount };
  }

  /** Waits for running queries, then closes every connection. Idempotent. */
  end(): Promise<void> {
    return (this.#ending ??= this.#pool.end());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }
}
