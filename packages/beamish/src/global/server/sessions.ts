/**
 * A session with a node goes: `init_connect` both ways, each with a tag of its own that all later messages carry back;
 * `init_connect_ack` both ways, so that both know of the same session; the lockers hold both partitions still (locker.ts); both
 * send their names, decide what the other has to change, change it, and tell their partitions (exchange.ts). Whatever does not fit, a
 * tag of an earlier session most often, cancels the session and begins another.
 */
import { termEquals } from '../../term/index.ts';
import type { Term } from '../../term/index.ts';
import * as wire from '../wire.ts';
import type { PeerMessage } from '../wire.ts';
import type { Announcement } from './locker.ts';
import { tellLoss } from './losses.ts';
import { doubt, self, send, tellLocker } from './state.ts';
import type { ServerState, Session } from './state.ts';

/** OTP: `handle_nodeup`. */
export function greet(state: ServerState, node: string): void {
  const before = state.sessions.get(node);
  if (state.known.has(node) || before?.myTag !== undefined) return;
  const session = sessionOf(state, node);
  const myTag = ++state.lastTag;
  session.myTag = myTag;
  send(state, node, wire.initConnect(self(state), myTag, state.options.locker));
  const { early } = session;
  session.early = undefined;
  if (early !== undefined) meet(state, node, early.tag, early.locker);
}

type InitConnect = Extract<PeerMessage, { type: 'init_connect' }>;

export function greeted(state: ServerState, { node, version, tag, locker }: InitConnect): void {
  if (version < wire.VERSION) {
    const reason = `it speaks version ${version} of global's protocol; ${wire.VERSION} is needed (OTP 25)`;
    state.effects.push({ type: 'refused', node, reason });
    return;
  }
  if (state.known.has(node)) {
    state.strangers.add(node);
    doubt(state, node);
  }
  meet(state, node, tag, locker);
}

/** OTP: `init_connect`. */
function meet(state: ServerState, node: string, tag: Term, hisLocker: InitConnect['locker']): void {
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
  tellLocker(state, { type: 'candidate', candidate: { node, locker: hisLocker, myTag, hisTag: tag } });
  send(state, node, wire.initConnectAck(self(state), tag, myTag));
  state.pending.set(node, wire.VERSION);
}

export function acknowledged(state: ServerState, message: Extract<PeerMessage, { type: 'init_connect_ack' }>): void {
  const { node, myTag, hisTag } = message;
  const session = state.sessions.get(node);
  if (isOf(session, myTag) && termEquals(session.hisTag, hisTag)) return;
  send(state, node, wire.cancelConnect(self(state), hisTag));
  restart(state, node, session?.myTag);
}

/** He has cancelled it. */
export function cancelled(state: ServerState, node: string, tag: Term): void {
  const session = state.sessions.get(node);
  if (!isOf(session, tag)) return;
  state.pending.delete(node);
  restart(state, node, session.myTag);
}

function restart(state: ServerState, node: string, myTag: number | undefined): void {
  cancel(state, node);
  state.pending.delete(node);
  if (myTag !== undefined && state.connected.has(node)) greet(state, node);
}

/** Ends the session with a node, if there is one. The other side is told while it still counts on us. */
export function cancel(state: ServerState, node: string, announce?: Announcement): void {
  const session = state.sessions.get(node);
  if (session === undefined) return;
  state.sessions.delete(node);
  if (session.myTag === undefined) return;
  if (state.pending.has(node)) send(state, node, wire.cancelConnect(self(state), session.hisTag));
  const input = { type: 'cancel' as const, node, tag: session.myTag };
  tellLocker(state, announce === undefined ? input : { ...input, announce });
}

/** He has taken us into his partition. */
export function inSync(state: ServerState, node: string): void {
  state.effects.push({ type: 'synced', node });
  state.pending.delete(node);
  state.synced.add(node);
  state.strangers.delete(node);
  cancel(state, node);
  if (!state.known.has(node)) doubt(state, node);
}

type Forgetting =
  /** The connection was lost: the others must know. */
  | 'disconnected'
  /** It is being left, and its nodedown is to come. */
  | 'removed';

/** OTP: `handle_nodedown`. */
export function forget(state: ServerState, node: string, how: Forgetting): void {
  cancel(state, node);
  tellLocker(state, { type: 'unknown', removed: node });
  if (how === 'removed') state.removing.add(node);
  else if (!state.removing.delete(node)) tellLoss(state, node);
  // Though it be connected still: what another partition is told must not have the names of a node that goes.
  state.tables.forget(node);
  state.pending.delete(node);
  if (state.known.delete(node)) state.effects.push({ type: 'changed' });
  state.synced.delete(node);
  state.strangers.delete(node);
}

function sessionOf(state: ServerState, node: string): Session {
  const begun = state.sessions.get(node);
  if (begun !== undefined) return begun;
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

export function isOf(session: Session | undefined, tag: Term): session is Session & { readonly myTag: number } {
  return session?.myTag !== undefined && termEquals(session.myTag, tag);
}

/** The session a message belongs to. */
export function current(
  state: ServerState,
  node: string,
  tag: Term,
): (Session & { readonly myTag: number }) | undefined {
  const session = state.sessions.get(node);
  return isOf(session, tag) ? session : undefined;
}
