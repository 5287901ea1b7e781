import { atom, isTuple, mapGet, structName } from '../term/index.ts';
import type { Term } from '../term/index.ts';

/** What Phoenix sends to the sockets of a channel topic (`Phoenix.Endpoint.broadcast/3`, `Phoenix.Channel.broadcast/3`). */
export interface SocketBroadcast {
  readonly topic: string;
  readonly event: string;
  /** A map; bytes when `binary` is true. */
  readonly payload: Term;
  readonly binary: boolean;
}

/**
 * Reads the struct `Phoenix.Socket.Broadcast`, which subscribers get as it is, as any message. Undefined when `message` is
 * none (protocols 8).
 */
export function socketBroadcast(message: Term): SocketBroadcast | undefined {
  if (structName(message) !== 'Elixir.Phoenix.Socket.Broadcast') return undefined;
  const map = message as ReadonlyMap<Term, Term>;
  const topic = mapGet(map, atom('topic'));
  const event = mapGet(map, atom('event'));
  const payload = mapGet(map, atom('payload'));
  if (typeof topic !== 'string' || typeof event !== 'string') return undefined;
  const binary = isTuple(payload, 2) && payload.at(0) === atom('binary');
  return { topic, event, payload: binary ? payload.at(1) : payload, binary };
}
