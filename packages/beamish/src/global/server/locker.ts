/**
 * The locker of a node (OTP: `the_locker`): before two nodes compare their names, both of their partitions must be held still.
 * So the lockers of the two take the lock `global`, under a requester made of both, on every node that either knows; what is
 * agreed then goes to all of them, and the lock is given back. A state machine: inputs in, effects out.
 */
import { compareNodeNames } from '../../node/names.ts';
import { compareTerms, termEquals } from '../../term/index.ts';
import type { Pid, Term } from '../../term/index.ts';
import { GLOBAL } from '../wire.ts';
import type { LockId } from '../wire.ts';

/** A session with another node that has not been synchronised yet. */
export interface Candidate {
  readonly node: string;
  readonly locker: Pid;
  readonly myTag: Term;
  readonly hisTag: Term;
}

export type LockerInput =
  | { readonly type: 'candidate'; readonly candidate: Candidate }
  /** The session is over, agreed or not. `announce`: messages to send while the lock is still held. */
  | { readonly type: 'cancel'; readonly node: string; readonly tag: Term; readonly announce?: Announcement }
  | { readonly type: 'known'; readonly added: readonly string[] }
  | { readonly type: 'unknown'; readonly removed: string }
  /** What the other locker says; without a tag only a refusal counts. */
  | { readonly type: 'lock_set'; readonly locker: Pid; readonly set: boolean; readonly tag: Term | undefined }
  | { readonly type: 'timer'; readonly random: number; readonly namesLocked: boolean }
  /** The outcome of the effect `lock`. */
  | { readonly type: 'locked'; readonly success: boolean }
  /** The effect `unlock` is done. */
  | { readonly type: 'unlocked' };

export interface Announcement {
  readonly nodes: readonly string[];
  readonly message: Term;
}

export type LockerEffect =
  /** Takes the lock on all nodes or none, answered by `locked`. */
  | { readonly type: 'lock'; readonly id: LockId; readonly nodes: readonly string[] }
  /** Gives the lock back, one group of nodes after the other; `announce` goes first. Answered by `unlocked`. */
  | {
      readonly type: 'unlock';
      readonly id: LockId;
      readonly groups: readonly (readonly string[])[];
      readonly announce: Announcement | undefined;
    }
  | { readonly type: 'tell'; readonly candidate: Pid; readonly set: boolean; readonly hisTag: Term | undefined }
  /** Both partitions are locked: the names may be exchanged. */
  | { readonly type: 'lock_is_set'; readonly node: string; readonly tag: Term; readonly requester: Term }
  /** `timer` in that many milliseconds, from now. */
  | { readonly type: 'timer'; readonly delay: number };

interface Work {
  readonly candidate: Candidate;
  readonly id: LockId;
  /** Whether the other locker asked first, and waits for an answer. */
  readonly answering: boolean;
  /** Where the lock is held. */
  held: string[];
  /** Set when the session ended meanwhile. */
  over: { readonly announce: Announcement | undefined } | undefined;
}

type Phase =
  | { readonly type: 'idle' }
  /** Locking `asked`; `rest` tells what comes after it. */
  | { readonly type: 'locking'; readonly work: Work; readonly asked: readonly string[]; readonly stage: 1 | 2 | 3 }
  /** Locked here, and offered: the other locker answers. */
  | { readonly type: 'offered'; readonly work: Work }
  /** Locked by both, until the session is over. */
  | { readonly type: 'held'; readonly work: Work }
  | { readonly type: 'unlocking'; readonly work: Work };

export interface LockerState {
  readonly self: Pid;
  candidates: Candidate[];
  /** Known nodes, without this one. */
  known: string[];
  phase: Phase;
  /** Whether a session was just settled: the next one need not wait. */
  justSynced: boolean;
  timerSet: boolean;
  /** Offers that came while something else was done; the last of each node. */
  readonly waiting: Map<string, { readonly locker: Pid; readonly tag: Term }>;
}

