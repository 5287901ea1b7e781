/**
 * The state machine of `global_name_server` (protocols 7.3 to 7.5; OTP 25 lib/kernel/src/global.erl): inputs in, effects out, no
 * clock, no chance, no I/O. `step` changes the state it is given.
 *
 * A session with a node goes: `init_connect` both ways, each with a tag of its own that all later messages carry back;
 * `init_connect_ack` both ways, so that both know of the same session; the lockers hold both partitions still; both send
 * their names (`exchange`), decide what the other has to change (`resolved`), change it, and tell their partitions (`new_nodes`).
 * Whatever does not fit, a tag of an earlier session most often, cancels the session and begins another.
 */
import { compareNodeNames } from '../node/names.ts';
import { atom, termEquals } from '../term/index.ts';
import type { Pid, Term } from '../term/index.ts';
import { initialLocker, stepLocker } from './locker.ts';
import type { Announcement, LockerEffect, LockerInput, LockerState } from './locker.ts';
import { LostConnections } from './partitions.ts';
import { Tables } from './tables.ts';
import type { TableLimits } from './tables.ts';
import * as wire from './wire.ts';
import type { LostConnection, NameEntry, Operation, PeerMessage, Request, Resolution } from './wire.ts';

export interface ServerOptions {
  readonly self: Pid;
  readonly locker: Pid;
  /** Below all tags of this server: no two servers that run one after the other on a node use the same tags. */
  readonly firstTag: number;
  /** Tells this life of the node from earlier ones of its name, in what it says of lost connections. */
  readonly lifeId: bigint;
  readonly preventOverlappingPartitions: boolean;
  readonly limits: TableLimits;
}

/** A name that two nodes have given to two processes. */
export interface Conflict {
  readonly mine: NameEntry;
  readonly theirs: NameEntry;
}

/** How a conflict ended: who keeps the name; `failed`, the method could not be called. */
export type Verdict = 'mine' | 'theirs' | 'nobody' | 'failed';

export type ServerInput =
  | { readonly type: 'nodeup'; readonly node: string }
  | { readonly type: 'nodedown'; readonly node: string }
  /** A node that the effect `join` named cannot be connected. */
  | { readonly type: 'unreachable'; readonly node: string }
  | { readonly type: 'message'; readonly message: PeerMessage }
  | { readonly type: 'request'; readonly request: Request; readonly from: Pid }
  | { readonly type: 'down'; readonly pid: Pid }
  /** The answers to the effect `resolve`, in its order. */
  | { readonly type: 'verdicts'; readonly node: string; readonly tag: Term; readonly verdicts: readonly Verdict[] }
  | { readonly type: 'locker'; readonly input: Exclude<LockerInput, { type: 'candidate' | 'cancel' | 'known' }> };

export type ServerEffect =
  /** To the process `global_name_server` of a node, if it is connected. */
  | { readonly type: 'send'; readonly node: string; readonly message: Term }
  /** Connects, if need be, then sends; else `unreachable` is the next input for the node. */
  | { readonly type: 'join'; readonly node: string; readonly message: Term }
  | { readonly type: 'disconnect'; readonly node: string; readonly reason: string }
  /** A node was asked to disconnect. */
  | { readonly type: 'left'; readonly node: string; readonly reason: string }
  | { readonly type: 'watch'; readonly pid: Pid; readonly wanted: boolean }
  | { readonly type: 'reply'; readonly value: Term }
  | { readonly type: 'resolve'; readonly node: string; readonly tag: Term; readonly conflicts: readonly Conflict[] }
  | { readonly type: 'synced'; readonly node: string }
  | { readonly type: 'refused'; readonly node: string | undefined; readonly reason: string }
  | { readonly type: 'locker'; readonly effect: Exclude<LockerEffect, { type: 'lock_is_set' }> };

/** Nodes of one partition; each has a connection to each. */
const MAX_KNOWN = 4096;

