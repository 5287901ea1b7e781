import { BeamishError, isBeamishError } from '../../error/index.ts';
import type { Signal } from '../../process/signal.ts';
import { atom, Decoder, encode, Encoder, formatTerm, tuple } from '../../term/index.ts';
import type { Pid, Term } from '../../term/index.ts';
import { AtomCache } from './atom-cache.ts';
import { neededFlags, readSignal, writeControl, type Ends, type Payload } from './control.ts';
import { Cut, fragmentHead, type Sink } from './cut.ts';
import { FIRST_FRAGMENT, FRAGMENT_BYTES, Fragments, NEXT_FRAGMENT, READ_FRAGMENTS } from './fragments.ts';
import { ReadControl, WrittenControl } from './repeated.ts';

/** The three forms of a frame (protocols 3.1). */
const VERSION = 131;
const PASS_THROUGH = 112;
const HEADER = 68;
const NOTHING = Buffer.alloc(0);

/** A signal as bytes, before it is known in which form they travel. */
export interface EncodedSignal {
  /** Control tuple, then payload; neither has a version byte. Of a large signal the beginning, with the whole control tuple. */
  readonly bytes: Uint8Array;
  /** What follows, of a large signal (more than 256 KiB), whose bytes all stay valid; undefined for any other. */
  readonly rest: readonly Uint8Array[] | undefined;
  /** Bytes of both. */
  readonly length: number;
  /** Where the payload begins; the length when there is none. */
  readonly split: number;
  /** Flags without which the peer does not understand it. */
  readonly needs: bigint;
}

/** Encodes signals, small ones into one buffer that is used again and again. */
export class SignalEncoder {
  readonly #out: Encoder;
  readonly #anyone: Pid;
  readonly #control = new WrittenControl();

  /**
   * @param anyone the sender of messages that have none
   * @param maxBytes the largest signal
   */
  constructor(anyone: Pid, maxBytes: number) {
    this.#out = new Encoder({ segments: { maxBytes } });
    this.#anyone = anyone;
  }

  /**
   * @param admit throws when there is no room for a large signal of so many bytes
   * @returns bytes that are valid until the next call, unless the signal is large; `keep` copies them
   * @throws BeamishError `term_not_encodable`, `term_too_large` for a message, which is its sender's mistake; what `admit` throws.
   * The reason of an exit that cannot be sent is replaced by a text of it: the exit itself must reach the others.
   */
  encode(signal: Signal, admit?: (bytes: number) => void): EncodedSignal {
    const out = this.#out;
    out.reset();
    try {
      const payload = this.#writeControl(signal);
      const split = out.length;
      if (payload?.shared !== undefined) out.writeOrRefer((payload.shared.bytes ??= encode(payload.term).subarray(1)));
      else if (payload !== undefined) out.writeTerm(payload.term);
      const { length } = out;
      const needs = neededFlags(signal);
      if (!out.segmented) return { bytes: out.bytes(), rest: undefined, length, split, needs };
      admit?.(length);
      const [bytes, ...rest] = out.takeSegments();
      return { bytes: bytes as Uint8Array, rest, length, split, needs };
    } catch (error) {
      if ('reason' in signal) return this.encode({ ...signal, reason: unsendable(signal.reason, error) });
      throw isBeamishError(error, 'term_too_large') ? withRemedy(error) : error;
    }
  }

  #writeControl(signal: Signal): Payload {
    const known = this.#control.bytesFor(signal);
    if (known !== undefined && signal.type === 'message') {
      this.#out.writeBytes(known);
      return { term: signal.message, shared: signal.shared };
    }
    const payload = writeControl(this.#out, signal, this.#anyone);
    this.#control.wrote(signal, this.#out);
    return payload;
  }
}

/** Not `slice`: that of a Buffer is a view. */
export function keep(encoded: EncodedSignal): EncodedSignal {
  return encoded.rest === undefined ? { ...encoded, bytes: new Uint8Array(encoded.bytes) } : encoded;
}

