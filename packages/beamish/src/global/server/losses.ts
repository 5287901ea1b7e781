/**
 * Preventing overlapping partitions (protocols 7.5): who loses a node tells all others, and each of them leaves that node
 * too, so that no two nodes that cannot reach each other share a third.
 */
import * as wire from '../wire.ts';
import type { LostConnection } from '../wire.ts';
import { self, send } from './state.ts';
import type { ServerState } from './state.ts';

export function tellLoss(state: ServerState, node: string): void {
  const { options } = state;
  if (!options.preventOverlappingPartitions) return;
  const number = ++state.lossesTold;
  tellOthers(state, node, { nodeA: self(state), creation: options.lifeId, number, nodeB: node });
}

export function tellOthers(state: ServerState, except: string, loss: LostConnection): void {
  const message = wire.lostConnection(loss);
  for (const node of new Set([...state.known.keys(), ...state.pending.keys()])) {
    if (node !== except) send(state, node, message);
  }
}