interface Session {
  /** Absent until the node is up. */
  myTag: number | undefined;
  hisTag: Term;
  /** His greeting, come before the node was up. */
  early: { readonly tag: Term; readonly locker: Pid } | undefined;
  /** Set by the locker: both partitions are locked under this requester. */
  requester: Term;
  locked: boolean;
  /** His names, come before our locker had the lock. */
  names: readonly NameEntry[] | undefined;
  /** The names are being compared. */
  comparing: { readonly names: readonly NameEntry[]; readonly conflicts: readonly Conflict[] } | undefined;
  /** What both sides have to change. The session is over when both are there. */
  ours: readonly Operation[] | undefined;
  his: Resolution | undefined;
}

export interface ServerState {
  readonly options: ServerOptions;
  readonly tables: Tables;
  readonly locker: LockerState;
  readonly lost: LostConnections;
  /** Nodes with a visible connection. */
  readonly connected: Set<string>;
  /** Nodes of the own partition, with their protocol version. */
  readonly known: Map<string, number>;
  /** Nodes that have greeted, and whose session is not over. */
  readonly pending: Map<string, number>;
  /** Nodes that are being left: their nodedown is no news to others. */
  readonly removing: Set<string>;
  /** Nodes that have the same names. */
  readonly synced: Set<string>;
  readonly sessions: Map<string, Session>;
  lastTag: number;
  lossesTold: bigint;
  effects: ServerEffect[];
}

export function initialServer(options: ServerOptions): ServerState {
  const state: ServerState = {
    options,
    tables: new Tables(options.limits, (pid, wanted) => void state.effects.push({ type: 'watch', pid, wanted })),
    locker: initialLocker(options.locker),
    lost: new LostConnections(),
    connected: new Set(),
    known: new Map(),
    pending: new Map(),
    removing: new Set(),
    synced: new Set(),
    sessions: new Map(),
    lastTag: options.firstTag,
    lossesTold: 0n,
    effects: [],
  };
  return state;
}

export function step(state: ServerState, input: ServerInput): readonly ServerEffect[] {
  switch (input.type) {
    case 'nodeup':
      state.connected.add(input.node);
      greet(state, input.node);
      break;
    case 'nodedown':
      state.connected.delete(input.node);
      forget(state, input.node, 'disconnected');
      break;
    case 'unreachable':
      forget(state, input.node, 'disconnected');
      break;
    case 'message':
      receive(state, input.message);
      break;
    case 'request':
      state.effects.push({ type: 'reply', value: serve(state, input.request, input.from) });
      break;
    case 'down':
      state.tables.down(input.pid);
      break;
    case 'verdicts':
      compared(state, input.node, input.tag, input.verdicts);
      break;
    case 'locker':
      locker(state, input.input);
      break;
  }
  const { effects } = state;
  state.effects = [];
  return effects;
}

/** The nodes of the own partition, this one among them. */
export function partition(state: ServerState): string[] {
  return [self(state), ...state.known.keys()];
}

const self = (state: ServerState): string => state.options.self.node;

// --- requests ---

function serve({ tables, known, synced }: ServerState, request: Request, from: Pid): Term {
  switch (request.type) {
    case 'set_lock':
      return tables.lock(request.id, from);
    case 'del_lock':
      tables.unlock(request.id, from);
      return true;
    case 'register':
      tables.insert(request.entry, { pid: from }, request.registeredBy);
      return atom('yes');
    case 'unregister':
      tables.delete(request.name);
      return atom('ok');
    case 'get_known':
      return [...known.keys()].map(atom);
    case 'get_synced':
      return [...synced].map(atom);
    case 'get_protocol_version':
      return wire.VERSION;
    case 'get_names_ext':
      return tables.external().map(wire.externalTerm);
  }
}

// --- sessions: beginning and end ---

function sessionOf(state: ServerState, node: string): Session {
  const known = state.sessions.get(node);
  if (known !== undefined) return known;
  const session: Session = {
    myTag: undefined,
    hisTag: undefined,
    early: undefined,
    requester: undefined,
    locked: false,
    names: undefined,
    comparing: undefined,
    ours: undefined,
    his: undefined,
  };
  state.sessions.set(node, session);
  return session;
}

