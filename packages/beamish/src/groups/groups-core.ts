/**
 * The state machine of one `:pg` scope (protocols 6): inputs in, effects out, no clock and no I/O. `step` changes the state
 * it is given (a copy per join would cost as much as the scope is large) and tells everything else as effects, which the
 * host carries out in their order.
 *
 * A peer's pg crashes on a `leave` for a group that it has not recorded for us, so the one invariant is: **joins and leaves
 * go only to peers that were sent a `sync` before, over the same process, and name only what that sync and the joins after
 * it announced.** pg itself answers `discover` with a sync but learns a peer already from *receiving* one; a leave in
 * between would be fatal. So here whoever becomes known is sent a sync in the same step.
 */
import { keyOf } from '../term/index.ts';
import type { Pid, Term } from '../term/index.ts';
import type { NamedProcess } from '../process/signal.ts';
import { discoverMessage, joinMessage, leaveMessage, parseScopeMessage, syncMessage } from './groups-wire.ts';
import type { GroupMembers, ScopeMessage } from './groups-wire.ts';
import { difference, Membership } from './membership.ts';

export interface ScopeOptions {
  /** The registered name of the scope, the same on all nodes. */
  readonly scope: string;
  readonly self: Pid;
  /** Memberships (members, counted per group) kept for one other node; further ones are not recorded. @default 100000 */
  readonly maxEntriesPerNode?: number;
  /** Characters that the names of one other node's groups may have together. @default 16777216 */
  readonly maxNameLengthPerNode?: number;
}

/** A change of membership, as the listeners of a scope see it. */
export interface GroupEvent {
  readonly type: 'join' | 'leave';
  readonly group: Term;
  readonly pids: readonly Pid[];
}

export type ScopeInput =
  | { readonly type: 'nodeup'; readonly node: string }
  | { readonly type: 'nodedown'; readonly node: string }
  /** The time asked for by `retryLater` is over. */
  | { readonly type: 'retry'; readonly node: string; readonly attempt: number }
  | { readonly type: 'join'; readonly group: Term; readonly pids: readonly Pid[] }
  | { readonly type: 'leave'; readonly group: Term; readonly pids: readonly Pid[] }
  | { readonly type: 'message'; readonly message: Term }
  /** A monitored process, a local member or a peer's scope, is gone or out of reach. */
  | { readonly type: 'down'; readonly pid: Pid };

export type ScopeEffect =
  | { readonly type: 'send'; readonly to: Pid | NamedProcess; readonly message: Term }
  | { readonly type: 'monitor'; readonly pid: Pid }
  | { readonly type: 'demonitor'; readonly pid: Pid }
  | { readonly type: 'retryLater'; readonly node: string; readonly attempt: number; readonly delay: number }
  /** What `retryLater` asked for is not needed any more. */
  | { readonly type: 'retryNot'; readonly node: string }
  | { readonly type: 'event'; readonly event: GroupEvent }
  /** A message was not taken, whole or in part. `first`: the first time for that node since it came up. */
  | { readonly type: 'refused'; readonly node: string | undefined; readonly reason: string; readonly first: boolean };

interface Peer {
  readonly pid: Pid;
  membership: Membership;
}

export interface ScopeState {
  readonly options: Required<ScopeOptions>;
  readonly local: Membership;
  /** Per connected node, whether something of it was refused. */
  readonly connected: Map<string, { refused: boolean }>;
  /** One scope process per node: a name is registered once. */
  readonly peers: Map<string, Peer>;
  refused: number;
}

/** Milliseconds until a node that did not answer `discover` is asked again; doubled each time. */
const FIRST_RETRY = 1_000;
const LAST_RETRY = 30_000;

export function initialScope(options: ScopeOptions): ScopeState {
  return {
    options: { maxEntriesPerNode: 100_000, maxNameLengthPerNode: 16 * 1024 * 1024, ...options },
    local: new Membership(),
    connected: new Map(),
    peers: new Map(),
    refused: 0,
  };
}

