/** What is done about a lost connection that others tell of (protocols 7.5). */
import * as wire from '../wire.ts';
import type { LostConnection } from '../wire.ts';
import { tellOthers } from './losses.ts';
import { forget } from './sessions.ts';
import { doubt, self, send } from './state.ts';
import type { ServerState } from './state.ts';

export function isLost(state: ServerState, loss: LostConnection): void {
  if (!state.options.preventOverlappingPartitions || !state.lost.isNew(loss)) return;
  tellOthers(state, loss.nodeA, loss);
  const left = loss.nodeB === self(state) ? loss.nodeA : loss.nodeB;
  if (!state.known.has(left) && !state.pending.has(left)) return;
  send(state, left, wire.removeConnection(self(state)));
  state.effects.push({ type: 'left', node: left, reason: `${loss.nodeA} lost its connection to ${loss.nodeB}` });
  forget(state, left, 'removed');
  doubt(state, left);
}

/** Another node wants no connection with this one. */
export function leave(state: ServerState, node: string): void {
  if (!state.known.has(node) && !state.pending.has(node)) return;
  state.effects.push({ type: 'disconnect', node, reason: `${node} is being kept from a partition that overlaps` });
  forget(state, node, 'removed');
}
