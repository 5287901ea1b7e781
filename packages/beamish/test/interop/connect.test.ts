/** Protocols 1.3, 2.1, 2.6, 5.2: what stands around a connection of a real BEAM: its framing, its life, its name, its greeting. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { isBeamishError } from '../../src/error/index.ts';
import { NODE_HIDDEN, aliveRequest } from '../../src/node/epmd/codec.ts';
import { MANDATORY_25_DIGEST, NAME_ME, OWN_FLAGS, PUBLISHED } from '../../src/node/flags.ts';
import type { Pid, Term } from '../../src/term/index.ts';
import { atom, charlist, formatTerm, tuple } from '../../src/term/index.ts';
import { testCluster, type TestNode } from '../node/nodes.ts';
import { eventually } from '../support/eventually.ts';
import { skipUnless } from '../support/peers.ts';
import { row } from '../support/row.ts';
import { Beam, cookie, nodeAndBeam } from './fixtures/beam.ts';
import { startProxy } from './fixtures/proxy.ts';
import { Raw, startBeam } from './fixtures/raw.ts';

const options = { ...skipUnless('erl', 'epmd'), timeout: 90_000 };
const at = `'a@127.0.0.1'`;
const nowhere = (): undefined => undefined;
const noproc = (error: unknown): boolean => isBeamishError(error, 'noproc');

test(
  row('1.3', 'erl to us', 'a pid of our former life is dead, and is nobody’s in the next; a monitor of it: noproc'),
  options,
  async (t) => {
    const cluster = await testCluster(t);
    const got: string[] = [];
    const live = async (): Promise<TestNode> => {
      const a = await cluster.start('a@127.0.0.1', { cookie });
      // As many processes as before: the pids differ by the creation alone.
      const { pid } = a.node.runtime.spawn(
        { handle: (message) => void got.push(formatTerm(message)) },
        { name: 'sink' },
      );
      a.node.expose('help', { pid: () => pid });
      return a;
    };
    // The port mapper must live on between the two lives.
    await cluster.start('keeper@127.0.0.1', { cookie });
    const first = await live();
    const beam = await Beam.start({ name: 'beam@127.0.0.1', cookie, epmdPort: cluster.epmdPort, t });
    const pid = `persistent_term:get(pid)`;
    await beam.eval(`persistent_term:put(pid, rpc:call(${at}, help, pid, [])), ${pid} ! one, ok`);
    const creation = `B = term_to_binary(${pid}), <<C:32>> = binary:part(B, byte_size(B), -4), C`;
    assert.equal(await beam.eval(creation), String(first.node.creation));
    await eventually(() => got.length === 1);
    await first.node.stop();
    const second = await live();
    assert.notEqual(second.node.creation, first.node.creation);
    assert.equal(
      await beam.eval(`net_adm:ping(${at}), R = monitor(process, ${pid}), receive {'DOWN', R, _, _, Why} -> Why end`),
      'noproc',
    );
    assert.equal(await beam.eval(`try gen_server:call(${pid}, x) catch exit:{Why, _} -> Why end`), 'noproc');
    await beam.eval(`${pid} ! two, {sink, ${at}} ! three, New = rpc:call(${at}, help, pid, []), New ! four, ok`);
    await eventually(() => got.length === 3);
    assert.deepEqual(got, ['one', 'three', 'four']);
    assert.equal(await beam.eval(`${pid} =:= rpc:call(${at}, help, pid, [])`), 'false');
  },
);

test(row('1.3', 'us to erl', 'a pid of a BEAM’s former life is dead in the next: noproc'), options, async (t) => {
  const cluster = await testCluster(t);
  const a = await cluster.start('a@127.0.0.1', { cookie });
  const start = (): Promise<Beam> => Beam.start({ name: 'beam@127.0.0.1', cookie, epmdPort: cluster.epmdPort, t });
  const first = await start();
  const remote = a.node.at('beam@127.0.0.1');
  const old = (await remote.rpc('erlang', 'whereis', [atom('init')])) as Pid;
  assert.equal(old.creation, a.node.nodes()[0]?.creation);
  first.child.kill('SIGKILL');
  await eventually(() => a.events.length === 2);
  await start();
  await a.node.connect('beam@127.0.0.1');
  const now = (await remote.rpc('erlang', 'whereis', [atom('init')])) as Pid;
  assert.deepEqual([now.id, now.serial], [old.id, old.serial]);
  assert.notEqual(now.creation, old.creation);
  const reasons: Term[] = [];
  a.node.runtime.monitor(old, (reason) => reasons.push(reason));
  await eventually(() => reasons.length === 1);
  assert.equal(formatTerm(reasons[0]), 'noproc');
  await assert.rejects(a.node.runtime.call(old, 'x'), noproc);
});

test(row('2.1', 'erl and us', 'handshakes and messages that come byte by byte, by either side'), options, async (t) => {
  const { beam, port, epmdPort } = await startBeam(t);
  const piecemeal = { piece: 1, pause: 0 };
  const toBeam = await startProxy(t, port, piecemeal);
  const cluster = await testCluster(t);
  const dialling = await cluster.start('b@127.0.0.1', {
    cookie,
    epmd: false,
    resolve: () => ({ host: '127.0.0.1', port: toBeam }),
  });
  assert.equal(await dialling.node.at('beam@127.0.0.1').rpc('erlang', 'byte_size', ['x'.repeat(1000)]), 1000);
  // The port mapper of the BEAM has the proxy for our node.
  const dialled = await cluster.start('a@127.0.0.1', { cookie, epmd: false, resolve: nowhere });
  const entry = {
    name: 'a',
    nodeType: NODE_HIDDEN,
    highVersion: 6,
    lowVersion: 6,
    protocol: 0,
    extra: new Uint8Array(),
  };
  const mapper = connect(epmdPort, '127.0.0.1');
  t.after(async () => void mapper.destroy());
  const registered = new Promise((resolve) => mapper.once('data', resolve));
  mapper.write(aliveRequest({ ...entry, port: await startProxy(t, dialled.node.address.port, piecemeal) }));
  await registered;
  assert.equal(await beam.eval(`net_adm:ping(${at})`), 'pong');
  assert.equal(dialled.node.nodes()[0]?.direction, 'in');
});

/** What the other side writes after these bytes of a handshake, until it closes or has written something. */
function answerTo(port: number, bytes: Uint8Array): Promise<{ text: string; closed: boolean }> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  socket.write(bytes);
  return new Promise((resolve) => {
    socket.once('data', (data: Buffer) => {
      resolve({ text: data.subarray(2).toString('latin1'), closed: false });
      socket.destroy();
    });
    socket.once('close', () => resolve({ text: '', closed: true }));
  });
}