export function step(state: ScopeState, input: ScopeInput): ScopeEffect[] {
  const effects: ScopeEffect[] = [];
  switch (input.type) {
    case 'nodeup':
      // A peer kept from the connection before would be sent a leave that the other side, asked anew, has no group for.
      disconnected(state, input.node, effects);
      state.connected.set(input.node, { refused: false });
      discover(state, input.node, 0, effects);
      break;
    case 'nodedown':
      disconnected(state, input.node, effects);
      state.connected.delete(input.node);
      effects.push({ type: 'retryNot', node: input.node });
      break;
    case 'retry':
      if (state.connected.has(input.node) && !state.peers.has(input.node))
        discover(state, input.node, input.attempt, effects);
      break;
    case 'join':
      join(state, input.group, input.pids, effects);
      break;
    case 'leave':
      leave(state, input.group, input.pids, effects);
      break;
    case 'down':
      down(state, input.pid, effects);
      break;
    case 'message':
      receive(state, input.message, effects);
      break;
  }
  return effects;
}

/** Everybody in the group, those of this node first; a process that joined twice is there twice. */
export function membersOf(state: ScopeState, group: Term): Pid[] {
  const key = keyOf(group);
  const members = state.local.members(key);
  for (const peer of state.peers.values()) members.push(...peer.membership.members(key));
  return members;
}

/** The groups that have a member. */
export function groupsOf(state: ScopeState): Term[] {
  const found = state.local.groups();
  for (const peer of state.peers.values()) {
    for (const [key, group] of peer.membership.groups()) found.set(key, group);
  }
  return [...found.values()];
}

/**
 * Asks the scope of a node to show itself. A hidden node is never asked by a BEAM, so it must ask; and it asks again, since
 * the scope may be started later, or be restarted by its supervisor.
 */
function discover(state: ScopeState, node: string, attempt: number, effects: ScopeEffect[]): void {
  const { scope, self } = state.options;
  effects.push({ type: 'send', to: { name: scope, node }, message: discoverMessage(self) });
  const delay = Math.min(FIRST_RETRY * 2 ** Math.min(attempt, 10), LAST_RETRY);
  effects.push({ type: 'retryLater', node, attempt: attempt + 1, delay });
}

function join(state: ScopeState, group: Term, pids: readonly Pid[], effects: ScopeEffect[]): void {
  if (pids.length === 0) return;
  const key = keyOf(group);
  for (const pid of pids) {
    // One monitor per process; the host answers a second request for the same pid with the first monitor.
    effects.push({ type: 'monitor', pid });
    state.local.add(group, key, pid);
  }
  broadcast(state, joinMessage(state.options.self, group, pids), effects);
  effects.push({ type: 'event', event: { type: 'join', group, pids } });
}

function leave(state: ScopeState, group: Term, pids: readonly Pid[], effects: ScopeEffect[]): void {
  const key = keyOf(group);
  const left = pids.filter((pid) => state.local.remove(key, pid));
  if (left.length === 0) return;
  for (const pid of left) if (!state.local.has(pid)) effects.push({ type: 'demonitor', pid });
  broadcast(state, leaveMessage(state.options.self, left, [group]), effects);
  effects.push({ type: 'event', event: { type: 'leave', group, pids: left } });
}

function down(state: ScopeState, pid: Pid, effects: ScopeEffect[]): void {
  if (pid.node !== state.options.self.node) {
    const peer = state.peers.get(pid.node);
    if (peer?.pid.equals(pid) !== true) return;
    forgetPeer(state, peer, effects);
    // Its supervisor may start it again; on a lost connection nodedown has come or comes, and ends the asking.
    effects.push({ type: 'retryLater', node: pid.node, attempt: 1, delay: FIRST_RETRY / 10 });
    return;
  }
  const groups = state.local.groupsOf(pid);
  if (groups.length === 0) return;
  for (const group of groups) state.local.remove(keyOf(group), pid);
  broadcast(state, leaveMessage(state.options.self, [pid], groups), effects);
  for (const group of groups) effects.push({ type: 'event', event: { type: 'leave', group, pids: [pid] } });
}

function receive(state: ScopeState, term: Term, effects: ScopeEffect[]): void {
  const message = parseScopeMessage(term);
  if (message === undefined) {
    refuse(state, undefined, 'not a message of pg', effects);
    return;
  }
  const { node } = message.peer;
  // Also keeps a message from making us dial a node that somebody merely names.
  if (!state.connected.has(node)) return;
  const pids = announced(message);
  if (pids.some((pid) => pid.node !== node)) {
    refuse(state, node, 'members that are not on the announcing node', effects);
    return;
  }
  if (message.type === 'discover') answerDiscover(state, message.peer, effects);
  else if (message.type === 'sync') takeSync(state, message.peer, message.groups, effects);
  else takeChange(state, message, effects);
}

