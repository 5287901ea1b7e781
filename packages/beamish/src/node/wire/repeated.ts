import type { Destination, Signal } from '../../process/signal.ts';
import { isTuple, Pid, Reference } from '../../term/index.ts';
import type { Encoder, Term } from '../../term/index.ts';

/**
 * Who streams messages sends them all from one process to one other: the control tuple of a message is mostly that of the one
 * before, and to know that costs less than to write or to read it. So many in a row must be others before another is kept.
 */
const PATIENCE = 4;
/** Longer ones are not kept; a pid and a name of usual length take 60 to 90 bytes. */
const MAX_BYTES = 256;

/** The control tuple last written. */
export class WrittenControl {
  #from: Pid | undefined;
  #to: Pid | string | undefined;
  #bytes: Uint8Array | undefined;
  #misses = 0;

  /** The bytes, if they are those of this signal too. */
  bytesFor(signal: Signal): Uint8Array | undefined {
    if (signal.type !== 'message' || signal.from !== this.#from || key(signal.to) !== this.#to) return undefined;
    this.#misses = 0;
    return this.#bytes;
  }

  /** Told of what was written for a signal of which `bytesFor` knew nothing. */
  wrote(signal: Signal, out: Encoder): void {
    if (signal.type !== 'message' || signal.to instanceof Reference || out.length > MAX_BYTES) return;
    this.#misses += 1;
    if (this.#misses < PATIENCE) return;
    this.#misses = 0;
    this.#from = signal.from;
    this.#to = key(signal.to);
    this.#bytes = new Uint8Array(out.bytes());
  }
}

function key(to: Destination): Pid | string | undefined {
  if (to instanceof Pid) return to;
  return to instanceof Reference ? undefined : to.name;
}

/** The control tuple last read. */
export class ReadControl {
  readonly #bytes = new Uint8Array(MAX_BYTES);
  #length = 0;
  #control: Term;
  #misses = 0;

  /** Bytes that it takes. */
  get length(): number {
    return this.#length;
  }

  /** The tuple, if it is what stands at `at`. */
  at(bytes: Uint8Array, at: number): Term {
    const length = this.#length;
    if (length === 0 || length > bytes.length - at) return undefined;
    for (let index = 0; index < length; index++) if (this.#bytes[index] !== bytes[at + index]) return undefined;
    this.#misses = 0;
    return this.#control;
  }

  /** Told what was read from `start` to `end`, which `at` did not know. Its bytes must mean the same anywhere. */
  read(control: Term, bytes: Uint8Array, start: number, end: number): void {
    if (end - start > MAX_BYTES || !isTuple(control) || !MESSAGES.has(control.elements[0])) return;
    this.#misses += 1;
    if (this.#misses < PATIENCE) return;
    this.#misses = 0;
    this.#control = control;
    this.#bytes.set(bytes.subarray(start, end));
    this.#length = end - start;
  }
}

/** SEND, REG_SEND, SEND_SENDER: all others are of one time. */
const MESSAGES: ReadonlySet<Term> = new Set([2, 6, 22]);