function nameMessage(name: string, flags: bigint, creation: number, trailing = ''): Buffer {
  const body = Buffer.alloc(15 + name.length + trailing.length);
  body.write('N', 0, 'latin1');
  body.writeBigUInt64BE(flags, 1);
  body.writeUInt32BE(creation, 9);
  body.writeUInt16BE(name.length, 13);
  body.write(name + trailing, 15, 'latin1');
  const length = Buffer.alloc(2);
  length.writeUInt16BE(body.length);
  return Buffer.concat([length, body]);
}

test(
  row(
    '2.1',
    'us to erl',
    'bytes behind the name are ignored; half a message, then silence: closed after net_setuptime',
  ),
  options,
  async (t) => {
    const { port } = await startBeam(t, ['-kernel', 'net_setuptime', '1']);
    const cluster = await testCluster(t);
    const ours = await cluster.start('a@127.0.0.1', { cookie, epmd: false, resolve: nowhere, setupTime: 1000 });
    for (const [who, to] of [
      ['erl', port],
      ['ours', ours.node.address.port],
    ] as const) {
      const whole = nameMessage('x@127.0.0.1', OWN_FLAGS, 5, 'and more');
      assert.equal((await answerTo(to, whole)).text.slice(0, 3), 'sok', who);
      assert.deepEqual(await answerTo(to, whole.subarray(0, 9)), { text: '', closed: true }, who);
    }
    assert.equal(ours.node.statistics().pending, 0);
  },
);

