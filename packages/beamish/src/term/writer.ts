import { BeamishError } from '../error/index.ts';
import { fastAllocate, type FastBuffer } from './fast-buffer.ts';

const INITIAL_SIZE = 1024;
/** A buffer that grew past this is given back by `reset`, so that one large message does not stay. */
const KEPT_SIZE = 1024 * 1024;

/** Writes big-endian numbers and bytes, one after another, into a buffer that grows and is reused. */
export class ByteWriter {
  protected buffer: FastBuffer = fastAllocate(INITIAL_SIZE);
  /** Where the next write goes. */
  protected end = 0;

  /** Bytes written since the last `reset`. */
  get length(): number {
    return this.end;
  }

  /** Forgets what was written. Views given by `bytes()` are overwritten from now on. */
  reset(): void {
    this.end = 0;
    if (this.buffer.length > KEPT_SIZE) this.buffer = fastAllocate(INITIAL_SIZE);
  }

  /** What was written, as a view: valid until the next write or `reset`. */
  bytes(): Uint8Array {
    return this.buffer.subarray(0, this.end);
  }

  /** What was written, as a copy that stays. */
  take(): Uint8Array {
    const copy = Buffer.allocUnsafe(this.end);
    this.buffer.copy(copy, 0, 0, this.end);
    return copy;
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

  /** Overwrites four bytes written before: a length that is known only afterwards. */
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

  #grow(count: number): void {
    const larger = fastAllocate(Math.max(this.buffer.length * 2, this.end + count));
    this.buffer.copy(larger, 0, 0, this.end);
    this.buffer = larger;
  }
}
