/**
 * A peer that speaks for processes of other nodes, or to them through us (OTP's dist.c, net_message): it loses its connection where
 * a BEAM would end it, and nowhere does it take effect.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CALLS, OWN_FLAGS } from '../../src/node/flags.ts';
import type { ProcessContext } from '../../src/process/index.ts';
import { formatTerm, Pid, Reference, atom, tuple } from '../../src/term/index.ts';
import type { Tuple } from '../../src/term/index.ts';
import { frame, plain, Raw } from '../interop/fixtures/raw.ts';
import { lies, liesInCalls, THIRD } from '../interop/fixtures/lies.ts';
import { eventually } from '../support/eventually.ts';
import { RawPeer, testCluster, types } from './nodes.ts';

const EVIL = 'evil@127.0.0.1';
const stranger = new Pid(THIRD, 1, 0, 5);

/** A node with a process that is linked with one of the third node and monitors another, and a peer of it. */
async function setup(t: Parameters<typeof testCluster>[0]) {
  const cluster = await testCluster(t);
  const a = await cluster.start('a@127.0.0.1', { cookie: 'interop' });
  const got: string[] = [];
  let self = undefined as ProcessContext | undefined;
  a.node.runtime.spawn(
    {
      init: (context) => void (self = context),
      handle: (message) => void got.push(formatTerm(message)),
      exit: (from, reason) => void got.push(`exit ${from.node} ${formatTerm(reason)}`),
    },
    { name: 'sink', trapExit: true },
  );
  await eventually(() => self !== undefined);
  const peer = (name: string, flags = OWN_FLAGS): Promise<RawPeer> =>
    RawPeer.connect(t, a.node, { name, cookie: 'interop', flags: plain(flags), creation: 5 });
  return { a, got, self: self as ProcessContext, peer };
}

test('what a peer says of processes that are not its own, or to those that are not ours, ends its connection', async (t) => {
  const { a, got, self, peer } = await setup(t);
  await peer(THIRD);
  await eventually(() => a.node.nodes().length === 1);
  self.link(stranger);
  const reference = self.monitor(stranger);
  const own = new Pid(EVIL, 1, 0, 5);
  const all = [...lies({ own, reference, to: self.pid }), ...liesInCalls(own)];
  for (const { what, control, payload } of all) {
    const evil = await peer(EVIL, OWN_FLAGS | CALLS);
    await eventually(() => a.node.nodes().length === 2);
    evil.send(frame(control, payload));
    await eventually(() => evil.closed, { describe: `the connection ends: ${what}` });
    await eventually(() => a.node.nodes().length === 1);
  }
  const ended = types(a.events).filter((event) => event.startsWith(`nodedown ${EVIL}`));
  assert.deepEqual(
    ended,
    all.map(() => `nodedown ${EVIL} frame_malformed`),
  );
  assert.deepEqual(got, []);
  assert.equal(a.node.runtime.processes().find(({ name }) => name === 'sink')?.links.length, 1);
  assert.equal(a.node.runtime.statistics().remoteWatches, 0);
});

test('only the node that was asked to spawn can answer', async (t) => {
  const { a, peer } = await setup(t);
  const [third, evil] = [await peer(THIRD), await peer(EVIL)];
  await eventually(() => a.node.nodes().length === 2);
  const outcome = a.node.runtime.requestSpawn(THIRD, { module: 'm', function: 'f', arguments: [] });
  const request = await requestOf(third);
  const [reference, to] = [request.at(1), request.at(2)];
  evil.send(frame(tuple(31, reference, to, 0, new Pid(EVIL, 66, 0, 5))));
  evil.send(frame(tuple(31, reference, to, 0, atom('system_limit'))));
  evil.send(frame(tuple(28, atom('m'), to, reference), { term: atom('forged') }));
  // Its words have been read when it gets an answer.
  await answered(evil, a.node.name);
  third.send(frame(tuple(31, reference, to, 0, new Pid(THIRD, 7, 0, 5))));
  const pid = await outcome;
  assert.equal(`${pid.node} ${pid.id}`, `${THIRD} 7`);
  assert.equal(evil.closed, false);
});

