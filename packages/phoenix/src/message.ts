/** What travels on a channel socket: JSON values, bytes, and the five-field message of the v2 protocol. */

/** A value that JSON can carry. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** What a client sent: any JSON value, or the bytes of a binary frame. */
export type Payload = Json | Uint8Array;

/** What a server sends: a plain object that `JSON.stringify` can write, or bytes, which go out as a binary frame. */
export type OutPayload = object;

/** One message, either direction (protocols 13.1): text frames carry it as `[join_ref, ref, topic, event, payload]`. */
export interface Message<P = Payload> {
  /** The `ref` of the join that this message belongs to. Null in heartbeats and broadcasts. */
  readonly joinRef: string | null;
  /** Chosen by the client, returned in the reply. Null in what the server sends unasked. */
  readonly ref: string | null;
  readonly topic: string;
  readonly event: string;
  readonly payload: P;
}

/** The answer to a join or to a push. The official client runs `receive('ok' | 'error', …)` with `response`. */
export interface Reply {
  readonly status: 'ok' | 'error';
  readonly response: OutPayload;
}

/** A reply that says yes. @param response default `{}` */
export function ok(response: OutPayload = {}): Reply {
  return { status: 'ok', response };
}

/** A reply that says no; `response` tells why, by custom as `{ reason }`. */
export function error(response: OutPayload): Reply {
  return { status: 'error', response };
}
