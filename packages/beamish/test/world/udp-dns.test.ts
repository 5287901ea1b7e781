import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { isBeamishError } from '../../src/error/index.ts';
import { realWorld } from '../../src/world/index.ts';
import type { DatagramOptions } from '../../src/world/index.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/ports.ts';
import { bytes } from './support.ts';

const { network } = realWorld();
const HOST = '127.0.0.1';

async function bind(t: TestContext, options: Partial<DatagramOptions> = {}) {
  const received: string[] = [];
  const errors: Error[] = [];
  const socket = await network.bindDatagram({
    host: HOST,
    port: 0,
    onMessage: (message, from) => received.push(`${new TextDecoder().decode(message)} from ${from.port}`),
    onError: (error) => errors.push(error),
    ...options,
  });
  t.after(() => socket.close());
  return { socket, received, errors };
}

test('datagrams arrive with their sender’s address; after close nothing is sent or told', async (t) => {
  const [a, b] = [await bind(t), await bind(t)];
  a.socket.send(bytes('hello'), b.socket.address);
  await eventually(() => b.received.length === 1);
  assert.deepEqual(b.received, [`hello from ${a.socket.address.port}`]);
  await b.socket.close();
  await b.socket.close();
  b.socket.send(bytes('late'), a.socket.address);
  a.socket.send(bytes('late'), b.socket.address);
  assert.deepEqual(a.received, []);
});

test('a port in use: address_in_use; shared with reuseAddress', async (t) => {
  const { socket } = await bind(t);
  await assert.rejects(bind(t, { port: socket.address.port }), (error) => isBeamishError(error, 'address_in_use'));
  const port = await freePort({ protocol: 'udp' });
  await bind(t, { port, reuseAddress: true });
  await bind(t, { port, reuseAddress: true });
});

test('multicast on the loopback interface reaches all members, the sender too', async (t) => {
  const port = await freePort({ protocol: 'udp' });
  const group = '233.252.1.32';
  const options = { host: '0.0.0.0', port, reuseAddress: true, multicast: { group, interface: HOST } };
  const [a, b] = [await bind(t, options), await bind(t, options)];
  await eventually(() => {
    a.socket.send(bytes('gossip'), { host: group, port });
    return a.received.length > 0 && b.received.length > 0;
  });
  assert.deepEqual(a.errors, []);
});

test('a send that fails is told to onError', async (t) => {
  const { socket, errors } = await bind(t);
  socket.send(new Uint8Array(70_000), { host: HOST, port: 9 });
  await eventually(() => errors.length === 1);
});

/** A DNS server of one's own: answers A, AAAA and SRV of `app.test`, nothing else. */
async function dnsServer(t: TestContext, behave: 'answer' | 'silent' | 'fail' | 'fail-aaaa'): Promise<string> {
  const socket = createSocket('udp4');
  socket.on('message', (query, from) => {
    if (behave === 'silent') return;
    let end = 12;
    const labels: string[] = [];
    while (query[end] !== 0) {
      labels.push(query.subarray(end + 1, end + 1 + (query[end] as number)).toString());
      end += (query[end] as number) + 1;
    }
    const type = query.readUInt16BE(end + 1);
    const known = labels.join('.') === 'app.test';
    const data: Buffer[] = [];
    if (known && type === 1) data.push(Buffer.from([127, 0, 0, 2]), Buffer.from([127, 0, 0, 3]));
    if (known && type === 33)
      data.push(Buffer.from([0, 1, 0, 2, 0x1f, 0x90, 4, ...Buffer.from('node'), 4, ...Buffer.from('test'), 0]));
    const failing = behave === 'fail' || (behave === 'fail-aaaa' && type === 28);
    const head = Buffer.from(query.subarray(0, end + 5));
    head.writeUInt16BE(0x8180 | (failing ? 2 : known ? 0 : 3), 2);
    head.writeUInt16BE(failing ? 0 : data.length, 6);
    head.fill(0, 8, 12);
    const answers = data.map((bytesOf) => {
      const record = Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, bytesOf.length]);
      return Buffer.concat([record, bytesOf]);
    });
    socket.send(Buffer.concat([head, ...(failing ? [] : answers)]), from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, HOST, resolve));
  t.after(() => socket.close());
  return `${HOST}:${socket.address().port}`;
}

test('addresses and services of a name, from a server of one’s own', async (t) => {
  const servers = [await dnsServer(t, 'answer')];
  assert.deepEqual(await network.resolveAddresses('app.test', { servers }), ['127.0.0.2', '127.0.0.3']);
  assert.deepEqual(
    (await network.resolveServices('app.test', { servers })).map(({ name, port, priority, weight }) => ({
      name,
      port,
      priority,
      weight,
    })),
    [{ name: 'node.test', port: 8080, priority: 1, weight: 2 }],
  );
});

test('a name that does not exist, or has no such record: an empty list', async (t) => {
  const servers = [await dnsServer(t, 'answer')];
  assert.deepEqual(await network.resolveAddresses('other.test', { servers }), []);
  assert.deepEqual(await network.resolveServices('other.test', { servers }), []);
});

test('a server that fails, or does not answer: an error, for that is no "none"', async (t) => {
  const failing = [await dnsServer(t, 'fail')];
  await assert.rejects(network.resolveAddresses('app.test', { servers: failing }), (error) =>
    isBeamishError(error, 'host_unresolved'),
  );
  const silent = [await dnsServer(t, 'silent')];
  await assert.rejects(network.resolveAddresses('app.test', { servers: silent, timeout: 50 }), (error) =>
    isBeamishError(error, 'timeout'),
  );
});

test('a server that fails for one family of addresses only: the others are the answer', async (t) => {
  const servers = [await dnsServer(t, 'fail-aaaa')];
  assert.deepEqual(await network.resolveAddresses('app.test', { servers }), ['127.0.0.2', '127.0.0.3']);
});

test('an address is its own answer; servers that are no addresses are refused', async () => {
  assert.deepEqual(await network.resolveAddresses('::1'), ['::1']);
  await assert.rejects(network.resolveAddresses('x.test', { servers: ['nonsense'] }), (error) =>
    isBeamishError(error, 'option_invalid'),
  );
});
