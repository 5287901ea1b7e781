/** The core of `global_name_server`: sessions between two nodes, and what does not fit into them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { step } from '../../src/global/server/core.ts';
import { initialServer } from '../../src/global/server/state.ts';
import type { ServerEffect, ServerState, Verdict } from '../../src/global/server/state.ts';
import { GLOBAL } from '../../src/global/wire.ts';
import type { KnownNode, LockId, NameEntry, PeerMessage, Request } from '../../src/global/wire.ts';
import { atom, atomName, formatTerm, isTuple, Pid } from '../../src/term/index.ts';
import type { Term, Tuple } from '../../src/term/index.ts';

const pid = (node: string, id: number): Pid => new Pid(node, id, 0, 1);
const [A, B, C, D] = ['a@h', 'b@h', 'c@h', 'd@h'] as const;
const LIMIT = 3;
const HIS_TAG = 900;
const entry = (name: string, owner: Pid): NameEntry => ({ name: atom(name), pid: owner, method: atom('method') });

/** `b@h`, with `a@h` in its partition. */
function server(): ServerState {
  const state = initialServer({
    self: pid(B, 1),
    locker: pid(B, 2),
    firstTag: 100,
    lifeId: 7n,
    preventOverlappingPartitions: true,
    limits: { names: LIMIT, locks: LIMIT },
  });
  step(state, { type: 'nodeup', node: A });
  told(state, { type: 'in_sync', node: A });
  state.known.set(A, 8);
  return state;
}

const told = (state: ServerState, message: PeerMessage): readonly ServerEffect[] =>
  step(state, { type: 'message', message });
const ask = (state: ServerState, request: Request, from: Pid): Term =>
  step(state, { type: 'request', request, from }).find((effect) => effect.type === 'reply')?.value;

function bodyOf(message: Term): Tuple {
  assert.ok(isTuple(message));
  const body = message.at(0) === atom('$gen_cast') ? message.at(1) : message;
  assert.ok(isTuple(body));
  return body;
}

/** What is sent, as `node kind`. */
const sent = (effects: readonly ServerEffect[]): string[] =>
  effects.flatMap((effect) =>
    effect.type === 'send' || effect.type === 'join'
      ? [`${effect.node} ${atomName(bodyOf(effect.message).at(0))}`]
      : [],
  );

/** The operations for the other side, of the message `resolved` among these. */
function operations(effects: readonly ServerEffect[]): string {
  for (const effect of effects) {
    if (effect.type !== 'send') continue;
    const body = bodyOf(effect.message);
    if (atomName(body.at(0)) === 'resolved') return formatTerm(body.at(2));
  }
  return 'none';
}

const greeting = (node: string, tag = HIS_TAG): PeerMessage => ({
  type: 'init_connect',
  version: 8,
  tag,
  node,
  locker: pid(node, 2),
});

/** Both have greeted each other. @returns the own tag */
function greet(state: ServerState, node: string): number {
  step(state, { type: 'nodeup', node });
  told(state, greeting(node));
  return state.lastTag;
}

/** The lockers of both hold the lock, and nobody has sent names. */
function lock(state: ServerState, node: string): number {
  const tag = greet(state, node);
  const requester = [pid(B, 2), pid(node, 2)];
  for (const holder of requester) ask(state, { type: 'set_lock', id: { resource: GLOBAL, requester } }, holder);
  told(state, { type: 'lock_set', locker: pid(node, 2), set: true, tag });
  for (let stage = 1; stage <= 3; stage++) step(state, { type: 'locker', input: { type: 'locked', success: true } });
  assert.ok(state.sessions.get(node)?.locked);
  return tag;
}

const resolution = (nodes: readonly KnownNode[] = []) => ({ operations: [], external: [], nodes }) as const;

test('a lock is given back by its requester only, and holds until the last of its holders has done so', () => {
  const state = server();
  const id: LockId = { resource: atom('printer'), requester: 'both' };
  const [one, two] = [pid(A, 8), pid(A, 9)];
  assert.equal(ask(state, { type: 'set_lock', id }, one), true);
  assert.equal(ask(state, { type: 'set_lock', id }, two), true);
  ask(state, { type: 'del_lock', id: { ...id, requester: 'another' } }, one);
  ask(state, { type: 'del_lock', id }, two);
  const rival: LockId = { ...id, requester: 'rival' };
  assert.equal(ask(state, { type: 'set_lock', id: rival }, pid(A, 10)), false);
  ask(state, { type: 'del_lock', id }, one);
  assert.equal(ask(state, { type: 'set_lock', id: rival }, pid(A, 10)), true);
});

