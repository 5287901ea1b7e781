import { Atom, wireAtom } from './atom.ts';
import { Encoder } from './encoder.ts';
import { ExportFun, OpaqueFun, Pid } from './identifiers.ts';
import { JS, STRUCT } from './javascript.ts';
import { keyOf } from './key.ts';
import { LeafReader } from './leaf-reader.ts';
import { checkLimit, DEFAULT_MAX_BYTES, DEFAULT_MAX_DEPTH, DEFAULT_MAX_ELEMENTS, HARD_MAX_DEPTH } from './limits.ts';
import { revivedStruct, revivedTuple } from './revive.ts';
import { Shapes, type Shape } from './shapes.ts';
import * as tag from './tags.ts';
import type { Term } from './types.ts';
import { Float, ImproperList, Tuple } from './values.ts';

/** How bytes become terms, and what is refused. */
export interface DecodeOptions {
  /**
   * What a binary becomes. `auto`: a string when it is UTF-8, else a `Uint8Array`;
   * `string`: a string, and other binaries are refused; `bytes`: always a `Uint8Array`.
   *
   * @default 'auto'
   */
  readonly binaries?: 'auto' | 'string' | 'bytes';
  /**
   * Levels of nesting, 1 to 1024. Too low refuses honest terms; each level costs stack.
   *
   * @default 512
   */
  readonly maxDepth?: number;
  /**
   * Bytes of input, and of inflated input.
   *
   * @default 67_108_864 (64 MiB)
   */
  readonly maxBytes?: number;
  /**
   * Elements of all lists, tuples and maps together. Bounds the memory that a hostile
   * sender can make of few bytes: roughly 60 bytes each.
   *
   * @default 4_194_304
   */
  readonly maxElements?: number;
}

/** What a `Decoder` takes beside `DecodeOptions`. */
export interface DecoderOptions extends DecodeOptions {
  /** The atom an ATOM_CACHE_REF (tag 82) of a distribution header means; without it the tag is refused. */
  readonly atomCache?: (index: number) => Atom | undefined;
  /**
   * Whether a binary of at least 256 KiB that is most of its memory may be a view of that memory: for bytes that are
   * never written again.
   *
   * @default false
   */
  readonly largeViews?: boolean;
}

/** Elements that one value counts for which a `{'$js', Class, Content}` becomes. */
const REVIVED_ELEMENTS = 8;
/** Canonical characters of keys of maps, for each byte of input: honest terms need fewer than 10. */
const KEY_WORK = 64;

const shapes = new Shapes();

/**
 * Reads terms, one after another, out of bytes. What it returns holds copies,
 * never views (unless `largeViews` is set), so the bytes can be reused. Every length is checked against the
 * bytes that remain before anything is allocated.
 */
export class Decoder extends LeafReader {
  readonly #maxDepth: number;
  readonly #maxBytes: number;
  readonly #maxElements: number;
  #elementsLeft: number;
  /** Characters of canonical keys that may still be made, see `#compareKey`. */
  #keyWorkLeft: number;

  /** @throws BeamishError `term_too_large` when there are more bytes than `maxBytes`. */
  constructor(bytes: Uint8Array, options: DecoderOptions = {}, offset = 0) {
    super(bytes, offset, options.binaries ?? 'auto', options.atomCache, options.largeViews ?? false);
    this.#maxDepth = checkLimit('maxDepth', options.maxDepth, DEFAULT_MAX_DEPTH, HARD_MAX_DEPTH);
    this.#maxElements = checkLimit('maxElements', options.maxElements, DEFAULT_MAX_ELEMENTS, 0xffff_ffff);
    this.#elementsLeft = this.#maxElements;
    this.#keyWorkLeft = keyWork(bytes);
    this.#maxBytes = checkLimit('maxBytes', options.maxBytes, DEFAULT_MAX_BYTES, 0xffff_ffff);
    this.#checkBytes(bytes);
  }

