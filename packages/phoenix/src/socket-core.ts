/**
 * The state machine of one channel socket (protocols 13.1; `Phoenix.Socket.__in__/2`): messages of the client and events
 * of its channels go in, frames to send and orders to the host come out. No clock, no I/O.
 */
import type { Message, OutPayload, Payload, Reply } from './message.ts';
import { encodeEnd, encodePush, encodeReply, type Frame } from './serializer.ts';

export interface SocketConfig {
  /** Channels joined at the same time; a join beyond is answered `too many channels joined`. */
  readonly maxChannels: number;
  /** Whether any channel serves the topic. */
  readonly serves: (topic: string) => boolean;
}

interface Entry {
  readonly id: number;
  readonly joinRef: string | null;
  /** Frames of a channel that is still joining: they follow its reply, so that a snapshot and what comes after it have no gap. */
  readonly pending: readonly SendEffect[] | undefined;
}

export interface SocketState {
  readonly channels: ReadonlyMap<string, Entry>;
  readonly nextId: number;
}

export const initialSocketState: SocketState = { channels: new Map(), nextId: 1 };

export type SocketInput =
  | { readonly type: 'received'; readonly message: Message }
  /** A channel's join has been answered by its code. */
  | {
      readonly type: 'joined';
      readonly id: number;
      readonly topic: string;
      readonly ref: string | null;
      readonly reply: Reply;
    }
  | {
      readonly type: 'replied';
      readonly id: number;
      readonly topic: string;
      readonly ref: string | null;
      readonly reply: Reply;
    }
  | {
      readonly type: 'pushed';
      readonly id: number;
      readonly topic: string;
      readonly event: string;
      readonly payload: OutPayload;
    }
  /** A frame encoded once for all sockets of the topic (Phoenix calls it fastlane). */
  | { readonly type: 'broadcast'; readonly id: number; readonly topic: string; readonly frame: Frame }
  /** The channel's code has closed itself, or failed. */
  | { readonly type: 'ended'; readonly id: number; readonly topic: string; readonly crashed: boolean };

export interface SendEffect {
  readonly type: 'send';
  readonly frame: Frame;
  readonly topic: string;
  /** A push or broadcast: under pressure it may be left out and counted. Replies and ends never. */
  readonly droppable: boolean;
}

export type SocketEffect =
  | SendEffect
  | {
      readonly type: 'start';
      readonly id: number;
      readonly topic: string;
      readonly ref: string | null;
      readonly payload: Payload;
    }
  | {
      readonly type: 'deliver';
      readonly id: number;
      readonly topic: string;
      readonly event: string;
      readonly ref: string | null;
      readonly payload: Payload;
    }
  /** End the channel and forget it; what it still says is ignored. */
  | {
      readonly type: 'stop';
      readonly id: number;
      readonly topic: string;
      readonly reason: 'left' | 'rejoined' | 'closed' | 'refused' | 'crashed';
    };

export interface SocketStep {
  readonly state: SocketState;
  readonly effects: readonly SocketEffect[];
}

export function stepSocket(config: SocketConfig, state: SocketState, input: SocketInput): SocketStep {
  if (input.type === 'received') return receive(config, state, input.message);
  const entry = state.channels.get(input.topic);
  // A channel that was left or replaced in the meantime: nobody listens to it any more.
  if (entry === undefined || entry.id !== input.id) return { state, effects: [] };
  switch (input.type) {
    case 'joined': {
      const answer = send(encodeReply(entry.joinRef, input.ref, input.topic, input.reply), input.topic, false);
      if (input.reply.status === 'error') {
        return {
          state: without(state, input.topic),
          effects: [answer, { type: 'stop', id: entry.id, topic: input.topic, reason: 'refused' }],
        };
      }
      return {
        state: withEntry(state, input.topic, { ...entry, pending: undefined }),
        effects: [answer, ...(entry.pending ?? [])],
      };
    }
    case 'replied':
      return {
        state,
        effects: [send(encodeReply(entry.joinRef, input.ref, input.topic, input.reply), input.topic, false)],
      };
    case 'pushed':
      return say(
        state,
        entry,
        send(encodePush(entry.joinRef, input.topic, input.event, input.payload), input.topic, true),
      );
    case 'broadcast':
      return say(state, entry, send(input.frame, input.topic, true));
    case 'ended': {
      const frame = input.crashed
        ? encodeEnd(entry.joinRef, input.topic, 'phx_error', { reason: 'channel_crash' })
        : encodeEnd(entry.joinRef, input.topic, 'phx_close', {});
      const reason = input.crashed ? 'crashed' : 'closed';
      return {
        state: without(state, input.topic),
        effects: [send(frame, input.topic, false), { type: 'stop', id: entry.id, topic: input.topic, reason }],
      };
    }
  }
}