test('as many names and locks as are allowed, and not one more', () => {
  const { tables } = server();
  for (let index = 0; index < LIMIT; index++) {
    assert.equal(tables.insert(entry(`name${index}`, pid(A, index)), undefined), true);
    assert.equal(tables.lock({ resource: index, requester: 1 }, pid(A, 50)), true);
  }
  assert.equal(tables.insert(entry('another', pid(A, 9)), undefined), false);
  assert.equal(tables.lock({ resource: 'another', requester: 1 }, pid(A, 50)), false);
  // One that is there may have another owner, or another holder.
  assert.equal(tables.insert(entry('name0', pid(A, 9)), undefined), true);
  assert.equal(tables.lock({ resource: 0, requester: 1 }, pid(A, 51)), true);
  assert.deepEqual([tables.nameCount, tables.lockCount], [LIMIT, LIMIT]);
});

test('the digest of a table is that of its names and owners, whatever the way to them', () => {
  const [one, two] = [server().tables, server().tables];
  one.insert(entry('red', pid(A, 1)), undefined);
  one.insert(entry('blue', pid(A, 2)), undefined);
  two.insert(entry('blue', pid(A, 3)), undefined);
  two.insert(entry('red', pid(A, 1)), undefined);
  assert.notEqual(one.digest, two.digest);
  two.insert(entry('blue', pid(A, 2)), undefined);
  assert.equal(one.digest, two.digest);
  for (const tables of [one, two]) tables.forget(A);
  assert.deepEqual([one.digest, two.digest], [0, 0]);
});

test('a digest tells which of two names a process has', () => {
  const [one, two] = [server().tables, server().tables];
  one.insert(entry('red', pid(A, 1)), undefined);
  two.insert(entry('blue', pid(A, 1)), undefined);
  assert.notEqual(one.digest, two.digest);
});

const VERDICTS: readonly (readonly [Verdict, owner: 'mine' | 'theirs' | undefined, forHim: string])[] = [
  ['mine', 'mine', '[{insert,{name,#PID<b@h.20.0>,method}}]'],
  ['theirs', 'theirs', '[]'],
  // As OTP: who could not be asked loses.
  ['failed', 'theirs', '[]'],
  ['nobody', undefined, '[{delete,name}]'],
];

for (const [verdict, owner, forHim] of VERDICTS) {
  test(`a conflict that ends with \`${verdict}\`: what is done here, what the other side is told`, () => {
    const state = server();
    const [mine, theirs] = [entry('name', pid(B, 20)), entry('name', pid(C, 20))];
    state.tables.insert(mine, undefined);
    const tag = lock(state, C);
    const asked = told(state, { type: 'exchange', node: C, names: [theirs], tag });
    assert.deepEqual(
      asked.map(({ type }) => type),
      ['resolve'],
    );
    const effects = step(state, { type: 'verdicts', node: C, tag, verdicts: verdict === 'failed' ? [] : [verdict] });
    assert.equal(operations(effects), forHim);
    told(state, { type: 'resolved', node: C, tag, ...resolution() });
    const expected = { mine, theirs };
    const has = state.tables.get(atom('name'))?.pid.toString();
    assert.equal(has, owner === undefined ? undefined : expected[owner].pid.toString());
  });
}

test('names that come again in a session are not compared again', () => {
  const state = server();
  const tag = lock(state, C);
  const exchange = { type: 'exchange', node: C, tag } as const;
  assert.deepEqual(sent(told(state, { ...exchange, names: [entry('red', pid(C, 20))] })), [`${C} resolved`]);
  assert.deepEqual(sent(told(state, { ...exchange, names: [entry('blue', pid(C, 21))] })), []);
  told(state, { type: 'resolved', node: C, tag, ...resolution() });
  assert.deepEqual(
    state.tables.entries().map(({ name }) => atomName(name)),
    ['red'],
  );
});

test('the partition hears of who has come, before the lock is given back; who comes along with him is joined, and not met', () => {
  const state = server();
  greet(state, D);
  const tag = lock(state, C);
  told(state, { type: 'exchange', node: C, names: [entry('red', pid(D, 20))], tag });
  const effects = told(state, { type: 'resolved', node: C, tag, ...resolution([{ node: D, version: 8 }]) });
  assert.deepEqual([...state.known.keys()], [A, C, D]);
  assert.deepEqual([...state.sessions.keys()], []);
  assert.ok(sent(effects).includes(`${D} in_sync`));
  const unlock = effects.find((effect) => effect.type === 'locker' && effect.effect.type === 'unlock');
  assert.ok(unlock?.type === 'locker' && unlock.effect.type === 'unlock');
  assert.deepEqual(unlock.effect.announce?.nodes, [A]);
  assert.equal(atomName(bodyOf(unlock.effect.announce.message).at(0)), 'new_nodes');
  // The boss last: who waits for it finds all others free.
  assert.deepEqual(unlock.effect.groups.at(-1), [B]);
});