  /**
   * Begins with other bytes under the same limits, as a new decoder would.
   *
   * @throws BeamishError `term_too_large` when there are more bytes than `maxBytes`.
   */
  restart(bytes: Uint8Array, offset: number): void {
    this.#checkBytes(bytes);
    this.readFrom(bytes, offset);
    this.#elementsLeft = this.#maxElements;
    this.#keyWorkLeft = keyWork(bytes);
    this.cacheRefs = 0;
  }

  #checkBytes(bytes: Uint8Array): void {
    if (bytes.length > this.#maxBytes) this.tooLarge(`${bytes.length} bytes are more than maxBytes, ${this.#maxBytes}`);
  }

  /**
   * Reads one term, without a version byte.
   *
   * @throws BeamishError `term_malformed`, with `details.offset`, or `term_too_large`.
   */
  readTerm(): Term {
    return this.#read(0);
  }

  #read(depth: number): Term {
    const start = this.at;
    const kind = this.readByte();
    switch (kind) {
      case tag.SMALL_INTEGER:
        return this.readByte();
      case tag.INTEGER:
        return this.readInt32();
      case tag.BINARY:
        return this.binary();
      case tag.NEW_FLOAT:
        return this.float(this.source.readDoubleBE(this.skip(8)), start);
      case tag.SMALL_BIG:
        return this.big(this.readByte());
      case tag.MAP:
        return this.#map(this.#deeper(depth, start));
      case tag.NIL:
        return [];
      case tag.LIST:
        this.at = start;
        return this.#list(this.#deeper(depth, start));
      case tag.STRING:
        return this.#byteList([]);
      case tag.SMALL_TUPLE:
        return this.#tuple(this.readByte(), this.#deeper(depth, start));
      case tag.LARGE_TUPLE:
        return this.#tuple(this.readUint32(), this.#deeper(depth, start));
      case tag.SMALL_ATOM_UTF8:
      case tag.ATOM_UTF8:
      case tag.SMALL_ATOM_LATIN1:
      case tag.ATOM_LATIN1:
      case tag.ATOM_CACHE_REF:
        return valueOfAtom(this.atomName(kind, start));
      default:
        return this.#rare(kind, start, depth);
    }
  }

  #rare(kind: number, start: number, depth: number): Term {
    switch (kind) {
      case tag.NEW_PID:
      case tag.PID:
        return this.pid(kind);
      case tag.NEWER_REFERENCE:
      case tag.NEW_REFERENCE:
      case tag.REFERENCE:
        return this.reference(kind, start);
      case tag.V4_PORT:
      case tag.NEW_PORT:
      case tag.PORT:
        return this.port(kind);
      case tag.BIT_BINARY:
        return this.bits(start);
      case tag.LARGE_BIG:
        return this.big(this.readUint32());
      case tag.FLOAT_TEXT:
        return this.floatText(start);
      case tag.EXPORT: {
        const module = this.name();
        const name = this.name();
        return new ExportFun(module, name, this.#smallInteger(0, 255));
      }
      case tag.NEW_FUN:
        return this.#fun(start, this.#deeper(depth, start));
      case tag.COMPRESSED:
        return this.malformed(start, 'a compressed term is allowed at the start only');
      default:
        return this.malformed(start, `unknown tag ${kind}`);
    }
  }

  #byteList(list: Term[]): Term[] {
    const count = this.readUint16();
    const at = this.skip(count);
    this.#count(count, 0);
    for (let index = 0; index < count; index++) list.push(this.source[at + index]);
    return list;
  }

  /** A list, whose tail may be written as a list again; this follows tails in a loop. */
  #list(depth: number): Term {
    const list: Term[] = [];
    for (;;) {
      const start = this.at;
      const kind = this.readByte();
      if (kind === tag.NIL) return list;
      if (kind === tag.STRING) return this.#byteList(list);
      if (kind !== tag.LIST) {
        this.at = start;
        const tail = this.#read(depth);
        // OTP reads `[ | tail]` with no element as the tail alone.
        return list.length === 0 ? tail : new ImproperList(list, tail);
      }
      const count = this.readUint32();
      if (count === 0 && list.length === 0 && this.at < this.end && this.source[this.at] === tag.MAP) {
        return this.#markedMap(depth);
      }
      this.#count(count, 1);
      for (let index = 0; index < count; index++) list.push(this.#read(depth));
    }
  }

  #tuple(arity: number, depth: number): Term {
    this.#count(arity, 1);
    const elements: Term[] = [];
    for (let index = 0; index < arity; index++) elements.push(this.#read(depth));
    const tuple = new Tuple(elements);
    return arity === 3 && elements[0] === JS ? this.#revived(tuple) : tuple;
  }

  #revived(tuple: Tuple): Term {
    const value = revivedTuple(tuple);
    // An object that takes more memory than the elements it was made of.
    if (value !== tuple) this.#count(REVIVED_ELEMENTS, 0);
    return value;
  }

  /** A plain object while all keys are strings, from the first other key on a `Map`. */
  #map(depth: number): Term {
    const start = this.at - 1;
    const count = this.readUint32();
    this.#count(count, 2);
    const slot = this.texts ? shapes.slot(this.source, this.at, this.end, count) : undefined;
    if (slot === undefined) return this.#restOfMap({}, 0, count, depth, start);
    const { shape } = slot;
    const values: Term[] = [];
    if (shape.keys.length === count) {
      while (values.length < count && this.#skipKey(shape, values.length)) values.push(this.#read(depth));
      if (values.length === count) {
        slot.hit();
        return shape.object(values);
      }
    }
    const object = shape.begun(values);
    const map = this.#restOfMap(object, values.length, count, depth, start);
    if (map === object) slot.missed(object);
    return map;
  }

  /** Moves past the key of the shape, if that is what comes next. */
  #skipKey({ bytes, ends }: Shape, index: number): boolean {
    const { source } = this;
    const from = index === 0 ? 0 : ends[index - 1]!;
    const to = ends[index]!;
    const shift = this.at - from;
    if (shift + to > this.end) return false;
    for (let at = from; at < to; at++) if (source[shift + at] !== bytes[at]) return false;
    this.at = shift + to;
    return true;
  }

  #restOfMap(object: { [key: string]: Term }, done: number, count: number, depth: number, start: number): Term {
    for (let index = done; index < count; index++) {
      const key = this.#key(depth);
      if (typeof key !== 'string' || key === '__proto__') return this.#wideMap(object, index, key, count, depth, start);
      object[key] = this.#read(depth);
    }
    if (count > 1 && Object.keys(object).length !== count) this.malformed(start, 'a map with a key twice');
    return object;
  }

  /** Most keys are texts: to look for that first saves a fifth of the time of a map of numbers. */
  #key(depth: number): Term {
    if (this.at === this.end || this.source[this.at] !== tag.BINARY) return this.#read(depth);
    this.at += 1;
    return this.binary();
  }

  /** A map that is to be a `Map`, see `Encoder`. */
  #markedMap(depth: number): Term {
    const start = this.at;
    this.at += 1;
    const count = this.readUint32();
    this.#count(count, 2);
    return count === 0 ? new Map() : this.#wideMap({}, 0, this.#read(depth), count, depth, start);
  }

  #wideMap(
    object: { [key: string]: Term },
    done: number,
    first: Term,
    count: number,
    depth: number,
    start: number,
  ): Term {
    const map = new Map<Term, Term>(Object.entries(object));
    if (map.size !== done) this.malformed(start, 'a map with a key twice');
    let seen: Set<string> | undefined;
    let onlyNames = true;
    let key = first;
    for (let index = done; index < count; index++) {
      if (index > done) key = this.#read(depth);
      // A Map turns the key -0 into 0: the float -0.0 would become the integer 0.
      if (Object.is(key, -0)) key = new Float(-0);
      if (isCompound(key)) onlyNames = false;
      if (!onlyNames && count > 1) seen ??= new Set(Array.from(map.keys(), (other) => this.#compareKey(other)));
      if (seen !== undefined) {
        const before = seen.size;
        if (seen.add(this.#compareKey(key)).size === before) this.malformed(start, 'a map with a key twice');
      }
      map.set(key, this.#read(depth));
    }
    if (map.size !== count) this.malformed(start, 'a map with a key twice');
    return map.has(STRUCT) ? revivedStruct(map) : map;
  }

  /**
   * A string equal for equal keys. Where maps are keys of maps, the inner ones are gone through again at each
   * level; the bound keeps a hostile sender from making that quadratic in the size of the message.
   */
  #compareKey(key: Term): string {
    const compared = keyOf(key);
    this.#keyWorkLeft -= compared.length;
    if (this.#keyWorkLeft < 0) this.tooLarge('maps nested too deep as keys of maps');
    return compared;
  }

  #smallInteger(least: number, most: number): number {
    const start = this.at;
    const value = this.#read(0);
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most) return value;
    return this.malformed(start, `an integer from ${least} to ${most} was expected`);
  }

  /** NEW_FUN. Its size field is wrong in some releases of OTP (section 4), so the fields are followed. */
  #fun(start: number, depth: number): OpaqueFun {
    const refsBefore = this.cacheRefs;
    this.skip(4);
    const arity = this.readByte();
    const uniq = this.readBytes(16);
    const index = this.readUint32();
    const count = this.readUint32();
    const module = this.name();
    const oldIndex = this.#smallInteger(-0x8000_0000, 0xffff_ffff);
    const oldUniq = this.#smallInteger(-0x8000_0000, 0xffff_ffff);
    const pidStart = this.at;
    const creator = this.#read(depth);
    if (!(creator instanceof Pid)) this.malformed(pidStart, 'the creator of a fun must be a pid');
    this.#count(count, 1);
    const free: Term[] = [];
    for (let variable = 0; variable < count; variable++) free.push(this.#read(depth));
    const parts = { module, arity, index, oldIndex, oldUniq, free };
    if (this.cacheRefs === refsBefore) {
      const length = this.at - start;
      this.at = start;
      return new OpaqueFun(this.readBytes(length), parts);
    }
    // References to this connection's atom cache mean nothing elsewhere: write it again without.
    const encoder = new Encoder({ maxDepth: HARD_MAX_DEPTH });
    encoder.writeByte(tag.NEW_FUN);
    encoder.writeUint32(0);
    encoder.writeByte(arity);
    encoder.writeBytes(uniq);
    encoder.writeUint32(index);
    encoder.writeUint32(count);
    encoder.writeTerm(wireAtom(module));
    for (const term of [oldIndex, oldUniq, creator, ...free]) encoder.writeTerm(term);
    encoder.patchUint32(1, encoder.length - 1);
    return new OpaqueFun(encoder.take(), parts);
  }

  #deeper(depth: number, start: number): number {
    if (depth >= this.#maxDepth) this.tooLarge(`nested deeper than maxDepth, ${this.#maxDepth}, at offset ${start}`);
    return depth + 1;
  }

  /** Accounts for `count` elements, each of which takes at least `bytesEach` of what remains. */
  #count(count: number, bytesEach: number): void {
    if (count * bytesEach > this.remaining) this.truncated(count * bytesEach);
    this.#elementsLeft -= bytesEach === 2 ? count * 2 : count;
    if (this.#elementsLeft < 0) this.tooLarge('more elements than maxElements');
  }
}

/** Whether another value may be the same term as this key. */
function isCompound(key: Term): boolean {
  return typeof key === 'bigint' || (typeof key === 'object' && key !== null && !(key instanceof Atom));
}

function keyWork(bytes: Uint8Array): number {
  return 65_536 + KEY_WORK * bytes.length;
}

function valueOfAtom(name: string): Term {
  switch (name) {
    case 'true':
      return true;
    case 'false':
      return false;
    case 'nil':
      return null;
    case 'undefined':
      return undefined;
    default:
      return wireAtom(name);
  }
}
