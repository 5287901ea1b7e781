// @timeout 240
/** Protocols 2: handshakes with a real BEAM, both ways. */
import assert from 'node:assert/strict';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { test } from 'node:test';
import { MANDATORY, MANDATORY_25_DIGEST, NAME_ME, OWN_FLAGS, PUBLISHED } from '../../src/node/flags.ts';
import { aliveRequest } from '../../src/node/epmd/codec.ts';
import { portPlease } from '../../src/node/index.ts';
import {
  initiate,
  stepHandshake,
  type HandshakeConfig,
  type HandshakeEffect,
  type HandshakeState,
} from '../../src/node/handshake/machine.ts';
import { FrameReader } from '../../src/node/wire/frame-reader.ts';
import { atom, type Pid, type Term } from '../../src/term/index.ts';
import { realWorld } from '../../src/world/index.ts';
import { testCluster, types, type TestNode } from '../node/nodes.ts';
import { code } from '../support/code.ts';
import { eventually } from '../support/eventually.ts';
import { skipUnless } from '../support/peers.ts';
import { row } from '../support/row.ts';
import { Beam, cookie, nodeAndBeam, startEpmd } from './fixtures/beam.ts';

const options = { ...skipUnless('erl', 'epmd'), timeout: 90_000 };

test(
  row(
    '2.2',
    'erl and us',
    'connects in both directions, hidden and visible, are seen by nodes() and by events on both sides',
  ),
  options,
  async (t) => {
    const cluster = await testCluster(t);
    const hidden = await cluster.start('hidden@127.0.0.1', { cookie });
    const visible = await cluster.start('visible@127.0.0.1', { cookie, hidden: false });
    const beam = await Beam.start({ name: 'beam@127.0.0.1', cookie, epmdPort: cluster.epmdPort, t });
    assert.equal(await beam.eval(`net_kernel:connect_node('hidden@127.0.0.1')`), 'true');
    await visible.node.connect('beam@127.0.0.1');
    // A BEAM that was dialled sends its last message first, and enters the node into its list then.
    await eventually(async () => (await beam.eval('nodes()')) === `['visible@127.0.0.1']`);
    assert.equal(await beam.eval('nodes(hidden)'), `['hidden@127.0.0.1']`);
    const [info] = hidden.node.nodes();
    assert.deepEqual([info?.name, info?.hidden, info?.direction], ['beam@127.0.0.1', true, 'in']);
    assert.equal(visible.node.nodes('visible')[0]?.direction, 'out');
    assert.equal(String(info?.creation), await beam.eval('erlang:system_info(creation)'));
    await beam.eval(`net_kernel:disconnect('hidden@127.0.0.1')`);
    await eventually(() => hidden.events.length === 2);
    assert.deepEqual(types(hidden.events), ['nodeup beam@127.0.0.1', 'nodedown beam@127.0.0.1 closed']);
    visible.node.disconnect('beam@127.0.0.1');
    await eventually(async () => (await beam.eval('nodes([visible, hidden])')) === '[]');
  },
);

test(row('2.3 2.5', 'erl and us', 'a wrong cookie, by either side; one for a peer'), options, async (t) => {
  const cluster = await testCluster(t);
  const a = await cluster.start('a@127.0.0.1', { cookie: 'another' });
  const beam = await Beam.start({ name: 'beam@127.0.0.1', cookie, epmdPort: cluster.epmdPort, t });
  await assert.rejects(a.node.connect('beam@127.0.0.1'), code('cookie_mismatch'));
  assert.equal(await beam.eval(`net_adm:ping('a@127.0.0.1')`), 'pang');
  assert.equal(a.node.statistics().refused.cookie, 2);
  assert.deepEqual(a.events, []);
  // The right cookie for that node alone (2.5).
  assert.equal(await beam.eval(`erlang:set_cookie('a@127.0.0.1', another), net_adm:ping('a@127.0.0.1')`), 'pong');
});

