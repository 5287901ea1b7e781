import { BeamishError } from '../error/index.ts';
import { wireAtom } from './atom.ts';
import type { ExportFun, Pid, Port, Reference } from './identifiers.ts';
import { JS } from './javascript.ts';
import * as tag from './tags.ts';
import type { BitString } from './values.ts';
import { ByteWriter, type Segments } from './writer.ts';

/** Texts up to this many UTF-16 units are copied here; past it Node's own writer is faster. */
const SHORT_TEXT = 40;
/** Past this it pays to count the bytes of a text first: as many as it may have, three a unit, would be much memory. */
const LONG_TEXT = 32 * 1024;
const MIN_SAFE = BigInt(Number.MIN_SAFE_INTEGER);
const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER);
/** Stands in no term. */
export const NOTHING = Symbol('nothing');

/** Writes the terms that hold no others. Numbers are big-endian. */
export class LeafWriter extends ByteWriter {
  /** What was refused, to tell where in the term it is. */
  protected refused: unknown = NOTHING;
  /** Whether what Erlang does not tell apart is marked, see `EncodeOptions.canonical`. */
  protected readonly marks: boolean;
  /** Pids and references of one node come one after another. */
  #lastName = '';
  #lastWire = wireAtom('').wire;

  constructor(marks: boolean, segments: Segments | undefined) {
    super(segments);
    this.marks = marks;
  }

  protected number(value: number): void {
    if ((value | 0) !== value || (value === 0 && 1 / value < 0)) {
      if (!Number.isSafeInteger(value) || value === 0) return this.float(value);
      return this.#magnitude(value);
    }
    this.reserve(5);
    const buffer = this.buffer;
    if (value >= 0 && value <= 255) {
      buffer[this.end++] = tag.SMALL_INTEGER;
      buffer[this.end++] = value;
    } else {
      buffer[this.end++] = tag.INTEGER;
      this.put32(value);
    }
  }

