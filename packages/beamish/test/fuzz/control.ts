/** Control messages and frames as bytes (protocols 3). */
import { join } from './mutate.ts';
import type { Chance } from './random.ts';
import { anyAtom, atomBytes, pidBytes, referenceBytes, termBytes, word } from './terms.ts';

export const OWN = 'own@127.0.0.1';
export const PEER = 'peer@127.0.0.1';

const OPS = [
  1, 2, 3, 4, 6, 7, 8, 12, 13, 16, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36,
];
/** Fields by operation: From a pid of the peer, To one of ours, Any pid, Reference, Name, Empty atom, Id, Term, Mfa, Options, Watched. */
const FIELDS: Readonly<Record<number, string>> = {
  1: 'FT', 2: 'ET', 3: 'FTX', 4: 'FT', 6: 'FEN', 7: 'AT', 8: 'FTX', 12: 'ETX', 13: 'FTXX', 16: 'FENX', 18: 'FTXX',
  19: 'FWR', 20: 'FWR', 21: 'GTRX', 22: 'AT', 23: 'ATX', 24: 'FT', 25: 'FTX', 26: 'FT', 27: 'FTX', 28: 'GTR',
  29: 'RFAMO', 30: 'RFAMOX', 31: 'RTIP', 32: 'RTIPX', 33: 'AR', 34: 'ARX', 35: 'IFT', 36: 'IFT',
}; // prettier-ignore
const WITH_PAYLOAD = new Set([2, 6, 12, 16, 22, 23, 24, 25, 26, 27, 28, 29, 30, 33, 34]);

function field(kind: string, chance: Chance): Uint8Array {
  if (chance.oneIn(50)) return termBytes(chance, 3);
  switch (kind) {
    case 'F':
      return pidBytes(chance.oneIn(30) ? OWN : PEER, chance);
    case 'T':
      return pidBytes(OWN, chance);
    case 'A':
      return pidBytes(chance.pick([PEER, OWN, 'else@h']), chance);
    case 'R':
      return referenceBytes(chance.pick([PEER, OWN]), chance);
    case 'N':
      return anyAtom(chance);
    case 'E':
      return Uint8Array.of(119, 0);
    case 'I':
      return chance.oneIn(3)
        ? Uint8Array.of(110, 8, 0, ...chance.bytes(8))
        : join(Uint8Array.of(97), word(chance).subarray(3));
    case 'M':
      return join(Uint8Array.of(104, 3), anyAtom(chance), anyAtom(chance), Uint8Array.of(97, chance.below(3)));
    case 'O':
      return chance.oneIn(2)
        ? Uint8Array.of(106)
        : join(Uint8Array.of(108, 0, 0, 0, 1), atomBytes(chance.pick(['link', 'monitor']), chance), Uint8Array.of(106));
    case 'P':
      return chance.oneIn(2) ? pidBytes(PEER, chance) : anyAtom(chance);
    case 'W':
      return chance.oneIn(2) ? pidBytes(OWN, chance) : anyAtom(chance);
    case 'G':
      return chance.oneIn(2) ? pidBytes(PEER, chance) : anyAtom(chance);
    default:
      return termBytes(chance, 2);
  }
}

/** A control message and its payload, without version bytes, and where the payload begins. */
export function controlBytes(chance: Chance): {
  readonly control: Uint8Array;
  readonly payload: Uint8Array | undefined;
} {
  const op = chance.oneIn(40) ? chance.below(256) : chance.pick(OPS);
  const kinds = FIELDS[op] ?? 'XX'.slice(chance.below(3));
  const fields = Array.from(kinds, (kind) => field(kind, chance));
  const arity = fields.length + (chance.oneIn(60) ? 2 : 1);
  const control = join(Uint8Array.of(104, arity, 97, op), ...fields);
  const wanted = WITH_PAYLOAD.has(op) !== chance.oneIn(50);
  return { control, payload: wanted ? payloadOf(op, chance) : undefined };
}

function payloadOf(op: number, chance: Chance): Uint8Array {
  if (op === 29 || op === 30) {
    const count = chance.below(3);
    return count === 0
      ? Uint8Array.of(106)
      : join(
          Uint8Array.of(108, 0, 0, 0, count),
          ...Array.from({ length: count }, () => termBytes(chance, 3)),
          Uint8Array.of(106),
        );
  }
  return termBytes(chance, 1);
}

/** The header's atoms (protocols 3.2): usually none, else references and new entries, true or not. */
export function atomHeader(chance: Chance): Uint8Array {
  if (!chance.oneIn(4)) return Uint8Array.of(0);
  const count = chance.oneIn(10) ? chance.below(256) : 1 + chance.below(4);
  const nibbles = new Uint8Array(Math.floor(count / 2) + 1);
  const entries: Uint8Array[] = [];
  for (let index = 0; index < count; index++) {
    const fresh = !chance.oneIn(3);
    nibbles[index >> 1] = (nibbles[index >> 1] as number) | (((fresh ? 8 : 0) | chance.below(8)) << ((index % 2) * 4));
    const text = Buffer.from(chance.pick(['a', 'ok', '', PEER, OWN, 'é', 'x'.repeat(255)]));
    const length = chance.oneIn(60) ? chance.below(256) : text.length;
    entries.push(Uint8Array.of(chance.below(8)));
    if (fresh) entries.push(Uint8Array.of(length), text);
  }
  return join(Uint8Array.of(count), nibbles, ...entries);
}

function u64(value: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

/** `131 69` and `131 70` frames of one message. */
export function fragments(
  sequence: number,
  header: Uint8Array,
  control: Uint8Array,
  payload: Uint8Array,
  count: number,
): Uint8Array[] {
  const size = Math.max(1, Math.ceil(payload.length / count));
  return Array.from({ length: count }, (_, index) => {
    const part = payload.subarray(index * size, (index + 1) * size);
    const head = join(Uint8Array.of(131, index === 0 ? 69 : 70), u64(sequence), u64(count - index));
    return index === 0 ? join(head, header, control, part) : join(head, part);
  });
}

/** The bodies of some frames, without their lengths. */
export function frames(chance: Chance): Uint8Array[] {
  const { control, payload } = controlBytes(chance);
  const version = Uint8Array.of(131);
  switch (chance.below(8)) {
    case 0:
      return [new Uint8Array(0)];
    case 1:
    case 2: {
      const rest = payload === undefined ? [] : [version, payload];
      return [join(Uint8Array.of(112), version, control, ...rest)];
    }
    case 3:
    case 4: {
      const pieces = fragments(
        chance.below(4),
        atomHeader(chance),
        control,
        payload ?? new Uint8Array(0),
        1 + chance.below(5),
      );
      if (chance.oneIn(8)) pieces.splice(chance.below(pieces.length), 1);
      if (chance.oneIn(8)) pieces.reverse();
      return pieces;
    }
    case 5:
      return chance.oneIn(3)
        ? [chance.bytes(chance.small(40))]
        : [join(version, Uint8Array.of(68), atomHeader(chance), control)];
    default:
      return [join(version, Uint8Array.of(68), atomHeader(chance), control, payload ?? new Uint8Array(0))];
  }
}

/** Behind a length of 32 bits. */
export function framed(body: Uint8Array): Uint8Array {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(body.length);
  return join(head, body);
}
