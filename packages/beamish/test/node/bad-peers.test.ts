/** Peers that mean no good, each with what it gets, what is told of it, and that nothing of it stays. */
import assert from 'node:assert/strict';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { afterEach, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { DIST_HDR_ATOM_CACHE, FRAGMENTS, OWN_FLAGS } from '../../src/node/flags.ts';
import { digest, encodeChallenge, encodeName, encodeReply, encodeStatus } from '../../src/node/handshake/messages.ts';
import type { RefusalCause } from '../../src/node/index.ts';
import { atom, decodeWithRest, encode, isTuple, Pid, Reference, tuple, type Term } from '../../src/term/index.ts';
import { code } from '../support/code.ts';
import { eventually } from '../support/eventually.ts';
import { cookie, RawPeer, testCluster, types, type TestNode } from './nodes.ts';

const options = { timeout: 90_000 };
const EVIL = 'evil@127.0.0.1';
type T = Parameters<typeof testCluster>[0];

/** Sockets and timers that keep this process alive. */
const resources = (): string =>
  process
    .getActiveResourcesInfo()
    .filter((kind) => /TCP|Timeout/.test(kind))
    .sort()
    .join();

/** A node under attack, and one that it knows. */
async function setting(t: T, given: Parameters<Awaited<ReturnType<typeof testCluster>>['start']>[1] = {}) {
  const cluster = await testCluster(t);
  const a = await cluster.start('a@127.0.0.1', given);
  const friend = await cluster.start('friend@127.0.0.1');
  await friend.node.connect(a.node.name);
  await eventually(() => a.node.nodes().length === 1);
  const { port } = a.node.address;
  return {
    cluster,
    a,
    friend,
    port,
    /** The friend has not noticed anything, nobody else is there, and when both have stopped nothing is left. */
    end: async (told: Partial<Record<RefusalCause, number>> = {}): Promise<void> => {
      await eventually(() => a.node.statistics().pending === 0);
      await eventually(() => a.node.nodes().length === 1);
      assert.equal(await friend.node.at(a.node.name).ping(), true);
      assert.equal(await a.node.at(friend.node.name).ping(), true);
      assert.deepEqual(types(friend.events), ['nodeup a@127.0.0.1']);
      assert.deepEqual(a.node.statistics().refused, told);
      // Of each kind once, with the address.
      for (const cause of Object.keys(told)) {
        const lines = a.warnings().filter((line) => line['cause'] === cause);
        assert.ok(lines.length <= 1, `${lines.length} lines about ${cause}`);
      }
      await friend.node.stop();
      await a.node.stop();
      await eventually(() => resources() === '', { describe: () => `${resources()} is left` });
    },
  };
}

/** Of strangers: nothing of one that has been closed is kept. */
const open = new Set<Socket>();
afterEach(() => {
  for (const socket of open) socket.destroy();
});

/** A plain socket that sends what it is told and keeps what comes. */
class Stranger {
  readonly socket: Socket;
  readonly closed: Promise<string>;
  received = '';

  constructor(port: number, ...messages: Uint8Array[]) {
    this.socket = connect(port, '127.0.0.1');
    open.add(this.socket);
    this.socket.on('data', (chunk: Buffer) => (this.received += chunk.toString('latin1')));
    this.socket.on('error', () => {});
    this.closed = new Promise((resolve) =>
      this.socket.on('close', () => {
        open.delete(this.socket);
        resolve(this.received);
      }),
    );
    for (const message of messages) this.send(message);
  }

  /** With the length of the handshake's messages. */
  send(body: Uint8Array): void {
    this.socket.write(Uint8Array.from([body.length >> 8, body.length & 255, ...body]));
  }

  /** The challenge, when it has come. */
  async challenge(): Promise<number> {
    const at = await eventually(() => {
      const status = this.received.indexOf('sok');
      return status >= 0 && this.received.length >= status + 5 + 19 ? status + 5 : 0;
    });
    return Buffer.from(this.received, 'latin1').readUInt32BE(at + 9);
  }
}

const nameOf = (name: string, creation = 1): Uint8Array => encodeName({ name, flags: OWN_FLAGS, creation });
const own = (number: number, creation = 5): Pid => new Pid(EVIL, number, 0, creation);
const control = (term: Term, ...payload: Uint8Array[]): Buffer =>
  Buffer.concat([Uint8Array.of(131, 68, 0), encode(term).subarray(1), ...payload]);
/** Frames without a header, which a test can read. */
const PLAIN = OWN_FLAGS & ~FRAGMENTS & ~DIST_HDR_ATOM_CACHE;

/** The control message of a frame without a header (protocols 3.1). */
function controlOf(frame: readonly number[]): Term {
  return frame[0] === 112 ? decodeWithRest(Uint8Array.from(frame.slice(1))).term : undefined;
}

/** Connects as `evil`, and is seen. */
async function evil(t: T, a: TestNode, fields: Partial<Parameters<typeof RawPeer.connect>[2]> = {}): Promise<RawPeer> {
  const ups = (): number => a.events.filter(({ type, node }) => type === 'nodeup' && node === EVIL).length;
  const before = ups();
  const peer = await RawPeer.connect(t, a.node, { name: EVIL, ...fields });
  await eventually(() => ups() === before + 1);
  return peer;
}

test('it claims the name of another, or ours, and does not know the cookie: the other stays', options, async (t) => {
  const { a, friend, port, end } = await setting(t);
  for (const answer of ['true', 'false'] as const) {
    const stranger = new Stranger(port, nameOf(friend.node.name), encodeStatus({ status: answer }));
    if (answer === 'true') stranger.send(encodeReply({ challenge: 1, digest: new Uint8Array(16) }));
    const received = await stranger.closed;
    assert.ok(received.startsWith('\0\x06salive'));
    // The challenge only for who insists.
    assert.equal(received.length > 8, answer === 'true');
  }
  assert.equal(await new Stranger(port, nameOf(a.node.name)).closed, '\0\x0csnot_allowed');
  await end({ cookie: 1, alive: 1, not_allowed: 1 });
});

test(
  'it is dialled, and passes on the challenge that it was set itself: the answer would let it in',
  options,
  async (t) => {
    const { a, port, end } = await setting(t, {
      resolve: (name) =>
        name === EVIL ? { host: '127.0.0.1', port: (trap.address() as AddressInfo).port } : undefined,
    });
    let answered = false;
    const trap = createServer((socket) => {
      open.add(socket);
      socket.on('error', () => {}).on('close', () => open.delete(socket));
      const send = (body: Uint8Array): boolean => socket.write(Uint8Array.from([0, body.length, ...body]));
      const passOn = async (): Promise<void> => {
        const stranger = new Stranger(port, nameOf('insider@127.0.0.1'));
        const challenge = await stranger.challenge();
        // It speaks first: what comes next would be the digest that proves the cookie.
        socket.on('data', (chunk: Buffer) => {
          answered = true;
          stranger.send(encodeReply({ challenge: 1, digest: chunk.subarray(7) }));
        });
        send(encodeStatus({ status: 'ok' }));
        send(encodeChallenge({ name: EVIL, flags: OWN_FLAGS, creation: 1, challenge }));
        socket.on('close', () => stranger.socket.destroy());
      };
      socket.once('data', () => void passOn());
    });
    t.after(async () => void trap.close());
    await new Promise<void>((resolve) => void trap.listen(0, '127.0.0.1', resolve));
    await assert.rejects(
      a.node.connect(EVIL),
      code('handshake_failed', /passes on a challenge that this node has set itself/),
    );
    assert.equal(answered, false);
    await eventually(() => a.node.statistics().pending === 0);
    trap.close();
    await end({ garbage: 1, closed: 1 });
  },
);

test('it knows the cookie, and speaks for processes of another: it is cut off', options, async (t) => {
  const { a, friend, end } = await setting(t);
  const pid = new Pid(friend.node.name, 1, 0, friend.node.creation);
  const reference = new Reference(friend.node.name, friend.node.creation, [1, 2, 3]);
  const us = a.node.runtime.pid;
  const lies: Term[] = [
    tuple(1, pid, us),
    tuple(24, pid, us),
    tuple(26, pid, us),
    tuple(35, 1, pid, us),
    tuple(19, pid, atom('rex'), reference),
    tuple(28, pid, us, reference),
    tuple(29, reference, pid, pid, tuple(atom('m'), atom('f'), 0), []),
  ];
  for (const lie of lies) {
    const peer = await evil(t, a);
    peer.send(control(lie, encode([]).subarray(1)));
    await eventually(() => peer.closed, { describe: () => JSON.stringify(lie) });
    assert.equal(types(a.events).at(-1), `nodedown ${EVIL} frame_malformed`);
  }
  await end();
});

test('it lies about sizes: it is cut off at once, or waited for without memory', options, async (t) => {
  const { a, port, end } = await setting(t, { setupTime: 500 });
  assert.equal(await new Stranger(port, new Uint8Array(0)).closed, '');
  const huge = new Stranger(port);
  huge.socket.write(Uint8Array.of(0xff, 0xff, 0x4e));
  assert.equal(await huge.closed, '');
  // A name that is longer than its message.
  const long = Uint8Array.from(nameOf('x@127.0.0.1'));
  long.set([0xff, 0xff], 13);
  assert.equal(await new Stranger(port, long).closed, '');
  const sizes: Uint8Array[] = [
    Uint8Array.of(109, 0xff, 0xff, 0xff, 0xff),
    Uint8Array.of(77, 0xff, 0xff, 0xff, 0xff, 8),
    Uint8Array.of(108, 0xff, 0xff, 0xff, 0xff),
    Uint8Array.of(105, 0xff, 0xff, 0xff, 0xff),
    Uint8Array.of(116, 0xff, 0xff, 0xff, 0xff),
    Uint8Array.of(111, 0xff, 0xff, 0xff, 0xff, 0),
    Uint8Array.of(119, 0xff),
  ];
  for (const size of sizes) {
    const peer = await evil(t, a);
    peer.send(control(tuple(6, own(1), atom(''), atom('rex')), size));
    await eventually(() => peer.closed, { describe: () => `${size[0]}` });
  }
  const frame = await evil(t, a);
  frame.socket.write(Uint8Array.of(0xff, 0xff, 0xff, 0xff));
  await eventually(() => frame.closed);
  // As large as is allowed, and not sent: a hundred megabytes of claims cost no memory.
  const claims = await evil(t, a);
  const before = process.memoryUsage().arrayBuffers;
  for (let sequence = 1; sequence <= 200; sequence++) {
    const head = Buffer.alloc(18);
    head.set([131, 69]);
    head.writeBigUInt64BE(BigInt(sequence), 2);
    head.writeBigUInt64BE(2n ** 40n, 10);
    claims.send(Buffer.concat([head, Uint8Array.of(0), new Uint8Array(100)]));
  }
  claims.socket.write(Uint8Array.of(0x03, 0xff, 0xff, 0xff, 131, 68));
  await eventually(() => a.node.statistics().peers.some(({ name, bytesIn }) => name === EVIL && bytesIn >= 200 * 123));
  const taken = process.memoryUsage().arrayBuffers - before;
  assert.ok(taken < 8 * 1024 * 1024, `${taken} bytes`);
  claims.socket.destroy();
  await end({ garbage: 3 });
});

test('it sends half and stops: in the handshake, in a frame, at the port mapper', options, async (t) => {
  const { a, cluster, port, end } = await setting(t, { setupTime: 300, tickTime: 400 });
  const halves = [
    new Uint8Array(0),
    Uint8Array.of(0),
    Uint8Array.of(0, 20, 0x4e, 0),
    Uint8Array.from([0, nameOf('x@h').length, ...nameOf('x@h')]),
  ];
  const strangers = halves.map((half) => {
    const stranger = new Stranger(port);
    if (half.length > 0) stranger.socket.write(half);
    return stranger;
  });
  const mapper = new Stranger(cluster.epmdPort);
  mapper.socket.write(Uint8Array.of(0, 5, 122));
  await Promise.all(strangers.map(({ closed }) => closed));
  for (const half of [Uint8Array.of(0, 0), Uint8Array.of(0, 0, 1, 0, 131, 68)]) {
    const peer = await evil(t, a);
    peer.socket.write(half);
    await eventually(() => peer.closed, { timeout: 20_000 });
    assert.equal(types(a.events).at(-1), `nodedown ${EVIL} tick_timeout`);
  }
  assert.equal(await mapper.closed, '');
  await end({ timeout: 4 });
});

test('it repeats itself: its name, the challenge, the reply', options, async (t) => {
  const { a, port, end } = await setting(t, { tickTime: 400 });
  const name = new Stranger(port, nameOf('x@127.0.0.1'), nameOf('x@127.0.0.1'));
  assert.ok((await name.closed).startsWith('\0\x03sok'));
  // After its reply it is connected: the next one is the begin of a frame of a megabyte that never comes.
  const reply = new Stranger(port, nameOf(EVIL));
  const answer = encodeReply({ challenge: 1, digest: digest(cookie, await reply.challenge()) });
  reply.send(answer);
  reply.send(answer);
  await eventually(() => types(a.events).at(-1) === `nodedown ${EVIL} tick_timeout`, { timeout: 20_000 });
  await reply.closed;
  // Dialled by us, it sends message 3 in place of 5.
  const challenge = encodeChallenge({ name: EVIL, flags: OWN_FLAGS, creation: 5, challenge: 9 });
  const server = createServer((socket) => {
    socket.on('error', () => {}).resume();
    for (const body of [encodeStatus({ status: 'ok' }), challenge, challenge])
      socket.write(Uint8Array.from([body.length >> 8, body.length & 255, ...body]));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port: there } = server.address() as { port: number };
  const dialler = await (
    await testCluster(t)
  ).start('dialler@127.0.0.1', {
    resolve: () => ({ host: '127.0.0.1', port: there }),
  });
  await assert.rejects(dialler.node.connect(EVIL), code('handshake_failed'));
  assert.deepEqual(dialler.node.statistics().refused, { garbage: 1 });
  await dialler.node.stop();
  server.close();
  await end({ garbage: 1 });
});

test('it guesses the cookie a thousand times: counted, told once, and everybody else is served', options, async (t) => {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  const { a, friend, port, end } = await setting(t);
  const guess = async (): Promise<void> => {
    const stranger = new Stranger(port, nameOf(EVIL));
    await stranger.challenge();
    stranger.send(encodeReply({ challenge: 1, digest: new Uint8Array(16) }));
    await stranger.closed;
  };
  const guesses = async (count: number): Promise<void> => {
    for (let left = count; left > 0; left -= 20) {
      await Promise.all(Array.from({ length: 20 }, guess));
      assert.equal(await friend.node.at(a.node.name).ping(), true);
    }
  };
  // So long the engine still compiles, and keeps more with every round.
  await guesses(1500);
  gc();
  const before = process.memoryUsage().heapUsed;
  const lines = a.lines.length;
  await guesses(1000);
  await eventually(() => a.node.statistics().refused.cookie === 2500);
  assert.ok(a.lines.length - lines <= 2, JSON.stringify(a.lines.slice(lines, lines + 3)));
  gc();
  const grown = process.memoryUsage().heapUsed - before;
  t.diagnostic(`${Math.round(grown / 1000)} bytes for each guess`);
  assert.ok(grown < 1000 * 2048, `${grown} bytes`);
  await end({ cookie: 2500 });
});

test(
  'it comes with a creation of the future, and again with an earlier one: each life has its own processes',
  options,
  async (t) => {
    const { a, end } = await setting(t);
    const { runtime } = a.node;
    const ended: Term[] = [];
    const future = await evil(t, a, { creation: 0xffff_ffff });
    assert.equal(a.node.nodes().find(({ name }) => name === EVIL)?.creation, 0xffff_ffff);
    runtime.monitor(own(1, 0xffff_ffff), (reason) => ended.push(reason));
    // The former life comes back, or an older one that the port mapper never knew: the last to prove itself is the node.
    for (const creation of [5, 0]) {
      const peer = await evil(t, a, { creation });
      await eventually(() => a.node.nodes().find(({ name }) => name === EVIL)?.creation === creation);
      if (creation === 5) {
        await eventually(() => future.closed);
        assert.deepEqual(ended, [atom('noconnection')]);
        // A process of ours that will be, and one that was.
        for (const [number, ours] of [1, -1].entries()) {
          const pid = new Pid(a.node.name, runtime.pid.id, runtime.pid.serial, a.node.creation + ours);
          peer.send(control(tuple(19, own(1), pid, new Reference(EVIL, creation, [number, 2, 3]))));
        }
        await eventually(() => peer.received.filter((frame) => frame.length > 0).length >= 2);
      } else peer.socket.destroy();
    }
    const downs = (): string[] => types(a.events).filter((text) => text.startsWith('nodedown'));
    await eventually(() => downs().length === 3);
    assert.deepEqual(
      downs(),
      ['replaced', 'replaced', 'closed'].map((reason) => `nodedown ${EVIL} ${reason}`),
    );
    await end();
  },
);

test('it asks for what is not exposed: spawn, erpc, rpc; it is answered, and stays', options, async (t) => {
  const { a, end } = await setting(t);
  const peer = await evil(t, a, { flags: PLAIN });
  const before = a.node.runtime.processes().length;
  const mfa = (module: string, name: string, arity: number): Term => tuple(atom(module), atom(name), arity);
  const request = (number: number, what: Term, args: Term): void => {
    const reference = new Reference(EVIL, 5, [number, 2, 3]);
    const head = Uint8Array.of(112);
    peer.send(
      Buffer.concat([head, encode(tuple(29, reference, own(1), own(1), what, [atom('monitor')])), encode(args)]),
    );
  };
  const replies = (op: number): Term[] => {
    const controls = peer.received.map(controlOf);
    return controls.filter((term) => isTuple(term) && term.at(0) === op);
  };
  request(1, mfa('os', 'cmd', 1), ['id']);
  request(2, mfa('erlang', 'halt', 0), []);
  request(3, mfa('erlang', 'apply', 2), [tuple(1), []]);
  await eventually(() => replies(31).length === 3);
  for (const reply of replies(31)) assert.ok(isTuple(reply) && atom('notsup') === reply.at(4));
  // erpc is a spawn: it begins, and ends with the answer.
  request(4, mfa('erpc', 'execute_call', 4), [tuple(1), atom('os'), atom('cmd'), ['id']]);
  request(5, mfa('erpc', 'execute_call', 4), [tuple(1), 7, atom('cmd'), ['id']]);
  request(6, mfa('erpc', 'execute_cast', 3), [atom('os'), atom('cmd'), ['id']]);
  await eventually(() => replies(31).length === 6 && replies(28).length === 3);
  assert.deepEqual(a.node.statistics().refused, { not_exposed: 5 });
  assert.equal(a.warnings().filter((line) => line['cause'] === 'not_exposed').length, 1);
  assert.equal(a.node.nodes().length, 2);
  await eventually(() => a.node.runtime.processes().length === before);
  peer.socket.destroy();
  await end({ not_exposed: 5 });
});