test(row('2.3', 'us to erl', 'not_allowed, and a node that is not there'), options, async (t) => {
  const { a, beam } = await nodeAndBeam(t);
  await beam.eval(`net_kernel:allow(['friend@127.0.0.1'])`);
  await assert.rejects(a.node.connect('beam@127.0.0.1'), code('handshake_failed'));
  await assert.rejects(a.node.connect('nobody@127.0.0.1'), code('noconnection'));
  assert.equal(await beam.eval(`net_adm:ping('nobody@127.0.0.1')`), 'pang');
});

test(row('2.3', 'erl to us', 'not_allowed: the option `allow`, as net_kernel:allow'), options, async (t) => {
  const cluster = await testCluster(t);
  const a = await cluster.start('a@127.0.0.1', { cookie, allow: 'friend*@127.0.0.1' });
  const stranger = await Beam.start({ name: 'stranger@127.0.0.1', cookie, epmdPort: cluster.epmdPort, t });
  const friend = await Beam.start({ name: 'friend1@127.0.0.1', cookie, epmdPort: cluster.epmdPort, t });
  assert.equal(await stranger.eval(`net_kernel:connect_node('a@127.0.0.1')`), 'false');
  assert.equal(await friend.eval(`net_kernel:connect_node('a@127.0.0.1')`), 'true');
  assert.equal(a.node.statistics().refused.not_allowed, 1);
  assert.deepEqual(types(a.events), ['nodeup friend1@127.0.0.1']);
});

test(row('2.3', 'erl and us', 'simultaneous connects, whichever name is greater'), options, async (t) => {
  const cluster = await testCluster(t);
  await startEpmd(cluster.epmdPort, t);
  const beam = await Beam.start({ name: 'm@127.0.0.1', cookie, epmdPort: cluster.epmdPort, t });
  for (const name of ['a@127.0.0.1', 'z@127.0.0.1']) {
    const { node, events, warnings } = await cluster.start(name, { cookie });
    for (let round = 1; round <= 15; round++) {
      const theirs = beam.eval(`net_kernel:connect_node('${name}')`);
      // Somewhere within the time that the other needs to begin.
      await new Promise<void>((resolve) => setTimeout(resolve, round % 5));
      await node.connect('m@127.0.0.1');
      assert.equal(await theirs, 'true');
      assert.equal(await node.at('m@127.0.0.1').ping(), true);
      assert.equal(await beam.eval('nodes(hidden)'), `['${name}']`);
      node.disconnect('m@127.0.0.1');
      await eventually(async () => (await beam.eval('nodes(hidden)')) === '[]');
      assert.equal(events.filter((event) => event.type === 'nodeup').length, round);
      assert.equal(events.filter((event) => event.type === 'nodedown').length, round);
    }
    assert.deepEqual(warnings(), []);
    await node.stop();
  }
});

test(row('2.3', 'us to erl', 'alive: our restarted node replaces its former'), options, async (t) => {
  const cluster = await testCluster(t);
  const first = await cluster.start('a@127.0.0.1', { cookie });
  const beam = await Beam.start({ name: 'beam@127.0.0.1', cookie, epmdPort: cluster.epmdPort, t });
  await first.node.connect('beam@127.0.0.1');
  const target = { host: '127.0.0.1', port: cluster.epmdPort };
  const port = (await portPlease(realWorld(), target, 'beam')) ?? 0;
  const second = await cluster.start('a@127.0.0.1', {
    cookie,
    epmd: false,
    resolve: () => ({ host: '127.0.0.1', port }),
  });
  await second.node.connect('beam@127.0.0.1');
  await eventually(() => first.events.length === 2);
  assert.equal(await second.node.at('beam@127.0.0.1').ping(), true);
  assert.equal(await beam.eval('nodes(hidden)'), `['a@127.0.0.1']`);
});

/** A port where a connection waits until it is let through, and what was said on it is heard. */
class Gate {
  readonly #sockets: Socket[] = [];
  readonly #server = createServer((socket) => this.#sockets.push(socket.on('error', () => {}).pause()));
  /** What the other side said to who came. */
  heard = '';