  /** A safe integer of more than 32 bits: SMALL_BIG with as few bytes as it needs. */
  #magnitude(value: number): void {
    this.reserve(10);
    const buffer = this.buffer;
    let at = this.end;
    const absolute = Math.abs(value);
    let low = (absolute % 0x1_0000_0000) | 0;
    let high = (absolute / 0x1_0000_0000) | 0;
    buffer[at] = tag.SMALL_BIG;
    buffer[at + 2] = value < 0 ? 1 : 0;
    at += 3;
    for (let index = 0; index < 4; index++, low >>>= 8) buffer[at++] = low;
    for (; high > 0; high >>>= 8) buffer[at++] = high;
    buffer[this.end + 1] = at - this.end - 3;
    this.end = at;
  }

  protected bigint(value: bigint): void {
    if (value >= MIN_SAFE && value <= MAX_SAFE) {
      if (!this.marks) return this.number(Number(value));
      // Eight bytes, where a BEAM writes no more than it needs: a reader that knows tells 5n from 5, a BEAM reads 5.
      this.reserve(11);
      this.writeByte(tag.SMALL_BIG);
      this.writeByte(8);
      this.writeByte(value < 0n ? 1 : 0);
      this.end = this.buffer.writeBigUInt64LE(value < 0n ? -value : value, this.end);
      return;
    }
    const hex = (value < 0n ? -value : value).toString(16);
    const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex').reverse();
    if (bytes.length <= 255) {
      this.writeByte(tag.SMALL_BIG);
      this.writeByte(bytes.length);
    } else {
      this.writeByte(tag.LARGE_BIG);
      this.writeUint32(bytes.length);
    }
    this.writeByte(value < 0n ? 1 : 0);
    this.writeBytes(bytes);
  }

  protected float(value: number): void {
    if (!Number.isFinite(value)) return this.#notFinite(value);
    this.reserve(9);
    this.buffer[this.end] = tag.NEW_FLOAT;
    this.end = this.buffer.writeDoubleBE(value, this.end + 1);
  }

  /** A BEAM closes the connection at a float that is none. */
  #notFinite(value: number): void {
    this.writeByte(tag.SMALL_TUPLE);
    this.writeByte(3);
    this.writeBytes(JS.wire);
    this.text('Number');
    this.text(String(value));
  }

  protected text(text: string): void {
    const units = text.length;
    this.reserve(5 + (units > LONG_TEXT ? Buffer.byteLength(text) : units * 3));
    const buffer = this.buffer;
    const start = this.end + 5;
    let written = 0;
    if (units <= SHORT_TEXT) {
      for (; written < units; written++) {
        const unit = text.charCodeAt(written);
        if (unit >= 128) break;
        buffer[start + written] = unit;
      }
    }
    if (written < units) {
      written = buffer.utf8Write(text, start);
      // Only a text with other characters than ASCII is longer in UTF-8. A lone surrogate
      // would be replaced there, and two different map keys become one.
      if (written !== units && !text.isWellFormed()) this.refuse(text, 'a string must be well-formed Unicode');
    }
    buffer[this.end++] = tag.BINARY;
    this.put32(written);
    this.end += written;
  }

  protected binary(bytes: Uint8Array): void {
    this.reserve(6);
    this.writeByte(this.marks ? tag.BIT_BINARY : tag.BINARY);
    this.writeUint32(bytes.length);
    // OTP refuses 8 bits in the last byte where there is no byte.
    if (this.marks) this.writeByte(bytes.length === 0 ? 0 : 8);
    this.writeOrRefer(bytes);
  }

  protected bitString(term: BitString): void {
    this.writeByte(tag.BIT_BINARY);
    this.writeUint32(term.bytes.length);
    this.writeByte(term.bits);
    this.writeBytes(term.bytes);
    // Bits past the end are not part of the term: always zero, as the BEAM writes them.
    this.buffer[this.end - 1] = (term.bytes.at(-1) ?? 0) & (0xff << (8 - term.bits));
  }

  protected pid(pid: Pid): void {
    this.writeByte(tag.NEW_PID);
    this.#name(pid.node);
    this.#field32(pid, pid.id);
    this.#field32(pid, pid.serial);
    this.#field32(pid, pid.creation);
  }

  protected reference(reference: Reference): void {
    const words = reference.words;
    if (words.length < 1 || words.length > 5) this.refuse(reference, 'a reference has 1 to 5 words');
    this.writeByte(tag.NEWER_REFERENCE);
    this.writeUint16(words.length);
    this.#name(reference.node);
    this.#field32(reference, reference.creation);
    for (const word of words) this.#field32(reference, word);
  }

  protected port(term: Port): void {
    if (term.id < 0n || term.id >= 1n << 64n) this.refuse(term, 'a port id has 64 bits');
    this.writeByte(tag.V4_PORT);
    this.#name(term.node);
    this.writeUint64(term.id);
    this.#field32(term, term.creation);
  }

  protected exportFun(term: ExportFun): void {
    if ((term.arity & 0xff) !== term.arity) this.refuse(term, 'an arity is 0 to 255');
    this.writeByte(tag.EXPORT);
    this.#name(term.module);
    this.#name(term.function);
    this.writeByte(tag.SMALL_INTEGER);
    this.writeByte(term.arity);
  }

  #field32(owner: object, value: number): void {
    if (value >>> 0 !== value) this.refuse(owner, `${value} is no unsigned 32-bit number`);
    this.writeUint32(value);
  }

  #name(name: string): void {
    if (name !== this.#lastName) {
      this.#lastWire = wireAtom(name).wire;
      this.#lastName = name;
    }
    this.writeBytes(this.#lastWire);
  }

  protected refuse(value: unknown, message: string): never {
    this.refused = value;
    throw new BeamishError('term_not_encodable', message);
  }
}
