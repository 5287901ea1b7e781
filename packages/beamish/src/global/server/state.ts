/** What `global_name_server` knows, what happens to it, and what it does. */
import type { Pid, Term } from '../../term/index.ts';
import type { LockId, NameEntry, Operation, PeerMessage, Request, Resolution } from '../wire.ts';
import { initialLocker, stepLocker } from './locker.ts';
import type { LockerEffect, LockerInput, LockerState } from './locker.ts';
import { LostConnections } from './lost-connections.ts';
import { Tables } from './tables.ts';
import type { TableLimits } from './tables.ts';

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
  /** The time of the effect `doubt` is over. */
  | { readonly type: 'doubt'; readonly doubt: Doubt }
  | { readonly type: 'locker'; readonly input: Exclude<LockerInput, { type: 'candidate' | 'cancel' | 'known' }> };

export type ServerEffect =
  /** To the process `global_name_server` of a node, if it is connected. */
  | { readonly type: 'send'; readonly node: string; readonly message: Term }
  /** Connects, if need be, then sends; else `unreachable` is the next input for the node. */
  | { readonly type: 'join'; readonly node: string; readonly message: Term }
  | { readonly type: 'disconnect'; readonly node: string; readonly reason: string }
  /** Disconnects, and connects again. */
  | { readonly type: 'reconnect'; readonly node: string; readonly reason: string }
  /** A node was asked to disconnect. */
  | { readonly type: 'left'; readonly node: string; readonly reason: string }
  | { readonly type: 'watch'; readonly pid: Pid; readonly wanted: boolean }
  | { readonly type: 'reply'; readonly value: Term }
  | { readonly type: 'resolve'; readonly node: string; readonly tag: Term; readonly conflicts: readonly Conflict[] }
  /** To be given back as input after `DOUBT_TIME`. */
  | { readonly type: 'doubt'; readonly doubt: Doubt }
  | { readonly type: 'synced'; readonly node: string }
  /** Other nodes are of the own partition than before. */
  | { readonly type: 'changed' }
  | { readonly type: 'refused'; readonly node: string | undefined; readonly reason: string }
  | { readonly type: 'locker'; readonly effect: Exclude<LockerEffect, { type: 'lock_is_set' }> };

/** A node of which it is not sure that it knows us as we know it; see doubts.ts. */
export interface Doubt {
  readonly node: string;
}

/** What is under way with a node that is connected and not yet synchronised. */
export interface Session {
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
  comparing: { readonly news: readonly NameEntry[]; readonly conflicts: readonly Conflict[] } | undefined;
  /** What both sides have to change. The session is over when both are there. */
  ours: readonly Operation[] | undefined;
  his: Resolution | undefined;
}

type LockIsSet = Extract<LockerEffect, { type: 'lock_is_set' }>;

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
  /** By node; the last of each counts. */
  readonly doubts: Map<string, Doubt>;
  /** Known nodes that have greeted as if they did not know us. */
  readonly strangers: Set<string>;
  lastTag: number;
  lossesTold: bigint;
  /** What the locker has reached during this step. */
  locked: LockIsSet[];
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
    doubts: new Map(),
    strangers: new Set(),
    lastTag: options.firstTag,
    lossesTold: 0n,
    locked: [],
    effects: [],
  };
  return state;
}

export const self = (state: ServerState): string => state.options.self.node;

/** The nodes of the own partition, this one among them. */
export function partition(state: ServerState): string[] {
  return [self(state), ...state.known.keys()];
}

export function send(state: ServerState, node: string, message: Term): void {
  state.effects.push({ type: 'send', node, message });
}

export function tellLocker(state: ServerState, input: LockerInput): void {
  const canLock = (id: LockId): boolean => state.tables.canLock(id);
  for (const effect of stepLocker(state.locker, input, canLock)) {
    if (effect.type === 'lock_is_set') state.locked.push(effect);
    else state.effects.push({ type: 'locker', effect });
  }
}

/** It is not sure that this node and that one know each other: to be looked at when it must be. */
export function doubt(state: ServerState, node: string): void {
  const begun: Doubt = { node };
  state.doubts.set(node, begun);
  state.effects.push({ type: 'doubt', doubt: begun });
}