  static async make(t: { after(fn: () => Promise<void>): void }): Promise<Gate> {
    const gate = new Gate();
    await new Promise<void>((resolve) => gate.#server.listen(0, '127.0.0.1', resolve));
    t.after(async () => {
      for (const socket of gate.#sockets) socket.destroy();
      await new Promise((resolve) => gate.#server.close(resolve));
    });
    return gate;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async open(target: number): Promise<void> {
    const socket = await this.comes();
    const onward = connect(target, '127.0.0.1').on('error', () => {});
    onward.on('data', (chunk: Buffer) => (this.heard += chunk.toString('latin1')));
    this.#sockets.push(onward);
    socket.pipe(onward).pipe(socket);
  }

  /** Somebody waits. */
  async comes(): Promise<Socket> {
    return await eventually(() => this.#sockets[0]);
  }
}

/** Our names below and above `m`, and which of two connections that cross stands: the one that the greater name has dialled. */
const RIVALS = [
  ['a@127.0.0.1', 'in'],
  ['z@127.0.0.1', 'out'],
] as const;

/** The BEAM `m`, and the port that it listens on. */
async function startM(t: Parameters<typeof testCluster>[0]) {
  const cluster = await testCluster(t);
  await startEpmd(cluster.epmdPort, t);
  const beam = await Beam.start({ name: 'm@127.0.0.1', cookie, epmdPort: cluster.epmdPort, t });
  const target = (await portPlease(realWorld(), { host: '127.0.0.1', port: cluster.epmdPort }, 'm')) ?? 0;
  return { cluster, beam, target };
}

/** Both have dialled, and one connection stands: ours if it is `out`. Ends the node. */
async function isConnectedOnce({ node, events }: TestNode, stays: 'in' | 'out'): Promise<void> {
  assert.equal(node.nodes()[0]?.direction, stays);
  assert.equal(await node.at('m@127.0.0.1').ping(), true);
  assert.deepEqual(types(events), ['nodeup m@127.0.0.1']);
  await node.stop();
}

test(
  row('2.3', 'erl to us', 'ok_simultaneous and nok: while our dial is under way, the greater name’s stays'),
  options,
  async (t) => {
    const { cluster, beam, target } = await startM(t);
    for (const [name, stays] of RIVALS) {
      const way = await Gate.make(t);
      const resolve = (): { host: string; port: number } => ({ host: '127.0.0.1', port: way.port });
      const own = await cluster.start(name, { cookie, resolve });
      const { node } = own;
      const ours = node.connect('m@127.0.0.1');
      await way.comes();
      const theirs = beam.eval(`net_kernel:connect_node('${name}')`);
      // `nok`: it waits for ours, which goes on.
      if (stays === 'out') {
        await eventually(() => (node.statistics().refused.simultaneous ?? 0) > 0);
        await way.open(target);
      }
      await ours;
      assert.equal(await theirs, 'true');
      await isConnectedOnce(own, stays);
    }
  },
);

test(
  row('2.3', 'us to erl', 'ok_simultaneous and nok: while its dial is under way, the greater name’s stays'),
  options,
  async (t) => {
    const { cluster, beam, target } = await startM(t);
    for (const [name, stays] of RIVALS) {
      // What is registered for our name leads to a gate.
      const [way, ownWay] = [await Gate.make(t), await Gate.make(t)];
      const registration = connect(cluster.epmdPort, '127.0.0.1').on('error', () => {});
      t.after(async () => void registration.destroy());
      const entry = { nodeType: 77, protocol: 0, highVersion: 6, lowVersion: 5, extra: new Uint8Array(0) };
      registration.write(aliveRequest({ ...entry, name: name.slice(0, 1), port: way.port }));
      await new Promise((resolve) => registration.once('data', resolve));
      const resolve = (): { host: string; port: number } => ({ host: '127.0.0.1', port: ownWay.port });
      const own = await cluster.start(name, { cookie, epmd: false, resolve });
      const { node } = own;
      const theirs = beam.eval(`net_kernel:connect_node('${name}')`);
      await way.comes();
      const ours = node.connect('m@127.0.0.1');
      await ownWay.open(target);
      await eventually(() => ownWay.heard.includes(stays === 'in' ? 'snok' : 'sok_simultaneous'));
      // Answered `nok` we wait for its.
      if (stays === 'in') await way.open(node.address.port);
      await ours;
      assert.equal(await theirs, 'true');
      await isConnectedOnce(own, stays);
    }
  },
);

test(
  row('2.3', 'erl to us', 'alive: a BEAM that is started again while its former hangs replaces it'),
  options,
  async (t) => {
    const cluster = await testCluster(t);
    const a = await cluster.start('a@127.0.0.1', { cookie });
    // They register nowhere, so that both can have the name, and find us on the port that is given.
    const args = ['-dist_listen', 'false', '-erl_epmd_port', String(a.node.address.port)];
    const start = (): Promise<Beam> =>
      Beam.start({ name: 'beam@127.0.0.1', cookie, epmdPort: cluster.epmdPort, t, args });
    const former = await start();
    assert.equal(await former.eval(`net_kernel:connect_node('a@127.0.0.1')`), 'true');
    const init = (await a.node.at('beam@127.0.0.1').rpc('erlang', 'whereis', [atom('init')])) as Pid;
    const ended: Term[] = [];
    a.node.runtime.monitor(init, (reason) => ended.push(reason));
    former.child.kill('SIGSTOP');
    const next = await start();
    assert.equal(await next.eval(`net_kernel:connect_node('a@127.0.0.1')`), 'true');
    await eventually(() => a.events.length === 3);
    assert.deepEqual(types(a.events), [
      'nodeup beam@127.0.0.1',
      'nodedown beam@127.0.0.1 replaced',
      'nodeup beam@127.0.0.1',
    ]);
    assert.deepEqual(ended, [atom('noconnection')]);
    assert.equal(await a.node.at('beam@127.0.0.1').rpc('erlang', '+', [1, 2]), 3);
    assert.notEqual(a.node.nodes()[0]?.creation, init.creation);
    former.child.kill('SIGCONT');
  },
);

/** Our machine as initiator over a plain socket, with flags that a Node does not send. */
function shake(port: number, config: HandshakeConfig, expected: string): Promise<HandshakeEffect> {
  const socket = connect(port, '127.0.0.1');
  const reader = new FrameReader(2, 4096);
  let state: HandshakeState;
  let effects: HandshakeEffect[];
  return new Promise((resolve) => {
    const carryOut = (): void => {
      for (const effect of effects) {
        if (effect.type !== 'send') {
          socket.destroy();
          resolve(effect);
          continue;
        }
        const head = Buffer.alloc(2);
        head.writeUInt16BE(effect.body.length);
        socket.write(Buffer.concat([head, effect.body]));
      }
    };
    socket.on('error', () => {});
    socket.on('connect', () => {
      [state, effects] = initiate(config, expected);
      carryOut();
    });
    socket.on('close', () => {
      [state, effects] = stepHandshake(config, state, { type: 'closed' });
      carryOut();
    });
    socket.on('data', (chunk: Uint8Array) => {
      reader.push(chunk);
      for (let body = reader.next(); body !== undefined; body = reader.next()) {
        [state, effects] = stepHandshake(config, state, { type: 'message', body });
        carryOut();
      }
    });
  });
}

test(row('2.4 A1', 'us to erl', 'each mandatory flag is wanted; NAME_ME'), options, async (t) => {
  const cluster = await testCluster(t);
  await cluster.start('epmd@127.0.0.1', { cookie });
  await Beam.start({ name: 'beam@127.0.0.1', cookie, epmdPort: cluster.epmdPort, t });
  const port = (await portPlease(realWorld(), { host: '127.0.0.1', port: cluster.epmdPort }, 'beam')) ?? 0;
  const config = (flags: bigint, name = 'x@127.0.0.1'): HandshakeConfig => ({
    name,
    flags,
    creation: 5,
    challenge: 9,
    cookieFor: () => cookie,
  });
  for (let bit = 1n; bit <= MANDATORY; bit <<= 1n) {
    if ((MANDATORY & bit) === 0n) continue;
    const outcome = await shake(port, config(OWN_FLAGS & ~MANDATORY_25_DIGEST & ~bit), 'beam@127.0.0.1');
    assert.equal(outcome.type === 'failed' && outcome.failure.cause, 'not_allowed', `0x${bit.toString(16)}`);
  }
  for (const flags of [OWN_FLAGS, OWN_FLAGS | PUBLISHED, 0xd075f5fbcn, MANDATORY_25_DIGEST | (1n << 24n)]) {
    assert.equal((await shake(port, config(flags), 'beam@127.0.0.1')).type, 'established', flags.toString(16));
  }
  const named = await shake(port, { ...config(OWN_FLAGS | NAME_ME, '127.0.0.1'), creation: 0 }, 'beam@127.0.0.1');
  assert.equal(named.type, 'established');
});

test(
  row('2.6', 'us to erl', 'our node gets its name from a BEAM, keeps it, and connects with it to others'),
  options,
  async (t) => {
    const cluster = await testCluster(t);
    const { epmdPort } = cluster;
    await startEpmd(epmdPort, t);
    const beam = await Beam.start({ name: 'beam@127.0.0.1', cookie, epmdPort, t });
    const other = await Beam.start({ name: 'other@127.0.0.1', cookie, epmdPort, t });
    const a = await cluster.start('undefined@127.0.0.1', { cookie, namedBy: 'beam@127.0.0.1' });
    const { name } = a.node;
    assert.match(name, /^[0-9A-Z]+@127\.0\.0\.1$/);
    assert.equal(await a.node.at('beam@127.0.0.1').rpc('erlang', 'node', []).then(String), 'beam@127.0.0.1');
    assert.equal(await beam.eval('nodes(hidden)'), `['${name}']`);
    assert.equal(await beam.eval(`net_adm:ping('${name}')`), 'pong');
    assert.equal(await a.node.at('other@127.0.0.1').ping(), true);
    assert.equal(await other.eval(`net_adm:ping('${name}')`), 'pong');
    a.node.disconnect('beam@127.0.0.1');
    await eventually(async () => (await beam.eval('nodes(hidden)')) === '[]');
    assert.equal(await a.node.at('beam@127.0.0.1').ping(), true);
    assert.equal(await beam.eval('nodes(hidden)'), `['${name}']`);
  },
);

test(row('2.7', 'erl and us', 'ticks of a short tick time; a BEAM that stopped'), options, async (t) => {
  const cluster = await testCluster(t);
  const patient = await cluster.start('patient@127.0.0.1', { cookie });
  const quick = await cluster.start('quick@127.0.0.1', { cookie, tickTime: 4000 });
  const beam = await Beam.start({
    name: 'beam@127.0.0.1',
    cookie,
    epmdPort: cluster.epmdPort,
    t,
    args: ['-kernel', 'net_ticktime', '4'],
  });
  await patient.node.connect('beam@127.0.0.1');
  await quick.node.connect('beam@127.0.0.1');
  // Bytes that only ticks make: more than twice the BEAM's tick time goes by.
  const read = (): number => patient.node.statistics().peers[0]?.bytesIn ?? 0;
  const before = read();
  await eventually(() => read() >= before + 6 * 4, { timeout: 20_000 });
  assert.equal(await beam.eval('lists:sort(nodes(hidden))'), `['patient@127.0.0.1','quick@127.0.0.1']`);
  assert.equal(patient.events.length + quick.events.length, 2);
  beam.child.kill('SIGSTOP');
  await eventually(() => quick.events.length === 2, { timeout: 10_000 });
  assert.equal(types(quick.events)[1], 'nodedown beam@127.0.0.1 tick_timeout');
  beam.child.kill('SIGCONT');
});

test(row('3.5', 'us to erl', 'a killed BEAM: nodedown at once, calls reject'), options, async (t) => {
  const { a, beam } = await nodeAndBeam(t);
  await a.node.connect('beam@127.0.0.1');
  const call = a.node.at('beam@127.0.0.1').rpc('timer', 'sleep', [60_000], { timeout: 60_000 });
  const rejected = assert.rejects(call, code('noconnection'));
  await eventually(() => (a.node.statistics().peers[0]?.messagesOut ?? 0) > 0);
  beam.child.kill('SIGKILL');
  await rejected;
  assert.equal(types(a.events).length, 2);
});
