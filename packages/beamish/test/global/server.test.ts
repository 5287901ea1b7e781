/** The core of `global_name_server`: single steps that a cluster seldom takes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { step } from '../../src/global/server/core.ts';
import { initialLocker, stepLocker } from '../../src/global/server/locker.ts';
import type { LockerInput } from '../../src/global/server/locker.ts';
import { initialServer } from '../../src/global/server/state.ts';
import type { ServerEffect, ServerState } from '../../src/global/server/state.ts';
import { GLOBAL } from '../../src/global/wire.ts';
import type { LockId, PeerMessage, Request } from '../../src/global/wire.ts';
import { atom, atomName, formatTerm, isTuple, Pid } from '../../src/term/index.ts';
import type { Term } from '../../src/term/index.ts';

const pid = (node: string, id: number): Pid => new Pid(node, id, 0, 1);
const [A, B, C, D] = ['a@h', 'b@h', 'c@h', 'd@h'] as const;
const NAME = atom('leader');
const METHOD = atom('method');

/** `b@h`, with `a@h` in its partition. */
function server({ preventOverlappingPartitions = true } = {}): ServerState {
  const state = initialServer({
    self: pid(B, 1),
    locker: pid(B, 2),
    firstTag: 100,
    lifeId: 7n,
    preventOverlappingPartitions,
    limits: { names: 10, locks: 10 },
  });
  step(state, { type: 'nodeup', node: A });
  step(state, { type: 'message', message: { type: 'in_sync', node: A } });
  state.known.set(A, 8);
  return state;
}

const ask = (state: ServerState, request: Request, from: Pid): Term => {
  const reply = step(state, { type: 'request', request, from }).find((effect) => effect.type === 'reply');
  return reply?.value;
};
const told = (state: ServerState, message: PeerMessage): readonly ServerEffect[] =>
  step(state, { type: 'message', message });

/** What is sent, as `node kind`; casts without their wrapping. */
const sent = (effects: readonly ServerEffect[]): string[] =>
  effects.flatMap((effect) => {
    if (effect.type !== 'send' && effect.type !== 'join') return [];
    const { message } = effect;
    assert.ok(isTuple(message));
    const body = message.at(0) === atom('$gen_cast') ? message.at(1) : message;
    assert.ok(isTuple(body));
    return [`${effect.node} ${atomName(body.at(0))}`];
  });

const lockId: LockId = { resource: GLOBAL, requester: pid(A, 9) };
const register = (owner: Pid): Request => ({
  type: 'register',
  entry: { name: NAME, pid: owner, method: METHOD },
  registeredBy: undefined,
});

test('a name is changed by who holds the lock `global`, and by nobody else', () => {
  const state = server();
  const [holder, other] = [pid(A, 9), pid(A, 10)];
  // Answered as OTP does, which also undoes what it may not do.
  assert.equal(ask(state, register(other), other), atom('yes'));
  assert.equal(state.tables.get(NAME), undefined);
  assert.equal(ask(state, { type: 'set_lock', id: lockId }, holder), true);
  ask(state, register(other), other);
  assert.equal(state.tables.get(NAME), undefined);
  ask(state, register(other), holder);
  assert.ok(state.tables.get(NAME)?.pid.equals(other));
  ask(state, { type: 'del_lock', id: lockId }, holder);
  assert.equal(ask(state, { type: 'unregister', name: NAME }, holder), atom('ok'));
  assert.ok(state.tables.get(NAME)?.pid.equals(other));
});

test('who counts us in, and is not known here, changes no name: it has not asked the others of our partition', () => {
  const state = server();
  step(state, { type: 'nodeup', node: C });
  const [holder, owner] = [pid(C, 9), pid(A, 10)];
  const unregister: Request = { type: 'unregister', name: NAME };
  assert.equal(ask(state, { type: 'set_lock', id: { resource: GLOBAL, requester: holder } }, holder), true);
  assert.equal(ask(state, register(owner), holder), atom('yes'));
  assert.equal(state.tables.get(NAME), undefined);
  state.tables.insert({ name: NAME, pid: owner, method: METHOD }, undefined);
  assert.equal(ask(state, unregister, holder), atom('ok'));
  assert.ok(state.tables.get(NAME)?.pid.equals(owner));
  state.known.set(C, 8);
  ask(state, unregister, holder);
  assert.equal(state.tables.get(NAME), undefined);
});

