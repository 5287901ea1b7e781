/**
 * Two nodes that do not know each other equally: who joins a partition knows its nodes from the one it met, and each of those learns of
 * it by that one's `new_nodes`. If that one ends in between, they never hear of it. OTP leaves them so. Here a node
 * that is connected and stays half-known is left and met anew, which both sides understand.
 */
import * as wire from '../wire.ts';
import { forget } from './sessions.ts';
import { self, send } from './state.ts';
import type { Doubt, ServerState } from './state.ts';

/** How long `in_sync` and `new_nodes` may be apart, in milliseconds: as long as a connection may stall, being neither slow nor lost. */
export const DOUBT_TIME = 10_000;

export function checkDoubt(state: ServerState, begun: Doubt): void {
  const { node } = begun;
  if (state.doubts.get(node) !== begun) return;
  state.doubts.delete(node);
  if (!state.connected.has(node) || !isHalfKnown(state, node)) return;
  send(state, node, wire.removeConnection(self(state)));
  forget(state, node, 'removed');
  state.effects.push({ type: 'reconnect', node, reason: `${node} and this node know each other by halves` });
}

/** It may also have been told to leave, and not have understood. */
function isHalfKnown({ known, synced, strangers, removing }: ServerState, node: string): boolean {
  return known.has(node) !== synced.has(node) || strangers.has(node) || removing.has(node);
}