export function initialLocker(self: Pid): LockerState {
  return {
    self,
    candidates: [],
    known: [],
    phase: { type: 'idle' },
    justSynced: false,
    timerSet: false,
    waiting: new Map(),
  };
}

/** @param canLock whether the tables of this node would allow it: spares the others a question. */
export function stepLocker(state: LockerState, input: LockerInput, canLock: (id: LockId) => boolean): LockerEffect[] {
  const effects: LockerEffect[] = [];
  switch (input.type) {
    case 'candidate':
      state.candidates.push(input.candidate);
      break;
    case 'known':
      state.known.push(...input.added.filter((node) => !state.known.includes(node)));
      break;
    case 'unknown':
      state.known = state.known.filter((node) => node !== input.removed);
      break;
    case 'cancel':
      cancel(state, input, effects);
      break;
    case 'lock_set':
      lockSet(state, input, effects);
      break;
    case 'timer':
      state.timerSet = false;
      if (state.phase.type === 'idle' && !input.namesLocked) select(state, input.random, canLock, effects);
      break;
    case 'locked':
      locked(state, input.success, effects);
      break;
    case 'unlocked':
      state.phase = { type: 'idle' };
      break;
  }
  serveWaiting(state, canLock, effects);
  wait(state, effects);
  return effects;
}

/** The node whose lock is taken first and given back last, so that rivals meet there. */
export function bossOf(nodes: readonly string[]): string {
  return nodes.reduce((a, b) => (compareNodeNames(a, b) >= 0 ? a : b));
}

/** Milliseconds until a candidate is chosen: the more nodes there are, the more others may choose. */
function wait(state: LockerState, effects: LockerEffect[]): void {
  if (state.timerSet || state.phase.type !== 'idle' || state.candidates.length === 0) return;
  const { length } = state.known;
  const delay = state.justSynced ? 0 : length === 0 ? 200 : Math.min(1000 + 100 * length, 3000);
  state.justSynced = false;
  state.timerSet = true;
  effects.push({ type: 'timer', delay });
}

function select(state: LockerState, random: number, canLock: (id: LockId) => boolean, effects: LockerEffect[]): void {
  state.candidates = state.candidates.filter(({ node }) => !state.known.includes(node));
  const candidate = state.candidates[random % Math.max(1, state.candidates.length)];
  if (candidate !== undefined) begin(state, candidate, false, canLock, effects);
}

function begin(
  state: LockerState,
  candidate: Candidate,
  answering: boolean,
  canLock: (id: LockId) => boolean,
  effects: LockerEffect[],
): void {
  // Both sides must build the identical term.
  const requester = [state.self, candidate.locker].sort(compareTerms);
  const work: Work = {
    candidate,
    id: { resource: GLOBAL, requester },
    answering,
    held: [],
    over: undefined,
  };
  const first = bossOf([state.self.node, ...state.known]);
  if (first !== state.self.node && !canLock(work.id)) {
    refused(work, effects);
    return;
  }
  ask(state, work, [first], 1, effects);
}

function ask(
  state: LockerState,
  work: Work,
  asked: readonly string[],
  stage: 1 | 2 | 3,
  effects: LockerEffect[],
): void {
  state.phase = { type: 'locking', work, asked, stage };
  effects.push({ type: 'lock', id: work.id, nodes: asked });
}

/** One stage of three is over: the boss; this node and the one chosen; the known ones. */
function locked(state: LockerState, success: boolean, effects: LockerEffect[]): void {
  const { phase } = state;
  if (phase.type !== 'locking') return;
  const { work, asked, stage } = phase;
  if (!success) {
    if (work.held.length === 0) state.phase = { type: 'idle' };
    else release(state, work, [work.held], effects);
    refused(work, effects);
    return;
  }
  work.held.push(...asked);
  if (stage < 3) {
    const extra = work.answering ? [] : [work.candidate.node];
    const next = stage === 1 ? [state.self.node, ...extra] : state.known;
    ask(
      state,
      work,
      next.filter((node) => !work.held.includes(node)),
      stage === 1 ? 2 : 3,
      effects,
    );
    return;
  }
  const { candidate, over } = work;
  if (over !== undefined) {
    settle(state, work, over.announce, effects);
    return;
  }
  effects.push({ type: 'tell', candidate: candidate.locker, set: true, hisTag: candidate.hisTag });
  if (work.answering) hold(state, work, effects);
  else {
    state.phase = { type: 'offered', work };
    // An offer of his own that has crossed ours is the answer to it.
    const offer = state.waiting.get(candidate.node);
    if (offer === undefined || !termEquals(offer.tag, candidate.myTag)) return;
    state.waiting.delete(candidate.node);
    hold(state, work, effects);
  }
}

