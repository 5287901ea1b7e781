import assert from 'node:assert/strict';
import { test } from 'node:test';
import { atom, Pid, tuple } from '../../src/term/index.ts';
import type { Term } from '../../src/term/index.ts';
import { groupsOf, initialScope, membersOf, step } from '../../src/groups/groups-core.ts';
import type { GroupEvent, ScopeEffect, ScopeInput, ScopeState } from '../../src/groups/groups-core.ts';

const SELF = new Pid('a@h', 1, 0, 1);
const PEER = new Pid('b@h', 1, 0, 1);
const local = (id: number): Pid => new Pid('a@h', id, 0, 1);
const remote = (id: number): Pid => new Pid('b@h', id, 0, 1);
const g = atom('g');

function scope(options: { maxEntriesPerNode?: number; maxNameLengthPerNode?: number } = {}): ScopeState {
  return initialScope({ scope: 'pg', self: SELF, ...options });
}
function message(state: ScopeState, ...elements: Term[]): ScopeEffect[] {
  return step(state, { type: 'message', message: tuple(...elements) });
}
function sync(...groups: [Term, Term][]): Term[] {
  return [
    atom('$gen_cast'),
    tuple(
      atom('sync'),
      PEER,
      groups.map(([group, pids]) => tuple(group, pids)),
    ),
  ];
}
const sends = (effects: ScopeEffect[]): Term[] =>
  effects.flatMap((effect) => (effect.type === 'send' ? [effect.message] : []));
const events = (effects: ScopeEffect[]): GroupEvent[] =>
  effects.flatMap((effect) => (effect.type === 'event' ? [effect.event] : []));
const refusals = (effects: ScopeEffect[]): string[] =>
  effects.flatMap((effect) => (effect.type === 'refused' ? [effect.reason] : []));

function connected(options = {}): ScopeState {
  const state = scope(options);
  step(state, { type: 'nodeup', node: 'b@h' });
  message(state, ...sync());
  return state;
}

test('a node that comes up is asked by the name of the scope', () => {
  const [send, retry] = step(scope(), { type: 'nodeup', node: 'b@h' });
  assert.deepEqual(send, { type: 'send', to: { name: 'pg', node: 'b@h' }, message: tuple(atom('discover'), SELF) });
  assert.deepEqual(retry, { type: 'retryLater', node: 'b@h', attempt: 1, delay: 1000 });
});

test('a node without the scope is asked again, ever more seldom, until it goes', () => {
  const state = scope();
  let effects = step(state, { type: 'nodeup', node: 'b@h' });
  const delays: number[] = [];
  for (let turn = 0; turn < 8; turn++) {
    const retry = effects.find((effect) => effect.type === 'retryLater');
    assert(retry);
    delays.push(retry.delay);
    effects = step(state, { ...retry, type: 'retry' });
  }
  assert.deepEqual(delays, [1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]);
  step(state, { type: 'nodedown', node: 'b@h' });
  assert.deepEqual(step(state, { type: 'retry', node: 'b@h', attempt: 9 }), []);
});

test('discover of an unknown peer: monitor, sync, discover back; of a known one: sync only', () => {
  const state = scope();
  step(state, { type: 'nodeup', node: 'b@h' });
  step(state, { type: 'join', group: g, pids: [local(7), local(7)] });
  const expected = tuple(atom('$gen_cast'), tuple(atom('sync'), SELF, [tuple(g, [local(7), local(7)])]));
  assert.deepEqual(message(state, atom('discover'), PEER), [
    { type: 'retryNot', node: 'b@h' },
    { type: 'monitor', pid: PEER },
    { type: 'send', to: PEER, message: expected },
    { type: 'send', to: PEER, message: tuple(atom('discover'), SELF) },
  ]);
  assert.deepEqual(message(state, atom('discover'), PEER, 2), [{ type: 'send', to: PEER, message: expected }]);
});

test('a peer learned from its sync is told ours before anything else', () => {
  const state = scope();
  step(state, { type: 'nodeup', node: 'b@h' });
  step(state, { type: 'join', group: g, pids: [local(7)] });
  const told = sends(message(state, ...sync([g, [remote(3)]])));
  assert.deepEqual(told, [tuple(atom('$gen_cast'), tuple(atom('sync'), SELF, [tuple(g, [local(7)])]))]);
  assert.deepEqual(membersOf(state, g), [local(7), remote(3)]);
});