test('a link that was not asked for is none, and is told so to the node that claims it', async (t) => {
  const { a, self, peer } = await setup(t);
  const third = await peer(THIRD);
  const evil = await peer(EVIL);
  await eventually(() => a.node.nodes().length === 2);
  const spawn = a.node.runtime.requestSpawn(THIRD, { module: 'm', function: 'f', arguments: [] }, { link: self.pid });
  const request = await requestOf(third);
  evil.send(frame(tuple(31, request.at(1), self.pid, 1, new Pid(EVIL, 66, 0, 5))));
  await answered(evil, a.node.name);
  const links = (): string[] =>
    (a.node.runtime.processes().find(({ name }) => name === 'sink')?.links ?? []).map(({ node }) => node);
  assert.deepEqual(links(), []);
  third.send(frame(tuple(31, request.at(1), self.pid, 1, new Pid(THIRD, 7, 0, 5))));
  await spawn;
  assert.deepEqual(links(), [THIRD]);
});

test('a reply and an answer to a monitor by name count from the node that was asked only', async (t) => {
  const { a, self, got, peer } = await setup(t);
  const third = await peer(THIRD, OWN_FLAGS | CALLS);
  const evil = await peer(EVIL, OWN_FLAGS | CALLS);
  await eventually(() => a.node.nodes().length === 2);
  const call = a.node.runtime.call({ name: 'server', node: THIRD }, atom('ask'), { timeout: 60_000 });
  const asked = await controlOf(third, 200);
  const monitor = self.monitor({ name: 'server', node: THIRD });
  await controlOf(third, 19);
  evil.send(frame(tuple(201, asked.at(3)), { term: 'forged' }));
  evil.send(frame(tuple(28, atom('server'), self.pid, monitor), { term: atom('forged') }));
  evil.send(frame(tuple(21, atom('server'), self.pid, monitor, atom('forged'))));
  await answered(evil, a.node.name);
  assert.deepEqual(got, []);
  third.send(frame(tuple(201, asked.at(3)), { term: 'true' }));
  third.send(frame(tuple(28, atom('server'), self.pid, monitor), { term: atom('over') }));
  assert.equal(await call, 'true');
  await eventually(() => got.length === 1);
  assert.match(got.join(), /over\}$/);
});

test('messages may name any sender, and those to other nodes go nowhere', async (t) => {
  const { a, self, got, peer } = await setup(t);
  const third = await peer(THIRD);
  const evil = await peer(EVIL);
  await eventually(() => a.node.nodes().length === 2);
  const frames = (): number => third.received.filter(({ length }) => length > 0).length;
  const before = frames();
  for (const op of [2, 22])
    evil.send(frame(tuple(op, op === 2 ? atom('') : stranger, stranger), { term: 'passed on' }));
  evil.send(frame(tuple(33, stranger, new Reference(THIRD, 5, [1, 2, 3])), { term: 'passed on' }));
  evil.send(frame(tuple(7, stranger, stranger)));
  evil.send(frame(tuple(22, stranger, self.pid), { term: atom('of_a_stranger') }));
  await eventually(() => got.length === 1);
  assert.deepEqual(got, ['of_a_stranger']);
  assert.equal(frames(), before);
  assert.equal(evil.closed, false);
});

/** Operations of a raw peer that sees frames passed through, in the order in which they came. */
async function controlOf(peer: RawPeer, op: number): Promise<Tuple> {
  return await eventually(() => Raw.controls(peer).find((control) => control.at(0) === op));
}

const requestOf = (peer: RawPeer): Promise<Tuple> => controlOf(peer, 29);

/** Waits until the node has read all that the peer has sent. */
async function answered(peer: RawPeer, node: string): Promise<void> {
  const from = new Pid(EVIL, 5, 0, 5);
  const reference = new Reference(EVIL, 5, [9, 9, 9]);
  const before = Raw.controls(peer).length;
  peer.send(frame(tuple(19, from, atom(`nobody_on_${node}`), reference)));
  await eventually(() => Raw.controls(peer).length > before);
}
