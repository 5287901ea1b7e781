/** PostgreSQL for Beamish: an embedded server when none is given, a pool, migrations, batched idempotent writes. @module */
export { BatchWriter, type BatchWriterOptions, type BatchWriterStatistics } from './batch-writer.ts';
export { freePort } from './embedded/port.ts';
export { isAlive, LockHeld, takeLock } from './embedded/lock.ts';
export { type EmbeddedExit, type EmbeddedOptions, type EmbeddedPostgres, startEmbedded } from './embedded/server.ts';
export { isPassing } from './failure.ts';
export { type Migration, migrate } from './migrate.ts';
export { createTimeTable, DailyPartitions } from './partitions.ts';
export { Pool, type PoolOptions, type PoolStatistics, type Queryable } from './pool.ts';