function withRemedy(error: BeamishError): BeamishError {
  const { maxBytes } = error.details;
  if (typeof maxBytes !== 'number') return error;
  const message = `a message of more than ${maxBytes} bytes, twice maxQueuedBytes: send it in parts, or raise maxQueuedBytes here and maxMessageBytes where it goes`;
  return new BeamishError('term_too_large', message, { details: error.details });
}

function unsendable(reason: Term, error: unknown): Term {
  let text: string;
  try {
    text = formatTerm(reason).slice(0, 500).toWellFormed();
  } catch {
    text = 'a value that has no form on the wire';
  }
  return tuple(atom(isBeamishError(error, 'queue_full') ? error.code : 'term_not_encodable'), text);
}

/**
 * Writes a signal as the frame, or the fragments, of a connection. A payload larger than one fragment is cut, so that a
 * slow line still carries whole packets in time (protocols 2.7, 3.3).
 */
export class FrameWriter {
  readonly #header: boolean;
  readonly #fragments: boolean;
  #sequence = 0n;
  #written = 0;

  constructor(header: boolean, fragments: boolean) {
    this.#header = header;
    this.#fragments = fragments;
  }

  /** A signal that is not large. @param append copies what it is given */
  write(encoded: EncodedSignal, append: (bytes: Uint8Array) => void): void {
    const { bytes, split } = encoded;
    const payload = bytes.length - split;
    if (!this.#header) {
      const extra = payload > 0 ? 3 : 2;
      append(withLength(passThroughHead, bytes.length + extra));
      append(bytes.subarray(0, split));
      if (payload === 0) return;
      append(Uint8Array.of(VERSION));
      append(bytes.subarray(split));
    } else if (!this.#fragments || payload <= FRAGMENT_BYTES) {
      append(withLength(plainHead, bytes.length + 3));
      append(bytes);
    } else {
      this.#writeFragments(bytes, split, append);
    }
  }

  /** Fragments that were written, of all signals. */
  get written(): number {
    return this.#written;
  }

  /** Writes the next fragment. @returns how many bytes of the signal it has */
  writeNext(cut: Cut, sink: Sink): number {
    this.#written += 1;
    return cut.writeNext(sink);
  }

