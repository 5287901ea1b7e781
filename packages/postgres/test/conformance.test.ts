/** Pool, migrations, partitions and batch writer on real servers, with the server killed in the middle. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { createLogger, realWorld } from 'beamish/world';
import {
  BatchWriter,
  createTimeTable,
  DailyPartitions,
  isPassing,
  migrate,
  type Migration,
  Pool,
} from '../src/index.ts';
import { eventually } from '../../beamish/test/support/eventually.ts';
import { serverKinds, type TestServer, testServer } from './support/servers.ts';

const { clock } = realWorld();
const day = 86_400_000;

const things: readonly Migration[] = [
  { id: '1', up: 'CREATE TABLE things (id int PRIMARY KEY, name text); CREATE TABLE more (id int)' },
  { id: '2', up: async (client) => void (await client.query('ALTER TABLE things ADD COLUMN size int')) },
];

function logged(): {
  lines: { level: number; msg: string; dropped?: number; lost?: number }[];
  logger: ReturnType<typeof createLogger>;
} {
  const lines: { level: number; msg: string }[] = [];
  return {
    lines,
    logger: createLogger({
      level: 'debug',
      pretty: false,
      write: (line) => void lines.push(JSON.parse(line) as { level: number; msg: string }),
    }),
  };
}

/** A writer of numbers into `things`, without doing it twice. */
function thingsWriter(pool: Pool, options: { capacity?: number; batch?: number } = {}) {
  const { lines, logger } = logged();
  const writer = new BatchWriter<number>({
    write: async (rows) => {
      await pool.query('INSERT INTO things (id) SELECT * FROM unnest($1::int[]) ON CONFLICT DO NOTHING', [rows]);
    },
    clock,
    logger,
    interval: 20,
    retry: { min: 20, max: 100 },
    ...options,
  });
  return { writer, lines };
}

const count = async (pool: Pool): Promise<number> =>
  (await pool.query<{ n: number }>('SELECT count(*)::int AS n FROM things')).rows[0]?.n ?? -1;

