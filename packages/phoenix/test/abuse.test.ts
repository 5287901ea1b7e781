/** Clients that misbehave: each is dealt with, told of once in the log with its address, and nobody else notices. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { eventually } from '../../beamish/test/support/eventually.ts';
import { ok, type Channel } from '../src/index.ts';
import { answered, closed, heard, opened, refused, startServer } from './support.ts';

const room = (): Channel => ({ join: () => ok(), handleIn: (_event, payload) => ok({ payload }) });

test('garbage frames close their connection with 1007, once logged, the others go on', async () => {
  await using host = await startServer({ channels: { room } });
  const good = host.client().channel('room');
  await answered(good.join());
  for (const frame of ['hello', '{"a":1}', '[1,2,3]', Buffer.from([9, 9, 9, 9, 9, 9])]) {
    const ws = host.raw();
    await opened(ws);
    const end = closed(ws);
    ws.send(frame);
    assert.deepEqual(await end, { code: 1007, reason: 'not a channel message' });
  }
  const lines = host.log.filter(({ cause }) => cause === 'frame');
  assert.equal(lines.length, 1);
  assert.match(String(lines[0]?.['peer']), /^127\.0\.0\.1:\d+$/);
  assert.equal(host.server.statistics().refused['frame'], 4);
  assert.equal((await answered(good.push('still', {}))).status, 'ok');
});

test('bytes that are no WebSocket frame: 1002; a frame too large: 1009', async () => {
  await using host = await startServer({ channels: { room }, maxFrameBytes: 1000 });
  const large = host.raw();
  await opened(large);
  const end = closed(large);
  large.send('x'.repeat(1001));
  assert.equal((await end).code, 1009);

  const bytes = connect(host.port, '127.0.0.1');
  bytes.write(
    'GET /socket/websocket?vsn=2.0.0 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  );
  const received: Buffer[] = [];
  bytes.on('data', (chunk: Buffer) => {
    if (received.push(chunk) === 1) bytes.write(Buffer.alloc(64, 0xff));
  });
  await new Promise((resolve) => bytes.on('close', resolve));
  assert.ok(Buffer.concat(received).includes(Buffer.from([0x88, 0x02, 0x03, 0xea])), 'a close frame with 1002');
  await eventually(() => host.server.statistics().connections === 0);
});

test('wrong version, origin, path, parameters and handshake are refused with their status', async () => {
  await using host = await startServer({
    channels: { room },
    origins: ['localhost', 'example.org', 'https://exact.example'],
  });
  assert.equal(await refused(host.raw('/socket/websocket')), 403);
  assert.equal(await refused(host.raw('/socket/websocket?vsn=1.0.0')), 403);
  assert.equal(await refused(host.raw('/socket/websocket?vsn=3.0.0')), 403);
  assert.equal(await refused(host.raw('/socket/websocket?vsn=2.0.0&a[b=1')), 400);
  assert.equal(await refused(host.raw('/elsewhere')), 404);
  const withOrigin = (origin: string) => host.raw('/socket/websocket?vsn=2.0.0', { origin });
  for (const origin of ['http://evil.example', 'null', 'http://exact.example', 'http://localhost.evil.example']) {
    assert.equal(await refused(withOrigin(origin)), 403, origin);
  }
  for (const origin of ['http://localhost:5000', 'https://example.org', 'https://exact.example'])
    await opened(withOrigin(origin));
  const response = await fetch(`http://127.0.0.1:${host.port}/socket/websocket?vsn=2.0.0`);
  assert.equal(response.status, 404); // of the HTTP server: not an upgrade
  const logged = host.log.filter(({ msg }) => msg === 'refused a channel client').map(({ cause }) => cause);
  assert.deepEqual(logged, ['version', 'url', 'origin'], 'each cause once for this peer');
  assert.deepEqual(host.server.statistics().refused, { version: 3, url: 1, origin: 4 });
});

test('more channels, and more clients, than allowed', async () => {
  await using host = await startServer({ channels: { 'room:*': room }, maxChannels: 2, maxConnections: 1 });
  const client = host.client();
  assert.equal((await answered(client.channel('room:1').join())).status, 'ok');
  assert.equal((await answered(client.channel('room:2').join())).status, 'ok');
  assert.deepEqual(await answered(client.channel('room:3').join()), {
    status: 'error',
    response: { reason: 'too many channels joined' },
  });
  assert.equal(await refused(host.raw()), 503);
});

test('a client that says nothing for the idle time is closed', async () => {
  await using host = await startServer({ channels: { room }, idleTimeout: 200 });
  const ws = host.raw();
  assert.deepEqual(await closed(ws), { code: 1001, reason: 'idle' });
  await eventually(() => host.server.statistics().connections === 0);
});

test('a client that floods waits; its frames are all answered in order', async () => {
  await using host = await startServer({ channels: { room } });
  const ws = host.raw();
  await opened(ws);
  const refs: string[] = [];
  ws.on('message', (data: Buffer) => void refs.push((JSON.parse(data.toString()) as [string, string])[1]));
  ws.send('["1","0","room","phx_join",{}]');
  for (let ref = 1; ref <= 3000; ref++) ws.send(`["1","${ref}","room","echo",{}]`);
  await eventually(() => refs.length === 3001, { describe: () => `${refs.length} answers` });
  assert.deepEqual(
    refs,
    Array.from({ length: 3001 }, (_, ref) => String(ref)),
  );
});

test('a client that stops reading: bounded queue, drops counted, told what it missed, others not held up', async () => {
  await using host = await startServer({ channels: { room }, maxQueued: 20, maxBufferedBytes: 50_000 });
  const fast = host.client().channel('room');
  const atFast = heard(fast, 'big');
  await answered(fast.join());
  const slow = host.raw();
  await opened(slow);
  const got: [string | null, string | null, string, string, { n?: number; count?: number }][] = [];
  slow.on('message', (data: Buffer) => void got.push(JSON.parse(data.toString())));
  slow.send('["1","1","room","phx_join",{}]');
  await eventually(() => got.length === 1);
  slow.pause();
  const filler = 'x'.repeat(20_000);
  let sent = 0;
  // As much as it takes: the operating system's buffers fill first.
  while (host.server.statistics().dropped < 100) {
    for (let index = 0; index < 20; index++) host.server.broadcast('room', 'big', { n: sent++, filler });
    await eventually(() => atFast.length === sent, {
      describe: () => `the fast client has ${atFast.length} of ${sent}`,
    });
    assert.ok(host.server.statistics().queued <= 20);
    assert.ok(sent < 10_000, 'nothing was dropped');
  }
  slow.send('["1","2","room","echo",{}]');
  const { dropped } = host.server.statistics();
  slow.resume();
  await eventually(() => got.some(([, ref]) => ref === '2'));
  host.server.broadcast('room', 'big', { n: sent });
  await eventually(() => got.at(-1)?.[4].n === sent);
  const missed = got
    .filter(([, , , event]) => event === 'missed')
    .map(([joinRef, , topic, , { count }]) => ({ joinRef, topic, count }));
  const total = missed.reduce((sum, { count }) => sum + (count ?? 0), 0);
  assert.ok(total >= dropped);
  const numbers = got.flatMap(([, , , , { n }]) => (n === undefined ? [] : [n]));
  assert.equal(numbers.length + total, sent + 1, 'every broadcast was seen or counted');
  assert.deepEqual(
    numbers,
    numbers.toSorted((a, b) => a - b),
  );
  const gap = got.findIndex(([, , , event]) => event === 'missed');
  assert.ok((got[gap + 1]?.[4].n ?? 0) - (got[gap - 1]?.[4].n ?? 0) > 1, 'the notice stands where the gap is');
});

test('a client that asks and never reads the answers is cut off', async () => {
  const generous = (): Channel => ({ join: () => ok(), handleIn: () => ok({ filler: 'x'.repeat(50_000) }) });
  await using host = await startServer({ channels: { room: generous }, maxQueued: 10, maxBufferedBytes: 10_000 });
  const ws = host.raw();
  await opened(ws);
  ws.send('["1","0","room","phx_join",{}]');
  ws.pause();
  let ref = 0;
  await eventually(
    () => {
      for (let index = 0; index < 20; index++) ws.send(`["1","${++ref}","room","ask",{}]`, () => {});
      return host.server.statistics().connections === 0;
    },
    { describe: () => `cut off after ${ref} questions` },
  );
  assert.equal(host.server.statistics().refused['slow'], 1);
});

test('drain: clients are sent away with 1012, new ones refused, a client that does not answer is cut', async () => {
  await using host = await startServer({ channels: { room } });
  const polite = host.raw();
  const rude = host.raw();
  await Promise.all([opened(polite), opened(rude)]);
  rude.pause();
  const end = closed(polite);
  const draining = host.server.drain(200);
  assert.deepEqual(await end, { code: 1012, reason: 'phx_drain' });
  assert.equal(await refused(host.raw()), 503);
  await draining;
  assert.equal(host.server.statistics().connections, 0);
});

test('options are checked when the server is built', async () => {
  await assert.rejects(startServer({ channels: { 'a*b': room } }), { code: 'option_invalid' });
  await assert.rejects(startServer({ channels: {}, maxQueued: 0 }), { code: 'option_invalid' });
  await assert.rejects(startServer({ channels: {}, path: 'socket' }), { code: 'option_invalid' });
});