test(row('2.6', 'us to erl', 'who asks for a name gets one: RANDOM@host and a creation'), options, async (t) => {
  const { port } = await startBeam(t);
  const cluster = await testCluster(t);
  const ours = await cluster.start('a@127.0.0.1', { cookie, epmd: false, resolve: nowhere });
  for (const to of [port, ours.node.address.port]) {
    const { text } = await answerTo(to, nameMessage('127.0.0.1', OWN_FLAGS | NAME_ME, 0));
    assert.match(text, /^snamed:..[0-9A-Z]+@127\.0\.0\.1/s);
  }
});

test(
  row('2.6', 'erl to us', 'erl -name undefined gets its name from our node, and is reached by it'),
  options,
  async (t) => {
    const cluster = await testCluster(t);
    const a = await cluster.start('a@127.0.0.1', { cookie });

    const beam = await Beam.start({
      name: 'undefined@127.0.0.1',
      cookie,
      epmdPort: cluster.epmdPort,
      t,
      dynamic: true,
    });
    assert.equal(await beam.eval('node()'), 'nonode@nohost');
    const ok = await beam.eval(`net_kernel:connect_node(${at})`);
    assert.equal(ok, 'true');
    const name = (await beam.eval('node()')).replaceAll("'", '');
    assert.match(name, /^[0-9A-Z]+@127\.0\.0\.1$/);
    assert.deepEqual(
      a.node.nodes().map((info) => info.name),
      [name],
    );
    assert.equal(await beam.eval(`net_adm:ping(${at})`), 'pong');
    assert.equal(await a.node.at(name).rpc('erlang', '+', [1, 2]), 3);
  },
);

