/** Who may connect, and who may call what: `allow`. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isBeamishError } from '../../src/error/index.ts';
import { nodeMatcher } from '../../src/node/which-nodes.ts';
import { atom, encode, Pid, Reference, tuple, type Term } from '../../src/term/index.ts';
import { code } from '../support/code.ts';
import { eventually } from '../support/eventually.ts';
import { RawPeer, testCluster, types } from './nodes.ts';

const options = { timeout: 60_000 };

test('names of nodes: exact, with *, several, a function; what names none is refused', () => {
  const cases: [Parameters<typeof nodeMatcher>[0], string[], string[]][] = [
    ['a@h', ['a@h'], ['a@h2', 'ba@h', 'a@', 'b@h', 'A@h']],
    ['web*@10.0.0.*', ['web@10.0.0.1', 'web12@10.0.0.255'], ['xweb@10.0.0.1', 'web1@10.0.1.1', 'web1@10x0.0.1']],
    ['*@h', ['a@h', 'b-1@h'], ['a@hh', 'a@b@h']],
    [['a@h', 'b@*'], ['a@h', 'b@x'], ['c@h']],
    [[], [], ['a@h']],
    ['a+(b)[c]@h.x', ['a+(b)[c]@h.x'], ['aab@h.x', 'a+(b)[c]@hyx']],
    [(name) => name.startsWith('x'), ['x@h'], ['a@h']],
    // What is not quite true is no.
    [(async () => true) as unknown as () => boolean, [], ['a@h']],
  ];
  for (const [which, yes, no] of cases) {
    const matches = nodeMatcher(which, 'allow');
    for (const name of yes) assert.equal(matches(name), true, `${String(which)} ${name}`);
    for (const name of no) assert.equal(matches(name), false, `${String(which)} ${name}`);
  }
  for (const wrong of ['', 'web', '@h', 'a@', 'a b@h', 'a@b@c', 5 as unknown as string])
    assert.throws(() => nodeMatcher(wrong, 'allow'), code('option_invalid'), wrong);
});

test('`allow` of a node: others are answered not_allowed and are not dialled', options, async (t) => {
  const cluster = await testCluster(t);
  const a = await cluster.start('a@127.0.0.1', { allow: 'friend*@127.0.0.1' });
  const friend = await cluster.start('friend1@127.0.0.1');
  const stranger = await cluster.start('stranger@127.0.0.1');
  assert.equal(await friend.node.at(a.node.name).ping(), true);
  for (let attempt = 0; attempt < 3; attempt++)
    await assert.rejects(stranger.node.connect(a.node.name), code('handshake_failed'));
  assert.equal(a.node.statistics().refused.not_allowed, 3);
  assert.equal(a.warnings().length, 1);
  await assert.rejects(a.node.connect(stranger.node.name), (error) => {
    assert.ok(isBeamishError(error, 'noconnection'));
    return /`allow`/.test(error.message);
  });
  await assert.rejects(a.node.runtime.call({ name: 'x', node: stranger.node.name }, atom('y')), code('noconnection'));
  assert.deepEqual(stranger.events, []);
  assert.deepEqual(types(a.events), ['nodeup friend1@127.0.0.1']);
});

test('an `allow` that throws keeps out, is told once whatever name comes, and breaks nothing', options, async (t) => {
  const cluster = await testCluster(t);
  const a = await cluster.start('a@127.0.0.1', {
    allow: (name) => {
      if (name !== 'friend@127.0.0.1') throw new Error('no idea');
      return true;
    },
  });
  for (const name of ['x@127.0.0.1', 'y@127.0.0.1', 'z@127.0.0.1'])
    await assert.rejects(RawPeer.connect(t, a.node, { name }), /does not allow/);
  const told = a.warnings().map((line) => line.msg);
  assert.equal(told.filter((text) => text.includes('no idea')).length, 1, told.join('\n'));
  await assert.rejects(a.node.connect('x@127.0.0.1'), code('noconnection'));
  const friend = await cluster.start('friend@127.0.0.1');
  assert.equal(await friend.node.at(a.node.name).ping(), true);
});

test('who is not allowed is told so before its cookie matters, and nothing is kept of it', options, async (t) => {
  const cluster = await testCluster(t);
  const a = await cluster.start('a@127.0.0.1', { allow: [] });
  await assert.rejects(RawPeer.connect(t, a.node, { name: 'x@127.0.0.1', cookie: 'wrong' }), /does not allow/);
  assert.equal(a.node.statistics().refused.cookie, undefined);
  assert.equal(a.node.statistics().pending, 0);
});

test('what is exposed to some is to others as if it were not: rpc, spawn, cast', options, async (t) => {
  const cluster = await testCluster(t);
  const a = await cluster.start('a@127.0.0.1');
  const admin = await cluster.start('admin@127.0.0.1');
  const web = await cluster.start('web@127.0.0.1');
  const ran: string[] = [];
  const run = (who: Term): Term => ran.push(who as string);
  a.node.expose('shop', { price: () => 5 });
  const administration = a.node.expose('shop', { close: run }, { allow: 'admin@127.0.0.1' });
  const rpc = (from: typeof web, name: string): Promise<Term> =>
    from.node.at(a.node.name).rpc('shop', name, [from.node.name]);
  assert.equal(await rpc(web, 'price'), 5);
  assert.equal(await rpc(admin, 'close'), 1);
  await assert.rejects(rpc(web, 'close'), code('not_exposed'));
  await assert.rejects(rpc(web, 'none'), code('not_exposed'));
  const spawn = (from: typeof web): Promise<Pid> =>
    from.node.runtime.requestSpawn(a.node.name, { module: 'shop', function: 'close', arguments: [from.node.name] });
  await assert.rejects(spawn(web), (error) => isBeamishError(error, 'remote_error') && /notsup/.test(error.message));
  assert.ok((await spawn(admin)) instanceof Pid);
  await eventually(() => ran.length === 2);
  assert.deepEqual(ran, ['admin@127.0.0.1', 'admin@127.0.0.1']);
  assert.deepEqual([a.node.statistics().refused.not_permitted, a.node.statistics().refused.not_exposed], [2, 1]);
  const told = a.warnings().filter((line) => line['cause'] === 'not_permitted');
  assert.equal(told.length, 1);
  assert.equal(told[0]?.['node'], 'web@127.0.0.1');
  administration.remove();
  await assert.rejects(rpc(admin, 'close'), code('not_exposed'));
  assert.throws(() => a.node.expose('m', {}, { allow: 'nobody' }), code('option_invalid'));
});

test('a thousand calls of what is not exposed are counted, and told once', options, async (t) => {
  const cluster = await testCluster(t);
  const a = await cluster.start('a@127.0.0.1');
  const b = await cluster.start('b@127.0.0.1');
  const spawn = (): Promise<Pid> =>
    b.node.runtime.requestSpawn(a.node.name, { module: 'os', function: 'cmd', arguments: ['ls'] });
  const outcomes = await Promise.allSettled(Array.from({ length: 1000 }, spawn));
  assert.ok(outcomes.every(({ status }) => status === 'rejected'));
  assert.equal(a.node.statistics().refused.not_exposed, 1000);
  assert.equal(a.warnings().length, 1);
});

test('who calls is the node at the other end of the connection, whatever pid is in the request', options, async (t) => {
  const cluster = await testCluster(t);
  const a = await cluster.start('a@127.0.0.1');
  const ran: Term[] = [];
  a.node.expose('shop', { close: (how) => ran.push(how) }, { allow: 'admin@127.0.0.1' });
  const evil = await RawPeer.connect(t, a.node, { name: 'evil@127.0.0.1' });
  const admin = await RawPeer.connect(t, a.node, { name: 'admin@127.0.0.1' });
  await eventually(() => a.node.nodes().length === 2);
  const forged = new Pid('admin@127.0.0.1', 7, 0, 5);
  const own = new Pid('evil@127.0.0.1', 7, 0, 5);
  const rexPid = a.node.runtime.whereis('rex') as Pid;
  const call = (kind: string, how: string): Term => tuple(atom(kind), atom('shop'), atom('close'), [how], atom('user'));
  const gen = (from: Pid, kind: string): Term =>
    tuple(atom('$gen_call'), tuple(from, new Reference(from.node, 5, [1, 2, 3])), call(kind, 'gen'));
  const frame = (control: Term, message: Term): Buffer =>
    Buffer.concat([Uint8Array.of(131, 68, 0), encode(control).subarray(1), encode(message).subarray(1)]);
  /** By name, by pid with and without a sender; the sender is not checked by a BEAM either. */
  const ways = (from: Pid): Term[] => [
    tuple(6, from, atom(''), atom('rex')),
    tuple(22, from, rexPid),
    tuple(2, atom(''), rexPid),
  ];
  const messages = (from: Pid): Term[] => [
    gen(from, 'call'),
    gen(from, 'block_call'),
    tuple(atom('$gen_cast'), call('cast', 'cast')),
    tuple(from, call('call', 'raw')),
  ];
  for (const from of [forged, own, a.node.runtime.pid])
    for (const control of ways(from)) for (const message of messages(from)) evil.send(frame(control, message));
  await eventually(() => a.node.statistics().refused.not_permitted === 36);
  assert.deepEqual(ran, []);
  for (const control of ways(forged)) for (const message of messages(forged)) admin.send(frame(control, message));
  await eventually(() => ran.length === 12);
});
