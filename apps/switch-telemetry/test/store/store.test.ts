/** What the store keeps and gives back, on the embedded PostgreSQL. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { DailyPartitions } from '@beamish/postgres';
import { realWorld, Runtime } from 'beamish';
import { createLogger } from 'beamish/world';
import { eventually } from '../../../../packages/beamish/test/support/eventually.ts';
import { type TestServer, testServer } from '../../../../packages/postgres/test/support/servers.ts';
import type { Sample } from '../../src/contract.ts';
import type { Device } from '../../src/inventory/device.ts';
import { Maintenance } from '../../src/store/maintenance.ts';
import { rowsOf, SampleTable } from '../../src/store/sample-rows.ts';
import { SampleWriter } from '../../src/store/sample-writer.ts';
import { Store } from '../../src/store/store.ts';

const logger = createLogger({ level: 'silent' });
const world = realWorld({ logger });
let server: TestServer;
before(async () => {
  server = await testServer();
});
after(() => server?.[Symbol.asyncDispose]());

const open = async (url?: string): Promise<Store> =>
  Store.open({ url: url ?? (await server.database()), connections: 5, clock: world.clock, logger });

function sample(device: string, at: number, rate: number | null, interfaces = 2): Sample {
  return {
    device,
    at,
    owner: 'one@127.0.0.1',
    state: 'up',
    uptime: 5,
    name: device,
    poll_ms: 3,
    interfaces: Array.from({ length: interfaces }, (_, each) => ({
      index: each + 1,
      name: `Gi0/${each + 1}`,
      alias: '',
      oper: 'up' as const,
      speed: 1e9,
      in_bps: rate,
      out_bps: rate === null ? null : rate / 2,
      in_octets: '18446744073709551615',
      out_octets: '7',
      in_errors: 0,
      out_errors: 4_294_967_295,
    })),
  };
}

const noon = Date.parse('2026-05-01T12:00:00Z');

test('samples by step: means, gaps left out, names of interfaces, both ends', async () => {
  await using store = await open();
  const table = new SampleTable(store.pool, new DailyPartitions(store.pool, 'samples'));
  for (const [second, rate] of [
    [0, null],
    [1, 100],
    [4, 300],
    [9, 500],
    [10, 700],
  ] as const)
    await table.write(rowsOf(sample('sw', noon + second * 1000, rate)));
  await table.write(rowsOf(sample('other', noon, 1)));
  const series = await store.samples('sw', noon, noon + 10_000, 5);
  assert.deepEqual(
    series.map(({ index, name }) => [index, name]),
    [
      [1, 'Gi0/1'],
      [2, 'Gi0/2'],
    ],
  );
  assert.deepEqual(series[0]?.points, [
    { at: noon, in_bps: 200, out_bps: 100 },
    { at: noon + 5000, in_bps: 500, out_bps: 250 },
  ]);
  assert.deepEqual(await store.samples('sw', noon + 60_000, noon + 70_000, 1), []);
  await assert.rejects(store.samples('sw', noon, noon + 86_400_000, 1), RangeError);
  await assert.rejects(store.samples('sw', noon, noon, 1), RangeError);
  await assert.rejects(store.samples('sw', noon, noon + 1000, 0), RangeError);
});

test('the same samples written by two at once, and again, are there once', async () => {
  await using store = await open();
  const tables = [1, 2].map(() => new SampleTable(store.pool, new DailyPartitions(store.pool, 'samples')));
  const rows = Array.from({ length: 50 }, (_, at) =>
    rowsOf(sample(`sw-${at % 5}`, noon + 86_400_000 * (at % 3) + at, 1)),
  ).flat();
  await Promise.all(tables.map((table) => table.write(rows)));
  await tables[0]?.write(rows);
  const { rows: counted } = await store.pool.query<{ n: number; octets: string }>(
    'SELECT count(*)::int AS n, max(in_octets)::text AS octets FROM samples',
  );
  assert.deepEqual(counted, [{ n: 100, octets: '18446744073709551615' }]);
});

test('the inventory is made to be what was saved; keys are not among what the web gets', async () => {
  await using store = await open();
  const device = (id: string, address: string): Device => ({
    id,
    address,
    access: { version: '2c', community: 'secret' },
  });
  await Promise.all([
    store.saveInventory([device('a', 'h:1'), device('b', 'h:2')]),
    store.saveInventory([device('a', 'h:1'), device('b', 'h:2')]),
  ]);
  await store.saveInventory([device('b', 'h:3'), device('c', 'h:4')]);
  assert.deepEqual(await store.inventory(), [device('b', 'h:3'), device('c', 'h:4')]);
  assert.deepEqual(await store.devices(), [
    { id: 'b', address: 'h:3', version: '2c' },
    { id: 'c', address: 'h:4', version: '2c' },
  ]);
});

test('several nodes open an empty database at once', async () => {
  const url = await server.database();
  const stores = await Promise.all([1, 2, 3, 4].map(() => open(url)));
  for (const store of stores) await store[Symbol.asyncDispose]();
});

test('the writer: a server that is killed and comes back, no sample is lost', async () => {
  await using store = await open();
  await using runtime = new Runtime({ world });
  const writer = await runtime.startServer(SampleWriter, [store, {}], { name: 'sample_writer' });
  const push = (from: number, to: number): void => {
    for (let at = from; at < to; at++) writer.cast.store(sample('sw', noon + at, at));
  };
  push(0, 50);
  await eventually(async () => (await writer.statistics()).stored > 0);
  await server.kill();
  push(50, 100);
  await eventually(async () => (await writer.statistics()).away, { timeout: 10_000 });
  assert.equal(await store.ready(), false);
  await server.start();
  await eventually(async () => (await writer.statistics()).queued === 0, { timeout: 20_000 });
  const { rows } = await store.pool.query<{ n: number }>('SELECT count(*)::int AS n FROM samples');
  assert.deepEqual(rows, [{ n: 200 }]);
  assert.equal(await store.ready(), true);
});

test('what waits is written when the writer is ended', async () => {
  await using store = await open();
  {
    await using runtime = new Runtime({ world });
    const writer = await runtime.startServer(SampleWriter, [store, { interval: 60_000 }], {});
    writer.cast.store(sample('sw', noon, 1));
    await eventually(async () => (await writer.statistics()).queued === 2);
  }
  const { rows } = await store.pool.query<{ n: number }>('SELECT count(*)::int AS n FROM samples');
  assert.deepEqual(rows, [{ n: 2 }]);
});

test('partitions are made ahead, and old samples deleted', async () => {
  await using store = await open();
  const table = new SampleTable(store.pool, new DailyPartitions(store.pool, 'samples'));
  const day = 86_400_000;
  const now = Date.now();
  await table.write(rowsOf(sample('sw', now - 9 * day, 1)));
  await table.write(rowsOf(sample('sw', now - 2 * day, 1)));
  await using runtime = new Runtime({ world });
  await runtime.startServer(Maintenance, [store, 7], {});
  const kept = async (): Promise<string[]> =>
    (
      await store.pool.query<{ name: string }>(
        "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'samples'::regclass ORDER BY 1",
      )
    ).rows.map(({ name }) => name);
  const named = (at: number): string => `samples_${new Date(at).toISOString().slice(0, 10).replaceAll('-', '')}`;
  const wanted = [-2, 0, 1, 2].map((days) => named(now + days * day));
  await eventually(async () => (await kept()).join() === wanted.join(), { describe: `partitions ${wanted.join()}` });
});

test('a database that is not there, or refuses, is one clear line', async () => {
  await assert.rejects(
    Store.open({ url: 'postgres://u:secret@127.0.0.1:1/none', connections: 1, clock: world.clock, logger }, 300),
    (error: Error) =>
      /the database 127\.0\.0\.1:1\/none cannot be used/.test(error.message) && !error.message.includes('secret'),
  );
  const url = new URL(await server.database());
  url.password = 'wrong';
  await assert.rejects(
    Store.open({ url: url.href, connections: 1, clock: world.clock, logger }),
    /cannot be used: password authentication failed/,
  );
});
