import { BeamishError } from '../error/index.ts';
import { fastAllocate, type FastBuffer } from './fast-buffer.ts';

const INITIAL_SIZE = 1024;
/** A buffer that grew past this is given back by `reset`, so that one large message does not stay. */
const KEPT_SIZE = 1024 * 1024;
/** Bytes of one segment; see `Segments`. */
const SEGMENT_SIZE = 256 * 1024;
/** To copy so much takes a tenth of a millisecond or more. */
const REFERRED_SIZE = 1024 * 1024;

/**
 * A writer of segments never copies again what it has written: what does not fit into one goes on in the next, and bytes of
 * 1 MiB and more are a segment themselves, the caller's own memory.
 */
export interface Segments {
  /** More bytes than this are refused with `term_too_large`. */
  readonly maxBytes: number;
}

/** Writes big-endian numbers and bytes, one after another, into a buffer that grows and is reused. */
export class ByteWriter {
  protected buffer: FastBuffer = fastAllocate(INITIAL_SIZE);
  /** Where the next write goes. */
  protected end = 0;
  readonly #segments: Segments | undefined;
  /** Those before `buffer`, and their bytes. */
  #full: Uint8Array[] = [];
  #fullLength = 0;

  constructor(segments?: Segments) {
    this.#segments = segments;
  }

  /** Bytes written since the last `reset`. */
  get length(): number {
    return this.#fullLength + this.end;
  }

  /** Forgets what was written. Views given by `bytes()` are overwritten from now on. */
  reset(): void {
    this.end = 0;
    if (this.buffer.length > KEPT_SIZE || this.#fullLength > 0) this.#renew();
  }

  /** What was written, as a view: valid until the next write or `reset`. Not for what `segmented`. */
  bytes(): Uint8Array {
    return this.buffer.subarray(0, this.end);
  }

  /** What was written, as a copy that stays; a writer of more than one segment begins anew. */
  take(): Uint8Array {
    if (this.segmented) return Buffer.concat(this.takeSegments());
    const copy = Buffer.allocUnsafe(this.end);
    this.buffer.copy(copy, 0, 0, this.end);
    return copy;
  }

  /** Whether what was written is more than one segment. */
  get segmented(): boolean {
    return this.#fullLength > 0;
  }

  /** What was written, which the caller owns from here on, but for bytes that were referred to. The writer begins anew. */
  takeSegments(): Uint8Array[] {
    if (this.end > 0) this.#full.push(this.buffer.subarray(0, this.end));
    const segments = this.#full;
    this.#renew();
    return segments;
  }

  writeByte(value: number): void {
    this.reserve(1);
    this.buffer[this.end++] = value;
  }

  writeUint16(value: number): void {
    this.reserve(2);
    this.end = this.buffer.writeUInt16BE(value, this.end);
  }

  writeUint32(value: number): void {
    this.reserve(4);
    this.put32(value);
  }

  writeUint64(value: bigint): void {
    this.reserve(8);
    this.end = this.buffer.writeBigUInt64BE(value, this.end);
  }

  writeBytes(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.end);
    this.end += bytes.length;
  }

  /** Overwrites four bytes written before: a length that is known only afterwards. Not for what `segmented`. */
  patchUint32(offset: number, value: number): void {
    if (offset + 4 > this.end) throw new BeamishError('option_invalid', `no four bytes at offset ${offset}`);
    this.buffer.writeUInt32BE(value, offset);
  }

  /** Writes four bytes into room that is reserved. */
  protected put32(value: number): void {
    const buffer = this.buffer;
    const at = this.end;
    buffer[at] = value >>> 24;
    buffer[at + 1] = value >>> 16;
    buffer[at + 2] = value >>> 8;
    buffer[at + 3] = value;
    this.end = at + 4;
  }

  protected reserve(count: number): void {
    if (this.end + count > this.buffer.length) this.#grow(count);
  }

  /** As `writeBytes`, but a writer of segments does not copy what is large: it must not change until it is sent. */
  writeOrRefer(bytes: Uint8Array): void {
    if (bytes.length < REFERRED_SIZE || this.#segments === undefined) return this.writeBytes(bytes);
    this.#checkSize(bytes.length, this.#segments.maxBytes);
    const { buffer, end } = this;
    this.#endSegment();
    this.#full.push(bytes);
    this.#fullLength += bytes.length;
    this.buffer = buffer.subarray(end) as FastBuffer;
  }

  /** Forgets what was written after the first `length` bytes. */
  protected truncate(length: number): void {
    if (length < this.#fullLength) {
      let last: Uint8Array | undefined;
      while (this.#fullLength > length) {
        last = this.#full.pop() as Uint8Array;
        this.#fullLength -= last.length;
      }
      // Not written on: it may be the caller's.
      if (last !== undefined && length > this.#fullLength) this.#full.push(last.subarray(0, length - this.#fullLength));
      this.#fullLength = length;
      this.buffer = fastAllocate(INITIAL_SIZE);
    }
    this.end = length - this.#fullLength;
  }

  #grow(count: number): void {
    const needed = this.end + count;
    if (this.#segments !== undefined && needed > SEGMENT_SIZE) {
      this.#checkSize(count, this.#segments.maxBytes);
      this.#endSegment();
      this.buffer = fastAllocate(Math.max(SEGMENT_SIZE, count));
      return;
    }
    const larger = fastAllocate(Math.max(this.buffer.length * 2, needed, INITIAL_SIZE));
    this.buffer.copy(larger, 0, 0, this.end);
    this.buffer = larger;
  }

  #checkSize(more: number, maxBytes: number): void {
    if (this.length + more <= maxBytes) return;
    throw new BeamishError('term_too_large', `more than ${maxBytes} bytes`, { details: { maxBytes } });
  }

  #endSegment(): void {
    if (this.end === 0) return;
    this.#full.push(this.buffer.subarray(0, this.end));
    this.#fullLength += this.end;
    this.end = 0;
  }

  #renew(): void {
    this.buffer = fastAllocate(INITIAL_SIZE);
    this.end = 0;
    this.#full = [];
    this.#fullLength = 0;
  }
}