/** OTP: `handle_nodeup`. */
function greet(state: ServerState, node: string): void {
  const before = state.sessions.get(node);
  if (state.known.has(node) || before?.myTag !== undefined) return;
  const session = sessionOf(state, node);
  const myTag = ++state.lastTag;
  session.myTag = myTag;
  send(state, node, wire.initConnect(self(state), myTag, state.options.locker));
  const { early } = session;
  session.early = undefined;
  if (early !== undefined) greeted(state, node, early.tag, early.locker);
}

function greeted(state: ServerState, node: string, tag: Term, hisLocker: Pid): void {
  if (state.pending.has(node)) {
    // Out of step: he began anew, and so do we.
    send(state, node, wire.cancelConnect(self(state), tag));
    restart(state, node, state.sessions.get(node)?.myTag);
  }
  const session = sessionOf(state, node);
  session.hisTag = tag;
  const { myTag } = session;
  if (myTag === undefined) {
    session.early = { tag, locker: hisLocker };
    return;
  }
  locker(state, { type: 'candidate', candidate: { node, locker: hisLocker, myTag, hisTag: tag } });
  send(state, node, wire.initConnectAck(self(state), tag, myTag));
  state.pending.set(node, wire.VERSION);
}

function restart(state: ServerState, node: string, myTag: number | undefined): void {
  cancel(state, node);
  state.pending.delete(node);
  if (myTag !== undefined && state.connected.has(node)) greet(state, node);
}

/** Ends the session with a node, if there is one. The other side is told while it still counts on us. */
function cancel(state: ServerState, node: string, announce?: Announcement): void {
  const session = state.sessions.get(node);
  if (session === undefined) return;
  state.sessions.delete(node);
  if (session.myTag === undefined) return;
  if (state.pending.has(node)) send(state, node, wire.cancelConnect(self(state), session.hisTag));
  const input = { type: 'cancel' as const, node, tag: session.myTag };
  locker(state, announce === undefined ? input : { ...input, announce });
}

type Forgetting =
  /** The connection was lost: the others must know. */
  | 'disconnected'
  /** It is being left, and its nodedown is to come. */
  | 'removed';

/** OTP: `handle_nodedown`. */
function forget(state: ServerState, node: string, how: Forgetting): void {
  cancel(state, node);
  locker(state, { type: 'unknown', removed: node });
  if (how === 'removed') state.removing.add(node);
  else if (!state.removing.delete(node)) tellLoss(state, node);
  state.pending.delete(node);
  state.known.delete(node);
  state.synced.delete(node);
}

// --- messages ---

function receive(state: ServerState, message: PeerMessage): void {
  const node =
    message.type === 'lock_set' ? message.locker.node : message.type === 'lost_connection' ? undefined : message.node;
  // Also keeps what a message merely names from growing our tables.
  if (node !== undefined && !state.connected.has(node)) return;
  switch (message.type) {
    case 'init_connect':
      if (message.version < wire.VERSION) {
        const reason = `it speaks version ${message.version} of global's protocol; ${wire.VERSION} is needed (OTP 25)`;
        state.effects.push({ type: 'refused', node: message.node, reason });
      } else greeted(state, message.node, message.tag, message.locker);
      break;
    case 'init_connect_ack':
      acknowledged(state, message);
      break;
    case 'cancel_connect': {
      const session = state.sessions.get(message.node);
      if (!isOf(session, message.tag)) break;
      state.pending.delete(message.node);
      restart(state, message.node, session?.myTag);
      break;
    }
    case 'lock_set':
      if (message.tag === undefined || isOf(state.sessions.get(message.locker.node), message.tag))
        locker(state, message);
      break;
    case 'exchange': {
      const session = current(state, message.node, message.tag);
      if (session === undefined || session.comparing !== undefined || session.ours !== undefined) break;
      session.names = message.names;
      compare(state, message.node, session);
      break;
    }
    case 'resolved': {
      const session = current(state, message.node, message.tag);
      if (session === undefined) break;
      session.his = message;
      finish(state, message.node, session);
      break;
    }
    case 'new_nodes':
      apply(state, message, message.requester);
      for (const added of addKnown(state, message.nodes)) join(state, added);
      break;
    case 'in_sync':
      state.effects.push({ type: 'synced', node: message.node });
      state.pending.delete(message.node);
      state.synced.add(message.node);
      cancel(state, message.node);
      break;
    case 'lost_connection':
      lostConnection(state, message);
      break;
    case 'remove_connection':
      leave(state, message.node);
      break;
  }
}

