/** What is handled after its sender's nodedown: whether the node is connected can be asked, and no answer dials a node that is lost. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CALLS, OWN_FLAGS } from '../../src/node/flags.ts';
import { GenServer, NO_REPLY, type From } from '../../src/process/index.ts';
import { atom, ImproperList, Pid, Reference, tuple, type Term } from '../../src/term/index.ts';
import { frame, plain } from '../interop/fixtures/raw.ts';
import { eventually } from '../support/eventually.ts';
import { RawPeer, testCluster } from './nodes.ts';

const PEER = 'b@127.0.0.1';
const pid = new Pid(PEER, 1, 0, 5);
const reference = new Reference(PEER, 5, [1, 2, 3]);

class Later extends GenServer {
  #from: From | undefined;
  ask(): typeof NO_REPLY {
    this.#from = this.from;
    return NO_REPLY;
  }
  asked(): boolean {
    return this.#from !== undefined;
  }
  answer(): void {
    if (this.#from !== undefined) this.reply(this.#from, 'late');
    this.#from = undefined;
  }
}

test('a node is connected from its nodeup to its nodedown, and itself always', async (t) => {
  const cluster = await testCluster(t);
  const { node: a } = await cluster.start('a@127.0.0.1');
  const { node: b } = await cluster.start(PEER);
  const seen: boolean[] = [];
  a.monitorNodes(({ node }) => seen.push(a.isConnected(node)));
  assert.equal(a.isConnected(a.name), true);
  assert.equal(a.isConnected(PEER), false);
  await a.connect(PEER);
  assert.equal(a.isConnected(PEER), true);
  assert.equal(a.runtime.isConnected(pid.node), true);
  await b.stop();
  await eventually(() => !a.isConnected(PEER));
  assert.deepEqual(seen, [true, false]);
});

test('an answer to who is gone dials nobody: of a server, of rex, of erpc', async (t) => {
  const dials: string[] = [];
  const cluster = await testCluster(t);
  const { node } = await cluster.start('a@127.0.0.1', { resolve: (name) => void dials.push(name) });
  const later = await node.spawn(Later, [], { name: 'later' });
  const waiting: ((value: Term) => void)[] = [];
  node.expose('shop', { wait: () => new Promise<Term>((resolve) => waiting.push(resolve)) });
  const alias = new ImproperList([atom('alias')], reference);
  const call = (tag: Term, request: Term): Term => tuple(atom('$gen_call'), tuple(pid, tag), request);
  const toName = (name: string): Term => tuple(6, pid, atom(''), atom(name));
  const rpc = tuple(atom('call'), atom('shop'), atom('wait'), [], pid);
  const mfa = tuple(atom('erpc'), atom('execute_call'), 4);
  const spawned = tuple(29, reference, pid, pid, mfa, [atom('monitor')]);
  const forms: readonly [what: string, control: Term, payload: Term][] = [
    ['an alias', toName('later'), call(alias, atom('ask'))],
    ['a call of Beamish', tuple(200, pid, atom('later'), reference), atom('ask')],
    ['rex', toName('rex'), call(alias, rpc)],
    ['rex, with a reference', toName('rex'), call(reference, rpc)],
    ['rex, without gen', toName('rex'), tuple(pid, rpc)],
    ['erpc', spawned, [reference, atom('shop'), atom('wait'), []]],
  ];
  for (const [what, control, payload] of forms) {
    const peer = await RawPeer.connect(t, node, { name: PEER, flags: plain(OWN_FLAGS | CALLS) });
    await eventually(() => node.isConnected(PEER));
    peer.send(frame(control, { term: payload }));
    await eventually(async () => waiting.length > 0 || (await later.asked()), { describe: what });
    peer.socket.destroy();
    await eventually(() => !node.isConnected(PEER));
    for (const resolve of waiting.splice(0)) resolve(1);
    await later.answer();
    // What would dial does so in a turn after this one.
    await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual(dials, [], what);
    assert.equal(node.statistics().pending, 0, what);
  }
  // A message dials, as in OTP.
  node.runtime.send(pid, 'hello');
  await eventually(() => dials.length === 1);
});
