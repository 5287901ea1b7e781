import { BeamishError, isBeamishError } from '../../error/index.ts';
import { wireAtom, type Atom } from '../../term/atom.ts';

/** Eight segments of 256 slots. */
const SLOTS = 2048;
const NEW_ENTRY = 8;
const SEGMENT = 7;

/** The atoms of one header, by position. */
export type AtomList = readonly Atom[];
const NONE: AtomList = [];

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * The receiving half of a connection's atom cache (protocols 3.2): the peer fills its 2,048 slots and overwrites them as it
 * likes, and each frame lists the slots that it refers to. What a peer can make it keep is one name for each slot.
 */
export class AtomCache {
  /** Made when a name comes: only a BEAM sends some, and these take 16 KiB. */
  #slots: (Atom | undefined)[] = [];
  /** The list last read, by position. Put back by who decodes a message whose list came earlier. */
  listed: AtomList = NONE;

  readonly atomAt = (position: number): Atom | undefined => this.listed[position];

  /**
   * Reads the list of atoms of a distribution header, which changes the slots that it has new names for.
   * @param at where its count stands
   * @returns where the terms begin
   * @throws BeamishError `frame_malformed`
   */
  readList(bytes: Uint8Array, at: number): number {
    const count = bytes[at];
    if (count === 0) {
      this.listed = NONE;
      return at + 1;
    }
    if (count === undefined) return malformed('ends before its count');
    // A nibble for each atom, and one more, whose lowest bit says how long the lengths are.
    const flagsAt = at + 1;
    let next = flagsAt + (count >> 1) + 1;
    if (next > bytes.length) malformed('ends in its flags');
    const longNames = (nibble(bytes, flagsAt, count) & 1) !== 0;
    const listed: Atom[] = [];
    for (let position = 0; position < count; position++) {
      if (next >= bytes.length) malformed('ends in its list');
      const flags = nibble(bytes, flagsAt, position);
      const slot = (flags & SEGMENT) * 256 + (bytes[next++] as number);
      if ((flags & NEW_ENTRY) !== 0) {
        const start = next + (longNames ? 2 : 1);
        if (start > bytes.length) malformed('ends in a length');
        const length = longNames
          ? (bytes[next] as number) * 256 + (bytes[next + 1] as number)
          : (bytes[next] as number);
        next = start + length;
        if (next > bytes.length) malformed('ends in a name');
        if (this.#slots.length === 0) this.#slots = Array.from({ length: SLOTS });
        this.#slots[slot] = atomOf(bytes.subarray(start, next));
      }
      listed.push(this.#slots[slot] ?? malformed(`refers to slot ${slot}, which holds nothing`));
    }
    this.listed = listed;
    return next;
  }
}

/** Even positions are the lower half of their byte. */
function nibble(bytes: Uint8Array, at: number, position: number): number {
  const byte = bytes[at + (position >> 1)] as number;
  return position % 2 === 0 ? byte & 15 : byte >> 4;
}

function atomOf(name: Uint8Array): Atom {
  try {
    return wireAtom(utf8.decode(name));
  } catch (error) {
    return malformed(
      isBeamishError(error) ? `has an atom that is none: ${error.message}` : 'has an atom that is not UTF-8',
    );
  }
}

function malformed(what: string): never {
  throw new BeamishError('frame_malformed', `a distribution header that ${what}`);
}
