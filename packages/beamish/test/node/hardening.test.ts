import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { isBeamishError } from '../../src/error/index.ts';
import { ALIAS, OWN_FLAGS, SPAWN } from '../../src/node/flags.ts';
import { encodeName } from '../../src/node/handshake/messages.ts';
import { Refusals } from '../../src/node/refusals.ts';
import { atom, encode, Pid, tuple } from '../../src/term/index.ts';
import type { Term } from '../../src/term/index.ts';
import { realWorld } from '../../src/world/index.ts';
import { code } from '../support/code.ts';
import { eventually } from '../support/eventually.ts';
import { collectLogs } from '../support/logs.ts';
import { RawPeer, testCluster, types, type TestNode } from './nodes.ts';

const options = { timeout: 60_000 };

/** A plain socket that sends these bytes; resolves with what came when it was closed. */
function raw(
  t: { after(fn: () => Promise<void>): void },
  port: number,
  bytes?: Uint8Array,
): { socket: Socket; closed: Promise<string> } {
  const socket = connect(port, '127.0.0.1');
  t.after(async () => void socket.destroy());
  let received = '';
  socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
  socket.on('error', () => {});
  if (bytes !== undefined) socket.write(bytes);
  return { socket, closed: new Promise((resolve) => socket.on('close', () => resolve(received))) };
}

function framed(body: Uint8Array): Buffer {
  const head = Buffer.alloc(2);
  head.writeUInt16BE(body.length);
  return Buffer.concat([head, body]);
}

/** Everything else goes on. */
async function assertWorks(cluster: Awaited<ReturnType<typeof testCluster>>, a: TestNode, name: string): Promise<void> {
  const friend = await cluster.start(name);
  assert.equal(await friend.node.at(a.node.name).ping(), true);
}

test('a wrong cookie: refused on both sides, told once with the address, counted', options, async (t) => {
  const cluster = await testCluster(t);
  const a = await cluster.start('a@127.0.0.1');
  const b = await cluster.start('b@127.0.0.1', { cookie: 'a guess' });
  for (let attempt = 0; attempt < 3; attempt++)
    await assert.rejects(b.node.connect(a.node.name), code('cookie_mismatch'));
  assert.equal(await b.node.at(a.node.name).ping({ timeout: 5000 }), false);
  for (const side of [a, b]) {
    await eventually(() => side.node.statistics().refused.cookie === 4);
    const told = side.warnings().filter((line) => line['cause'] === 'cookie');
    assert.equal(told.length, 1);
    assert.match(String(told[0]?.['address']), /^127\.0\.0\.1:\d+$/);
    assert.ok(
      !side.lines.some(
        (line) => JSON.stringify(line).includes('a guess') || JSON.stringify(line).includes('test cookie'),
      ),
    );
  }
  assert.deepEqual(a.events, []);
  await assertWorks(cluster, a, 'friend@127.0.0.1');
});

test('garbage on the distribution port and on the port mapper’s', options, async (t) => {
  const cluster = await testCluster(t);
  const a = await cluster.start('a@127.0.0.1');
  const { port } = a.node.address;
  const garbage = [
    Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
    framed(Buffer.from('garbage')),
    framed(Buffer.alloc(0)),
    Buffer.alloc(100_000, 0xff),
    framed(Buffer.from('sok')),
  ];
  for (const bytes of garbage) assert.equal(await raw(t, port, bytes).closed, '');
  for (const bytes of garbage) assert.equal(await raw(t, cluster.epmdPort, bytes).closed, '');
  const { refused } = a.node.statistics();
  assert.equal(refused.garbage, garbage.length);
  assert.ok((refused.epmd_garbage ?? 0) >= garbage.length);
  for (const cause of ['garbage', 'epmd_garbage']) {
    const told = a.warnings().filter((line) => line['cause'] === cause);
    assert.equal(told.length, 1);
    assert.match(String(told[0]?.['address']), /^127\.0\.0\.1:\d+$/);
  }
  await assertWorks(cluster, a, 'friend@127.0.0.1');
});

test('bad names, missing flags, the own name', options, async (t) => {
  const cluster = await testCluster(t);
  const a = await cluster.start('a@127.0.0.1');
  const send = (name: string, flags = OWN_FLAGS): Promise<string> =>
    raw(t, a.node.address.port, framed(encodeName({ name, flags, creation: 1 }))).closed;
  assert.equal(await send('no host'), '');
  assert.equal(await send('x@y@z'), '');
  assert.equal(await send('old@127.0.0.1', 4n), '\0\x0csnot_allowed');
  assert.equal(await send('a@127.0.0.1'), '\0\x0csnot_allowed');
  assert.equal(a.node.statistics().refused.bad_name, 2);
  assert.equal(a.node.statistics().refused.not_allowed, 2);
  assert.equal(a.node.statistics().pending, 0);
  await assertWorks(cluster, a, 'friend@127.0.0.1');
});

