import assert from 'node:assert/strict';
import { connect, createServer } from 'node:net';
import { test } from 'node:test';
import { isBeamishError } from '../../src/error/index.ts';
import { epmdNames, portPlease } from '../../src/node/index.ts';
import { realWorld } from '../../src/world/index.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/ports.ts';
import { testCluster } from './nodes.ts';

const options = { timeout: 60_000 };
const world = realWorld();
const names = async (port: number): Promise<string[]> =>
  (await epmdNames(world, { host: '127.0.0.1', port })).map((entry) => entry.name).sort();

test(
  'when the node that serves the port mapper ends, another takes over, with all names and their creations',
  options,
  async (t) => {
    const cluster = await testCluster(t);
    const { epmdPort } = cluster;
    const nodes = [
      await cluster.start('a@127.0.0.1'),
      await cluster.start('b@127.0.0.1'),
      await cluster.start('c@127.0.0.1'),
    ];
    assert.deepEqual(
      nodes.map(({ node }) => node.statistics().servesEpmd),
      [true, false, false],
    );
    const creations = nodes.map(({ node }) => node.creation);
    await nodes[0]?.node.stop();
    await eventually(async () => (await names(epmdPort)).join() === 'b,c', { timeout: 10_000 });
    assert.equal(nodes.filter(({ node }) => node.statistics().servesEpmd).length, 1);
    const again = await cluster.start('a@127.0.0.1');
    assert.deepEqual(await names(epmdPort), ['a', 'b', 'c']);
    await again.node.connect('b@127.0.0.1');
    await again.node.connect('c@127.0.0.1');
    assert.deepEqual(
      again.node.nodes().map((info) => info.creation),
      creations.slice(1),
    );
    assert.equal(await portPlease(world, { host: '127.0.0.1', port: epmdPort }, 'b'), nodes[1]?.node.address.port);
    assert.equal(await portPlease(world, { host: '127.0.0.1', port: epmdPort }, 'zz'), undefined);
  },
);

test('many nodes that start at the same moment: one serves, all are registered', options, async (t) => {
  const cluster = await testCluster(t);
  const nodes = await Promise.all(Array.from({ length: 8 }, (_, index) => cluster.start(`n${index}@127.0.0.1`)));
  assert.equal(nodes.filter(({ node }) => node.statistics().servesEpmd).length, 1);
  assert.equal((await names(cluster.epmdPort)).length, 8);
});

test('nodes on several loopback addresses find each other', options, async (t) => {
  const cluster = await testCluster(t);
  const [a, b] = [await cluster.start('a@127.0.0.2'), await cluster.start('a2@127.0.0.3')];
  assert.equal(a.node.address.host, '127.0.0.2');
  assert.equal(await a.node.at(b.node.name).ping(), true);
  assert.equal((await epmdNames(world, { host: '127.0.0.3', port: cluster.epmdPort })).length, 2);
});

test(
  'ERL_EPMD_ADDRESS: the embedded port mapper listens there and on loopback, and nowhere else',
  options,
  async (t) => {
    const before = process.env['ERL_EPMD_ADDRESS'];
    t.after(() => {
      if (before === undefined) delete process.env['ERL_EPMD_ADDRESS'];
      else process.env['ERL_EPMD_ADDRESS'] = before;
    });
    const cluster = await testCluster(t);
    const answers = async (host: string): Promise<boolean> =>
      epmdNames(world, { host, port: cluster.epmdPort }).then(
        (found) => found.length > 0,
        (error: unknown) => !isBeamishError(error, 'epmd_failed'),
      );
    const served = async (): Promise<boolean[]> =>
      Promise.all(['127.0.0.1', '127.0.0.2', '127.0.0.3', '127.0.0.4'].map(answers));
    const cases: [string, boolean[]][] = [
      ['', [true, true, true, true]],
      ['127.0.0.2,127.0.0.3', [true, true, true, false]],
      [' 127.0.0.3 ', [true, false, true, false]],
      ['127.0.0.1', [true, false, false, false]],
      ['0.0.0.0', [true, true, true, true]],
    ];
    for (const [variable, expected] of cases) {
      process.env['ERL_EPMD_ADDRESS'] = variable;
      const { node } = await cluster.start('a@127.0.0.1');
      assert.deepEqual(await served(), expected, variable);
      await node.stop();
    }
    process.env['ERL_EPMD_ADDRESS'] = '127.0.0.1,localhost';
    await assert.rejects(
      cluster.start('a@127.0.0.1'),
      (error) => isBeamishError(error, 'option_invalid') && /ERL_EPMD_ADDRESS: "localhost"/.test(error.message),
    );
    // What the program says goes before it. One that is taken leaves none of the others bound.
    const own = { port: cluster.epmdPort, bind: ['127.0.0.3', '127.0.0.4'], host: '127.0.0.3' };
    const { node } = await cluster.start('a@127.0.0.3', { epmd: own });
    assert.deepEqual(await served(), [false, false, true, true]);
    const clash = { ...own, bind: ['127.0.0.2', '127.0.0.4'], host: '127.0.0.2', embedded: 'always' as const };
    await assert.rejects(cluster.start('a@127.0.0.2', { epmd: clash }), (error) =>
      isBeamishError(error, 'address_in_use'),
    );
    assert.deepEqual(await served(), [false, false, true, true]);
    await node.stop();
  },
);

test('nodes of one name on several loopback addresses, each with a port mapper of its own', options, async (t) => {
  const cluster = await testCluster(t);
  const start = (host: string): ReturnType<typeof cluster.start> =>
    cluster.start(`telemetry@${host}`, { epmd: { port: cluster.epmdPort, host, bind: host } });
  const nodes = [await start('127.0.0.2'), await start('127.0.0.3'), await start('127.0.0.4')];
  for (const { node } of nodes)
    for (const other of nodes) if (other.node !== node) assert.equal(await node.at(other.node.name).ping(), true);
  assert.ok(nodes.every(({ node }) => node.statistics().servesEpmd));
});

test('what answers on the port is no port mapper', options, async (t) => {
  const port = await freePort();
  const server = createServer((socket) => socket.on('error', () => {}).end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  t.after(async () => void server.close());
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const target = { host: '127.0.0.1', port };
  const failed = (error: unknown): boolean =>
    isBeamishError(error, 'epmd_failed') && error.message.includes(`127.0.0.1:${port}`);
  await assert.rejects(portPlease(world, target, 'a'), failed);
  await assert.rejects((await testCluster(t)).start('a@127.0.0.1', { epmd: { port } }), failed);
  const silent = await freePort();
  const mute = createServer(() => {});
  t.after(async () => void mute.close());
  await new Promise<void>((resolve) => mute.listen(silent, '127.0.0.1', resolve));
  await assert.rejects(epmdNames(world, { host: '127.0.0.1', port: silent, timeout: 50 }), (error) =>
    isBeamishError(error, 'epmd_failed'),
  );
});

test('a connection to the port mapper that asks nothing is closed', { ...options, timeout: 20_000 }, async (t) => {
  const cluster = await testCluster(t);
  await cluster.start('a@127.0.0.1');
  const socket = connect(cluster.epmdPort, '127.0.0.1');
  socket.write(Uint8Array.of(0));
  await new Promise((resolve) => socket.on('close', resolve));
  assert.deepEqual(await names(cluster.epmdPort), ['a']);
});
