import { BeamishError } from '../../error/index.ts';
import type { Signal } from '../../process/signal.ts';
import { atom, Decoder, encode, Encoder, formatTerm, tuple } from '../../term/index.ts';
import type { Pid, Term } from '../../term/index.ts';
import { AtomCache } from './atom-cache.ts';
import { neededFlags, readSignal, writeControl, type Ends } from './control.ts';
import { FIRST_FRAGMENT, FRAGMENT_BYTES, Fragments, NEXT_FRAGMENT } from './fragments.ts';

/** The three forms of a frame (protocols 3.1). */
const VERSION = 131;
const PASS_THROUGH = 112;
const HEADER = 68;
const NOTHING = Buffer.alloc(0);

/** A signal as bytes, before it is known in which form they travel. */
export interface EncodedSignal {
  /** Control tuple, then payload; neither has a version byte. */
  readonly bytes: Uint8Array;
  /** Where the payload begins; the length when there is none. */
  readonly split: number;
  /** Flags without which the peer does not understand it. */
  readonly needs: bigint;
}

/** Encodes signals into one buffer that is used again and again. */
export class SignalEncoder {
  readonly #out = new Encoder();
  readonly #anyone: Pid;

  /** @param anyone the sender of messages that have none */
  constructor(anyone: Pid) {
    this.#anyone = anyone;
  }

  /**
   * @returns bytes that are valid until the next call; `keep` copies them
   * @throws BeamishError `term_not_encodable`, `term_too_large` for a message, which is its sender's mistake. The reason of
   * an exit that cannot be encoded is replaced by a text of it: the exit itself must reach the others.
   */
  encode(signal: Signal): EncodedSignal {
    const out = this.#out;
    out.reset();
    try {
      const payload = writeControl(out, signal, this.#anyone);
      const split = out.length;
      if (payload?.shared !== undefined) out.writeBytes((payload.shared.bytes ??= encode(payload.term).subarray(1)));
      else if (payload !== undefined) out.writeTerm(payload.term);
      return { bytes: out.bytes(), split, needs: neededFlags(signal) };
    } catch (error) {
      if (!('reason' in signal)) throw error;
      return this.encode({ ...signal, reason: unencodable(signal.reason) });
    }
  }
}

/** Not `slice`: that of a Buffer is a view. */
export function keep(encoded: EncodedSignal): EncodedSignal {
  return { ...encoded, bytes: new Uint8Array(encoded.bytes) };
}

function unencodable(reason: Term): Term {
  let text: string;
  try {
    text = formatTerm(reason).slice(0, 500).toWellFormed();
  } catch {
    text = 'a value that has no form on the wire';
  }
  return tuple(atom('term_not_encodable'), text);
}

/**
 * Writes a signal as the frame, or the fragments, of a connection. A payload larger than one fragment is cut, so that a
 * slow line still carries whole packets in time (protocols 2.7, 3.3).
 */
export class FrameWriter {
  readonly #header: boolean;
  readonly #fragments: boolean;
  #sequence = 0n;

  constructor(header: boolean, fragments: boolean) {
    this.#header = header;
    this.#fragments = fragments;
  }

  /** @param append copies what it is given */
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

  #writeFragments(bytes: Uint8Array, split: number, append: (bytes: Uint8Array) => void): void {
    this.#sequence += 1n;
    let id = Math.ceil((bytes.length - split) / FRAGMENT_BYTES);
    // The whole control message must be in the first one.
    let end = split + FRAGMENT_BYTES;
    append(this.#fragmentHead(FIRST_FRAGMENT, id, end + 1));
    append(Uint8Array.of(0));
    append(bytes.subarray(0, end));
    while (--id > 0) {
      const part = bytes.subarray(end, end + FRAGMENT_BYTES);
      append(this.#fragmentHead(NEXT_FRAGMENT, id, part.length));
      append(part);
      end += FRAGMENT_BYTES;
    }
  }

  #fragmentHead(kind: number, id: number, length: number): Uint8Array {
    const bytes = Buffer.alloc(22);
    bytes.writeUInt32BE(18 + length, 0);
    bytes[4] = VERSION;
    bytes[5] = kind;
    bytes.writeBigUInt64BE(this.#sequence, 6);
    bytes.writeBigUInt64BE(BigInt(id), 14);
    return bytes;
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

/** Reads the frames of one peer: both forms, and fragments. */
export class PacketReader {
  readonly #ends: Ends;
  readonly #cache = new AtomCache();
  readonly #fragments: Fragments;
  /** One for all frames: a new one costs as much as a small frame. */
  readonly #decoder: Decoder;
  #versions = false;

  constructor(ends: Ends, limits: PacketLimits) {
    const { maxBytes } = limits;
    this.#ends = ends;
    this.#fragments = new Fragments(maxBytes, this.#cache);
    this.#decoder = new Decoder(NOTHING, { maxBytes, largeViews: true, atomCache: this.#cache.atomAt });
  }

  /**
   * @param frame not empty (that is a tick); its memory may be reused afterwards, unless it has 256 KiB or more
   * @returns the signal, or undefined for a fragment of one that is not complete
   * @throws BeamishError `frame_malformed`, `term_malformed`, `term_too_large`: the connection cannot go on (protocols 3.6)
   */
  read(frame: Uint8Array): Signal | undefined {
    if (frame[0] === PASS_THROUGH) return this.#signal(frame, 1, true);
    if (frame[0] === VERSION) {
      if (frame[1] === HEADER) return this.#signal(frame, this.#cache.readList(frame, 2), false);
      if (frame[1] === FIRST_FRAGMENT || frame[1] === NEXT_FRAGMENT) {
        const whole = this.#fragments.add(frame);
        if (whole === undefined) return undefined;
        this.#cache.listed = whole.atoms;
        return this.#signal(whole.bytes, whole.at, false);
      }
    }
    throw new BeamishError('frame_malformed', 'a frame that begins like none of the protocol');
  }

  #signal(bytes: Uint8Array, offset: number, versions: boolean): Signal {
    const decoder = this.#decoder;
    decoder.restart(bytes, offset);
    this.#versions = versions;
    const signal = readSignal(this.#term(), this.#term, this.#ends);
    if (decoder.remaining > 0) {
      throw new BeamishError('frame_malformed', `${decoder.remaining} bytes after a control message (${signal.type})`);
    }
    return signal;
  }

  readonly #term = (): Term => {
    if (this.#versions && this.#decoder.readByte() !== VERSION) {
      throw new BeamishError('frame_malformed', 'a term without its version byte');
    }
    return this.#decoder.readTerm();
  };
}