test('a stranger with the name of a connected node, who answers `alive` with half a status', options, async (t) => {
  const cluster = await testCluster(t);
  const a = await cluster.start('a@127.0.0.1');
  const friend = await cluster.start('friend@127.0.0.1');
  await friend.node.connect(a.node.name);
  await eventually(() => a.node.nodes().length === 1);
  for (const half of ['snamed:', 'snamed:\0', 'snamed:\0\x05a']) {
    const name = framed(encodeName({ name: friend.node.name, flags: OWN_FLAGS, creation: 1 }));
    const bytes = Buffer.concat([name, framed(Buffer.from(half, 'latin1'))]);
    assert.equal(await raw(t, a.node.address.port, bytes).closed, '\0\x06salive');
  }
  assert.equal(a.node.statistics().refused.garbage, 3);
  assert.equal(await friend.node.at(a.node.name).ping(), true);
});

test('connections that prove nothing: their number and their time are bounded', options, async (t) => {
  const cluster = await testCluster(t);
  const a = await cluster.start('a@127.0.0.1', { maxPending: 3, setupTime: 300 });
  const { port } = a.node.address;
  const silent = [
    raw(t, port),
    raw(t, port),
    raw(t, port, framed(encodeName({ name: 'half@h', flags: OWN_FLAGS, creation: 1 }))),
  ];
  await eventually(() => a.node.statistics().pending === 3);
  // The one that has taken longest goes for the next, so that silent ones cannot keep others out.
  const next = raw(t, port);
  await silent[0]?.closed;
  assert.equal(a.node.statistics().refused.limit, 1);
  await Promise.all([next, ...silent].map(({ closed }) => closed));
  assert.equal(a.node.statistics().refused.timeout, 3);
  assert.equal(a.node.statistics().pending, 0);
  await assertWorks(cluster, a, 'friend@127.0.0.1');
});

test('silent connections that come without end keep nobody out', options, async (t) => {
  const cluster = await testCluster(t);
  const a = await cluster.start('a@127.0.0.1', { maxPending: 4 });
  const flood = Array.from({ length: 40 }, () => raw(t, a.node.address.port));
  await eventually(() => a.node.statistics().refused.limit === 36);
  assert.equal(a.node.statistics().pending, 4);
  await assertWorks(cluster, a, 'friend@127.0.0.1');
  assert.equal(a.warnings().filter((line) => line['cause'] === 'limit').length, 1);
  for (const { socket } of flood) socket.destroy();
});

test('a peer that breaks the protocol loses its connection; the others do not', options, async (t) => {
  const cluster = await testCluster(t);
  const a = await cluster.start('a@127.0.0.1');
  const friend = await cluster.start('friend@127.0.0.1');
  await friend.node.connect(a.node.name);
  const own = new Pid('evil@127.0.0.1', 1, 0, 5);
  const control = (term: Term): Buffer => Buffer.concat([Uint8Array.of(131, 68, 0), encode(term).subarray(1)]);
  const frames = [
    Buffer.from('garbage'),
    control(tuple(99, own)),
    control(tuple(1, new Pid(friend.node.name, 1, 0, 5), a.node.runtime.pid)),
    Buffer.concat([control(tuple(6, own, atom(''), atom('rex'))), Uint8Array.of(70, 127, 240, 0, 0, 0, 0, 0, 0)]),
  ];
  for (const frame of frames) {
    const evil = await RawPeer.connect(t, a.node, { name: 'evil@127.0.0.1' });
    await eventually(() => a.node.nodes().some(({ name }) => name === 'evil@127.0.0.1'));
    evil.send(frame);
    await eventually(() => evil.closed && a.node.nodes().length === 1);
  }
  const huge = await RawPeer.connect(t, a.node, { name: 'evil@127.0.0.1' });
  huge.socket.write(Uint8Array.of(0xff, 0xff, 0xff, 0xff));
  await eventually(() => huge.closed);
  const told = a.warnings().filter((line) => line['node'] === 'evil@127.0.0.1');
  assert.equal(told.length, frames.length + 1);
  assert.ok(told.every((line) => /^127\.0\.0\.1:\d+$/.test(String(line['address']))));
  assert.deepEqual(types(a.events).slice(0, 3), [
    'nodeup friend@127.0.0.1',
    'nodeup evil@127.0.0.1',
    'nodedown evil@127.0.0.1 frame_malformed',
  ]);
  assert.equal(await friend.node.at(a.node.name).ping(), true);
  assert.equal(friend.events.length, 1);
});

