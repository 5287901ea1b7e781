/** One address that connects more than it can be given, beside somebody who is slow but means it: at each of the three doors. */
import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { EpmdServer } from '../../src/node/epmd/server.ts';
import { OWN_FLAGS } from '../../src/node/flags.ts';
import { encodeName } from '../../src/node/handshake/messages.ts';
import { Refusals } from '../../src/node/refusals.ts';
import { Crowd, realWorld } from '../../src/world/index.ts';
import { eventually } from '../support/eventually.ts';
import { collectLogs } from '../support/logs.ts';
import { skipUnless } from '../support/peers.ts';
import { freePort } from '../support/ports.ts';
import { Authority } from '../world/certificates.ts';
import { testCluster } from './nodes.ts';

const options = { timeout: 60_000 };
/** Another address of the loopback interface. */
const EVIL = '127.0.0.66';

test('who makes room: the oldest of the place with most; a network of IPv6 is one place', () => {
  const crowd = new Crowd<string>(2);
  assert.equal(crowd.add('10.0.0.1', 'slow'), undefined);
  assert.equal(crowd.add('10.0.0.2', 'a'), undefined);
  // None has more than another: who was here first.
  assert.equal(crowd.add('10.0.0.3', 'b'), 'slow');
  const fair = new Crowd<string>(4);
  fair.add('10.0.0.1', 'slow');
  for (const [host, one] of [
    ['2001:db8::1', 'f1'],
    ['2001:db8:0:0:9::2', 'f2'],
    ['2001:db8:0:1::1', 'other'],
  ] as const)
    assert.equal(fair.add(host, one), undefined);
  assert.equal(fair.add('2001:db8::3', 'f3'), 'f1');
  assert.equal(fair.add('2001:db8::4', 'f4'), 'f2');
  assert.deepEqual([...fair].toSorted(), ['f3', 'f4', 'other', 'slow']);
  fair.delete('2001:db8::3', 'f3');
  fair.delete('2001:db8::3', 'f3');
  assert.equal(fair.size, 3);
  // An IPv4 address in the clothes of IPv6 is one address, not a network.
  const mapped = new Crowd<string>(3);
  mapped.add('::ffff:10.0.0.1', 'slow');
  mapped.add('::ffff:10.0.0.2', 'f1');
  mapped.add('::ffff:10.0.0.2', 'f2');
  assert.equal(mapped.add('::ffff:10.0.0.3', 'new'), 'f1');
});

/** Silent connections from another address until `full` says so. */
async function flood(t: TestContext, port: number, count: number): Promise<Socket[]> {
  const sockets = Array.from({ length: count }, () => {
    const socket = connect({ port, host: '127.0.0.1', localAddress: EVIL });
    socket.on('error', () => {});
    t.after(() => socket.destroy());
    return socket.resume();
  });
  await eventually(() => sockets.every((socket) => !socket.connecting));
  return sockets;
}

test('the handshake: a slow one stays while a flood goes on', options, async (t) => {
  const cluster = await testCluster(t);
  const a = await cluster.start('a@127.0.0.1', { maxPending: 8, setupTime: 60_000 });
  const { port } = a.node.address;
  const slow = connect(port, '127.0.0.1');
  t.after(() => void slow.destroy());
  let answer = '';
  slow.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
  await eventually(() => a.node.statistics().pending === 1);
  await flood(t, port, 60);
  await eventually(() => a.node.statistics().refused.limit === 53);
  const body = encodeName({ name: 'slow@127.0.0.1', flags: OWN_FLAGS, creation: 5 });
  slow.write(Buffer.concat([Buffer.of(0, body.length), body]));
  await eventually(() => answer.startsWith('\0\x03sok'));
  assert.equal(a.node.statistics().pending, 8);
});

test('TLS: a slow one stays while a flood goes on', { ...options, ...skipUnless('openssl') }, async (t) => {
  const authority = new Authority();
  t.after(() => authority.dispose());
  const tls = { ...authority.issue(['IP:127.0.0.1']), ca: authority.ca };
  const cluster = await testCluster(t);
  const a = await cluster.start('a@127.0.0.1', { tls, maxPending: 8, setupTime: 60_000 });
  const { port } = a.node.address;
  const tcp = connect(port, '127.0.0.1');
  t.after(() => void tcp.destroy());
  await eventually(() => !tcp.connecting);
  await flood(t, port, 60);
  await eventually(() => (a.node.statistics().refused.limit ?? 0) >= 52);
  const slow = connectTls({ socket: tcp, ...tls, checkServerIdentity: () => undefined });
  slow.on('error', () => {});
  await eventually(() => slow.authorized);
});

test('the port mapper: a flood from another machine keeps no node of this one out', options, async (t) => {
  const { logger } = collectLogs();
  const world = realWorld({ logger });
  const refusals = new Refusals(logger, world.clock);
  const port = await freePort();
  const server = await EpmdServer.start({ world, refusals, bind: ['127.0.0.1'], port, open: true });
  t.after(() => server.stop());
  await flood(t, port, 600);
  await eventually(() => (refusals.counts.epmd_limit ?? 0) >= 600 - 512);
  const names = connect(port, '127.0.0.1');
  let answer: Buffer | undefined;
  names.on('data', (chunk: Buffer) => (answer = chunk)).write(Uint8Array.of(0, 1, 110));
  await eventually(() => answer !== undefined);
  assert.equal(answer?.readUInt32BE(0), port);
  names.destroy();
});
