import { FIRST_FRAGMENT, FRAGMENT_BYTES, NEXT_FRAGMENT } from './fragments.ts';
import type { EncodedSignal } from './packets.ts';

const VERSION = 131;
/** The length of the frame, then `131 69` or `131 70` and two 64-bit numbers. */
const HEAD = 22;
/** The first fragment lists the atoms that the cache is to take: none. */
const NO_ATOMS = Uint8Array.of(0);

/** Where frames go. */
export interface Sink {
  /** Takes a copy of what it is given. */
  readonly append: (bytes: Uint8Array) => void;
  /** Takes what it is given, which must not change any more. */
  readonly give: (bytes: Uint8Array) => void;
}

/** A large signal that is written in fragments, one at a time (protocols 3.3); other frames may stand between them. */
export class Cut {
  readonly #segments: readonly Uint8Array[];
  readonly #sequence: bigint;
  readonly #count: number;
  #id: number;
  /** Bytes of the next fragment, of all but the last. The whole control message must be in the first one. */
  #size: number;
  #segment = 0;
  #at = 0;
  #left: number;

  constructor({ bytes, rest = [], split, length }: EncodedSignal, sequence: bigint) {
    this.#segments = [bytes, ...rest];
    this.#sequence = sequence;
    this.#count = this.#id = Math.ceil((length - split) / FRAGMENT_BYTES);
    this.#size = split + FRAGMENT_BYTES;
    this.#left = length;
  }

  /** The id of the next fragment; they count down to 1. 0: there is none left. */
  get id(): number {
    return this.#id;
  }

  /** Writes the next fragment. @returns how many bytes of the signal it has */
  writeNext({ append, give }: Sink): number {
    const length = Math.min(this.#size, this.#left);
    if (this.#id === this.#count) {
      append(fragmentHead(FIRST_FRAGMENT, this.#sequence, this.#id, length + 1));
      append(NO_ATOMS);
    } else append(fragmentHead(NEXT_FRAGMENT, this.#sequence, this.#id, length));
    for (let rest = length; rest > 0;) {
      const segment = this.#segments[this.#segment] as Uint8Array;
      const part = segment.subarray(this.#at, this.#at + rest);
      give(part);
      rest -= part.length;
      this.#at += part.length;
      if (this.#at < segment.length) continue;
      this.#segment += 1;
      this.#at = 0;
    }
    this.#id -= 1;
    this.#left -= length;
    this.#size = FRAGMENT_BYTES;
    return length;
  }
}

export function fragmentHead(kind: number, sequence: bigint, id: number, length: number): Uint8Array {
  const bytes = Buffer.alloc(HEAD);
  bytes.writeUInt32BE(HEAD - 4 + length, 0);
  bytes[4] = VERSION;
  bytes[5] = kind;
  bytes.writeBigUInt64BE(sequence, 6);
  bytes.writeBigUInt64BE(BigInt(id), 14);
  return bytes;
}