function refused({ answering, candidate }: Work, effects: LockerEffect[]): void {
  if (answering) effects.push({ type: 'tell', candidate: candidate.locker, set: false, hisTag: candidate.hisTag });
}

function hold(state: LockerState, work: Work, effects: LockerEffect[]): void {
  const { node, myTag } = work.candidate;
  state.phase = { type: 'held', work };
  effects.push({ type: 'lock_is_set', node, tag: myTag, requester: work.id.requester });
}

function lockSet(
  state: LockerState,
  { locker, set, tag }: Extract<LockerInput, { type: 'lock_set' }>,
  effects: LockerEffect[],
): void {
  const { phase } = state;
  if (phase.type === 'offered' && phase.work.candidate.node === locker.node) {
    // The answer to an earlier session is none.
    if (tag !== undefined && !termEquals(tag, phase.work.candidate.myTag)) return;
    if (set) hold(state, phase.work, effects);
    else release(state, phase.work, groupsOf(phase.work), effects);
    return;
  }
  if (phase.type === 'held' && phase.work.answering && set && termEquals(tag, phase.work.candidate.myTag)) {
    // He took a late refusal, of an earlier session, for our answer, and offers again.
    const { candidate } = phase.work;
    effects.push({ type: 'tell', candidate: candidate.locker, set: true, hisTag: candidate.hisTag });
    return;
  }
  if (!set) state.waiting.delete(locker.node);
  else if (tag !== undefined) state.waiting.set(locker.node, { locker, tag });
}

function serveWaiting(state: LockerState, canLock: (id: LockId) => boolean, effects: LockerEffect[]): void {
  for (const [node, { locker, tag }] of state.waiting) {
    if (state.phase.type !== 'idle') return;
    state.waiting.delete(node);
    const candidate = state.candidates.find((each) => each.node === node && termEquals(each.myTag, tag));
    if (candidate === undefined) effects.push({ type: 'tell', candidate: locker, set: false, hisTag: undefined });
    else begin(state, candidate, true, canLock, effects);
  }
}

function cancel(
  state: LockerState,
  { node, tag, announce }: Extract<LockerInput, { type: 'cancel' }>,
  effects: LockerEffect[],
): void {
  const isMeant = (candidate: Candidate): boolean => candidate.node === node && termEquals(candidate.myTag, tag);
  const { phase } = state;
  state.candidates = state.candidates.filter((candidate) => !isMeant(candidate));
  if (phase.type === 'idle' || phase.type === 'unlocking' || !isMeant(phase.work.candidate)) return;
  if (phase.type === 'locking') phase.work.over = { announce };
  else settle(state, phase.work, announce, effects);
}

/** The session is over, one way or the other. */
function settle(state: LockerState, work: Work, announce: Announcement | undefined, effects: LockerEffect[]): void {
  state.justSynced = true;
  state.phase = { type: 'unlocking', work };
  effects.push({ type: 'unlock', id: work.id, groups: groupsOf(work), announce });
}

function release(
  state: LockerState,
  work: Work,
  groups: readonly (readonly string[])[],
  effects: LockerEffect[],
): void {
  state.phase = { type: 'unlocking', work };
  effects.push({ type: 'unlock', id: work.id, groups, announce: undefined });
}

/** Those that are unlocked first, and the boss, which was locked first. */
function groupsOf({ held }: Work): string[][] {
  const [boss, ...others] = held;
  return [others, boss === undefined ? [] : [boss]];
}
