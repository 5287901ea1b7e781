import { BeamishError } from '../../error/index.ts';
import type { AtomCache, AtomList } from './atom-cache.ts';

/** Sequences of one peer that may be incomplete at one time: a BEAM has one per process that is sending a large message. */
const MAX_OPEN = 4096;
/** What all of them may take together, in messages of the largest size allowed. */
const MAX_OPEN_SIZE = 2;
/** The first fragment alone has so many times its own size reserved; when so many bytes have come, the rest is believed. */
const CREDIT = 16;
const BELIEVED = 1024 * 1024;
/** `131 69` or `131 70`, then two 64-bit numbers. */
const HEAD = 18;

export const FIRST_FRAGMENT = 69;
export const NEXT_FRAGMENT = 70;
/** Beamish's own: `131 200`, then how many fragments of the connection have been read, as a 64-bit number. */
export const READ_FRAGMENTS = 200;
/** Payload bytes of one fragment, as a BEAM cuts them (protocols 3.3). */
export const FRAGMENT_BYTES = 65_536;

interface Sequence {
  /** The id that must come next; ids count down, 1 completes. */
  next: bigint;
  buffer: Uint8Array;
  length: number;
  /** Bytes of the whole message, as the number of fragments and the first of them say. */
  readonly claimed: number;
  readonly atoms: AtomList;
}

/** A message put together: its terms, and the atoms that its first fragment listed. */
export interface Whole {
  readonly bytes: Uint8Array;
  /** Where the terms begin. */
  readonly at: number;
  readonly atoms: AtomList;
}

/**
 * Puts fragments together (protocols 3.3), each byte copied once but for the first megabyte. What a peer keeps open is bounded, in number and in
 * bytes: more than that is no sender that means well.
 */
export class Fragments {
  readonly #open = new Map<bigint, Sequence>();
  readonly #maxBytes: number;
  readonly #cache: AtomCache;
  #reserved = 0;

  constructor(maxBytes: number, cache: AtomCache) {
    this.#maxBytes = maxBytes;
    this.#cache = cache;
  }

  /**
   * Takes a frame that begins with 131 69 or 131 70; the frame's memory may be reused afterwards, when the message that it
   * completes was read.
   * @throws BeamishError `frame_malformed`
   */
  add(frame: Uint8Array): Whole | undefined {
    if (frame.length < HEAD) malformed('a fragment without its numbers');
    const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
    const sequenceId = view.getBigUint64(2);
    const id = view.getBigUint64(10);
    return frame[1] === FIRST_FRAGMENT ? this.#begin(sequenceId, id, frame) : this.#goOn(sequenceId, id, frame);
  }

  #begin(sequenceId: bigint, id: bigint, frame: Uint8Array): Whole | undefined {
    if (this.#open.has(sequenceId)) malformed('a sequence of fragments that began twice');
    if (id === 0n) malformed('a fragment with id 0');
    // Now, not when the message is complete: until then other frames may give the slots to other atoms.
    const at = this.#cache.readList(frame, HEAD);
    const atoms = this.#cache.listed;
    // Sequence 0 is not a sequence (protocols 3.3), and one fragment is the whole.
    if (id === 1n) return { bytes: frame, at, atoms };
    if (this.#open.size >= MAX_OPEN) malformed(`more than ${MAX_OPEN} incomplete messages`);
    const part = frame.subarray(at);
    // All fragments but the last are of one size, by custom.
    const claimed = Math.min(Number(id) * part.length, this.#maxBytes);
    const buffer = this.#reserve(Math.max(Math.min(claimed, part.length * CREDIT), part.length));
    const sequence = { next: id - 1n, buffer, length: 0, claimed, atoms };
    this.#open.set(sequenceId, sequence);
    this.#keep(sequence, part);
    return undefined;
  }

  #goOn(sequenceId: bigint, id: bigint, frame: Uint8Array): Whole | undefined {
    const sequence = this.#open.get(sequenceId);
    if (sequence === undefined || sequence.next !== id) return malformed('a fragment out of order');
    sequence.next = id - 1n;
    this.#keep(sequence, frame.subarray(HEAD));
    if (id > 1n) return undefined;
    this.#open.delete(sequenceId);
    this.#reserved -= sequence.buffer.length;
    return { bytes: sequence.buffer.subarray(0, sequence.length), at: 0, atoms: sequence.atoms };
  }

  #keep(sequence: Sequence, part: Uint8Array): void {
    const needed = sequence.length + part.length;
    if (needed > this.#maxBytes) malformed(`a message in fragments of more than ${this.#maxBytes} bytes`);
    const { buffer } = sequence;
    if (needed > buffer.length) {
      this.#reserved -= buffer.length;
      const size = needed >= BELIEVED && sequence.claimed > needed ? sequence.claimed : needed * 2;
      sequence.buffer = this.#reserve(Math.min(size, this.#maxBytes));
      sequence.buffer.set(buffer.subarray(0, sequence.length));
    }
    sequence.buffer.set(part, sequence.length);
    sequence.length = needed;
  }

  #reserve(size: number): Uint8Array {
    this.#reserved += size;
    if (this.#reserved > MAX_OPEN_SIZE * this.#maxBytes) malformed('too many bytes of incomplete messages');
    return Buffer.allocUnsafeSlow(size);
  }
}

function malformed(message: string): never {
  throw new BeamishError('frame_malformed', message);
}