test('a lock is released, and a name free, when the process ends or its node is lost', () => {
  for (const end of [{ type: 'down', pid: pid(A, 9) } as const, { type: 'nodedown', node: A } as const]) {
    const state = server();
    ask(state, { type: 'set_lock', id: lockId }, pid(A, 9));
    ask(state, register(pid(A, 9)), pid(A, 9));
    const rival: LockId = { resource: GLOBAL, requester: pid(C, 9) };
    assert.equal(ask(state, { type: 'set_lock', id: rival }, pid(C, 9)), false);
    step(state, end);
    assert.equal(state.tables.get(NAME), undefined);
    assert.equal(ask(state, { type: 'set_lock', id: rival }, pid(C, 9)), true);
  }
});

test('who says it knows us, and is never heard of otherwise, is left and met anew', () => {
  const state = server();
  step(state, { type: 'nodeup', node: C });
  const doubts = told(state, { type: 'in_sync', node: C }).filter((effect) => effect.type === 'doubt');
  assert.equal(doubts.length, 1);
  const after = step(state, doubts[0]!);
  assert.deepEqual(sent(after), [`${C} remove_connection`]);
  assert.ok(after.some((effect) => effect.type === 'reconnect' && effect.node === C));
  // That this connection ends is no news for the others.
  assert.deepEqual(sent(step(state, { type: 'nodedown', node: C })), []);
  assert.deepEqual(sent(step(state, { type: 'nodeup', node: C })), [`${C} init_connect`]);
});

test('a known node that greets as a stranger, or does not go when it is left, is met anew; one that says it knows us is not', () => {
  const doubtsOf = (effects: readonly ServerEffect[]): Extract<ServerEffect, { type: 'doubt' }>[] =>
    effects.filter((effect) => effect.type === 'doubt');
  const isMetAnew = (state: ServerState, doubts: readonly Extract<ServerEffect, { type: 'doubt' }>[]): boolean =>
    step(state, doubts[0]!).some((effect) => effect.type === 'reconnect' && effect.node === A);
  const greeting = { type: 'init_connect', version: 8, tag: 900, node: A, locker: pid(A, 2) } as const;

  const stranger = server();
  const greeted = doubtsOf(told(stranger, greeting));
  assert.equal(greeted.length, 1);
  assert.ok(isMetAnew(stranger, greeted));

  const better = server();
  const doubted = doubtsOf(told(better, greeting));
  told(better, { type: 'in_sync', node: A });
  assert.equal(isMetAnew(better, doubted), false);

  const left = server();
  const loss = { type: 'lost_connection', nodeA: A, creation: 5n, number: 1n, nodeB: B } as const;
  const asked = doubtsOf(told(left, loss));
  assert.equal(asked.length, 1);
  assert.ok(isMetAnew(left, asked));

  const gone = server();
  const going = doubtsOf(told(gone, loss));
  step(gone, { type: 'nodedown', node: A });
  assert.equal(isMetAnew(gone, going), false);
});

test('who is told of in time is not left', () => {
  const state = server();
  step(state, { type: 'nodeup', node: C });
  const doubts = told(state, { type: 'in_sync', node: C }).filter((effect) => effect.type === 'doubt');
  const news = { operations: [], external: [], nodes: [{ node: C, version: 8 }], requester: undefined };
  assert.deepEqual(sent(told(state, { type: 'new_nodes', node: A, ...news })), [`${C} in_sync`]);
  assert.deepEqual(step(state, doubts[0]!), []);
  assert.deepEqual([...state.known.keys()], [A, C]);
});

