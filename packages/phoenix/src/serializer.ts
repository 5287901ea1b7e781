/**
 * The V2 serializer of Phoenix Channels (protocols 13.1; `Phoenix.Socket.V2.JSONSerializer`): JSON arrays as text frames,
 * and a compact header with raw bytes as binary frames. Pure: bytes in, values out.
 */
import type { Message, OutPayload, Payload, Reply } from './message.ts';

/** A frame that is not what the protocol allows; the connection that sent it is closed. */
export class FrameError extends Error {
  override readonly name = 'FrameError';
}

/** A frame ready for the wire: text as a string, binary as bytes. */
export type Frame = string | Uint8Array;

const PUSH = 0;
const REPLY = 1;
const BROADCAST = 2;
/** The longest text of one header field in a binary frame, in bytes: its length is one byte. */
const FIELD_LIMIT = 255;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** @throws FrameError when the frame is not a v2 message. */
export function decode(frame: Frame): Message {
  return typeof frame === 'string' ? decodeText(frame) : decodeBinary(frame);
}

function decodeText(text: string): Message {
  let fields: unknown;
  try {
    fields = JSON.parse(text);
  } catch (cause) {
    throw new FrameError('text frame is not JSON', { cause });
  }
  // More than five elements are allowed and ignored, as Phoenix does: `[join_ref, ref, topic, event, payload | _]`.
  if (!Array.isArray(fields) || fields.length < 5) {
    throw new FrameError('text frame is not [join_ref, ref, topic, event, payload]');
  }
  const [joinRef, ref, topic, event, payload] = fields as unknown[];
  if (!isRef(joinRef) || !isRef(ref)) throw new FrameError('join_ref and ref must be strings or null');
  if (typeof topic !== 'string' || typeof event !== 'string') throw new FrameError('topic and event must be strings');
  return { joinRef, ref, topic, event, payload: payload as Payload };
}

function isRef(value: unknown): value is string | null {
  return value === null || typeof value === 'string';
}

function decodeBinary(bytes: Uint8Array): Message {
  if (bytes.length < 5) throw new FrameError('binary frame is shorter than its header');
  if (bytes[0] !== PUSH) throw new FrameError(`binary frame of kind ${bytes[0]}: a client sends only pushes (0)`);
  let offset = 5;
  const [joinRef, ref, topic, event] = [1, 2, 3, 4].map((index) => {
    const end = offset + (bytes[index] ?? 0);
    if (end > bytes.length) throw new FrameError('binary frame ends inside its header');
    try {
      return utf8.decode(bytes.subarray(offset, (offset = end)));
    } catch (cause) {
      throw new FrameError('binary frame header is not UTF-8', { cause });
    }
  }) as [string, string, string, string];
  return { joinRef: joinRef || null, ref: ref || null, topic, event, payload: bytes.subarray(offset) };
}

/** A message of the server: a push with its `join_ref`, or a broadcast when `joinRef` is null. */
export function encodePush(joinRef: string | null, topic: string, event: string, payload: OutPayload): Frame {
  if (!(payload instanceof Uint8Array)) return JSON.stringify([joinRef, null, topic, event, payload]);
  return joinRef === null ? binary(BROADCAST, [topic, event], payload) : binary(PUSH, [joinRef, topic, event], payload);
}

/** The answer to the message with that `ref`. */
export function encodeReply(joinRef: string | null, ref: string | null, topic: string, reply: Reply): Frame {
  const { status, response } = reply;
  if (response instanceof Uint8Array) return binary(REPLY, [joinRef ?? '', ref ?? '', topic, status], response);
  return JSON.stringify([joinRef, ref, topic, 'phx_reply', { status, response }]);
}

/** `phx_close` and `phx_error` carry the join's ref twice (protocols 13.1). */
export function encodeEnd(
  joinRef: string | null,
  topic: string,
  event: 'phx_close' | 'phx_error',
  payload: OutPayload,
): Frame {
  return JSON.stringify([joinRef, joinRef, topic, event, payload]);
}

function binary(kind: number, texts: readonly string[], data: Uint8Array): Uint8Array {
  const fields = texts.map((text) => Buffer.from(text, 'utf8'));
  const long = fields.find((field) => field.length > FIELD_LIMIT);
  if (long) throw new FrameError(`a field of a binary frame has at most ${FIELD_LIMIT} bytes, not ${long.length}`);
  return Buffer.concat([Uint8Array.of(kind, ...fields.map((field) => field.length)), ...fields, data]);
}