  /** A large signal, to be written in parts. @returns undefined when the peer takes no fragments: see `writeWhole` */
  cut(encoded: EncodedSignal): Cut | undefined {
    if (!this.#fragments) return undefined;
    this.#sequence += 1n;
    return new Cut(encoded, this.#sequence);
  }

  /** A large signal as one frame. */
  writeWhole({ bytes, rest = [], length, split }: EncodedSignal, { append, give }: Sink): void {
    if (this.#header) {
      append(withLength(plainHead, length + 3));
      give(bytes);
    } else {
      append(withLength(passThroughHead, length + 3));
      append(bytes.subarray(0, split));
      append(Uint8Array.of(VERSION));
      give(bytes.subarray(split));
    }
    for (const part of rest) give(part);
  }

  #writeFragments(bytes: Uint8Array, split: number, append: (bytes: Uint8Array) => void): void {
    this.#sequence += 1n;
    let id = Math.ceil((bytes.length - split) / FRAGMENT_BYTES);
    this.#written += id;
    // The whole control message must be in the first one.
    let end = split + FRAGMENT_BYTES;
    append(fragmentHead(FIRST_FRAGMENT, this.#sequence, id, end + 1));
    append(Uint8Array.of(0));
    append(bytes.subarray(0, end));
    while (--id > 0) {
      const part = bytes.subarray(end, end + FRAGMENT_BYTES);
      append(fragmentHead(NEXT_FRAGMENT, this.#sequence, id, part.length));
      append(part);
      end += FRAGMENT_BYTES;
    }
  }
}

/** Valid until the next call: one per frame would cost as much as the rest of the frame. */
const passThroughHead = Uint8Array.of(0, 0, 0, 0, PASS_THROUGH, VERSION);
const plainHead = Uint8Array.of(0, 0, 0, 0, VERSION, HEADER, 0);

function withLength(head: Uint8Array, length: number): Uint8Array {
  head[0] = length >>> 24;
  head[1] = length >>> 16;
  head[2] = length >>> 8;
  head[3] = length;
  return head;
}

export interface PacketLimits {
  /** Bytes of one message, also when it comes in fragments. */
  readonly maxBytes: number;
}

/** How far the reader of large messages is, for a peer with the flag PROGRESS. */
export interface Progress {
  /** This side has read a fragment. */
  readonly onFragment: () => void;
  /** The peer has read so many of ours. */
  readonly onRead: (count: number) => void;
}

/** Reads the frames of one peer: both forms, and fragments. */
export class PacketReader {
  readonly #ends: Ends;
  readonly #cache = new AtomCache();
  readonly #fragments: Fragments;
  /** One for all frames: a new one costs as much as a small frame. */
  readonly #decoder: Decoder;
  readonly #progress: Progress | undefined;
  readonly #control = new ReadControl();
  #versions = false;

  constructor(ends: Ends, limits: PacketLimits, progress?: Progress) {
    this.#progress = progress;
    const { maxBytes } = limits;
    this.#ends = ends;
    this.#fragments = new Fragments(maxBytes, this.#cache);
    this.#decoder = new Decoder(NOTHING, { maxBytes, largeViews: true, atomCache: this.#cache.atomAt });
  }

  /**
   * @param frame not empty (that is a tick); its memory may be reused afterwards, unless it has 256 KiB or more
   * @returns the signal, or undefined for a fragment of one that is not complete, and for what only `Progress` is told
   * @throws BeamishError `frame_malformed`, `term_malformed`, `term_too_large`: the connection cannot go on (protocols 3.6)
   */
  read(frame: Uint8Array): Signal | undefined {
    if (frame[0] === PASS_THROUGH) return this.#signal(frame, 1, true);
    if (frame[0] === VERSION) {
      if (frame[1] === HEADER) return this.#signal(frame, this.#cache.readList(frame, 2), false);
      if (frame[1] === FIRST_FRAGMENT || frame[1] === NEXT_FRAGMENT) {
        const whole = this.#fragments.add(frame);
        this.#progress?.onFragment();
        if (whole === undefined) return undefined;
        this.#cache.listed = whole.atoms;
        return this.#signal(whole.bytes, whole.at, false);
      }
      if (frame[1] === READ_FRAGMENTS && frame.length === 10 && this.#progress !== undefined) {
        this.#progress.onRead(Number(new DataView(frame.buffer, frame.byteOffset).getBigUint64(2)));
        return undefined;
      }
    }
    throw new BeamishError('frame_malformed', 'a frame that begins like none of the protocol');
  }

  #signal(bytes: Uint8Array, offset: number, versions: boolean): Signal {
    const decoder = this.#decoder;
    this.#versions = versions;
    const signal = readSignal(this.#readControl(bytes, offset), this.#term, this.#ends);
    if (decoder.remaining > 0) {
      throw new BeamishError('frame_malformed', `${decoder.remaining} bytes after a control message (${signal.type})`);
    }
    return signal;
  }

  /** What refers to the atom cache means another thing in another message. */
  #readControl(bytes: Uint8Array, offset: number): Term {
    const decoder = this.#decoder;
    const known = this.#control.at(bytes, offset);
    decoder.restart(bytes, known === undefined ? offset : offset + this.#control.length);
    if (known !== undefined) return known;
    const control = this.#term();
    if (this.#cache.listed.length === 0) this.#control.read(control, bytes, offset, decoder.offset);
    return control;
  }

  readonly #term = (): Term => {
    if (this.#versions && this.#decoder.readByte() !== VERSION) {
      throw new BeamishError('frame_malformed', 'a term without its version byte');
    }
    return this.#decoder.readTerm();
  };
}
