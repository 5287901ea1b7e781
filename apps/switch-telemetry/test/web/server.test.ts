/** The web server over a real cluster of nodes: HTTP, health, metrics, channels with the official client. */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { get as httpGet } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import { Socket } from 'phoenix';
import { eventually } from '../../../../packages/beamish/test/support/eventually.ts';
import { temporaryDirectory } from '../../../../packages/beamish/test/support/temp.ts';
import { FakeCluster, type FakeCollector } from './support.ts';

interface Answer<T> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

async function get<T = Record<string, unknown>>(url: string): Promise<Answer<T>> {
  const response = await fetch(url);
  const text = await response.text();
  const json = response.headers.get('content-type')?.includes('json');
  return { status: response.status, headers: response.headers, body: (json ? JSON.parse(text) : text) as T };
}

/** The HTTP status that the page of another site gets for its WebSocket: 101 when it is let in. */
function upgrade(url: string, origin: string): Promise<number | undefined> {
  const headers = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    origin,
  };
  return new Promise((resolve, reject) => {
    const request = httpGet(`${url}/socket/websocket?vsn=2.0.0`, { headers }, (response) =>
      resolve(response.resume().statusCode),
    );
    request.on('error', reject);
    request.on('upgrade', (response, socket) => {
      socket.destroy();
      resolve(response.statusCode);
    });
  });
}

/** Broadcasts reach a web node only when it is known to run PubSub, a moment after it has joined. */
async function heard(url: string, collector: FakeCollector, device: string): Promise<void> {
  await eventually(
    async () => {
      const { at } = collector.poll(device);
      return (await get<{ last_poll: number | null }>(`${url}/api/devices/${device}`)).body.last_poll === at;
    },
    { describe: 'the web node hears the collector' },
  );
}

interface Row {
  readonly id: string;
  readonly owner: string | null;
  readonly state: string;
  readonly last_poll: number | null;
}

test('devices and nodes: from the store and the collectors at first, then live from any collector', async () => {
  await using cluster = await FakeCluster.start(3);
  const one = await cluster.collector('one');
  one.poll('sw-01', 1000);
  const { url } = await cluster.web('web1');
  // Within a moment: who holds which role is still on its way when the node is new.
  await eventually(async () => {
    const first = await get<Row[]>(`${url}/api/devices`);
    assert.deepEqual(
      first.body.map(({ id, owner, state }) => [id, owner, state]),
      [
        ['sw-01', 'one@127.0.0.1', 'up'],
        ['sw-02', null, 'pending'],
        ['sw-03', null, 'pending'],
      ],
    );
    return true;
  });
  const two = await cluster.collector('two');
  const sample = await eventually(async () => {
    const polled = two.poll('sw-02');
    const { body } = await get<Row[]>(`${url}/api/devices`);
    return body[1]?.last_poll !== null && body[1]?.owner === 'two@127.0.0.1' && polled;
  });
  const device = await get<{ id: string; interfaces: unknown[]; uptime: number }>(`${url}/api/devices/sw-02`);
  assert.equal(device.body.interfaces.length, 8);
  assert.equal(device.body.uptime, sample.uptime);
  await eventually(async () => {
    const nodes = await get<
      { name: string; roles: string[]; self: boolean; devices: string[]; connected_since: number }[]
    >(`${url}/api/nodes`);
    assert.deepEqual(
      nodes.body.map(({ name, roles, self, devices }) => [name, roles.join(), self, devices.join()]),
      [
        ['one@127.0.0.1', 'collector', false, 'sw-01'],
        ['two@127.0.0.1', 'collector', false, 'sw-02'],
        ['web1@127.0.0.1', 'web', true, ''],
      ],
    );
    return true;
  });
});