test('ticks keep idle nodes together; a silent one is dropped', options, async (t) => {
  const cluster = await testCluster(t);
  const tickTime = 400;
  const a = await cluster.start('a@127.0.0.1', { tickTime });
  // Its own tick time is longer: it answers the ticks of the other.
  const b = await cluster.start('b@127.0.0.1', { tickTime: 3000 });
  await b.node.connect(a.node.name);
  const silent = await RawPeer.connect(t, a.node, { name: 'silent@127.0.0.1' });
  await eventually(() => a.events.some((event) => event.type === 'nodedown'), { timeout: 10_000 });
  assert.deepEqual(types(a.events).at(-1), 'nodedown silent@127.0.0.1 tick_timeout');
  await eventually(() => silent.closed);
  assert.ok(silent.received.filter((frame) => frame.length === 0).length >= 3);
  // Long after a tick time of silence the others are still there.
  const before = b.node.statistics().peers[0]?.bytesIn ?? 0;
  await eventually(() => (b.node.statistics().peers[0]?.bytesIn ?? 0) >= before + 20, { timeout: 10_000 });
  assert.equal(a.node.nodes()[0]?.name, b.node.name);
  assert.equal(b.events.length, 1);
});

test('bytes count as life, also those of a frame that is not complete', options, async (t) => {
  const cluster = await testCluster(t);
  const a = await cluster.start('a@127.0.0.1', { tickTime: 400 });
  const slow = await RawPeer.connect(t, a.node, { name: 'slow@127.0.0.1' });
  slow.socket.write(Uint8Array.of(0, 0, 1, 0));
  let sent = 0;
  const timer = setInterval(() => {
    slow.socket.write(Uint8Array.of(0));
    sent += 1;
  }, 50);
  t.after(async () => clearInterval(timer));
  await eventually(() => sent >= 40, { timeout: 20_000 });
  assert.equal(a.node.nodes().length, 1);
});

test(
  'a peer that does not read: its cost is bounded, the others go on, nothing is lost in silence',
  options,
  async (t) => {
    const cluster = await testCluster(t);
    const maxQueuedBytes = 1024 * 1024;
    const a = await cluster.start('a@127.0.0.1', { maxQueuedBytes, stallGrace: 200 });
    const friend = await cluster.start('friend@127.0.0.1');
    await friend.node.connect(a.node.name);
    const stalled = await RawPeer.connect(t, a.node, { name: 'stalled@127.0.0.1' });
    await eventually(() => a.node.nodes().length === 2);
    stalled.socket.pause();
    const remote = a.node.at('stalled@127.0.0.1');
    const downs: Term[] = [];
    const pid = new Pid('stalled@127.0.0.1', 1, 0, 5);
    a.node.runtime.monitor(pid, (reason) => downs.push(reason));
    const message = 'x'.repeat(50_000);
    let most = 0;
    // What loopback itself holds is several megabytes.
    for (let sent = 0; sent < 4000 && a.node.nodes().length === 2; sent++) {
      a.node.runtime.send(pid, message);
      most = Math.max(most, remote.queuedBytes);
      if (sent % 20 === 0) await realWorld().clock.sleep(1);
    }
    await eventually(() => a.node.nodes().length === 1);
    assert.ok(most > maxQueuedBytes && most < 3 * maxQueuedBytes, `${most} bytes`);
    assert.equal(types(a.events).at(-1), 'nodedown stalled@127.0.0.1 stalled');
    await eventually(() => downs.length === 1);
    assert.ok(
      a.warnings().some((line) => line['node'] === 'stalled@127.0.0.1' && Number(line['queuedBytes']) > maxQueuedBytes),
    );
    assert.equal(await friend.node.at(a.node.name).ping(), true);
  },
);