test('join and leave tell every peer exactly what changed', () => {
  const state = connected();
  assert.deepEqual(sends(step(state, { type: 'join', group: g, pids: [local(7)] })), [
    tuple(atom('join'), SELF, g, local(7)),
  ]);
  assert.deepEqual(sends(step(state, { type: 'join', group: g, pids: [local(7), local(8)] })), [
    tuple(atom('join'), SELF, g, [local(7), local(8)]),
  ]);
  // 9 is no member, 8 is one once: what is not recorded is not named.
  const leave = step(state, { type: 'leave', group: g, pids: [local(9), local(8), local(8)] });
  assert.deepEqual(sends(leave), [tuple(atom('leave'), SELF, local(8), [g])]);
  assert.deepEqual(leave[0], { type: 'demonitor', pid: local(8) });
  assert.deepEqual(step(state, { type: 'leave', group: 'other', pids: [local(7)] }), []);
  assert.deepEqual(step(state, { type: 'join', group: g, pids: [] }), []);
});

test('the death of a member is one leave with all its groups', () => {
  const state = connected();
  step(state, { type: 'join', group: g, pids: [local(7), local(7)] });
  step(state, { type: 'join', group: 'h', pids: [local(7), local(8)] });
  const effects = step(state, { type: 'down', pid: local(7) });
  assert.deepEqual(sends(effects), [tuple(atom('leave'), SELF, local(7), [g, g, 'h'])]);
  assert.deepEqual(groupsOf(state), ['h']);
  assert.deepEqual(step(state, { type: 'down', pid: local(7) }), []);
});

test('a sync replaces what was known, and only the difference is an event', () => {
  const state = connected();
  message(state, ...sync([g, [remote(1), remote(2)]], ['h', [remote(1)]]));
  const effects = message(state, ...sync([g, [remote(2), remote(3), remote(3)]]));
  assert.deepEqual(events(effects), [
    { type: 'leave', group: g, pids: [remote(1)] },
    { type: 'leave', group: 'h', pids: [remote(1)] },
    { type: 'join', group: g, pids: [remote(3), remote(3)] },
  ]);
});

test('the end of a peer, or of its connection, takes its members away once', () => {
  for (const end of [
    { type: 'down', pid: PEER },
    { type: 'nodedown', node: 'b@h' },
  ] as ScopeInput[]) {
    const state = connected();
    message(state, atom('join'), PEER, g, remote(1));
    assert.deepEqual(events(step(state, end)), [{ type: 'leave', group: g, pids: [remote(1)] }]);
    assert.deepEqual(membersOf(state, g), []);
    assert.deepEqual(events(step(state, { type: 'down', pid: PEER })), []);
    // Not known any more: ignored, as pg does.
    assert.deepEqual(message(state, atom('join'), PEER, g, remote(1)), []);
  }
});

test('a scope that was restarted takes the place of its predecessor', () => {
  const state = connected();
  message(state, atom('join'), PEER, g, remote(1));
  const next = remote(50);
  const effects = message(state, atom('discover'), next);
  assert.deepEqual(effects[0], { type: 'demonitor', pid: PEER });
  assert.deepEqual(membersOf(state, g), []);
  assert.equal(state.peers.get('b@h')?.pid, next);
});

test('nobody can make us dial: a peer of a node that is not connected is ignored', () => {
  const state = scope();
  assert.deepEqual(message(state, atom('discover'), new Pid('victim@h', 1, 0, 1)), []);
  assert.deepEqual(message(state, atom('discover'), local(99)), []);
});