test('samples: validated, in the shape of the contract, 503 when the database is away', async () => {
  await using cluster = await FakeCluster.start(1);
  const one = await cluster.collector('one');
  for (let at = 10_000; at < 20_000; at += 1000) one.poll('sw-01', at);
  const { url } = await cluster.web('web1');
  const samples = `${url}/api/devices/sw-01/samples`;
  const good = await get<{
    device: string;
    from: number;
    to: number;
    step: number;
    interfaces: { name: string; points: number[][] }[];
  }>(`${samples}?from=12000&to=16000&step=2`);
  assert.equal(good.status, 200);
  const { interfaces, ...range } = good.body;
  assert.deepEqual(range, { device: 'sw-01', from: 12_000, to: 16_000, step: 2 });
  assert.deepEqual(
    [interfaces.length, interfaces[0]?.name, interfaces[0]?.points.map(([at]) => at)],
    [8, 'Gi0/1', [12_000, 14_000]],
  );
  assert.equal((await get(`${samples}?from=1970-01-01T00:00:12Z&to=1970-01-01T00:00:16Z`)).status, 200);
  assert.equal((await get(samples)).status, 200);

  const bad = [
    'from=x',
    'from=2000&to=1000',
    'step=0',
    'step=1.5',
    'step=-1',
    'from=0&to=99999999&step=1',
    'from=1e3',
    'nonsense=1',
    'from=1&from=2',
    'to=%00',
  ];
  for (const query of bad) {
    const answer = await get<{ error: string; message: string; issues: unknown[] }>(`${samples}?${query}`);
    assert.deepEqual([query, answer.status, answer.body.error], [query, 400, 'bad_request']);
    assert.ok(answer.body.message.length > 10 && answer.body.issues.length > 0, query);
  }
  assert.match(
    (await get<{ message: string }>(`${samples}?from=2000&to=1000&step=0`)).body.message,
    /^step: must be at least 1 s/,
  );
  assert.equal((await get(`${url}/api/devices/nope/samples`)).status, 404);
  cluster.store.up = false;
  const away = await get<{ error: string }>(samples);
  assert.deepEqual([away.status, away.body.error], [503, 'database_unavailable']);
  assert.equal((await get(`${url}/api/devices`)).status, 200);
});

test('health, readiness, metrics, and what is not there', async () => {
  await using cluster = await FakeCluster.start(2);
  const one = await cluster.collector('one');
  const { url, web } = await cluster.web('web1');
  await eventually(async () => {
    one.poll('sw-01');
    return (await get<string>(`${url}/metrics`)).body.includes('switch_telemetry_polls_total{owner="one@127.0.0.1"}');
  });
  const metrics = (await get<string>(`${url}/metrics`)).body;
  for (const line of [
    'beamish_cluster_size 2',
    'switch_telemetry_cluster_nodes{role="collector"} 1',
    'switch_telemetry_devices{state="up"} 1',
    'switch_telemetry_devices{state="pending"} 1',
    'switch_telemetry_collector_store_queue_depth{collector="one@127.0.0.1"} 4',
    'switch_telemetry_collector_dropped{collector="one@127.0.0.1"} 6',
    'switch_telemetry_store_ready 1',
    'switch_telemetry_channel_dropped 0',
    'switch_telemetry_store_connections{state="open"} 2',
  ])
    assert.ok(metrics.includes(`${line}\n`), line);
  assert.match(metrics, /switch_telemetry_poll_duration_seconds_bucket\{le="0.005"\} [1-9]/);

  assert.deepEqual((await get(`${url}/healthz`)).body, { ok: true, node: 'web1@127.0.0.1' });
  assert.deepEqual((await get(`${url}/readyz`)).body, { ready: true, reasons: [] });
  cluster.store.up = false;
  const noDatabase = await get(`${url}/readyz`);
  assert.deepEqual(
    [noDatabase.status, noDatabase.body],
    [503, { ready: false, reasons: ['the database does not answer'] }],
  );
  cluster.store.up = true;
  web.drain();
  const draining = await get(`${url}/readyz`);
  assert.deepEqual([draining.status, draining.body], [503, { ready: false, reasons: ['draining'] }]);
  assert.equal((await get(`${url}/healthz`)).status, 200);

  for (const path of ['/api/nope', '/api/devices/nope', '/nope', '/api/devices/%2e%2e%2fx']) {
    const answer = await get<{ error: string }>(url + path);
    assert.deepEqual([path, answer.status, answer.body.error], [path, 404, 'not_found']);
  }
  assert.equal((await get<{ error: string }>(`${url}/api/%zz`)).status, 400);
  assert.equal((await get(`${url}/socket/websocket`)).status, 400);
  assert.deepEqual((await get<{ error: string }>(`${url}/`)).body.error, 'page_missing');
});