test(
  row('5.2', 'erl to us', 'to a visible node a BEAM says whom it is for: rex, global, pg; to a hidden one nothing'),
  options,
  async (t) => {
    const { beam, port } = await startBeam(t, ['-kernel', 'start_pg', 'true']);
    const visible = await Raw.connect(t, { name: beam.name, port }, OWN_FLAGS | PUBLISHED);
    const to = (raw: Raw): string[] =>
      raw.seen.map(({ control, payload }) => `${formatTerm(control.at(3))} ${formatTerm(payload).slice(0, 45)}`);
    await eventually(() => visible.seen.length >= 3, { describe: () => to(visible).join('; ') });
    assert.deepEqual(
      visible.seen.map(({ op }) => op),
      [6, 6, 6],
    );
    assert.deepEqual(visible.seen.map(({ control }) => formatTerm(control.at(3))).toSorted(), [
      'global_name_server',
      'pg',
      'rex',
    ]);
    const said = to(visible).join('\n');
    assert.match(said, /rex \{#PID<.*>,features_request\}/);
    assert.match(said, /global_name_server \{'\$gen_cast',\{init_connect,\{8,/);
    assert.match(said, /pg \{discover,#PID/);
    visible.peer.socket.destroy();
    await eventually(async () => (await beam.eval('nodes()')) === '[]');
    const hidden = await Raw.connect(t, { name: beam.name, port }, OWN_FLAGS);
    // It lists who has dialled it a moment after its last word of the handshake.
    await eventually(async () => (await beam.eval('{nodes(), length(nodes(hidden))}')) === '{[],1}');
    // What it sends on its own would be before what it is told to send.
    await beam.eval(`{sink, 'raw@127.0.0.1'} ! asked, ok`);
    await eventually(() => hidden.seen.length > 0);
    assert.deepEqual(to(hidden), ['sink asked']);
  },
);

test(
  row('5.2', 'us to erl', 'our visible node is greeted, and answers; our hidden node is left alone'),
  options,
  async (t) => {
    const cluster = await testCluster(t);
    const visible = await cluster.start('a@127.0.0.1', { cookie, hidden: false });
    const hidden = await cluster.start('h@127.0.0.1', { cookie });
    const beam = await Beam.start({
      name: 'beam@127.0.0.1',
      cookie,
      epmdPort: cluster.epmdPort,
      t,
      args: ['-kernel', 'start_pg', 'true'],
    });
    await visible.node.connect(beam.name);
    await hidden.node.connect(beam.name);
    const messages = ({ node }: TestNode): number => node.statistics().peers[0]?.messagesIn ?? 0;
    await eventually(() => messages(visible) >= 3);
    assert.equal(await beam.eval(`length(nodes()) + length(nodes(hidden))`), '2');
    assert.equal(messages(hidden), 0);
    assert.equal(await beam.eval(`net_adm:ping(${at})`), 'pong');
    assert.deepEqual([...visible.warnings(), ...hidden.warnings()], []);
  },
);

test(
  row(
    '2.4 A1',
    'erl to us',
    'a BEAM that dials announces all that we use, and the digest of the mandatory flags as bit 26',
  ),
  options,
  async (t) => {
    const { a, beam } = await nodeAndBeam(t);
    assert.equal(await beam.eval(`net_adm:ping(${at})`), 'pong');
    const [info] = a.node.nodes();
    assert.equal(info?.direction, 'in');
    assert.equal(info.flags, OWN_FLAGS, 'what both have is all that we have');
    assert.equal(MANDATORY_25_DIGEST, 1n << 26n);
    assert.equal(info.flags & MANDATORY_25_DIGEST, MANDATORY_25_DIGEST);
  },
);

test(
  row('5.1', 'us to erl', 'net_kernel, rex, logger_proxy and user of a BEAM take what we send them'),
  options,
  async (t) => {
    const { a, beam } = await nodeAndBeam(t);
    const { runtime } = a.node;
    const named = (name: string): { name: string; node: string } => ({ name, node: beam.name });
    const ask = async (name: string, request: Term): Promise<string> =>
      formatTerm(await runtime.call(named(name), request));
    assert.equal(await ask('net_kernel', tuple(atom('is_auth'), atom(a.node.name))), 'yes');
    const sum = [atom('erlang'), atom('+'), [1, 2], atom('user')];
    assert.equal(await ask('rex', tuple(atom('call'), ...sum)), '3');
    assert.equal(await ask('rex', tuple(atom('block_call'), ...sum)), '3');
    const got: string[] = [];
    const { pid } = runtime.spawn({ handle: (message) => void got.push(formatTerm(message)) });
    runtime.send(named('rex'), tuple(pid, atom('features_request')), pid);
    await eventually(() => got[0] === "{features_reply,'beam@127.0.0.1',[erpc]}");
    const print = tuple(atom('put_chars'), atom('unicode'), 'printed by us\n');
    runtime.send(named('user'), tuple(atom('io_request'), pid, 7, print), pid);
    await eventually(() => got[1] === '{io_reply,7,ok}');
    await beam.child.waitForOutput(/printed by us/);
    // Without our group leader in it: the handlers of OTP leave such events to that node.
    const meta = new Map([[atom('time'), 0]]);
    runtime.send(named('logger_proxy'), tuple(atom('log'), atom('error'), charlist('told ~p'), [1], meta), pid);
    await beam.child.waitForOutput(/told 1/);
    assert.equal(a.events.length, 1);
  },
);

test(
  row('3.1', 'us to erl', 'frames passed through, and our own with headers and fragments, are taken'),
  options,
  async (t) => {
    const { beam, port } = await startBeam(t);
    await beam.eval(`register(sink, spawn(fun() -> F = fun(F, Kept) -> receive {get, From} -> From ! {kept, lists:reverse(Kept)}, F(F, Kept);
    B -> F(F, [byte_size(B) | Kept]) end end, F(F, []) end))`);
    const kept = (): Promise<string> => beam.eval('sink ! {get, self()}, receive {kept, K} -> K end');
    const raw = await Raw.connect(t, { name: beam.name, port }, OWN_FLAGS);
    for (const size of [10, 300_000])
      raw.send(tuple(6, raw.pid(1), atom(''), atom('sink')), { term: 'x'.repeat(size) });
    await eventually(async () => (await kept()) === '[10,300000]');
    const cluster = await testCluster(t);
    const a = await cluster.start('a@127.0.0.1', { cookie, epmd: false, resolve: () => ({ host: '127.0.0.1', port }) });
    for (const size of [11, 300_001, 65_536, 12])
      a.node.runtime.send({ name: 'sink', node: beam.name }, 'x'.repeat(size));
    await eventually(async () => (await kept()) === '[10,300000,11,300001,65536,12]');
  },
);
