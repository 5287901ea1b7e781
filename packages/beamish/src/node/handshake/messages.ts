import { createHash, timingSafeEqual } from 'node:crypto';

/** The bodies of the handshake's messages, version 6 (protocols 2.2). */

const NAME = 0x4e;
const STATUS = 0x73;
const REPLY = 0x72;
const ACK = 0x61;
const NAMED = 'named:';

/** No message of the handshake is longer, trailing bytes included. */
export const MAX_HANDSHAKE_BYTES = 4096;

export interface NameMessage {
  readonly flags: bigint;
  readonly creation: number;
  readonly name: string;
}

export interface ChallengeMessage extends NameMessage {
  readonly challenge: number;
}

export interface ReplyMessage {
  readonly challenge: number;
  readonly digest: Uint8Array;
}

export type StatusMessage =
  | { readonly status: 'ok' | 'ok_simultaneous' | 'nok' | 'not_allowed' | 'alive' | 'true' | 'false' }
  | { readonly status: 'named'; readonly name: string; readonly creation: number };

export function encodeName(message: NameMessage): Uint8Array {
  const name = Buffer.from(message.name, 'latin1');
  const body = Buffer.alloc(15 + name.length);
  body[0] = NAME;
  body.writeBigUInt64BE(message.flags, 1);
  body.writeUInt32BE(message.creation, 9);
  body.writeUInt16BE(name.length, 13);
  name.copy(body, 15);
  return body;
}

export function decodeName(body: Uint8Array): NameMessage | undefined {
  const bytes = asBuffer(body);
  if (bytes[0] !== NAME || bytes.length < 15) return undefined;
  const name = text(bytes, 13);
  if (name === undefined) return undefined;
  return { flags: bytes.readBigUInt64BE(1), creation: bytes.readUInt32BE(9), name };
}

export function encodeChallenge(message: ChallengeMessage): Uint8Array {
  const name = Buffer.from(message.name, 'latin1');
  const body = Buffer.alloc(19 + name.length);
  body[0] = NAME;
  body.writeBigUInt64BE(message.flags, 1);
  body.writeUInt32BE(message.challenge, 9);
  body.writeUInt32BE(message.creation, 13);
  body.writeUInt16BE(name.length, 17);
  name.copy(body, 19);
  return body;
}

export function decodeChallenge(body: Uint8Array): ChallengeMessage | undefined {
  const bytes = asBuffer(body);
  if (bytes[0] !== NAME || bytes.length < 19) return undefined;
  const name = text(bytes, 17);
  if (name === undefined) return undefined;
  return {
    flags: bytes.readBigUInt64BE(1),
    challenge: bytes.readUInt32BE(9),
    creation: bytes.readUInt32BE(13),
    name,
  };
}

export function encodeStatus(message: StatusMessage): Uint8Array {
  if (message.status !== 'named') return Buffer.from(`s${message.status}`, 'latin1');
  const name = Buffer.from(message.name, 'latin1');
  const numbers = Buffer.alloc(6);
  numbers.writeUInt16BE(name.length, 0);
  numbers.writeUInt32BE(message.creation, 2);
  return Buffer.concat([Buffer.from(`s${NAMED}`, 'latin1'), numbers.subarray(0, 2), name, numbers.subarray(2)]);
}

export function decodeStatus(body: Uint8Array): StatusMessage | undefined {
  const bytes = asBuffer(body);
  if (bytes[0] !== STATUS) return undefined;
  const status = bytes.toString('latin1', 1);
  switch (status) {
    case 'ok':
    case 'ok_simultaneous':
    case 'nok':
    case 'not_allowed':
    case 'alive':
    case 'true':
    case 'false':
      return { status };
    default: {
      const at = 1 + NAMED.length;
      const name = status.startsWith(NAMED) ? text(bytes, at) : undefined;
      const end = at + 2 + (name?.length ?? 0);
      if (name === undefined || bytes.length < end + 4) return undefined;
      return { status: 'named', name, creation: bytes.readUInt32BE(end) };
    }
  }
}

export function encodeReply(message: ReplyMessage): Uint8Array {
  const head = Buffer.alloc(5);
  head[0] = REPLY;
  head.writeUInt32BE(message.challenge, 1);
  return Buffer.concat([head, message.digest]);
}

export function decodeReply(body: Uint8Array): ReplyMessage | undefined {
  const bytes = asBuffer(body);
  if (bytes[0] !== REPLY || bytes.length !== 21) return undefined;
  return { challenge: bytes.readUInt32BE(1), digest: Uint8Array.from(bytes.subarray(5)) };
}

export function encodeAck(digest: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.of(ACK), digest]);
}

export function decodeAck(body: Uint8Array): Uint8Array | undefined {
  return body[0] === ACK && body.length === 17 ? Uint8Array.from(body.subarray(1)) : undefined;
}

/** What proves knowledge of the cookie: MD5 of it and of the challenge in decimal (protocols 2.2). */
export function digest(cookie: string, challenge: number): Uint8Array {
  return createHash('md5')
    .update(Buffer.from(cookie, 'latin1'))
    .update(String(challenge >>> 0))
    .digest();
}

/** Takes the same time wherever the digests differ (protocols 2.5). */
export function sameDigest(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** A 16-bit length and as many latin-1 characters; bytes after them are ignored (protocols 2.1). */
function text(bytes: Buffer, at: number): string | undefined {
  if (bytes.length < at + 2) return undefined;
  const end = at + 2 + bytes.readUInt16BE(at);
  return end <= bytes.length ? bytes.toString('latin1', at + 2, end) : undefined;
}

function asBuffer(body: Uint8Array): Buffer {
  return Buffer.from(body.buffer, body.byteOffset, body.length);
}
