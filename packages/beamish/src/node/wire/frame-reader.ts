import { BeamishError } from '../../error/index.ts';

const EMPTY = new Uint8Array(0);
/** Frames of up to this size that span chunks are put together in memory that is used again and again. */
const REUSED = 128 * 1024;
/** A claimed length alone costs no more memory; when so much has come, the rest is believed. */
const BELIEVED = 1024 * 1024;

/**
 * Cuts a byte stream into frames of a length prefix and a body (protocols 2.1, 3, 14). A frame that lies in one chunk is
 * given as a view of it; one that spans several is copied once. The view is valid until the next `next` or `push`; one of
 * more than 128 KiB stays.
 */
export class FrameReader {
  #prefix: 2 | 4;
  #maxBytes: number;
  #chunk: Uint8Array = EMPTY;
  #at = 0;
  #prefixRead = 0;
  #length = 0;
  #partial: Uint8Array = EMPTY;
  #reused: Uint8Array = EMPTY;
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
    if (this.#partial.length < needed) {
      const larger = this.#room(length, needed);
      larger.set(this.#partial.subarray(0, this.#have));
      this.#partial = larger;
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

  #room(length: number, needed: number): Uint8Array {
    if (length > REUSED)
      return Buffer.allocUnsafeSlow(needed < BELIEVED ? Math.min(length, Math.max(needed * 2, REUSED)) : length);
    if (this.#reused.length < length) this.#reused = Buffer.allocUnsafeSlow(length);
    return this.#reused;
  }

  #restart(): void {
    this.#prefixRead = 0;
    this.#length = 0;
    this.#have = 0;
  }
}