test('a greeting in the midst of a session, or an acknowledgement of another, cancels it; another begins', () => {
  for (const wrong of [
    greeting(C, HIS_TAG + 1),
    { type: 'init_connect_ack', node: C, myTag: 1, hisTag: HIS_TAG } as const,
  ]) {
    const state = server();
    const tag = greet(state, C);
    const effects = sent(told(state, wrong));
    assert.ok(effects.includes(`${C} cancel_connect`), effects.join());
    assert.ok(effects.includes(`${C} init_connect`), effects.join());
    assert.notEqual(state.sessions.get(C)?.myTag, tag);
    assert.deepEqual(sent(told(state, { type: 'exchange', node: C, names: [], tag })), []);
  }
});

test('the right acknowledgement changes nothing', () => {
  const state = server();
  const tag = greet(state, C);
  assert.deepEqual(told(state, { type: 'init_connect_ack', node: C, myTag: tag, hisTag: HIS_TAG }), []);
  assert.equal(state.sessions.get(C)?.myTag, tag);
});

test('who cancels a session is greeted anew; a cancelling of an earlier one is nothing', () => {
  const state = server();
  const tag = greet(state, C);
  assert.deepEqual(told(state, { type: 'cancel_connect', node: C, tag: tag - 1 }), []);
  assert.ok(sent(told(state, { type: 'cancel_connect', node: C, tag })).includes(`${C} init_connect`));
  assert.equal(state.sessions.get(C)?.myTag, tag + 1);
});

test('who greets before his node is up is met when it is', () => {
  const state = server();
  step(state, { type: 'nodeup', node: C });
  told(state, { type: 'cancel_connect', node: C, tag: state.lastTag });
  state.sessions.clear();
  assert.deepEqual(sent(told(state, greeting(C))), []);
  assert.deepEqual(sent(step(state, { type: 'nodeup', node: C })), [`${C} init_connect`, `${C} init_connect_ack`]);
});

test('a node of an earlier version, or that is not connected, is not met', () => {
  const state = server();
  step(state, { type: 'nodeup', node: C });
  const effects = told(state, { ...greeting(C), version: 7 } as PeerMessage);
  assert.deepEqual(
    effects.map(({ type }) => type),
    ['refused'],
  );
  assert.deepEqual(told(state, greeting(D)), []);
  assert.equal(state.sessions.has(D), false);
});

test('a partition has 4096 nodes at most: others are refused', () => {
  const state = server();
  const nodes = Array.from({ length: 5000 }, (_, index) => ({ node: `n${index}@h`, version: 8 }));
  const effects = told(state, { type: 'new_nodes', node: A, requester: undefined, ...resolution(nodes) });
  assert.equal(state.known.size, 4096);
  assert.equal(effects.filter(({ type }) => type === 'refused').length, 1);
});

test('what is known of a node goes with it', () => {
  const state = server();
  const tag = lock(state, C);
  told(state, { type: 'exchange', node: C, names: [entry('red', pid(C, 20))], tag });
  told(state, { type: 'resolved', node: C, tag, ...resolution() });
  greet(state, D);
  for (const node of [C, D]) step(state, { type: 'nodedown', node });
  assert.deepEqual([...state.known.keys(), ...state.synced, ...state.pending.keys()], [A, A]);
  assert.deepEqual([[...state.sessions.keys()], state.tables.entries()], [[], []]);
});

test('a name that was registered for a process without a global of its own is told as such', () => {
  const state = server();
  const foreign = entry('foreign', pid(A, 30));
  const requester = pid(A, 9);
  ask(state, { type: 'set_lock', id: { resource: GLOBAL, requester } }, requester);
  const external = [{ name: foreign.name, pid: foreign.pid, registeredBy: atom(A) }];
  const news = { operations: [{ type: 'insert', entry: foreign }] as const, external, nodes: [] };
  told(state, { type: 'new_nodes', node: A, requester, ...news });
  assert.deepEqual(state.tables.external(), external);
});
