import { BeamishError } from '../error/index.ts';
import { Atom, wireAtom } from './atom.ts';
import { ExportFun, OpaqueFun, Pid, Port, Reference } from './identifiers.ts';
import { keyOf } from './key.ts';
import { LeafWriter, NOTHING } from './leaf-writer.ts';
import { checkLimit, DEFAULT_MAX_DEPTH, HARD_MAX_DEPTH } from './limits.ts';
import { pathTo } from './path.ts';
import * as tag from './tags.ts';
import type { Term } from './types.ts';
import { BitString, Float, ImproperList, Tuple } from './values.ts';

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

const TRUE = wireAtom('true').wire;
const FALSE = wireAtom('false').wire;
const NULL = wireAtom('nil').wire;
const UNDEFINED = wireAtom('undefined').wire;

/**
 * Writes terms, one after another, into a buffer that grows and is reused. When
 * a term is refused, the buffer holds what it held before. Numbers are big-endian.
 */
export class Encoder extends LeafWriter {
  readonly #maxDepth: number;

  constructor(options: EncodeOptions = {}) {
    super((options.bytesAs ?? 'bits8') === 'bits8');
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
      const refused = this.refused;
      this.refused = NOTHING;
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
        return this.number(term);
      case 'string':
        return this.text(term);
      case 'boolean':
        return this.writeBytes(term ? TRUE : FALSE);
      case 'undefined':
        return this.writeBytes(UNDEFINED);
      case 'bigint':
        return this.bigint(term);
      case 'object':
        return term === null ? this.writeBytes(NULL) : this.#object(term, depth + 1);
      default:
        return this.refuse(term, `a ${typeof term} is no term`);
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
    if (term instanceof Pid) return this.pid(term);
    if (term instanceof Map) return this.#map(term as ReadonlyMap<Term, Term>, depth);
    if (term instanceof Uint8Array) return this.binary(term);
    if (term instanceof Reference) return this.reference(term);
    if (term instanceof Float) return this.float(term.value);
    if (term instanceof ImproperList) {
      this.#listHead(term.elements.length);
      for (const element of term.elements) this.#write(element, depth);
      return this.#write(term.tail, depth);
    }
    return this.#rare(term);
  }

  #rare(term: object): void {
    if (term instanceof BitString) return this.bitString(term);
    if (term instanceof Port) return this.port(term);
    if (term instanceof ExportFun) return this.exportFun(term);
    if (term instanceof OpaqueFun) return this.writeBytes(term.bytes);
    const name: unknown = (term as { constructor?: { name?: unknown } }).constructor?.name;
    return this.refuse(term, `an instance of ${typeof name === 'string' && name !== '' ? name : 'a class'} is no term`);
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
      this.text(key);
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
      if (typeof key === 'number' && !Number.isFinite(key)) this.refuse(key, `${key} is no Erlang float`);
      const before = seen.size;
      if (seen.add(keyOf(key)).size === before) this.refuse(map, 'two keys of a map are the same term');
    }
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