test('the page: caching and security headers, no way out of its directory', async () => {
  await using directory = await temporaryDirectory();
  await mkdir(directory.file('page', 'assets'), { recursive: true });
  await writeFile(directory.file('page', 'index.html'), '<!doctype html>page');
  await writeFile(directory.file('page', 'assets', 'index-abc.js'), '1');
  await writeFile(directory.file('secret.txt'), 'secret');
  await using cluster = await FakeCluster.start(0);
  const { url } = await cluster.web('web1', { pageDirectory: directory.file('page') });
  const index = await get<string>(`${url}/`);
  assert.equal(index.body, '<!doctype html>page');
  assert.equal(index.headers.get('cache-control'), 'no-cache');
  assert.match(index.headers.get('content-security-policy') ?? '', /default-src 'none'; script-src 'self';/);
  assert.equal(index.headers.get('x-content-type-options'), 'nosniff');
  // Not by fetch, which adds `cache-control: no-cache` to what is conditional.
  const again = await new Promise<number | undefined>((resolve, reject) => {
    httpGet(`${url}/`, { headers: { 'if-none-match': index.headers.get('etag') ?? '' } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).on('error', reject);
  });
  assert.equal(again, 304);
  const asset = await get(`${url}/assets/index-abc.js`);
  assert.equal(asset.headers.get('cache-control'), 'public, max-age=31536000, immutable');
  assert.equal((await get(`${url}/api/devices`)).headers.get('cache-control'), 'no-store');
  for (const path of ['/..%2fsecret.txt', '/assets/..%2f..%2fsecret.txt', '/%2e%2e/secret.txt']) {
    assert.notEqual((await get<string>(url + path)).status, 200, path);
  }
});

test('channels: every topic of the contract, with the official client', async () => {
  await using cluster = await FakeCluster.start(2);
  const one = await cluster.collector('one');
  const { url } = await cluster.web('web1');
  await heard(url, one, 'sw-01');
  const socket = new Socket(`${url.replace('http', 'ws')}/socket`, { timeout: 2_000, reconnectAfterMs: () => 50 });
  socket.connect();
  try {
    const join = (topic: string, params: object, ...events: string[]) => {
      const channel = socket.channel(topic, params);
      const heard: { event: string; payload: Record<string, unknown> }[] = [];
      for (const event of events)
        channel.on(event, (payload: Record<string, unknown>) => void heard.push({ event, payload }));
      const reply = new Promise<Record<string, unknown>>((resolve) => {
        channel
          .join()
          .receive('ok', resolve)
          .receive('error', (response: Record<string, unknown>) => {
            channel.leave();
            resolve({ refused: response });
          });
      });
      return { channel, heard, reply };
    };
    const devices = join('devices', {}, 'state', 'rates');
    const device = join('device:sw-02', {}, 'sample');
    const nodes = join('cluster', {}, 'nodes');
    const lobby = join('lobby', { key: 'k1', name: ' Ann ', view: 'devices' }, 'presence_state', 'presence_diff');
    assert.equal(((await devices.reply)['devices'] as unknown[]).length, 2);
    const deviceReply = await device.reply;
    assert.deepEqual([(deviceReply['device'] as Row).id, deviceReply['last']], ['sw-02', null]);
    assert.equal(((await nodes.reply)['nodes'] as unknown[]).length, 2);
    assert.deepEqual(await join('device:nope', {}).reply, { refused: { reason: 'unknown device' } });
    assert.match(JSON.stringify(await join('lobby', { key: '' }).reply), /refused.*key/s);

    const sample = one.poll('sw-02');
    await eventually(() => device.heard.length === 1 && devices.heard.length === 1);
    assert.deepEqual(device.heard[0]?.payload, JSON.parse(JSON.stringify(sample)));
    assert.deepEqual(Object.keys(devices.heard[0]?.payload ?? {}).toSorted(), [
      'at',
      'device',
      'in_bps',
      'name',
      'out_bps',
      'owner',
      'state',
    ]);
    one.say('sw-02', 'unreachable', 'no answer');
    await eventually(() =>
      devices.heard.some(({ event, payload }) => event === 'state' && payload['state'] === 'unreachable'),
    );

    const again = join('lobby', { key: 'k1', name: 'Ann', view: 'devices' }, 'presence_state', 'presence_diff');
    await again.reply;
    again.channel.push('view', { view: 'sw-01' });
    await eventually(() => again.heard.some(({ payload }) => JSON.stringify(payload).includes('"view":"sw-01"')));
    await lobby.reply.catch(() => {});

    await one[Symbol.asyncDispose]();
    await eventually(() =>
      devices.heard.some(
        ({ payload }) => payload['state'] === 'pending' && /one@127.0.0.1 is gone/.test(String(payload['reason'])),
      ),
    );
    await eventually(() => (nodes.heard.at(-1)?.payload['nodes'] as unknown[] | undefined)?.length === 1);
  } finally {
    socket.disconnect();
  }
});

test('broadcasts that are not what the contract says are counted and told once, the rest goes on', async () => {
  await using cluster = await FakeCluster.start(1);
  const one = await cluster.collector('one');
  const { url } = await cluster.web('web1');
  await heard(url, one, 'sw-01');
  for (const message of [null, 7, { device: 'sw-01' }]) one.pubsub.broadcast('device:sw-01', message);
  one.pubsub.broadcast('devices', 'nonsense');
  await eventually(async () =>
    (await get<string>(`${url}/metrics`)).body.includes('switch_telemetry_malformed_broadcasts 4\n'),
  );
  const { at } = one.poll('sw-01', Date.now() + 1);
  await eventually(async () => (await get<Row[]>(`${url}/api/devices`)).body[0]?.last_poll === at);
  assert.ok(cluster.log.filter(({ msg }) => msg === 'a broadcast is not what the contract says').length <= 3);
});

test('garbage on the port, and a page of another site: refused, logged once with the address, everything else goes on', async () => {
  await using cluster = await FakeCluster.start(1);
  const { url, web } = await cluster.web('web1');
  for (let index = 0; index < 3; index++) {
    const bytes = connect(web.address.port, '127.0.0.1');
    bytes.write(Buffer.alloc(100, 0x83));
    bytes.resume();
    await new Promise((resolve) => bytes.on('close', resolve));
  }
  assert.equal(await upgrade(url, 'https://evil.example'), 403);
  assert.equal(await upgrade(url, 'https://telemetry.example'), 101);
  const refusals = cluster.log.filter(({ msg }) => msg === 'refused a channel client');
  assert.deepEqual(
    refusals.map(({ cause }) => cause),
    ['http', 'origin'],
  );
  for (const { peer } of refusals) assert.match(String(peer), /^127\.0\.0\.1:\d+$/);
  assert.equal((await get(`${url}/healthz`)).status, 200);
});

test('a port in use is one clear error, and nothing stays behind', async () => {
  await using cluster = await FakeCluster.start(1);
  const { web } = await cluster.web('web1');
  await assert.rejects(cluster.web('web2', { port: web.address.port }), {
    code: 'address_in_use',
    message: /port \d+ .* is in use: set PORT/,
  });
});

test('stop: browsers are sent away with 1012, and twice is once', async () => {
  await using cluster = await FakeCluster.start(1);
  const { url, web } = await cluster.web('web1');
  const ws = new WebSocket(`${url.replace('http', 'ws')}/socket/websocket?vsn=2.0.0`);
  await new Promise((resolve) => ws.addEventListener('open', resolve));
  const code = new Promise((resolve) => ws.addEventListener('close', (event) => resolve(event.code)));
  await Promise.all([web.stop(), web.stop()]);
  assert.equal(await code, 1012);
  await assert.rejects(fetch(`${url}/healthz`));
});