function receive(config: SocketConfig, state: SocketState, message: Message): SocketStep {
  const { joinRef, ref, topic, event, payload } = message;
  if (topic === 'phoenix' && event === 'heartbeat') {
    return { state, effects: [answer(message, { status: 'ok', response: {} })] };
  }
  if (event === 'phx_join') return join(config, state, message);
  const entry = state.channels.get(topic);
  if (entry === undefined) {
    if (event === 'phx_leave') return { state, effects: [answer(message, { status: 'ok', response: {} })] };
    return { state, effects: [refuse(message, 'unmatched topic')] };
  }
  // Of an earlier join on this topic; a null join_ref is taken as the current one.
  if (joinRef !== null && joinRef !== entry.joinRef) return { state, effects: [] };
  if (event === 'phx_leave') {
    return {
      state: without(state, topic),
      effects: [
        send(encodeReply(entry.joinRef, ref, topic, { status: 'ok', response: {} }), topic, false),
        send(encodeEnd(entry.joinRef, topic, 'phx_close', {}), topic, false),
        { type: 'stop', id: entry.id, topic, reason: 'left' },
      ],
    };
  }
  return { state, effects: [{ type: 'deliver', id: entry.id, topic, event, ref, payload }] };
}

function join(config: SocketConfig, state: SocketState, message: Message): SocketStep {
  const { ref, topic, payload } = message;
  if (!config.serves(topic)) return { state, effects: [refuse(message, 'unmatched topic')] };
  const old = state.channels.get(topic);
  if (old === undefined && state.channels.size >= config.maxChannels) {
    return { state, effects: [refuse(message, 'too many channels joined')] };
  }
  const effects: SocketEffect[] = [];
  if (old !== undefined) {
    effects.push(send(encodeEnd(old.joinRef, topic, 'phx_close', {}), topic, false));
    effects.push({ type: 'stop', id: old.id, topic, reason: 'rejoined' });
  }
  const id = state.nextId;
  effects.push({ type: 'start', id, topic, ref, payload });
  const entry: Entry = { id, joinRef: message.joinRef ?? ref, pending: [] };
  return { state: { ...withEntry(state, topic, entry), nextId: id + 1 }, effects };
}

function say(state: SocketState, entry: Entry, effect: SendEffect): SocketStep {
  if (entry.pending === undefined) return { state, effects: [effect] };
  return { state: withEntry(state, effect.topic, { ...entry, pending: [...entry.pending, effect] }), effects: [] };
}

function answer(message: Message, reply: Reply): SendEffect {
  return send(encodeReply(message.joinRef, message.ref, message.topic, reply), message.topic, false);
}

/** Phoenix answers what belongs to no channel with a null join_ref, which every incarnation of the topic accepts. */
function refuse(message: Message, reason: string): SendEffect {
  return send(
    encodeReply(null, message.ref, message.topic, { status: 'error', response: { reason } }),
    message.topic,
    false,
  );
}

function send(frame: Frame, topic: string, droppable: boolean): SendEffect {
  return { type: 'send', frame, topic, droppable };
}

function withEntry(state: SocketState, topic: string, entry: Entry): SocketState {
  return { ...state, channels: new Map(state.channels).set(topic, entry) };
}

function without(state: SocketState, topic: string): SocketState {
  const channels = new Map(state.channels);
  channels.delete(topic);
  return { ...state, channels };
}
