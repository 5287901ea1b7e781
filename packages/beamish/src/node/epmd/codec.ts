/**
 * The messages of the port mapper (protocols 1.2). A request is a 16-bit length and a body; an answer has no length.
 */
export const DEFAULT_EPMD_PORT = 4369;
/** The longest request that can be meant: ALIVE2 with a name of 255 bytes and some extra. */
export const MAX_REQUEST_BYTES = 2048;
const MAX_NAME_BYTES = 255;

const ALIVE2_REQ = 120;
const ALIVE2_RESP = 121;
const ALIVE2_X_RESP = 118;
const PORT_PLEASE2_REQ = 122;
const PORT2_RESP = 119;
const NAMES_REQ = 110;

export const NODE_VISIBLE = 77;
export const NODE_HIDDEN = 72;

/** What a node tells about itself when it registers. */
export interface EpmdEntry {
  /** Without `@host`. */
  readonly name: string;
  readonly port: number;
  readonly nodeType: number;
  readonly highVersion: number;
  readonly lowVersion: number;
  readonly protocol: number;
  readonly extra: Uint8Array;
}

export type EpmdRequest =
  | { readonly type: 'alive'; readonly entry: EpmdEntry }
  | { readonly type: 'portPlease'; readonly name: string }
  | { readonly type: 'names' };

function framed(body: Uint8Array): Uint8Array {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(body.length);
  return Buffer.concat([length, body]);
}

/** Ports, versions, name and extra: the same layout in ALIVE2_REQ and PORT2_RESP. */
function encodeEntry(entry: EpmdEntry): Uint8Array {
  const name = Buffer.from(entry.name, 'utf8');
  const bytes = Buffer.alloc(12 + name.length + entry.extra.length);
  let at = bytes.writeUInt16BE(entry.port, 0);
  at = bytes.writeUInt8(entry.nodeType, at);
  at = bytes.writeUInt8(entry.protocol, at);
  at = bytes.writeUInt16BE(entry.highVersion, at);
  at = bytes.writeUInt16BE(entry.lowVersion, at);
  at = bytes.writeUInt16BE(name.length, at);
  at += name.copy(bytes, at);
  at = bytes.writeUInt16BE(entry.extra.length, at);
  bytes.set(entry.extra, at);
  return bytes;
}

function decodeEntry(bytes: Buffer, start: number): EpmdEntry | undefined {
  if (bytes.length < start + 10) return undefined;
  const nameEnd = start + 10 + bytes.readUInt16BE(start + 8);
  if (bytes.length < nameEnd + 2) return undefined;
  const extraEnd = nameEnd + 2 + bytes.readUInt16BE(nameEnd);
  if (bytes.length < extraEnd) return undefined;
  return {
    name: bytes.toString('utf8', start + 10, nameEnd),
    port: bytes.readUInt16BE(start),
    nodeType: bytes[start + 2] as number,
    protocol: bytes[start + 3] as number,
    highVersion: bytes.readUInt16BE(start + 4),
    lowVersion: bytes.readUInt16BE(start + 6),
    extra: Uint8Array.from(bytes.subarray(nameEnd + 2, extraEnd)),
  };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

export function aliveRequest(entry: EpmdEntry): Uint8Array {
  return framed(Buffer.concat([Uint8Array.of(ALIVE2_REQ), encodeEntry(entry)]));
}

export function portPleaseRequest(name: string): Uint8Array {
  return framed(Buffer.concat([Uint8Array.of(PORT_PLEASE2_REQ), Buffer.from(name, 'utf8')]));
}

export function namesRequest(): Uint8Array {
  return framed(Uint8Array.of(NAMES_REQ));
}

/** The body of a request, without its length; undefined when it is none that a node sends. */
export function decodeRequest(body: Uint8Array): EpmdRequest | undefined {
  const bytes = asBuffer(body);
  switch (bytes[0]) {
    case ALIVE2_REQ: {
      const entry = decodeEntry(bytes, 1);
      return entry !== undefined && isName(entry.name) && entry.port !== 0 ? { type: 'alive', entry } : undefined;
    }
    case PORT_PLEASE2_REQ: {
      const name = bytes.toString('utf8', 1);
      return isName(name) ? { type: 'portPlease', name } : undefined;
    }
    case NAMES_REQ:
      return bytes.length === 1 ? { type: 'names' } : undefined;
    default:
      return undefined;
  }
}

function isName(name: string): boolean {
  return name !== '' && Buffer.byteLength(name) <= MAX_NAME_BYTES && !/[@\s\p{C}\uFFFD]/u.test(name);
}

/** `creation` undefined: refused. Peers of before OTP 23 (version 5) get the 16-bit form. */
export function aliveResponse(creation: number | undefined, highVersion: number): Uint8Array {
  const wide = highVersion >= 6;
  const bytes = Buffer.alloc(wide ? 6 : 4);
  bytes[0] = wide ? ALIVE2_X_RESP : ALIVE2_RESP;
  bytes[1] = creation === undefined ? 1 : 0;
  // epmd answers a refusal with creation 99 (protocols 1.2); in 16 bits only 1 to 3 are creations.
  if (wide) bytes.writeUInt32BE(creation ?? 99, 2);
  else bytes.writeUInt16BE(creation === undefined ? 99 : (creation % 3) + 1, 2);
  return bytes;
}

export type AliveAnswer = { readonly ok: true; readonly creation: number } | { readonly ok: false };

/** The answer to ALIVE2, 'incomplete' while bytes are missing, undefined when it is none. */
export function decodeAliveResponse(bytes: Uint8Array): AliveAnswer | 'incomplete' | undefined {
  if (bytes.length === 0) return 'incomplete';
  const wide = bytes[0] === ALIVE2_X_RESP;
  if (!wide && bytes[0] !== ALIVE2_RESP) return undefined;
  if (bytes.length < (wide ? 6 : 4)) return 'incomplete';
  const buffer = asBuffer(bytes);
  return buffer[1] === 0
    ? { ok: true, creation: wide ? buffer.readUInt32BE(2) : buffer.readUInt16BE(2) }
    : { ok: false };
}

export function portResponse(entry: EpmdEntry | undefined): Uint8Array {
  if (entry === undefined) return Uint8Array.of(PORT2_RESP, 1);
  return Buffer.concat([Uint8Array.of(PORT2_RESP, 0), encodeEntry(entry)]);
}

/** The answer to PORT_PLEASE2, complete because the connection was closed after it. `null`: no such name. */
export function decodePortResponse(bytes: Uint8Array): EpmdEntry | null | undefined {
  if (bytes[0] !== PORT2_RESP || bytes.length < 2) return undefined;
  return bytes[1] === 0 ? decodeEntry(asBuffer(bytes), 2) : null;
}

export function namesResponse(epmdPort: number, entries: Iterable<EpmdEntry>): Uint8Array {
  let text = '';
  for (const { name, port } of entries) text += `name ${name} at port ${port}\n`;
  const head = Buffer.alloc(4);
  head.writeUInt32BE(epmdPort);
  return Buffer.concat([head, Buffer.from(text, 'utf8')]);
}

/** A name that is registered on a machine, and the port its node listens on. */
export interface EpmdName {
  readonly name: string;
  readonly port: number;
}

export function decodeNamesResponse(bytes: Uint8Array): readonly EpmdName[] | undefined {
  if (bytes.length < 4) return undefined;
  const text = asBuffer(bytes).toString('utf8', 4);
  return Array.from(text.matchAll(/^name (.+) at port (\d+)$/gm), (match) => ({
    name: match[1] as string,
    port: Number(match[2]),
  }));
}
