import { BeamishError } from '../error/index.ts';
import { Atom, wireAtom } from './atom.ts';
import { ExportFun, OpaqueFun, Pid, Port, Reference } from './identifiers.ts';
import { keyOf } from './key.ts';
import { notATerm, wireForm } from './javascript.ts';
import { LeafWriter, NOTHING } from './leaf-writer.ts';
import { checkLimit, DEFAULT_MAX_DEPTH, HARD_MAX_DEPTH } from './limits.ts';
import { circleIn, pathTo } from './path.ts';
import * as tag from './tags.ts';
import type { Term } from './types.ts';
import { BitString, Float, ImproperList, Tuple } from './values.ts';
import type { Segments } from './writer.ts';

/** How terms become bytes. */
export interface EncodeOptions {
  /**
   * Erlang has one term for a `Uint8Array` and the string of its text, for `5n` and `5`, for a `Map` with string keys and the
   * object with them. False: the one that is rarer is written in an unusual way, which a BEAM reads as the same term, and
   * Beamish as what it was. True: everything as a BEAM writes it, and these three come back as string, number and object.
   *
   * @default false
   */
  readonly canonical?: boolean;
  /**
   * Levels of nesting, 1 to 1024. Deeper terms, and values that contain themselves, are refused.
   *
   * @default 512
   */
  readonly maxDepth?: number;
}

/** What an `Encoder` takes beside `EncodeOptions`. */
export interface EncoderOptions extends EncodeOptions {
  /** @default none: one buffer, however large it must be */
  readonly segments?: Segments;
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

  constructor(options: EncoderOptions = {}) {
    super(options.canonical !== true, options.segments);
    this.#maxDepth = checkLimit('maxDepth', options.maxDepth, DEFAULT_MAX_DEPTH, HARD_MAX_DEPTH);
  }

  /**
   * Writes a term, without the version byte 131 (as in distribution messages).
   *
   * @throws BeamishError `term_not_encodable`, with `details.path`, when a value in it is no term or contains itself, two
   * keys of a map are equal, or a text is not well-formed Unicode; `term_too_large` when it is nested too deep.
   */
  writeTerm(term: Term): void {
    const start = this.length;
    try {
      this.#write(term, 0);
    } catch (error) {
      this.truncate(start);
      throw this.#located(error, term);
    }
  }

