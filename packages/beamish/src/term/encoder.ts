import { BeamishError } from '../error/index.ts';
import { Atom, wireAtom } from './atom.ts';
import { ExportFun, OpaqueFun, Pid, Port, Reference } from './identifiers.ts';
import { keyOf } from './key.ts';
import { checkLimit, DEFAULT_MAX_DEPTH, HARD_MAX_DEPTH } from './limits.ts';
import { pathTo } from './path.ts';
import * as tag from './tags.ts';
import type { Term } from './types.ts';
import { BitString, Float, ImproperList, Tuple } from './values.ts';
import { ByteWriter } from './writer.ts';

/** How terms become bytes. */
export interface EncodeOptions {
  /**
   * How a `Uint8Array` is written. `bits8`: as a bitstring of whole bytes, which a
   * BEAM node reads as the same binary and Beamish as a `Uint8Array` again;
   * `binary`: as an ordinary binary, which Beamish reads as a string when it is UTF-8.
   *
   * @default 'bits8'
   */
  readonly bytesAs?: 'bits8' | 'binary';
  /**
   * Levels of nesting, 1 to 1024. Deeper terms, and values that contain themselves, are refused.
   *
   * @default 512
   */
  readonly maxDepth?: number;
}

/** Texts up to this many UTF-16 units are copied here; past it Node's own writer is faster. */
const SHORT_TEXT = 40;
/** Stands in no term. */
const NOTHING = Symbol('nothing');

const TRUE = wireAtom('true').wire;
const FALSE = wireAtom('false').wire;
const NULL = wireAtom('nil').wire;
const UNDEFINED = wireAtom('undefined').wire;

/**
 * Writes terms, one after another, into a buffer that grows and is reused. When
 * a term is refused, the buffer holds what it held before. Numbers are big-endian.
 */
export class Encoder extends ByteWriter {
  readonly #bits8: boolean;
  readonly #maxDepth: number;
  /** What was refused, to tell where in the term it is. */
  #refused: unknown = NOTHING;
  /** Pids and references of one node come one after another. */
  #lastName = '';
  #lastWire = wireAtom('').wire;

  constructor(options: EncodeOptions = {}) {
    super();
    this.#bits8 = (options.bytesAs ?? 'bits8') === 'bits8';
    this.#maxDepth = checkLimit('maxDepth', options.maxDepth, DEFAULT_MAX_DEPTH, HARD_MAX_DEPTH);
  }

  /**
   * Writes a term, without the version byte 131 (as in distribution messages).
   *
   * @throws BeamishError `term_not_encodable` when a value in it is no term, two
   * keys of a map are equal, or a text is not well-formed Unicode; `term_too_large` when it is nested too deep.
   */
  writeTerm(term: Term): void {
    const start = this.end;
    try {
      this.#write(term, 0);
    } catch (error) {
      this.end = start;
      const refused = this.#refused;
      this.#refused = NOTHING;
      if (!(error instanceof BeamishError) || error.code !== 'term_not_encodable') throw error;
      const path = pathTo(term, refused);
      throw new BeamishError(error.code, path === '' ? error.message : `at ${path}: ${error.message}`, {
        details: { path },
      });
    }
  }

