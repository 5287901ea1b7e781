import { BeamishError } from '../../error/index.ts';

/** Sequences of one peer that may be incomplete at one time: a BEAM has one per process that is sending a large message. */
const MAX_OPEN = 4096;
/** `131 69` or `131 70`, then two 64-bit numbers. */
const HEAD = 18;

export const FIRST_FRAGMENT = 69;
export const NEXT_FRAGMENT = 70;
/** Payload bytes of one fragment, as a BEAM cuts them (protocols 3.3). */
export const FRAGMENT_BYTES = 65_536;

interface Sequence {
  /** The id that must come next; ids count down, 1 completes. */
  next: bigint;
  readonly parts: Uint8Array[];
  bytes: number;
}

/**
 * Puts fragments together (protocols 3.3). What a peer keeps open is bounded by the limit for one message, twice: more
 * than that is no sender that means well.
 */
export class Fragments {
  readonly #open = new Map<bigint, Sequence>();
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * Takes a frame that begins with 131 69 or 131 70; the frame's memory may be reused afterwards.
   * @returns what follows the head (count of atoms, control, payload) when the message is complete
   * @throws BeamishError `frame_malformed`
   */
  add(frame: Uint8Array): Uint8Array | undefined {
    if (frame.length < HEAD) malformed('a fragment without its numbers');
    const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
    const sequenceId = view.getBigUint64(2);
    const id = view.getBigUint64(10);
    const part = frame.subarray(HEAD);
    if (frame[1] === FIRST_FRAGMENT) {
      if (this.#open.has(sequenceId)) malformed('a sequence of fragments that began twice');
      if (id === 0n) malformed('a fragment with id 0');
      // Sequence 0 is not a sequence (protocols 3.3), and one fragment is the whole.
      if (id === 1n) return part;
      if (this.#open.size >= MAX_OPEN) malformed(`more than ${MAX_OPEN} incomplete messages`);
      this.#open.set(sequenceId, { next: id - 1n, parts: [this.#keep(part)], bytes: part.length });
      return undefined;
    }
    const sequence = this.#open.get(sequenceId);
    if (sequence === undefined || sequence.next !== id) return malformed('a fragment out of order');
    if (sequence.bytes + part.length > this.#maxBytes) {
      malformed(`a message in fragments of more than ${this.#maxBytes} bytes`);
    }
    sequence.next = id - 1n;
    sequence.bytes += part.length;
    sequence.parts.push(this.#keep(part));
    if (id > 1n) return undefined;
    this.#open.delete(sequenceId);
    this.#bytes -= sequence.bytes;
    return Buffer.concat(sequence.parts, sequence.bytes);
  }

  #keep(part: Uint8Array): Uint8Array {
    this.#bytes += part.length;
    if (this.#bytes > 2 * this.#maxBytes) malformed('too many bytes of incomplete messages');
    // Not `slice`: that of a Buffer is a view.
    return new Uint8Array(part);
  }
}

function malformed(message: string): never {
  throw new BeamishError('frame_malformed', message);
}
