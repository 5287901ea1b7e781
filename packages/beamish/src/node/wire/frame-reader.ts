import { BeamishError } from '../../error/index.ts';

const EMPTY = new Uint8Array(0);
/** A frame that arrives in pieces gets this much memory before its bytes come: a claimed length alone costs no more. */
const FIRST_ALLOCATION = 64 * 1024;

/**
 * Cuts a byte stream into frames of a length prefix and a body (protocols 2.1, 3, 14). A frame that lies in one chunk is
 * given as a view of it; one that spans several is copied once. The view is valid until the next `push`.
 */
export class FrameReader {
  #prefix: 2 | 4;
  #maxBytes: number;
  #chunk: Uint8Array = EMPTY;
  #at = 0;
  #prefixRead = 0;
  #length = 0;
  #partial: Uint8Array = EMPTY;
  #have = 0;

  constructor(prefix: 2 | 4, maxBytes: number) {
    this.#prefix = prefix;
    this.#maxBytes = maxBytes;
  }

  /** Changes the format from the next frame on: the handshake has its own (protocols 2.1). Call it between two frames. */
  become(prefix: 2 | 4, maxBytes: number): void {
    this.#prefix = prefix;
    this.#maxBytes = maxBytes;
  }

  push(chunk: Uint8Array): void {
    const rest = this.#chunk.length - this.#at;
    this.#chunk = rest === 0 ? chunk : Buffer.concat([this.#chunk.subarray(this.#at), chunk]);
    this.#at = 0;
  }

  /** @throws BeamishError `frame_malformed` when a frame announces more than the limit. */
  next(): Uint8Array | undefined {
    const chunk = this.#chunk;
    while (this.#prefixRead < this.#prefix) {
      if (this.#at === chunk.length) return undefined;
      this.#length = this.#length * 256 + (chunk[this.#at++] as number);
      this.#prefixRead += 1;
    }
    const length = this.#length;
    if (length > this.#maxBytes) {
      throw new BeamishError(
        'frame_malformed',
        `a frame of ${length} bytes is larger than the limit of ${this.#maxBytes}`,
      );
    }
    const available = chunk.length - this.#at;
    if (this.#have === 0 && available >= length) {
      const frame = chunk.subarray(this.#at, this.#at + length);
      this.#at += length;
      this.#restart();
      return frame;
    }
    return this.#collect(chunk, Math.min(available, length - this.#have), length);
  }

  #collect(chunk: Uint8Array, count: number, length: number): Uint8Array | undefined {
    const needed = this.#have + count;
    if (this.#partial.length < needed || this.#have === 0) {
      const grown = new Uint8Array(Math.min(length, Math.max(needed * 2, FIRST_ALLOCATION)));
      grown.set(this.#partial.subarray(0, this.#have));
      this.#partial = grown;
    }
    this.#partial.set(chunk.subarray(this.#at, this.#at + count), this.#have);
    this.#at += count;
    this.#have = needed;
    if (needed < length) return undefined;
    const frame = this.#partial.subarray(0, length);
    this.#partial = EMPTY;
    this.#restart();
    return frame;
  }

  #restart(): void {
    this.#prefixRead = 0;
    this.#length = 0;
    this.#have = 0;
  }
}