  #write(term: Term, depth: number): void {
    switch (typeof term) {
      case 'number':
        return this.#number(term);
      case 'string':
        return this.#text(term);
      case 'boolean':
        return this.writeBytes(term ? TRUE : FALSE);
      case 'undefined':
        return this.writeBytes(UNDEFINED);
      case 'bigint':
        return this.#bigint(term);
      case 'object':
        return term === null ? this.writeBytes(NULL) : this.#object(term, depth + 1);
      default:
        return this.#refuse(term, `a ${typeof term} is no term`);
    }
  }

  #object(term: object, depth: number): void {
    if (depth > this.#maxDepth) {
      throw new BeamishError(
        'term_too_large',
        `a term nested deeper than ${this.#maxDepth} levels, or containing itself`,
      );
    }
    if (Array.isArray(term)) return this.#list(term as readonly Term[], depth);
    const prototype: unknown = Object.getPrototypeOf(term);
    if (prototype === Object.prototype || prototype === null)
      return this.#plain(term as { [key: string]: Term }, depth);
    if (term instanceof Atom) return this.writeBytes(term.wire);
    if (term instanceof Tuple) return this.#tuple(term.elements, depth);
    if (term instanceof Pid) return this.#pid(term);
    if (term instanceof Map) return this.#map(term as ReadonlyMap<Term, Term>, depth);
    if (term instanceof Uint8Array) return this.#binary(term);
    if (term instanceof Reference) return this.#reference(term);
    if (term instanceof Float) return this.#float(term.value);
    if (term instanceof ImproperList) {
      this.#listHead(term.elements.length);
      for (const element of term.elements) this.#write(element, depth);
      return this.#write(term.tail, depth);
    }
    return this.#rare(term);
  }

  #rare(term: object): void {
    if (term instanceof BitString) {
      this.writeByte(tag.BIT_BINARY);
      this.writeUint32(term.bytes.length);
      this.writeByte(term.bits);
      this.writeBytes(term.bytes);
      // Bits past the end are not part of the term: always zero, as the BEAM writes them.
      this.buffer[this.end - 1] = (term.bytes.at(-1) ?? 0) & (0xff << (8 - term.bits));
    } else if (term instanceof Port) {
      if (term.id < 0n || term.id >= 1n << 64n) this.#refuse(term, 'a port id has 64 bits');
      this.writeByte(tag.V4_PORT);
      this.#name(term.node);
      this.writeUint64(term.id);
      this.#field32(term, term.creation);
    } else if (term instanceof ExportFun) {
      if ((term.arity & 0xff) !== term.arity) this.#refuse(term, 'an arity is 0 to 255');
      this.writeByte(tag.EXPORT);
      this.#name(term.module);
      this.#name(term.function);
      this.writeByte(tag.SMALL_INTEGER);
      this.writeByte(term.arity);
    } else if (term instanceof OpaqueFun) {
      this.writeBytes(term.bytes);
    } else {
      const name: unknown = (term as { constructor?: { name?: unknown } }).constructor?.name;
      this.#refuse(term, `an instance of ${typeof name === 'string' && name !== '' ? name : 'a class'} is no term`);
    }
  }

  #number(value: number): void {
    if ((value | 0) !== value || (value === 0 && 1 / value < 0)) {
      if (!Number.isSafeInteger(value) || value === 0) return this.#float(value);
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

  #bigint(value: bigint): void {
    if (value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)) {
      return this.#number(Number(value));
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

  #float(value: number): void {
    if (!Number.isFinite(value)) return this.#refuse(value, `${value} is no Erlang float`);
    this.reserve(9);
    this.buffer[this.end] = tag.NEW_FLOAT;
    this.end = this.buffer.writeDoubleBE(value, this.end + 1);
  }

  #text(text: string): void {
    const units = text.length;
    this.reserve(5 + units * 3);
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
      if (written !== units && !text.isWellFormed()) this.#refuse(text, 'a string must be well-formed Unicode');
    }
    buffer[this.end++] = tag.BINARY;
    this.put32(written);
    this.end += written;
  }

  #binary(bytes: Uint8Array): void {
    this.reserve(6 + bytes.length);
    this.writeByte(this.#bits8 ? tag.BIT_BINARY : tag.BINARY);
    this.writeUint32(bytes.length);
    // OTP refuses 8 bits in the last byte where there is no byte.
    if (this.#bits8) this.writeByte(bytes.length === 0 ? 0 : 8);
    this.writeBytes(bytes);
  }

  #list(elements: readonly Term[], depth: number): void {
    const count = elements.length;
    if (count === 0) return this.writeByte(tag.NIL);
    if (count <= 0xffff && allBytes(elements)) {
      this.reserve(3 + count);
      this.writeByte(tag.STRING);
      this.writeUint16(count);
      for (let index = 0; index < count; index++) this.buffer[this.end++] = elements[index] as number;
      return;
    }
    this.#listHead(count);
    for (let index = 0; index < count; index++) this.#write(elements[index], depth);
    this.writeByte(tag.NIL);
  }

  #listHead(count: number): void {
    this.writeByte(tag.LIST);
    this.writeUint32(count);
  }

  #tuple(elements: readonly Term[], depth: number): void {
    const arity = elements.length;
    if (arity <= 255) {
      this.writeByte(tag.SMALL_TUPLE);
      this.writeByte(arity);
    } else {
      this.writeByte(tag.LARGE_TUPLE);
      this.writeUint32(arity);
    }
    for (let index = 0; index < arity; index++) this.#write(elements[index], depth);
  }

  #plain(object: { readonly [key: string]: Term }, depth: number): void {
    const keys = Object.keys(object);
    this.reserve(5);
    this.buffer[this.end++] = tag.MAP;
    this.put32(keys.length);
    for (let index = 0; index < keys.length; index++) {
      const key = keys[index]!;
      this.#text(key);
      this.#write(object[key], depth);
    }
  }

  #map(map: ReadonlyMap<Term, Term>, depth: number): void {
    this.#checkKeys(map);
    this.writeByte(tag.MAP);
    this.writeUint32(map.size);
    for (const [key, value] of map) {
      this.#write(key, depth);
      this.#write(value, depth);
    }
  }

  /** A BEAM node closes the connection when a map has a key twice (pitfall 2 of section 4). */
  #checkKeys(map: ReadonlyMap<Term, Term>): void {
    if (map.size < 2) return;
    let seen: Set<string> | undefined;
    for (const key of map.keys()) {
      // Different strings, and different numbers, of one Map are different terms among themselves.
      if (typeof key === 'string' || (typeof key === 'number' && Number.isFinite(key))) continue;
      seen = new Set();
      break;
    }
    if (seen === undefined) return;
    for (const key of map.keys()) {
      if (typeof key === 'number' && !Number.isFinite(key)) this.#refuse(key, `${key} is no Erlang float`);
      const before = seen.size;
      if (seen.add(keyOf(key)).size === before) this.#refuse(map, 'two keys of a map are the same term');
    }
  }

  #pid(pid: Pid): void {
    this.writeByte(tag.NEW_PID);
    this.#name(pid.node);
    this.#field32(pid, pid.id);
    this.#field32(pid, pid.serial);
    this.#field32(pid, pid.creation);
  }

  #reference(reference: Reference): void {
    const words = reference.words;
    if (words.length < 1 || words.length > 5) this.#refuse(reference, 'a reference has 1 to 5 words');
    this.writeByte(tag.NEWER_REFERENCE);
    this.writeUint16(words.length);
    this.#name(reference.node);
    this.#field32(reference, reference.creation);
    for (const word of words) this.#field32(reference, word);
  }

  #field32(owner: object, value: number): void {
    if (value >>> 0 !== value) this.#refuse(owner, `${value} is no unsigned 32-bit number`);
    this.writeUint32(value);
  }

  #name(name: string): void {
    if (name !== this.#lastName) {
      this.#lastWire = wireAtom(name).wire;
      this.#lastName = name;
    }
    this.writeBytes(this.#lastWire);
  }

  #refuse(value: unknown, message: string): never {
    this.#refused = value;
    throw new BeamishError('term_not_encodable', message);
  }
}

function allBytes(elements: readonly Term[]): boolean {
  for (let index = 0; index < elements.length; index++) {
    const element = elements[index];
    // -0 is a float, and only equal to the byte 0 in JavaScript.
    if (typeof element !== 'number' || (element & 0xff) !== element || Object.is(element, -0)) return false;
  }
  return true;
}