function isOf(session: Session | undefined, tag: Term): session is Session {
  return session?.myTag !== undefined && termEquals(session.myTag, tag);
}

/** The session a message belongs to. */
function current(state: ServerState, node: string, tag: Term): Session | undefined {
  const session = state.sessions.get(node);
  return isOf(session, tag) ? session : undefined;
}

function acknowledged(state: ServerState, message: Extract<PeerMessage, { type: 'init_connect_ack' }>): void {
  const { node, myTag, hisTag } = message;
  const session = state.sessions.get(node);
  if (isOf(session, myTag) && termEquals(session.hisTag, hisTag)) return;
  send(state, node, wire.cancelConnect(self(state), hisTag));
  restart(state, node, session?.myTag);
}

// --- names ---

/** OTP: `lock_is_set`. */
function lockIsSet(state: ServerState, node: string, tag: Term, requester: Term): void {
  const session = current(state, node, tag);
  if (session === undefined) {
    locker(state, { type: 'cancel', node, tag });
    return;
  }
  session.locked = true;
  session.requester = requester;
  send(state, node, wire.exchange(self(state), state.tables.entries(), session.hisTag));
  compare(state, node, session);
}

/** Once the lock is held and his names are there. */
function compare(state: ServerState, node: string, session: Session): void {
  const { names, myTag } = session;
  if (!session.locked || names === undefined || myTag === undefined) return;
  session.names = undefined;
  const conflicts: Conflict[] = [];
  // Only one side decides on conflicts: that of the smaller name.
  if (compareNodeNames(self(state), node) < 0) {
    for (const theirs of names) {
      const mine = state.tables.get(theirs.name);
      if (mine !== undefined && !mine.pid.equals(theirs.pid)) conflicts.push({ mine, theirs });
    }
  }
  session.comparing = { names, conflicts };
  if (conflicts.length === 0) compared(state, node, myTag, []);
  else state.effects.push({ type: 'resolve', node, tag: myTag, conflicts });
}

/** OTP: `exchange_names` and `exchange_ops`. */
function compared(state: ServerState, node: string, tag: Term, verdicts: readonly Verdict[]): void {
  const session = current(state, node, tag);
  if (session?.comparing === undefined) return;
  const { names, conflicts } = session.comparing;
  session.comparing = undefined;
  const ours: Operation[] = [];
  const his: Operation[] = [];
  for (const entry of names) {
    if (state.tables.get(entry.name) === undefined) ours.push({ type: 'insert', entry });
  }
  for (const [index, { mine, theirs }] of conflicts.entries()) {
    const verdict = verdicts[index] ?? 'failed';
    if (verdict === 'mine') his.push({ type: 'insert', entry: mine });
    else if (verdict === 'nobody') {
      ours.push({ type: 'delete', name: mine.name });
      his.push({ type: 'delete', name: mine.name });
    } else ours.push({ type: 'insert', entry: theirs });
  }
  session.ours = ours;
  const nodes = [...state.known].map(([known, version]) => ({ node: known, version }));
  const resolution = { operations: his, nodes, external: state.tables.external() };
  send(state, node, wire.resolved(self(state), resolution, session.hisTag));
  finish(state, node, session);
}

