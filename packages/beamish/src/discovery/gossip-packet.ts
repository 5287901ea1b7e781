/** libcluster's gossip packet (protocols 10): `heartbeat::` and the term `#{node => Name}`, encrypted when there is a secret. */
import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';
import { atom, Atom, decode, encode, isTermMap, mapGet } from '../term/index.ts';

const PREFIX = Buffer.from('heartbeat::', 'latin1');
const IV_LENGTH = 16;
/** A name of 255 characters needs less than half of it. */
export const MAX_PACKET = 2048;

export function gossipKey(secret: string): Uint8Array {
  return createHash('sha256').update(secret, 'utf8').digest();
}

export function heartbeat(nodeName: string): Uint8Array {
  return Buffer.concat([PREFIX, encode(new Map([[atom('node'), atom(nodeName)]]))]);
}

/** @param iv 16 random bytes. */
export function encryptPacket(payload: Uint8Array, key: Uint8Array, iv: Uint8Array): Uint8Array {
  const cipher = createCipheriv('aes-256-cbc', key, iv);
  return Buffer.concat([iv, cipher.update(payload), cipher.final()]);
}

/** Undefined when it was not encrypted with this key: the padding is wrong. There is no other check in the protocol. */
export function decryptPacket(packet: Uint8Array, key: Uint8Array): Uint8Array | undefined {
  if (packet.length < 2 * IV_LENGTH || packet.length % IV_LENGTH !== 0) return undefined;
  try {
    const decipher = createDecipheriv('aes-256-cbc', key, packet.subarray(0, IV_LENGTH));
    return Buffer.concat([decipher.update(packet.subarray(IV_LENGTH)), decipher.final()]);
  } catch {
    return undefined;
  }
}

/** The name in a heartbeat, unchecked; undefined when the payload is none. */
export function parseHeartbeat(payload: Uint8Array): string | undefined {
  if (!Buffer.from(payload.subarray(0, PREFIX.length)).equals(PREFIX)) return undefined;
  try {
    const term = decode(payload.subarray(PREFIX.length), { maxBytes: MAX_PACKET, maxDepth: 4, maxElements: 16 });
    const name = isTermMap(term) ? mapGet(term, atom('node')) : undefined;
    return name instanceof Atom ? name.name : undefined;
  } catch {
    return undefined;
  }
}
