/** The locker: who is asked for the lock `global`, in which order, and what becomes of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { initialLocker, stepLocker } from '../../src/global/server/locker.ts';
import type { LockerEffect, LockerInput, LockerState } from '../../src/global/server/locker.ts';
import { formatTerm, Pid } from '../../src/term/index.ts';

const pid = (node: string, id: number): Pid => new Pid(node, id, 0, 1);
const [A, B, C, D] = ['a@h', 'b@h', 'c@h', 'd@h'] as const;
const candidate = { node: C, locker: pid(C, 2), myTag: 5, hisTag: 6 };
const LOCKED = { type: 'locked', success: true } as const;
const REFUSED = { type: 'locked', success: false } as const;

/** That of `b@h`, which knows `a@h` and `d@h`, the boss; `c@h` is to be met. */
function locker(): LockerState {
  const state = initialLocker(pid(B, 2));
  tell(state, { type: 'known', added: [A, D] });
  tell(state, { type: 'candidate', candidate });
  return state;
}

const text = (effect: LockerEffect): string => {
  if (effect.type === 'lock') return `lock ${effect.nodes.join(' ')}`;
  if (effect.type === 'unlock') return `unlock ${effect.groups.map((nodes) => nodes.join(' ')).join(', then ')}`;
  if (effect.type === 'tell') return `tell ${effect.candidate.node} ${effect.set} ${formatTerm(effect.hisTag)}`;
  return effect.type === 'timer' ? `timer ${effect.delay}` : `lock_is_set ${effect.node}`;
};

const tell = (state: LockerState, input: LockerInput, canLock = true): string[] =>
  stepLocker(state, input, () => canLock).map(text);
const timer = (namesLocked = false): LockerInput => ({ type: 'timer', random: 0, namesLocked });
const offer = (set: boolean, tag: number | undefined): LockerInput => ({
  type: 'lock_set',
  locker: candidate.locker,
  set,
  tag,
});

/** Locked everywhere, and offered. */
function offered(): LockerState {
  const state = locker();
  assert.deepEqual(tell(state, timer()), [`lock ${D}`]);
  assert.deepEqual(tell(state, LOCKED), [`lock ${B} ${C}`]);
  assert.deepEqual(tell(state, LOCKED), [`lock ${A}`]);
  assert.deepEqual(tell(state, LOCKED), [`tell ${C} true 6`]);
  return state;
}

test('the boss first, then the two that meet, then the others; given back in the other order, and the boss last', () => {
  const state = offered();
  assert.deepEqual(tell(state, offer(true, 5)), [`lock_is_set ${C}`]);
  assert.deepEqual(tell(state, { type: 'cancel', node: C, tag: 5 }), [`unlock ${B} ${C} ${A}, then ${D}`]);
  assert.deepEqual(tell(state, { type: 'unlocked' }), []);
});

test('who answers an offer locks nothing on the node that has made it', () => {
  const state = locker();
  assert.deepEqual(tell(state, offer(true, 5)), [`lock ${D}`]);
  assert.deepEqual(tell(state, LOCKED), [`lock ${B}`]);
  tell(state, LOCKED);
  assert.deepEqual(tell(state, LOCKED), [`tell ${C} true 6`, `lock_is_set ${C}`]);
});

test('a lock that is refused on the way is given back where it was taken; who waits for an answer is told', () => {
  const own = locker();
  tell(own, timer());
  tell(own, LOCKED);
  assert.deepEqual(tell(own, REFUSED), [`unlock ${D}`]);

  const answering = locker();
  tell(answering, offer(true, 5));
  tell(answering, LOCKED);
  assert.deepEqual(tell(answering, REFUSED), [`unlock ${D}`, `tell ${C} false 6`]);

  const atOnce = locker();
  assert.deepEqual(tell(atOnce, offer(true, 5), false)[0], `tell ${C} false 6`);
});

test('an offer is refused by its answer, and not by one to an earlier session', () => {
  const state = offered();
  assert.deepEqual(tell(state, offer(false, 4)), []);
  assert.deepEqual(tell(state, offer(true, 4)), []);
  assert.equal(state.phase.type, 'offered');
  assert.deepEqual(tell(state, offer(false, 5)), [`unlock ${B} ${C} ${A}, then ${D}`]);
  // What has no tag comes from a locker that knows no such session.
  assert.deepEqual(tell(offered(), offer(false, undefined)), [`unlock ${B} ${C} ${A}, then ${D}`]);
});

test('of two offers that cross each is the answer to the other', () => {
  const state = locker();
  tell(state, timer());
  assert.deepEqual(tell(state, offer(true, 5)), []);
  tell(state, LOCKED);
  tell(state, LOCKED);
  assert.deepEqual(tell(state, LOCKED), [`tell ${C} true 6`, `lock_is_set ${C}`]);
});

test('a session that ends while it is being locked is unlocked when that is done', () => {
  const state = locker();
  tell(state, timer());
  assert.deepEqual(tell(state, { type: 'cancel', node: C, tag: 5 }), []);
  tell(state, LOCKED);
  tell(state, LOCKED);
  assert.deepEqual(tell(state, LOCKED), [`unlock ${B} ${C} ${A}, then ${D}`]);
});

test('an offer for a session that is not known here is refused', () => {
  assert.deepEqual(tell(locker(), offer(true, 4))[0], `tell ${C} false undefined`);
});

test('who is of the own partition meanwhile is not met; while names are locked nobody is', () => {
  const known = locker();
  tell(known, { type: 'known', added: [C] });
  assert.deepEqual(tell(known, timer()), []);
  assert.deepEqual(known.candidates, []);

  const busy = locker();
  assert.deepEqual(tell(busy, timer(true)), ['timer 1200']);
  assert.equal(busy.phase.type, 'idle');
});

test('the more nodes there are, the longer it waits; not at all when a session was just settled', () => {
  const alone = initialLocker(pid(B, 2));
  assert.deepEqual(tell(alone, { type: 'candidate', candidate }), ['timer 200']);
  const many = initialLocker(pid(B, 2));
  tell(many, { type: 'known', added: Array.from({ length: 50 }, (_, index) => `n${index}@h`) });
  assert.deepEqual(tell(many, { type: 'candidate', candidate }), ['timer 3000']);
  const state = offered();
  tell(state, { type: 'candidate', candidate: { ...candidate, node: 'e@h', myTag: 9 } });
  tell(state, offer(true, 5));
  tell(state, { type: 'cancel', node: C, tag: 5 });
  assert.deepEqual(tell(state, { type: 'unlocked' }), ['timer 0']);
});