/** OTP: `resolved`. Both know what to do. */
function finish(state: ServerState, node: string, session: Session): void {
  const { ours, his, requester } = session;
  if (ours === undefined || his === undefined) return;
  const nodes = [{ node, version: wire.VERSION }, ...his.nodes];
  const resolution: Resolution = { operations: [...ours, ...his.operations], external: his.external, nodes };
  const partitionBefore = [...state.known.keys()];
  apply(state, resolution, requester);
  state.effects.push({ type: 'synced', node });
  for (const other of his.nodes) {
    if (other.node === self(state)) continue;
    join(state, other.node);
    state.pending.delete(other.node);
    cancel(state, other.node);
  }
  const message = wire.newNodes(self(state), resolution, requester);
  state.pending.delete(node);
  cancel(state, node, { nodes: partitionBefore, message });
  addKnown(state, nodes);
  state.synced.add(node);
}

/** OTP: `do_ops`. */
function apply({ tables }: ServerState, { operations, external }: Resolution, requester: Term): void {
  for (const operation of operations) {
    if (operation.type === 'delete') continue;
    const { entry } = operation;
    const outside = external.find(({ name, pid }) => pid.equals(entry.pid) && termEquals(name, entry.name));
    tables.insert(entry, { requester }, outside?.registeredBy);
  }
  for (const operation of operations) if (operation.type === 'delete') tables.delete(operation.name);
}

/** OTP: `add_to_known`. @returns those that were not known. */
function addKnown(state: ServerState, nodes: readonly { readonly node: string; readonly version: number }[]): string[] {
  const added: string[] = [];
  for (const { node, version } of nodes) {
    if (node === self(state) || state.known.has(node)) continue;
    if (state.known.size >= MAX_KNOWN) {
      state.effects.push({ type: 'refused', node, reason: `more than ${MAX_KNOWN} nodes` });
      break;
    }
    state.known.set(node, version);
    added.push(node);
  }
  locker(state, { type: 'known', added });
  return added;
}

/** Connects to a node of the new partition, and tells it that it is known here (OTP: `sync_other`). */
function join(state: ServerState, node: string): void {
  state.effects.push({ type: 'join', node, message: wire.inSync(self(state)) });
}

// --- lost connections ---

function tellLoss(state: ServerState, node: string): void {
  const { options } = state;
  if (!options.preventOverlappingPartitions) return;
  const number = ++state.lossesTold;
  multicast(state, node, { nodeA: self(state), creation: options.lifeId, number, nodeB: node });
}

function multicast(state: ServerState, except: string, loss: LostConnection): void {
  const message = wire.lostConnection(loss);
  for (const node of new Set([...state.known.keys(), ...state.pending.keys()])) {
    if (node !== except) send(state, node, message);
  }
}

function lostConnection(state: ServerState, loss: LostConnection): void {
  if (!state.options.preventOverlappingPartitions || !state.lost.isNew(loss)) return;
  multicast(state, loss.nodeA, loss);
  const left = loss.nodeB === self(state) ? loss.nodeA : loss.nodeB;
  if (!state.known.has(left) && !state.pending.has(left)) return;
  send(state, left, wire.removeConnection(self(state)));
  state.effects.push({ type: 'left', node: left, reason: `${loss.nodeA} lost its connection to ${loss.nodeB}` });
  forget(state, left, 'removed');
}

/** Another node wants no connection with this one. */
function leave(state: ServerState, node: string): void {
  if (!state.known.has(node) && !state.pending.has(node)) return;
  state.effects.push({ type: 'disconnect', node, reason: `${node} is being kept from a partition that overlaps` });
  forget(state, node, 'removed');
}

// --- effects ---

function send(state: ServerState, node: string, message: Term): void {
  state.effects.push({ type: 'send', node, message });
}

function locker(state: ServerState, input: LockerInput): void {
  for (const effect of stepLocker(state.locker, input, (id) => state.tables.canLock(id))) {
    if (effect.type === 'lock_is_set') lockIsSet(state, effect.node, effect.tag, effect.requester);
    else state.effects.push({ type: 'locker', effect });
  }
}