function announced(message: ScopeMessage): readonly Pid[] {
  if (message.type === 'discover') return [];
  return message.type === 'sync' ? message.groups.flatMap(({ pids }) => pids) : message.pids;
}

function answerDiscover(state: ScopeState, pid: Pid, effects: ScopeEffect[]): void {
  const known = state.peers.get(pid.node)?.pid.equals(pid) === true;
  if (known) {
    effects.push({ type: 'send', to: pid, message: syncMessage(state.options.self, state.local.list()) });
    return;
  }
  meet(state, pid, effects);
  effects.push({ type: 'send', to: pid, message: discoverMessage(state.options.self) });
}

/** Remembers a scope process, without members so far, and announces ours to it. */
function meet(state: ScopeState, pid: Pid, effects: ScopeEffect[]): Peer {
  // A process started again, and faster than the news of the end of the old one.
  disconnected(state, pid.node, effects);
  const peer: Peer = { pid, membership: newMembership(state) };
  state.peers.set(pid.node, peer);
  effects.push({ type: 'retryNot', node: pid.node });
  effects.push({ type: 'monitor', pid });
  effects.push({ type: 'send', to: pid, message: syncMessage(state.options.self, state.local.list()) });
  return peer;
}

function newMembership(state: ScopeState): Membership {
  return new Membership({ entries: state.options.maxEntriesPerNode, nameLength: state.options.maxNameLengthPerNode });
}

function takeSync(state: ScopeState, pid: Pid, groups: readonly GroupMembers[], effects: ScopeEffect[]): void {
  const known = state.peers.get(pid.node);
  const peer = known?.pid.equals(pid) === true ? known : meet(state, pid, effects);
  const after = newMembership(state);
  let complete = true;
  for (const { group, pids } of groups) {
    const key = keyOf(group);
    for (const member of pids) complete = after.add(group, key, member) && complete;
  }
  const { joined, left } = difference(peer.membership, after);
  peer.membership = after;
  for (const change of left) effects.push({ type: 'event', event: { type: 'leave', ...change } });
  for (const change of joined) effects.push({ type: 'event', event: { type: 'join', ...change } });
  if (!complete) refuse(state, pid.node, 'more members than the limit', effects);
}

type Change = Extract<ScopeMessage, { type: 'join' | 'leave' }>;

function takeChange(state: ScopeState, message: Change, effects: ScopeEffect[]): void {
  const peer = state.peers.get(message.peer.node);
  // A change that overtook a reconnection: the sync that follows says it all.
  if (peer?.pid.equals(message.peer) !== true) return;
  const { membership } = peer;
  if (message.type === 'leave') {
    for (const { group, pids } of membership.removeAll(message.groups, message.pids)) {
      effects.push({ type: 'event', event: { type: 'leave', group, pids } });
    }
    return;
  }
  const { group } = message;
  const key = keyOf(group);
  const pids = message.pids.filter((pid) => membership.add(group, key, pid));
  if (pids.length > 0) effects.push({ type: 'event', event: { type: 'join', group, pids } });
  if (pids.length < message.pids.length) refuse(state, message.peer.node, 'more members than the limit', effects);
}

function disconnected(state: ScopeState, node: string, effects: ScopeEffect[]): void {
  const peer = state.peers.get(node);
  if (peer === undefined) return;
  effects.push({ type: 'demonitor', pid: peer.pid });
  forgetPeer(state, peer, effects);
}

function forgetPeer(state: ScopeState, peer: Peer, effects: ScopeEffect[]): void {
  state.peers.delete(peer.pid.node);
  for (const { group, pids } of peer.membership.list()) {
    effects.push({ type: 'event', event: { type: 'leave', group, pids } });
  }
}

function broadcast(state: ScopeState, message: Term, effects: ScopeEffect[]): void {
  for (const peer of state.peers.values()) effects.push({ type: 'send', to: peer.pid, message });
}

function refuse(state: ScopeState, node: string | undefined, reason: string, effects: ScopeEffect[]): void {
  state.refused++;
  const connection = node === undefined ? undefined : state.connected.get(node);
  const first = connection === undefined ? state.refused === 1 : !connection.refused;
  if (connection !== undefined) connection.refused = true;
  effects.push({ type: 'refused', node, reason, first });
}
