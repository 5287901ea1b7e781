/** Every control message in every form (protocols 3.4), as bytes of a peer, and what a node of ours does with it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OWN_FLAGS } from '../../src/node/flags.ts';
import type { ProcessContext } from '../../src/process/index.ts';
import { ImproperList, Pid, Reference, atom, formatTerm, tuple } from '../../src/term/index.ts';
import type { Term, Tuple } from '../../src/term/index.ts';
import { RAW, Raw } from '../interop/fixtures/raw.ts';
import { eventually } from '../support/eventually.ts';
import { testCluster, type TestNode } from './nodes.ts';

const text = (term: Term): string => formatTerm(term);
const none = atom('');

interface Setup {
  readonly a: TestNode;
  readonly raw: Raw;
  readonly self: ProcessContext;
  readonly got: string[];
  /** What an exit or message of `raw` may carry as a trace token. */
  readonly token: Term;
}

async function setup(t: Parameters<typeof testCluster>[0]): Promise<Setup> {
  const cluster = await testCluster(t);
  const a = await cluster.start('a@127.0.0.1', { cookie: 'interop' });
  const got: string[] = [];
  let self: ProcessContext | undefined;
  a.node.runtime.spawn(
    {
      init: (context) => void (self = context),
      handle: (message) => void got.push(text(message)),
      exit: (from, reason) => void got.push(`exit ${from.id} ${text(reason)}`),
    },
    { name: 'sink', trapExit: true },
  );
  const raw = await Raw.connect(t, { name: a.node.name, port: a.node.address.port }, OWN_FLAGS);
  await eventually(() => self !== undefined);
  return { a, raw, self: self as unknown as ProcessContext, got, token: tuple(17, 0, 0, raw.pid(9), 0) };
}

/** The first of that operation after the ones seen so far. */
function next({ raw }: Setup): (op: number) => Promise<Tuple> {
  const from = raw.seen.length;
  return async (op) => (await eventually(() => raw.seen.slice(from).find((one) => one.op === op))).control;
}

test('messages: to a pid, a name, an alias', async (t) => {
  const s = await setup(t);
  const { raw, token, got } = s;
  const { pid } = s.self;
  const from = raw.pid(1);
  const { reference } = s.a.node.runtime.alias((message) => got.push(`alias ${text(message)}`));
  const forms: readonly [op: number, ...fields: Term[]][] = [
    [2, none, pid],
    [12, none, pid, token],
    [22, from, pid],
    [23, from, pid, token],
    [6, from, none, atom('sink')],
    [16, from, none, atom('sink'), token],
    [33, from, reference],
    [34, from, reference, token],
    [37, 0, from, pid],
    [37, 2, from, pid, token],
    [37, 8, from, atom('sink')],
    [37, 4, from, reference],
    [37, 7, from, reference, token],
  ];
  for (const [op, ...fields] of forms) raw.send(tuple(op, ...fields), { term: [op] });
  await eventually(() => got.length === forms.length);
  // An alias is code, and called in a turn of its own: each kind keeps its order.
  assert.deepEqual(
    got.filter((one) => !one.startsWith('alias')),
    ['[2]', '[12]', '[22]', '[23]', '[6]', '[16]', '[37]', '[37]', '[37]'],
  );
  assert.deepEqual(
    got.filter((one) => one.startsWith('alias')),
    ['alias [33]', 'alias [34]', 'alias [37]', 'alias [37]'],
  );
  assert.equal(raw.peer.closed, false);
});

test('exits: of a link, of exit/2, with the reason inside and behind', async (t) => {
  const s = await setup(t);
  const { raw, token, got } = s;
  const { pid } = s.self;
  const forms: readonly [control: Tuple, reason?: Term][] = [
    [tuple(3, raw.pid(3), pid, atom('r3'))],
    [tuple(13, raw.pid(13), pid, token, atom('r13'))],
    [tuple(24, raw.pid(24), pid), atom('r24')],
    [tuple(25, raw.pid(25), pid, token), atom('r25')],
    [tuple(8, raw.pid(8), pid, atom('r8'))],
    [tuple(18, raw.pid(18), pid, token, atom('r18'))],
    [tuple(26, raw.pid(26), pid), atom('r26')],
    [tuple(27, raw.pid(27), pid, token), atom('r27')],
    [tuple(37, 16, raw.pid(37), pid), atom('r37')],
  ];
  for (const id of [3, 13, 24, 25]) raw.send(tuple(1, raw.pid(id), pid));
  for (const [control, reason] of forms) raw.send(control, reason === undefined ? undefined : { term: reason });
  await eventually(() => got.length === forms.length);
  assert.deepEqual(
    got,
    [3, 13, 24, 25, 8, 18, 26, 27, 37].map((id) => `exit ${id} r${id}`),
  );
  // Not linked: it is no exit of a link.
  raw.send(tuple(24, raw.pid(99), pid), { term: atom('stranger') });
  raw.send(tuple(22, raw.pid(1), pid), { term: atom('last') });
  await eventually(() => got.at(-1) === 'last');
  assert.equal(got.length, forms.length + 1);
});

