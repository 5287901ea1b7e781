import { BeamishError, type BeamishErrorCode } from '../../src/error/index.ts';
import type { Chance } from './random.ts';

/** One way into the library that a peer's bytes take. Everything it does follows from the input. */
export interface Target {
  readonly name: string;
  /** Of how many inputs it gets, compared with the others. */
  readonly weight: number;
  /** What an input may cost: in loop rounds and calls, and in bytes allocated by name. Proportional to its length. */
  readonly steps: (length: number) => number;
  readonly bytes: (length: number) => number;
  /** An input that looks like the real thing, more or less. */
  readonly make: (chance: Chance) => Uint8Array;
  /**
   * @returns what kind of end it took: inputs that end in a new way are kept to be changed further
   * @throws Broken when a promise was not kept; whatever else it throws is a finding too
   */
  readonly run: (input: Uint8Array) => string | Promise<string>;
}

/** A promise of the library that an input has broken. */
export class Broken extends Error {
  constructor(what: string) {
    super(what);
    this.name = 'Broken';
  }
}

export function holds(condition: boolean, what: string | (() => string)): asserts condition {
  if (!condition) throw new Broken(typeof what === 'string' ? what : what());
}

/** The error, when it is one of those that are declared; anything else is thrown on. */
export function declared(error: unknown, codes: readonly BeamishErrorCode[]): BeamishError {
  if (error instanceof BeamishError && codes.includes(error.code)) return error;
  throw error;
}

/** Takes an input apart; past its end everything is 0 or empty. */
export class Script {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  byte(): number {
    return this.#bytes[this.#at++] ?? 0;
  }

  /** A byte that chooses one of `from`. */
  choose<T>(from: readonly T[]): T {
    return from[this.byte() % from.length] as T;
  }

  take(count: number): Uint8Array {
    const taken = this.#bytes.subarray(this.#at, this.#at + count);
    this.#at += count;
    return taken;
  }

  /** As many bytes as the next two say. */
  block(): Uint8Array {
    return this.take(this.byte() * 256 + this.byte());
  }

  rest(): Uint8Array {
    return this.take(Infinity);
  }
}

/** What `Script.block` reads. */
export function block(bytes: Uint8Array): Uint8Array {
  const whole = new Uint8Array(bytes.length + 2);
  whole[0] = bytes.length >> 8;
  whole[1] = bytes.length;
  whole.set(bytes, 2);
  return whole;
}

/** The ways in which a network may cut the same bytes: not at all, byte by byte (the first of them), and in pieces. */
export type Cut = 'whole' | 'bytes' | 'pieces';

/** Byte by byte takes long; what depends on it is at the beginning. */
const BY_BYTES = 300;

/** What the same bytes lead to when they come as one and when they are cut; the input itself says which way. */
export function otherCut(bytes: Uint8Array): Cut {
  let sum = 0;
  for (const byte of bytes) sum += byte;
  return sum % 2 === 0 ? 'bytes' : 'pieces';
}

export function* cut(bytes: Uint8Array, how: Cut): Iterable<Uint8Array> {
  if (how === 'whole') {
    if (bytes.length > 0) yield Uint8Array.from(bytes);
    return;
  }
  for (let at = 0, size = 1; at < bytes.length; at += size) {
    size = how === 'bytes' && at < BY_BYTES ? 1 : 1 + ((at * 7 + bytes.length) % 67);
    // Memory of its own, as a socket gives it: who keeps a view too long is found out.
    const chunk = Uint8Array.from(bytes.subarray(at, at + size));
    yield chunk;
    chunk.fill(0xee);
  }
}
