import { BeamishError } from '../error/index.ts';
import { fastBuffer, type FastBuffer } from './fast-buffer.ts';

/** Reads big-endian numbers and bytes, one after another, never past the end. */
export class ByteReader {
  protected source: FastBuffer;
  protected end: number;
  protected at: number;

  constructor(bytes: Uint8Array, offset = 0) {
    this.source = fastBuffer(bytes);
    this.end = bytes.length;
    this.at = offset;
  }

  /** Goes on with other bytes. */
  protected readFrom(bytes: Uint8Array, offset: number): void {
    this.source = fastBuffer(bytes);
    this.end = bytes.length;
    this.at = offset;
  }

  /** Where the next read starts. */
  get offset(): number {
    return this.at;
  }

  /** Bytes not read yet. */
  get remaining(): number {
    return this.end - this.at;
  }

  readByte(): number {
    if (this.at >= this.end) this.truncated(1);
    return this.source[this.at++]!;
  }

  readUint16(): number {
    const at = this.skip(2);
    return (this.source[at]! << 8) | this.source[at + 1]!;
  }

  readInt32(): number {
    const at = this.skip(4);
    const source = this.source;
    return (source[at]! << 24) | (source[at + 1]! << 16) | (source[at + 2]! << 8) | source[at + 3]!;
  }

  readUint32(): number {
    return this.readInt32() >>> 0;
  }

  readUint64(): bigint {
    return this.source.readBigUInt64BE(this.skip(8));
  }

  /** A copy of the next `count` bytes. */
  readBytes(count: number): Uint8Array {
    const at = this.skip(count);
    const copy = new Uint8Array(count);
    copy.set(this.source.subarray(at, at + count));
    return copy;
  }

  /** Moves past `count` bytes, and tells where they start. */
  protected skip(count: number): number {
    const at = this.at;
    if (count > this.end - at) this.truncated(count);
    this.at = at + count;
    return at;
  }

  protected truncated(count: number): never {
    return this.malformed(this.at, `${count} more bytes were expected, ${this.remaining} are there`);
  }

  protected malformed(offset: number, message: string): never {
    throw new BeamishError('term_malformed', `at offset ${offset}: ${message}`, { details: { offset } });
  }
}