test('links: noproc of the dead, an unlink acknowledged, the old one not', async (t) => {
  const s = await setup(t);
  const { raw } = s;
  const { pid } = s.self;
  let answer = next(s);
  raw.send(tuple(1, raw.pid(1), new Pid(pid.node, 4711, 0, pid.creation)));
  assert.match(text(await answer(24)), /^\{24,/);
  answer = next(s);
  raw.send(tuple(35, 2n ** 63n, raw.pid(1), pid));
  assert.match(text(await answer(36)), /^\{36,9223372036854775808,/);
  const links = (): number => s.a.node.runtime.processes().find((info) => info.pid.equals(pid))?.links.length ?? 0;
  raw.send(tuple(1, raw.pid(1), pid));
  await eventually(() => links() === 1);
  const { length } = raw.seen;
  raw.send(tuple(4, raw.pid(1), pid));
  await eventually(() => links() === 0);
  answer = next(s);
  raw.send(tuple(35, 5, raw.pid(1), pid));
  assert.match(text(await answer(36)), /^\{36,5,/);
  assert.equal(raw.seen.length, length + 1, 'the old unlink got no answer');
  // Our own unlink counts until it is acknowledged: with another's number it stays.
  answer = next(s);
  s.self.link(raw.pid(2));
  await answer(1);
  answer = next(s);
  s.self.unlink(raw.pid(2));
  const id = (await answer(35)).at(1);
  raw.send(tuple(36, 12_345, raw.pid(2), pid));
  raw.send(tuple(24, raw.pid(2), pid), { term: atom('too_late') });
  raw.send(tuple(36, id, raw.pid(2), pid));
  raw.send(tuple(22, raw.pid(1), pid), { term: atom('last') });
  await eventually(() => s.got.at(-1) === 'last');
  assert.deepEqual(s.got, ['last']);
});

test('monitors: ours end by 21 and 28; theirs of nobody get noproc, of one taken back nothing', async (t) => {
  const s = await setup(t);
  const { raw } = s;
  for (const [op, control] of [
    [21, (reference: Term, to: Pid) => tuple(21, raw.pid(21), to, reference, atom('r21'))],
    [28, (reference: Term, to: Pid) => tuple(28, raw.pid(28), to, reference)],
  ] as const) {
    const answer = next(s);
    const reference = s.self.monitor(raw.pid(op));
    assert.equal(text((await answer(19)).at(3)), text(reference));
    raw.send(control(reference, s.self.pid), op === 28 ? { term: atom('r28') } : undefined);
    await eventually(() => s.got.at(-1)?.endsWith(`r${op}}`) === true);
    raw.send(control(reference, s.self.pid), op === 28 ? { term: atom('r28') } : undefined);
  }
  let answer = next(s);
  raw.send(tuple(19, raw.pid(1), atom('nobody'), new Reference(RAW, 5, [1, 2, 3])));
  assert.match(text(await answer(28)), /^\{28,nobody,/);
  answer = next(s);
  for (const word of [4, 5]) raw.send(tuple(19, raw.pid(1), atom('sink'), new Reference(RAW, 5, [1, 2, word])));
  raw.send(tuple(20, raw.pid(1), atom('sink'), new Reference(RAW, 5, [1, 2, 4])));
  raw.send(tuple(22, raw.pid(1), s.self.pid), { term: atom('last') });
  await eventually(() => s.got.at(-1) === 'last');
  assert.equal(s.got.length, 3, 'each of ours was told once');
  s.a.node.runtime.exit(s.self.pid, atom('kill'));
  assert.match(text(await answer(28)), /^\{28,sink,.*5\.2\.1/);
  assert.equal(raw.seen.filter(({ op }) => op === 28).length, 2);
});

test('spawn requests and their replies, with a token; a group leader is taken', async (t) => {
  const s = await setup(t);
  const { raw, token, a } = s;
  const mfa = tuple(atom('shop'), atom('wait'), 1);
  const reference = new Reference(RAW, 5, [7, 7, 7]);
  let answer = next(s);
  raw.send(tuple(30, reference, raw.pid(1), raw.pid(1), mfa, [atom('link'), atom('unknown')], token), { term: [1] });
  assert.match(text(await answer(31)), /,0,notsup\}$/);
  a.node.expose('shop', { wait: () => new Promise(() => {}) });
  answer = next(s);
  const options = [atom('link'), tuple(atom('priority'), atom('high')), atom('monitor')];
  raw.send(tuple(30, reference, raw.pid(1), raw.pid(1), mfa, options, token), { term: [1] });
  const reply = await answer(31);
  const pid = reply.at(4) as Pid;
  assert.equal(reply.at(3), 3, 'linked and monitored');
  raw.send(tuple(7, raw.pid(1), pid));
  answer = next(s);
  a.node.runtime.exit(pid, atom('boom'));
  assert.equal(text((await answer(28)).at(3)), text(reference));
  await answer(24);
  for (const [op, flags] of [
    [31, 0],
    [32, 2],
  ] as const) {
    answer = next(s);
    const spawned = a.node.runtime.requestSpawn(RAW, { module: 'm', function: 'f', arguments: [] });
    const request = await answer(29);
    assert.equal(text(request.at(4)), '{m,f,0}');
    const fields = [request.at(1), request.at(2), flags, raw.pid(op)];
    raw.send(op === 31 ? tuple(31, ...fields) : tuple(32, ...fields, token));
    assert.equal((await spawned).id, op);
  }
  assert.equal(raw.peer.closed, false);
});

test('the tag of a call is an alias, or one inside of a list', async (t) => {
  const s = await setup(t);
  const reference = new Reference(RAW, 5, [1, 2, 3]);
  const alias = new ImproperList([atom('alias')], reference);
  for (const [tag, op] of [
    [alias, 33],
    [new ImproperList([alias], 'more'), 33],
    [reference, 22],
  ] as const) {
    const answer = next(s);
    const request = tuple(atom('is_auth'), atom(RAW));
    const call = tuple(atom('$gen_call'), tuple(s.raw.pid(1), tag), request);
    s.raw.send(tuple(6, s.raw.pid(1), none, atom('net_kernel')), { term: call });
    await answer(op);
    assert.equal(text(s.raw.seen.at(-1)?.payload ?? null), text(tuple(tag, atom('yes'))));
  }
});