test('who counts us in, and is not known here, brings nobody along: that one is left and met anew, so that names are compared', () => {
  const state = server();
  step(state, { type: 'nodeup', node: C });
  // As after a loss: C still has us in its partition, and holds it still for a session with D.
  const [locker, entry] = [pid(C, 2), { name: NAME, pid: pid(D, 9), method: METHOD }];
  const id: LockId = { resource: GLOBAL, requester: [locker, pid(D, 2)] };
  const news = {
    type: 'new_nodes',
    node: C,
    operations: [{ type: 'insert', entry }],
    external: [],
    nodes: [{ node: D, version: 8 }],
    requester: id.requester,
  } as const;
  const ours = { name: NAME, pid: pid(A, 9), method: METHOD };
  state.tables.insert(ours, undefined);
  assert.equal(ask(state, { type: 'set_lock', id }, locker), true);
  assert.deepEqual(told(state, news), []);
  assert.deepEqual(state.tables.entries(), [ours]);
  assert.deepEqual([...state.known.keys()], [A]);
  // D believes C, and says that it knows us: that stays by halves, and is mended.
  step(state, { type: 'nodeup', node: D });
  const doubts = told(state, { type: 'in_sync', node: D }).filter((effect) => effect.type === 'doubt');
  assert.ok(step(state, doubts[0]!).some((effect) => effect.type === 'reconnect' && effect.node === D));

  // Of a node that is known, the same is done.
  state.known.set(C, 8);
  told(state, news);
  assert.deepEqual(state.tables.entries(), [entry]);
});

test('an offer that comes again, its answer having been lost on the other locker, is answered again', () => {
  const state = initialLocker(pid(B, 2));
  const candidate = { node: C, locker: pid(C, 2), myTag: 5, hisTag: 6 };
  const told = (input: LockerInput): string[] =>
    stepLocker(state, input, () => true).map((effect) => (effect.type === 'tell' ? `tell ${effect.set}` : effect.type));
  told({ type: 'candidate', candidate });
  const offer = { type: 'lock_set', locker: candidate.locker, set: true, tag: candidate.myTag } as const;
  assert.deepEqual(told(offer), ['lock']);
  told({ type: 'locked', success: true });
  told({ type: 'locked', success: true });
  assert.deepEqual(told({ type: 'locked', success: true }), ['tell true', 'lock_is_set']);
  assert.deepEqual(told({ ...offer, set: false }), []);
  assert.deepEqual(told({ ...offer, tag: 4 }), []);
  assert.deepEqual(told(offer), ['tell true']);
});

test('a lost node is told to all others, once each', () => {
  const state = server();
  step(state, { type: 'nodeup', node: C });
  state.known.set(C, 8);
  const effects = step(state, { type: 'nodedown', node: C });
  assert.deepEqual(sent(effects), [`${A} lost_connection`]);
  assert.equal(
    formatTerm(effects.find((effect) => effect.type === 'send')?.message),
    `{lost_connection,${B},7,1,${C}}`,
  );

  const without = server({ preventOverlappingPartitions: false });
  assert.deepEqual(sent(step(without, { type: 'nodedown', node: A })), []);
});

test('a loss that is told is acted on once: the other is asked to go; who lost us is left', () => {
  const state = server();
  for (const node of [C, D]) {
    step(state, { type: 'nodeup', node });
    state.known.set(node, 8);
  }
  const loss = { type: 'lost_connection', nodeA: A, creation: 5n, number: 1n, nodeB: C } as const;
  assert.deepEqual(sent(told(state, loss)).toSorted(), [
    `${C} lost_connection`,
    `${C} remove_connection`,
    `${D} lost_connection`,
  ]);
  assert.deepEqual([...state.known.keys()], [A, D]);
  assert.deepEqual(told(state, loss), []);
  // Of another life of the same node it is news, whatever its number.
  step(state, { type: 'nodeup', node: C });
  state.known.set(C, 8);
  assert.ok(sent(told(state, { ...loss, creation: 6n })).includes(`${C} remove_connection`));

  const ofUs = server();
  assert.deepEqual(sent(told(ofUs, { ...loss, nodeB: B })), [`${A} remove_connection`]);
  assert.deepEqual([...ofUs.known.keys()], []);
});