test('what pg does not know is refused, not fatal, and reported once per node', () => {
  const state = connected();
  for (const bad of [
    atom('hello'),
    tuple(),
    tuple(atom('join'), PEER, g),
    tuple(atom('join'), PEER, g, [1]),
    tuple(atom('leave'), PEER, remote(1), g),
    tuple(atom('$gen_cast'), tuple(atom('sync'), PEER, [tuple(g)])),
    tuple(atom('discover'), 1),
  ]) {
    assert.deepEqual(refusals(step(state, { type: 'message', message: bad })), ['not a message of pg']);
  }
  const foreign = message(state, atom('join'), PEER, g, new Pid('c@h', 1, 0, 1));
  assert.deepEqual(foreign, [
    { type: 'refused', node: 'b@h', reason: 'members that are not on the announcing node', first: true },
  ]);
  assert.equal(state.refused, 8);
  assert.deepEqual(message(state, atom('leave'), PEER, remote(77), ['nowhere']), []);
});

test('a lying peer cannot make memory grow: members and names have a limit per node', () => {
  const state = connected({ maxEntriesPerNode: 3, maxNameLengthPerNode: 100 });
  const effects = message(state, atom('join'), PEER, g, [1, 2, 3, 4, 5].map(remote));
  assert.equal(membersOf(state, g).length, 3);
  assert.deepEqual(refusals(effects), ['more members than the limit']);
  message(state, atom('leave'), PEER, remote(1), [g]);
  assert.deepEqual(refusals(message(state, atom('join'), PEER, 'x'.repeat(200), remote(1))), [
    'more members than the limit',
  ]);
  // A leave of what was not recorded changes nothing; there is room again.
  message(state, atom('leave'), PEER, remote(5), [g]);
  assert.deepEqual(refusals(message(state, atom('join'), PEER, 'h', remote(1))), []);
  assert.equal(state.peers.get('b@h')?.membership.entries, 3);
  const full = message(state, ...sync([g, [1, 2, 3, 4].map(remote)]));
  assert.deepEqual(refusals(full), ['more members than the limit']);
  assert.equal(membersOf(state, g).length, 3);
});

/** Looks into maps and sets while something is done: its cost, the same on every machine. */
function lookUps(action: () => void): number {
  let count = 0;
  const restore: (() => void)[] = [];
  for (const prototype of [Map.prototype, Set.prototype] as unknown as Record<
    string,
    (...args: unknown[]) => unknown
  >[]) {
    for (const name of ['get', 'has', 'set', 'add', 'delete']) {
      const method = prototype[name];
      if (method === undefined) continue;
      prototype[name] = function (this: unknown, ...args: unknown[]) {
        count++;
        return method.apply(this, args);
      };
      restore.push(() => (prototype[name] = method));
    }
  }
  try {
    action();
  } finally {
    for (const each of restore) each();
  }
  return count;
}

test('a leave costs what it names and what leaves, not groups times processes', () => {
  const cost = (size: number): number => {
    const state = connected();
    const groups = Array.from({ length: size }, (_, index) => tuple(g, index));
    const pids = Array.from({ length: size }, (_, index) => remote(index + 10));
    pids.forEach((pid, index) => message(state, atom('join'), PEER, groups[index], pid));
    let told: GroupEvent[] = [];
    const count = lookUps(() => (told = events(message(state, atom('leave'), PEER, pids, groups))));
    assert.equal(told.length, size);
    assert.deepEqual(groupsOf(state), []);
    return count;
  };
  const [small, large] = [cost(100), cost(1000)];
  assert.ok(large <= 11 * small, `${small} look-ups for 100 in 100, ${large} for 1000 in 1000`);
});

test('a leave takes a process away as often as it and the group are named, and no oftener than it joined', () => {
  const state = connected();
  const h = atom('h');
  message(state, atom('join'), PEER, g, [remote(3), remote(3), remote(3), remote(4)]);
  message(state, atom('join'), PEER, h, remote(3));
  const effects = message(state, atom('leave'), PEER, [remote(3), remote(4)], [g, h, g, atom('none')]);
  assert.deepEqual(events(effects), [
    { type: 'leave', group: g, pids: [remote(3), remote(3), remote(4)] },
    { type: 'leave', group: h, pids: [remote(3)] },
  ]);
  assert.deepEqual(membersOf(state, g), [remote(3)]);
});

test('what a node that went was asked again is not asked any more', () => {
  const state = scope();
  step(state, { type: 'nodeup', node: 'b@h' });
  assert.deepEqual(step(state, { type: 'nodedown', node: 'b@h' }), [{ type: 'retryNot', node: 'b@h' }]);
});