test('a sender can wait until a slow peer has taken what was sent', options, async (t) => {
  const cluster = await testCluster(t);
  const a = await cluster.start('a@127.0.0.1');
  const slow = await RawPeer.connect(t, a.node, { name: 'slow@127.0.0.1' });
  await eventually(() => a.node.nodes().length === 1);
  slow.socket.pause();
  const remote = a.node.at('slow@127.0.0.1');
  for (let sent = 0; sent < 400; sent++) a.node.runtime.send({ name: 'x', node: 'slow@127.0.0.1' }, 'x'.repeat(50_000));
  await eventually(() => remote.queuedBytes > 2 * 1024 * 1024);
  let drained = false;
  const waiting = remote.drained().then(() => (drained = true));
  const controller = new AbortController();
  const aborted = remote.drained({ signal: controller.signal });
  controller.abort();
  await assert.rejects(aborted, code('aborted'));
  assert.equal(drained, false);
  slow.socket.resume();
  await waiting;
  assert.ok(remote.queuedBytes <= 1024 * 1024);
  // One who leaves ends the wait too.
  slow.socket.pause();
  for (let sent = 0; sent < 400; sent++) a.node.runtime.send({ name: 'x', node: 'slow@127.0.0.1' }, 'x'.repeat(50_000));
  const last = remote.drained();
  slow.socket.destroy();
  await last;
});

test('spawn requests for what is not exposed are answered', options, async (t) => {
  const cluster = await testCluster(t);
  const a = await cluster.start('a@127.0.0.1');
  const b = await cluster.start('b@127.0.0.1');
  a.node.expose('work', { run: () => 1 });
  const spawn = (module: string, name: string): Promise<Pid> =>
    b.node.runtime.requestSpawn(a.node.name, { module, function: name, arguments: [] });
  await assert.rejects(
    spawn('os', 'getpid'),
    (error) => isBeamishError(error, 'remote_error') && /notsup/.test(error.message),
  );
  assert.ok((await spawn('work', 'run')) instanceof Pid);
  assert.match(a.warnings().at(-1)?.msg ?? '', /b@127\.0\.0\.1 calls os:getpid, which is not exposed/);
});

test('a peer without SPAWN and ALIAS: who asks is answered, and the connection stays', options, async (t) => {
  const cluster = await testCluster(t);
  const a = await cluster.start('a@127.0.0.1');
  const old = await RawPeer.connect(t, a.node, { name: 'old@127.0.0.1', flags: OWN_FLAGS & ~SPAWN & ~ALIAS });
  await eventually(() => a.node.nodes().length === 1);
  const spawn = a.node.runtime.requestSpawn('old@127.0.0.1', { module: 'm', function: 'f', arguments: [] });
  await assert.rejects(spawn, (error) => isBeamishError(error, 'remote_error') && /notsup/.test(error.message));
  assert.equal(a.node.nodes().length, 1);
  // A call carries a plain reference for a tag, since its alias would not be understood (protocols 2.4).
  await assert.rejects(
    a.node.runtime.call({ name: 'x', node: 'old@127.0.0.1' }, atom('y'), { timeout: 100 }),
    code('timeout'),
  );
  const request = old.received
    .map((frame) => Buffer.from(frame).toString('latin1'))
    .find((frame) => frame.includes('$gen_call'));
  assert.ok(request !== undefined && !request.includes('alias'));
});

test('many small messages of one turn go out together', options, async (t) => {
  const cluster = await testCluster(t);
  const a = await cluster.start('a@127.0.0.1');
  const peer = await RawPeer.connect(t, a.node, { name: 'b@127.0.0.1' });
  await eventually(() => a.node.nodes().length === 1);
  const before = peer.chunks;
  for (let sent = 0; sent < 2000; sent++) a.node.runtime.send({ name: 'x', node: 'b@127.0.0.1' }, sent);
  await eventually(() => peer.received.length >= 2000);
  assert.ok(peer.chunks - before <= 20, `${peer.chunks - before} pieces`);
});

test('refusals are told once a minute for each address and cause, and all are counted', () => {
  const { logger, lines } = collectLogs();
  let now = 0;
  const refusals = new Refusals(logger, { ...realWorld().clock, monotonicTime: () => now });
  const refuse = (host: string): void => refusals.refuse('garbage', { host, port: 1 }, 'it was garbage');
  for (let index = 0; index < 1000; index++) refuse('10.0.0.1');
  refuse('10.0.0.2');
  assert.equal(lines.length, 2);
  now += 60_001;
  refuse('10.0.0.1');
  assert.equal(lines.length, 3);
  assert.equal(lines[2]?.['repeatedBefore'], 999);
  assert.equal(refusals.counts.garbage, 1002);
  for (let index = 0; index < 5000; index++) refuse(`10.1.${index >> 8}.${index & 255}`);
  refusals.refuse('closed', { host: '10.9.9.9', port: 1 }, 'a probe');
  assert.equal(lines.at(-1)?.level, 20);
});