for (const { name, options, programs } of serverKinds) {
  suite(`${name} PostgreSQL`, options, () => {
    let server: TestServer;
    before(async () => {
      server = await testServer(programs);
    });
    after(() => server?.[Symbol.asyncDispose]());

    test('migrations: several nodes at once, each once; nothing the second time', async () => {
      const url = await server.database();
      const pools = Array.from({ length: 4 }, () => new Pool({ url, max: 2 }));
      try {
        const applied = await Promise.all(pools.map((pool) => migrate(pool, things)));
        assert.deepEqual(applied.flat().sort(), ['1', '2']);
        assert.deepEqual(await migrate(pools[0]!, things), []);
        await assert.rejects(migrate(pools[0]!, things.slice(0, 1)), /newer version: it has the migrations 2/);
      } finally {
        await Promise.all(pools.map((pool) => pool.end()));
      }
    });

    test('migrations: one that fails leaves nothing behind', async () => {
      await using pool = new Pool({ url: await server.database(), max: 2 });
      await assert.rejects(migrate(pool, [...things, { id: '3', up: 'CREATE NONSENSE' }]), { code: '42601' });
      const { rows } = await pool.query<{ found: string | null }>("SELECT to_regclass('things') AS found");
      assert.equal(rows[0]?.found, null);
    });

    test('partitions: made ahead by whoever comes first, old ones dropped, rows in the right one', async () => {
      await using pool = new Pool({ url: await server.database(), max: 8 });
      const kind = await pool.transaction((client) =>
        createTimeTable(client, 'readings', 'id int, at timestamptz, PRIMARY KEY (id, at)', 'at'),
      );
      assert.equal(kind, 'partitions');
      const now = Date.parse('2026-03-01T23:30:00Z');
      const nodes = Array.from({ length: 4 }, () => new DailyPartitions(pool, 'readings'));
      const made = await Promise.all(nodes.map((node) => node.ensure(now, now + 2 * day)));
      assert.equal(
        made.reduce((sum, each) => sum + each, 0),
        3,
      );
      await pool.query('INSERT INTO readings SELECT 1, at FROM unnest($1::timestamptz[]) AS at', [
        [new Date(now), new Date(now + 3_600_000)],
      ]);
      const { rows } = await pool.query<{ table: string }>(
        'SELECT tableoid::regclass::text AS table FROM readings ORDER BY at',
      );
      assert.deepEqual(
        rows.map((row) => row.table),
        ['readings_20260301', 'readings_20260302'],
      );
      assert.deepEqual(await nodes[0]!.dropBefore(now + day), ['readings_20260301']);
      assert.equal(await nodes[0]!.ensure(now, now), 1);
    });

    test('a transaction that fails is rolled back, and its connection serves on', async () => {
      await using pool = new Pool({ url: await server.database(), max: 1 });
      await migrate(pool, things);
      await assert.rejects(
        pool.transaction(async (client) => {
          await client.query('INSERT INTO things (id) VALUES (1)');
          throw new Error('no');
        }),
        /no/,
      );
      assert.equal(await count(pool), 0);
      assert.deepEqual(pool.statistics(), { connections: 1, idle: 1, waiting: 0 });
    });

    test('batch writer: the server is killed in the middle and started again; nothing is lost, nothing twice', async () => {
      await using pool = new Pool({ url: await server.database(), max: 5 });
      await migrate(pool, things);
      const { writer, lines } = thingsWriter(pool);
      let next = 0;
      const push = (): void => void writer.push(Array.from({ length: 50 }, () => next++));
      for (let round = 0; round < 20; round++) {
        push();
        if (round === 5) await eventually(async () => (await count(pool)) > 0);
        if (round === 10) await server.kill();
      }
      await eventually(() => writer.statistics().away, { describe: 'the writer notices' });
      push();
      await server.start();
      assert.equal(await writer.flush(20_000), 0);
      assert.equal(await count(pool), next);
      const { stored, dropped, rejected, queued, away } = writer.statistics();
      assert.deepEqual(
        { stored, dropped, rejected, queued, away },
        { stored: next, dropped: 0, rejected: 0, queued: 0, away: false },
      );
      assert.deepEqual(
        lines.filter(({ level }) => level >= 30).map(({ msg }) => msg),
        ['the database does not take samples: they wait in memory', 'the database is back'],
      );
      assert.equal(await writer.close(1000), 0);
    });

    test('batch writer: what does not fit the buffer is dropped whole, counted and told; what fits is stored', async () => {
      await using pool = new Pool({ url: await server.database(), max: 5 });
      await migrate(pool, things);
      const { writer, lines } = thingsWriter(pool, { capacity: 100 });
      await server.stop();
      const fit = Array.from({ length: 15 }, (_, round) =>
        writer.push(Array.from({ length: 8 }, (_, each) => round * 8 + each)),
      );
      assert.deepEqual(fit, [...Array.from({ length: 12 }, () => true), false, false, false]);
      assert.equal(writer.statistics().dropped, 24);
      await eventually(() => writer.statistics().failures >= 2);
      await server.start();
      assert.equal(await writer.flush(20_000), 0);
      assert.equal(await count(pool), 96);
      assert.ok(lines.some(({ msg, dropped }) => msg.startsWith('samples were dropped') && dropped === 24));
      await writer.close(1000);
    });

    test('batch writer: a row that the database refuses is left out alone', async () => {
      await using pool = new Pool({ url: await server.database(), max: 5 });
      await migrate(pool, things);
      const { writer } = thingsWriter(pool);
      writer.push([1, 2, 3, 4e10, 5, 6, 7]); // 4e10 is no int
      assert.equal(await writer.flush(5000), 0);
      assert.equal(await count(pool), 6);
      assert.equal(writer.statistics().rejected, 1);
      await writer.close(1000);
    });

    test('batch writer: a table that is missing for a while loses nothing', async () => {
      await using pool = new Pool({ url: await server.database(), max: 5 });
      await migrate(pool, things);
      const { writer } = thingsWriter(pool);
      await pool.query('ALTER TABLE things RENAME TO elsewhere');
      writer.push([1, 2, 3]);
      await eventually(() => writer.statistics().failures >= 2);
      assert.equal(writer.statistics().away, true);
      await pool.query('ALTER TABLE elsewhere RENAME TO things');
      assert.equal(await writer.flush(20_000), 0);
      assert.equal(await count(pool), 3);
      assert.equal(writer.statistics().rejected, 0);
      await writer.close(1000);
    });

    test('batch writer: closed while the database is away it gives up in time and says how many', async () => {
      await using pool = new Pool({ url: await server.database(), max: 5 });
      await migrate(pool, things);
      const { writer, lines } = thingsWriter(pool);
      await server.stop();
      writer.push([1, 2, 3]);
      assert.equal(await writer.close(300), 3);
      assert.ok(lines.some(({ lost }) => lost === 3));
      assert.equal(writer.push([4]), false);
      await server.start();
    });
  });
}

test('what may pass by itself and what not', () => {
  const passing = [
    '25006',
    '08006',
    '57P01',
    '57P03',
    '53300',
    '40P01',
    '55P03',
    '42P01',
    '42501',
    '28P01',
    '3D000',
    'ECONNREFUSED',
    'ECONNRESET',
    undefined,
  ];
  const lasting = ['21000', '22003', '23514', '23505', '44000', '54000', 'P0001'];
  for (const code of passing) assert.equal(isPassing({ code }), true, code);
  for (const code of lasting) assert.equal(isPassing({ code }), false, code);
});
