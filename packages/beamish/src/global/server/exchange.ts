/** How two partitions whose names are held still become one. */
import { compareNodeNames } from '../../node/names.ts';
import { termEquals } from '../../term/index.ts';
import type { Term } from '../../term/index.ts';
import * as wire from '../wire.ts';
import type { KnownNode, NameEntry, Operation, Resolution } from '../wire.ts';
import { cancel, current } from './sessions.ts';
import { doubt, self, send, tellLocker } from './state.ts';
import type { Conflict, ServerState, Session, Verdict } from './state.ts';

/** Nodes of one partition; each has a connection to each. */
const MAX_KNOWN = 4096;

/** OTP: `lock_is_set`. */
export function lockIsSet(state: ServerState, node: string, tag: Term, requester: Term): void {
  const session = current(state, node, tag);
  if (session === undefined) {
    tellLocker(state, { type: 'cancel', node, tag });
    return;
  }
  session.locked = true;
  session.requester = requester;
  send(state, node, wire.exchange(self(state), state.tables.entries(), session.hisTag));
  compare(state, node, session);
}

export function exchanged(state: ServerState, node: string, tag: Term, names: readonly NameEntry[]): void {
  const session = current(state, node, tag);
  if (session === undefined || session.comparing !== undefined || session.ours !== undefined) return;
  session.names = names;
  compare(state, node, session);
}

/** Once the lock is held and his names are there. */
function compare(state: ServerState, node: string, session: Session): void {
  const { names, myTag } = session;
  if (!session.locked || names === undefined || myTag === undefined) return;
  session.names = undefined;
  // Only one side decides on conflicts: that of the smaller name.
  const decides = compareNodeNames(self(state), node) < 0;
  const news: NameEntry[] = [];
  const conflicts: Conflict[] = [];
  for (const theirs of names) {
    const mine = state.tables.get(theirs.name);
    if (mine === undefined) news.push(theirs);
    else if (decides && !mine.pid.equals(theirs.pid)) conflicts.push({ mine, theirs });
  }
  session.comparing = { news, conflicts };
  if (conflicts.length === 0) compared(state, node, myTag, []);
  else state.effects.push({ type: 'resolve', node, tag: myTag, conflicts });
}

/** OTP: `exchange_names` and `exchange_ops`. */
export function compared(state: ServerState, node: string, tag: Term, verdicts: readonly Verdict[]): void {
  const session = current(state, node, tag);
  if (session?.comparing === undefined) return;
  const { news, conflicts } = session.comparing;
  session.comparing = undefined;
  const ours: Operation[] = [];
  const his: Operation[] = [];
  for (const entry of news) ours.push({ type: 'insert', entry });
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

export function resolved(state: ServerState, node: string, tag: Term, his: Resolution): void {
  const session = current(state, node, tag);
  if (session === undefined) return;
  session.his = his;
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
  state.synced.add(node);
  addKnown(state, nodes);
}

/**
 * What another node of this partition has agreed with one of another partition (OTP: `new_nodes`). A node that counts us in, but is
 * not known here, has not compared its names with ours: who believed it to have ours too would never be compared with us. Refused,
 * that one is known by halves, and met anew (doubts.ts). OTP asks no such thing.
 */
export function applyNewNodes(state: ServerState, from: string, news: Resolution, requester: Term): void {
  if (!state.known.has(from)) return;
  apply(state, news, requester);
  for (const added of addKnown(state, news.nodes)) join(state, added);
}

/** OTP: `do_ops`. */
function apply({ tables }: ServerState, { operations, external }: Resolution, requester: Term): void {
  for (const operation of operations) {
    if (operation.type === 'delete') continue;
    const { entry } = operation;
    const outside = external.find(({ name, pid }) => pid.equals(entry.pid) && termEquals(name, entry.name));
    tables.insert(entry, { requester }, outside?.registeredBy);
  }
  for (const operation of operations) if (operation.type === 'delete') tables.delete(operation.name, { requester });
}

/** OTP: `add_to_known`. @returns those that were not known. */
function addKnown(state: ServerState, nodes: readonly KnownNode[]): string[] {
  const added: string[] = [];
  for (const { node, version } of nodes) {
    if (node === self(state) || state.known.has(node)) continue;
    if (state.known.size >= MAX_KNOWN) {
      state.effects.push({ type: 'refused', node, reason: `more than ${MAX_KNOWN} nodes` });
      break;
    }
    state.known.set(node, version);
    if (!state.synced.has(node)) doubt(state, node);
    added.push(node);
  }
  tellLocker(state, { type: 'known', added });
  if (added.length > 0) state.effects.push({ type: 'changed' });
  return added;
}

/** Connects to a node of the new partition, and tells it that it is known here (OTP: `sync_other`). */
function join(state: ServerState, node: string): void {
  state.effects.push({ type: 'join', node, message: wire.inSync(self(state)) });
}
