/**
 * The state machine of `global_name_server` (protocols 7.3 to 7.5; OTP 25 lib/kernel/src/global.erl): inputs in, effects out, no
 * clock, no chance, no I/O. `step` changes the state it is given.
 */
import type { PeerMessage } from '../wire.ts';
import { checkDoubt } from './doubts.ts';
import { applyNewNodes, compared, exchanged, lockIsSet, resolved } from './exchange.ts';
import { isLost, leave } from './partitions.ts';
import { serve } from './requests.ts';
import { acknowledged, cancelled, forget, greet, greeted, inSync, isOf } from './sessions.ts';
import { tellLocker } from './state.ts';
import type { ServerEffect, ServerInput, ServerState } from './state.ts';

export function step(state: ServerState, input: ServerInput): readonly ServerEffect[] {
  switch (input.type) {
    case 'nodeup':
      state.connected.add(input.node);
      state.removing.delete(input.node);
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
    case 'doubt':
      checkDoubt(state, input.doubt);
      break;
    case 'locker':
      tellLocker(state, input.input);
      break;
  }
  for (let reached = state.locked.shift(); reached !== undefined; reached = state.locked.shift())
    lockIsSet(state, reached.node, reached.tag, reached.requester);
  const { effects } = state;
  state.effects = [];
  return effects;
}

function receive(state: ServerState, message: PeerMessage): void {
  if (message.type === 'lost_connection') {
    isLost(state, message);
    return;
  }
  const node = message.type === 'lock_set' ? message.locker.node : message.node;
  // Also keeps what a message merely names from growing our tables.
  if (!state.connected.has(node)) return;
  switch (message.type) {
    case 'init_connect':
      greeted(state, message);
      break;
    case 'init_connect_ack':
      acknowledged(state, message);
      break;
    case 'cancel_connect':
      cancelled(state, node, message.tag);
      break;
    case 'lock_set':
      if (message.tag === undefined || isOf(state.sessions.get(node), message.tag)) tellLocker(state, message);
      break;
    case 'exchange':
      exchanged(state, node, message.tag, message.names);
      break;
    case 'resolved':
      resolved(state, node, message.tag, message);
      break;
    case 'new_nodes':
      applyNewNodes(state, node, message, message.requester);
      break;
    case 'in_sync':
      inSync(state, node);
      break;
    case 'remove_connection':
      leave(state, node);
      break;
  }
}
