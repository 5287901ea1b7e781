/**
 * Gossip beside libcluster on a real Elixir node, through 127.0.0.1 and 127.0.0.2 (protocols 10, "How to verify"), and
 * between Beamish nodes by multicast. libcluster's part is played by a stand-in (fixtures/gossip_stand_in.ex says why);
 * with LIBCLUSTER=<directory of its source> by the real one.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gossip, startDiscovery } from '../../src/discovery/index.ts';
import type { Discovery, GossipOptions } from '../../src/discovery/index.ts';
import { Node } from '../../src/node/index.ts';
import { realWorld } from '../../src/world/index.ts';
import { eventually } from '../support/eventually.ts';
import { collectLogs } from '../support/logs.ts';
import { skipUnless } from '../support/peers.ts';
import { freePort } from '../support/ports.ts';
import { row } from '../support/row.ts';
import { Beam } from './fixtures/beam.ts';
import { elixirArguments, evalElixir, loadElixir } from './fixtures/elixir.ts';

const options = { ...skipUnless('erl', 'elixir'), timeout: 90_000 };
const cookie = 'gossiptest';
const real = process.env['LIBCLUSTER'];
const fixture = (name: string): string => fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url));
const sources =
  real === undefined
    ? [fixture('gossip_stand_in.ex')]
    : ['logger', 'strategy/state', 'strategy/strategy', 'strategy/gossip', 'supervisor'].map((name) =>
        join(real, `lib/${name}.ex`),
      );

interface Side {
  readonly node: Node;
  readonly logs: ReturnType<typeof collectLogs>;
}

async function start(t: TestContext, name: string, epmdPort: number, itsCookie = cookie): Promise<Side> {
  const logs = collectLogs();
  const node = await Node.start({
    name,
    cookie: itsCookie,
    epmd: { port: epmdPort },
    world: realWorld({ logger: logs.logger }),
  });
  t.after(() => node.stop());
  return { node, logs };
}

async function search(t: TestContext, { node }: Side, gossipOptions: GossipOptions): Promise<Discovery> {
  const discovery = await startDiscovery(node, gossip({ interval: 100, ...gossipOptions }), {
    minDelay: 20,
    maxDelay: 200,
  });
  t.after(() => discovery.stop());
  return discovery;
}

async function elixirNode(t: TestContext, epmdPort: number): Promise<Beam> {
  const beam = await Beam.start({ name: 'ex@127.0.0.1', cookie, epmdPort, t, args: elixirArguments() });
  await beam.eval('{ok, _} = application:ensure_all_started([crypto, logger]), ok', 30_000);
  await loadElixir(beam, ...sources, fixture('gossip_peer.ex'));
  return beam;
}

const connected = (node: Node, name: string): boolean => node.nodes().some((each) => each.name === name);

for (const secret of [undefined, 'a secret']) {
  const kind = secret === undefined ? 'in the clear' : 'with a secret';
  const elixirSecret = secret === undefined ? 'nil' : `"${secret}"`;

  test(row('10', 'elixir and us', `gossip: both hear each other, and we connect (${kind})`), options, async (t) => {
    const epmdPort = await freePort();
    const udp = await freePort({ protocol: 'udp' });
    const side = await start(t, 'ts@127.0.0.1', epmdPort);
    const beam = await elixirNode(t, epmdPort);
    // It notes us without connecting: the connection is our doing.
    assert.equal(await evalElixir(beam, `GossipPeer.start(${udp}, ${elixirSecret}, false)`), ':ok');
    const discovery = await search(t, side, {
      port: udp,
      interface: '127.0.0.2',
      address: '127.0.0.1',
      broadcastOnly: true,
      ...(secret === undefined ? {} : { secret }),
    });
    await eventually(async () => (await evalElixir(beam, 'GossipPeer.names()')).includes(side.node.name), {
      timeout: 10_000,
    });
    await eventually(() => connected(side.node, beam.name), { timeout: 10_000 });
    assert.deepEqual(
      discovery.nodes().map(({ name, status }) => [name, status]),
      [[beam.name, 'connected']],
    );
    side.node.disconnect(beam.name);
    await eventually(() => connected(side.node, beam.name), { timeout: 10_000 });
    assert.deepEqual(side.logs.warnings(), []);
  });

  test(row('10', 'elixir to us', `gossip: a node that hears us connects (${kind})`), options, async (t) => {
    const epmdPort = await freePort();
    const udp = await freePort({ protocol: 'udp' });
    const { node } = await start(t, 'ts@127.0.0.1', epmdPort);
    const beam = await elixirNode(t, epmdPort);
    const strategy = gossip({
      port: udp,
      interface: '127.0.0.2',
      address: '127.0.0.1',
      broadcastOnly: true,
      interval: 100,
      ...(secret === undefined ? {} : { secret }),
    });
    // Our strategy speaks and does not listen.
    const mute = {
      name: 'mute',
      run: (context: Parameters<typeof strategy.run>[0]) => strategy.run({ ...context, report() {} }),
    };
    const discovery = await startDiscovery(node, mute);
    t.after(() => discovery.stop());
    await evalElixir(beam, `GossipPeer.start(${udp}, ${elixirSecret}, true)`);
    await eventually(() => connected(node, beam.name), { timeout: 10_000 });
    assert.equal(node.nodes()[0]?.direction, 'in');
  });
}

test(
  'two Beamish nodes find each other by multicast, each time they are severed, on one connection',
  { timeout: 60_000 },
  async (t) => {
    const epmdPort = await freePort();
    const udp = await freePort({ protocol: 'udp' });
    const sides = [await start(t, 'one@127.0.0.1', epmdPort), await start(t, 'two@127.0.0.1', epmdPort)];
    for (const side of sides) await search(t, side, { port: udp, multicastInterface: '127.0.0.1', secret: 's' });
    const [one, two] = sides.map(({ node }) => node) as [Node, Node];
    for (let round = 0; round < 10; round++) {
      await eventually(() => connected(one, two.name) && connected(two, one.name), { timeout: 10_000 });
      (round % 2 === 0 ? one : two).disconnect(round % 2 === 0 ? two.name : one.name);
    }
    await eventually(() => connected(one, two.name) && connected(two, one.name), { timeout: 10_000 });
    assert.equal(one.nodes().length, 1);
    assert.equal(two.nodes().length, 1);
    for (const { logs } of sides)
      assert.deepEqual(
        logs.warnings().map(({ msg }) => msg),
        [],
      );
  },
);

test('five nodes become a full mesh of single connections, and heal', { timeout: 60_000 }, async (t) => {
  const epmdPort = await freePort();
  const udp = await freePort({ protocol: 'udp' });
  const events: string[] = [];
  const sides: Side[] = [];
  for (const number of [1, 2, 3, 4, 5]) {
    const side = await start(t, `n${number}@127.0.0.1`, epmdPort);
    side.node.monitorNodes((event) => void events.push(`${side.node.name} ${event.node} ${event.type}`));
    sides.push(side);
  }
  await Promise.all(sides.map((side) => search(t, side, { port: udp, multicastInterface: '127.0.0.1' })));
  const whole = (): boolean => sides.every(({ node }) => node.nodes().length === 4);
  for (const { node } of sides) {
    await eventually(whole, { timeout: 10_000 });
    for (const { name } of node.nodes()) node.disconnect(name);
  }
  await eventually(whole, { timeout: 10_000 });
  // Each side of every pair saw up and down in turn, beginning and ending with up.
  for (const { node } of sides) {
    for (const { name } of node.nodes()) {
      const start = `${node.name} ${name} `;
      const own = events.filter((event) => event.startsWith(start)).map((event) => event.slice(start.length));
      const turns = own.map((_, index) => (index % 2 === 0 ? 'nodeup' : 'nodedown'));
      assert.deepEqual(own, turns, start);
      assert.equal(own.at(-1), 'nodeup');
    }
  }
});

test(
  'another secret, another cookie: not connected, told once, and the others go on',
  { timeout: 60_000 },
  async (t) => {
    const epmdPort = await freePort();
    const udp = await freePort({ protocol: 'udp' });
    const one = await start(t, 'one@127.0.0.1', epmdPort);
    const two = await start(t, 'two@127.0.0.1', epmdPort);
    const stranger = await start(t, 'stranger@127.0.0.1', epmdPort);
    const thief = await start(t, 'thief@127.0.0.1', epmdPort, 'othercookie');
    const common = { port: udp, multicastInterface: '127.0.0.1', interval: 50 };
    await search(t, stranger, { ...common, secret: 'other' });
    await search(t, thief, { ...common, secret: 's' });
    await search(t, one, { ...common, secret: 's' });
    const warned = (text: string): number => one.logs.warnings().filter(({ msg }) => msg.includes(text)).length;
    await eventually(() => warned('no gossip of this cluster') > 0 && warned('cannot connect to a node') > 0, {
      timeout: 10_000,
    });
    await search(t, two, { ...common, secret: 's' });
    await eventually(() => connected(one.node, two.node.name), { timeout: 10_000 });
    assert.equal(warned('no gossip of this cluster'), 1);
    assert.equal(warned('cannot connect to a node'), 1);
    assert.equal(connected(one.node, stranger.node.name) || connected(one.node, thief.node.name), false);
  },
);
