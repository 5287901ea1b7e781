/** The official client (npm `phoenix`, unmodified): the oracle of these tests. */
import { Socket } from 'phoenix';

interface ClientMessage {
  readonly join_ref: string | null;
  readonly ref: string | null;
  readonly topic: string;
  readonly event: string;
  readonly payload: ArrayBuffer;
}

/** Its serializer is not exported: it is reached through a socket, which holds it as `encode` and `decode`. */
interface ClientSerializer {
  binaryEncode(message: ClientMessage): ArrayBuffer;
  binaryDecode(buffer: ArrayBuffer): Record<string, unknown>;
}

export const clientSerializer: ClientSerializer = { binaryEncode, binaryDecode };

const socket = new Socket('ws://127.0.0.1/unused', { transport: class {} }) as unknown as {
  encode(message: ClientMessage, callback: (encoded: ArrayBuffer) => void): void;
  decode(raw: ArrayBuffer, callback: (message: Record<string, unknown>) => void): void;
};

function binaryEncode(message: ClientMessage): ArrayBuffer {
  let result: ArrayBuffer | undefined;
  socket.encode(message, (encoded) => (result = encoded));
  return result as ArrayBuffer;
}

function binaryDecode(buffer: ArrayBuffer): Record<string, unknown> {
  let result: Record<string, unknown> | undefined;
  socket.decode(buffer, (message) => (result = message));
  return result as Record<string, unknown>;
}