  /** The error with the place in the term, which is looked for only now. */
  #located(error: unknown, term: Term): unknown {
    const refused = this.refused;
    this.refused = NOTHING;
    if (!(error instanceof BeamishError)) return error;
    // Too many bytes are no circle, and not gone through again.
    if (error.code === 'term_too_large' && error.details['maxBytes'] === undefined) return circleError(term) ?? error;
    if (error.code !== 'term_not_encodable') return error;
    const path = pathTo(term, refused);
    return new BeamishError(error.code, path === '' ? error.message : `at ${path}: ${error.message}`, {
      details: { path },
    });
  }

  #write(term: Term, depth: number): void {
    switch (typeof term) {
      case 'number':
        // What is no number for a BEAM is written as a tuple.
        if (depth === this.#maxDepth && !Number.isFinite(term)) this.#deeper(depth);
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
        return term === null ? this.writeBytes(NULL) : this.#object(term, depth);
      default:
        return this.refuse(term, notATerm(term));
    }
  }

  /** One level deeper: what holds other terms is a level, as for the decoder, and what holds none is not. */
  #deeper(depth: number): number {
    if (depth < this.#maxDepth) return depth + 1;
    throw new BeamishError('term_too_large', `a term nested deeper than maxDepth, ${this.#maxDepth} levels`);
  }

  #object(term: object, depth: number): void {
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
      const inner = this.#deeper(depth);
      this.#listHead(term.elements.length);
      for (const element of term.elements) this.#write(element, inner);
      return this.#write(term.tail, inner);
    }
    return this.#rare(term, depth);
  }

  #rare(term: object, depth: number): void {
    if (term instanceof BitString) return this.bitString(term);
    if (term instanceof Port) return this.port(term);
    if (term instanceof ExportFun) return this.exportFun(term);
    if (term instanceof OpaqueFun) return this.writeBytes(term.bytes);
    const form = wireForm(term);
    if (form === undefined) return this.refuse(term, notATerm(term));
    if (form instanceof Tuple) return this.#tuple(form.elements, depth);
    if (term instanceof Set) return this.#set(term as ReadonlySet<Term>, form, depth);
    return this.#pairs(form, depth);
  }

  /** The struct of a set; the keys of the map in it are the elements, and are checked as such. */
  #set(set: ReadonlySet<Term>, form: ReadonlyMap<Term, Term>, outer: number): void {
    const depth = this.#deeper(outer);
    this.writeByte(tag.MAP);
    this.writeUint32(form.size);
    for (const [key, value] of form) {
      this.#write(key, depth);
      if (value instanceof Map) this.#pairs(value as ReadonlyMap<Term, Term>, depth);
      else this.#write(value, depth);
    }
    this.#checkKeys(set, 'two elements of a set are the same term');
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
    const inner = this.#deeper(depth);
    this.#listHead(count);
    for (let index = 0; index < count; index++) this.#write(elements[index], inner);
    this.writeByte(tag.NIL);
  }

  #listHead(count: number): void {
    this.writeByte(tag.LIST);
    this.writeUint32(count);
  }

  #tuple(elements: readonly Term[], outer: number): void {
    const depth = this.#deeper(outer);
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

  #plain(object: { readonly [key: string]: Term }, outer: number): void {
    const depth = this.#deeper(outer);
    const keys = Object.keys(object);
    this.reserve(5);
    this.buffer[this.end++] = tag.MAP;
    this.put32(keys.length);
    let done = 0;
    // In such a loop the engine reads a value without a search; what it may see beside these keys ends it.
    for (const key in object) {
      if (key !== keys[done]) break;
      done += 1;
      this.text(key);
      this.#write(object[key], depth);
    }
    for (; done < keys.length; done++) {
      const key = keys[done]!;
      this.text(key);
      this.#write(object[key], depth);
    }
  }

  #map(map: ReadonlyMap<Term, Term>, depth: number): void {
    this.#pairs(map, depth);
    this.#checkKeys(map, 'two keys of a map are the same term');
  }

  #pairs(map: ReadonlyMap<Term, Term>, outer: number): void {
    const depth = this.#deeper(outer);
    if (this.marks && onlyTexts(map)) {
      // A list of no elements whose tail is the map: a BEAM reads the map, Beamish a `Map`.
      this.writeByte(tag.LIST);
      this.writeUint32(0);
    }
    this.writeByte(tag.MAP);
    this.writeUint32(map.size);
    for (const [key, value] of map) {
      this.#write(key, depth);
      this.#write(value, depth);
    }
  }

  /**
   * A BEAM node closes the connection when a map has a key twice (pitfall 2 of section 4). The keys have been written:
   * each of them is a term.
   */
  #checkKeys(owner: ReadonlyMap<Term, unknown> | ReadonlySet<Term>, message: string): void {
    if (owner.size < 2 || onlyTextsAndNumbers(owner)) return;
    const seen = new Set<string>();
    for (const key of owner.keys()) seen.add(keyOf(key));
    if (seen.size !== owner.size) this.refuse(owner, message);
  }
}

function onlyTexts(map: ReadonlyMap<Term, unknown>): boolean {
  for (const key of map.keys()) if (typeof key !== 'string') return false;
  return true;
}

/** Different strings, and different numbers, of one Map or Set are different terms among themselves. */
function onlyTextsAndNumbers(owner: ReadonlyMap<Term, unknown> | ReadonlySet<Term>): boolean {
  for (const key of owner.keys()) if (typeof key !== 'string' && typeof key !== 'number') return false;
  return true;
}

function allBytes(elements: readonly Term[]): boolean {
  for (let index = 0; index < elements.length; index++) {
    const element = elements[index];
    // -0 is a float, and only equal to the byte 0 in JavaScript.
    if (typeof element !== 'number' || (element & 0xff) !== element || Object.is(element, -0)) return false;
  }
  return true;
}

/** Says where a term contains itself, if it does. */
function circleError(term: Term): BeamishError | undefined {
  const circle = circleIn(term);
  if (circle === undefined) return undefined;
  const { path, of } = circle;
  const message = `at ${path}: a term cannot contain itself, and this is ${of === '' ? 'the whole' : `the same as ${of}`}`;
  return new BeamishError('term_not_encodable', message, { details: { path } });
}
