import { BeamishError } from '../error/index.ts';
import { Atom, wireAtom } from './atom.ts';
import { Encoder } from './encoder.ts';
import { ExportFun, OpaqueFun, Pid, Port, Reference } from './identifiers.ts';
import { keyOf } from './key.ts';
import { checkLimit, DEFAULT_MAX_BYTES, DEFAULT_MAX_DEPTH, DEFAULT_MAX_ELEMENTS, HARD_MAX_DEPTH } from './limits.ts';
import { ByteReader } from './reader.ts';
import * as tag from './tags.ts';
import { CACHED_BYTES, TextCache, utf8Text } from './text-cache.ts';
import type { Term } from './types.ts';
import { BitString, Float, ImproperList, Tuple } from './values.ts';

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
}

/** Larger numbers than this are an attack; the BEAM itself stops near 4 Mi bits. */
const MAX_BIG_BYTES = 1024 * 1024;
/** Canonical characters of keys of maps, for each byte of input: honest terms need fewer than 10. */
const KEY_WORK = 64;
/** V8 makes no longer string; such a binary stays bytes. */
const MAX_TEXT = 0x1fff_ffe8;

const texts = new TextCache();

/**
 * Reads terms, one after another, out of bytes. What it returns holds copies,
 * never views, so the bytes can be reused. Every length is checked against the
 * bytes that remain before anything is allocated.
 */
export class Decoder extends ByteReader {
  readonly #maxDepth: number;
  readonly #binaries: 'auto' | 'string' | 'bytes';
  readonly #atomCache: ((index: number) => Atom | undefined) | undefined;
  readonly #maxBytes: number;
  readonly #maxElements: number;
  #elementsLeft: number;
  #cacheRefs = 0;
  /** Characters of canonical keys that may still be made, see `#compareKey`. */
  #keyWorkLeft: number;

  /** @throws BeamishError `term_too_large` when there are more bytes than `maxBytes`. */
  constructor(bytes: Uint8Array, options: DecoderOptions = {}, offset = 0) {
    super(bytes, offset);
    this.#maxDepth = checkLimit('maxDepth', options.maxDepth, DEFAULT_MAX_DEPTH, HARD_MAX_DEPTH);
    this.#maxElements = checkLimit('maxElements', options.maxElements, DEFAULT_MAX_ELEMENTS, 0xffff_ffff);
    this.#elementsLeft = this.#maxElements;
    this.#binaries = options.binaries ?? 'auto';
    this.#atomCache = options.atomCache;
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
    this.#cacheRefs = 0;
  }

  #checkBytes(bytes: Uint8Array): void {
    if (bytes.length > this.#maxBytes)
      this.#tooLarge(`${bytes.length} bytes are more than maxBytes, ${this.#maxBytes}`);
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
        return this.#binary();
      case tag.NEW_FLOAT:
        return this.#float(this.source.readDoubleBE(this.skip(8)), start);
      case tag.SMALL_BIG:
        return this.#big(this.readByte());
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
        return valueOfAtom(this.#atomName(kind, start));
      default:
        return this.#rare(kind, start, depth);
    }
  }

  #rare(kind: number, start: number, depth: number): Term {
    switch (kind) {
      case tag.NEW_PID:
      case tag.PID:
        return this.#pid(kind);
      case tag.NEWER_REFERENCE:
      case tag.NEW_REFERENCE:
      case tag.REFERENCE:
        return this.#reference(kind, start);
      case tag.V4_PORT: {
        const node = this.#name();
        return new Port(node, this.readUint64(), this.readUint32());
      }
      case tag.NEW_PORT:
      case tag.PORT: {
        const node = this.#name();
        const id = BigInt(this.readUint32());
        return new Port(node, id, kind === tag.PORT ? this.readByte() : this.readUint32());
      }
      case tag.BIT_BINARY:
        return this.#bits(start);
      case tag.LARGE_BIG:
        return this.#big(this.readUint32());
      case tag.FLOAT_TEXT:
        return this.#floatText(start);
      case tag.EXPORT: {
        const module = this.#name();
        const name = this.#name();
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

  /** An integer of `count` bytes of magnitude, least significant first, after a sign byte. */
  #big(count: number): number | bigint {
    const negative = this.readByte() !== 0;
    if (count > MAX_BIG_BYTES && count <= this.remaining) this.#tooLarge(`an integer of ${count} bytes`);
    const at = this.skip(count);
    const source = this.source;
    if (count <= 6) {
      let value = 0;
      for (let index = count - 1; index >= 0; index--) value = value * 256 + source[at + index]!;
      return negative ? 0 - value : value;
    }
    const hex = Buffer.from(source.subarray(at, at + count))
      .reverse()
      .toString('hex');
    const magnitude = BigInt(`0x${hex}`);
    const value = negative ? -magnitude : magnitude;
    const small = Number(value);
    return Number.isSafeInteger(small) ? small : value;
  }

  #float(value: number, start: number): number | Float {
    if (!Number.isFinite(value)) this.malformed(start, 'a float that is no number');
    // An integral float as a number would be sent back as an integer. -0 is a float already.
    return Number.isSafeInteger(value) && !Object.is(value, -0) ? new Float(value) : value;
  }

  #floatText(start: number): number | Float {
    const at = this.skip(31);
    const text = this.source
      .latin1Slice(at, at + 31)
      .replace(/\0.*$/s, '')
      .trim();
    if (!/^[-+]?\d+(\.\d+)?(e[-+]?\d+)?$/i.test(text)) this.malformed(start, 'a float whose text is no number');
    return this.#float(Number(text), start);
  }

  #binary(): string | Uint8Array {
    const length = this.readUint32();
    if (this.#binaries === 'bytes' || length > MAX_TEXT) return this.readBytes(length);
    const at = this.skip(length);
    const text = length <= CACHED_BYTES ? texts.text(this.source, at, length) : utf8Text(this.source, at, at + length);
    if (text !== undefined) return text;
    if (this.#binaries === 'string') this.malformed(at, 'a binary that is not UTF-8, where only strings are allowed');
    this.at = at;
    return this.readBytes(length);
  }

  #bits(start: number): Uint8Array | BitString {
    const length = this.readUint32();
    const bits = this.readByte();
    // As OTP: no bits exactly where there is no byte.
    if (bits > 8 || (bits === 0) !== (length === 0))
      this.malformed(start, `${bits} bits in the last of ${length} bytes`);
    const bytes = this.readBytes(length);
    if (bits === 0 || bits === 8) return bytes;
    bytes[length - 1] = bytes[length - 1]! & (0xff << (8 - bits));
    return new BitString(bytes, bits);
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
      this.#count(count, 1);
      for (let index = 0; index < count; index++) list.push(this.#read(depth));
    }
  }

  #tuple(arity: number, depth: number): Tuple {
    this.#count(arity, 1);
    const elements: Term[] = [];
    for (let index = 0; index < arity; index++) elements.push(this.#read(depth));
    return new Tuple(elements);
  }

  /** A plain object while all keys are strings, from the first other key on a `Map`. */
  #map(depth: number): Term {
    const start = this.at - 1;
    const count = this.readUint32();
    this.#count(count, 2);
    const object: { [key: string]: Term } = {};
    for (let index = 0; index < count; index++) {
      const key = this.#read(depth);
      if (typeof key !== 'string' || key === '__proto__') return this.#wideMap(object, index, key, count, depth, start);
      object[key] = this.#read(depth);
    }
    if (count > 1 && Object.keys(object).length !== count) this.malformed(start, 'a map with a key twice');
    return object;
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
      if (typeof key === 'object' && key !== null && !(key instanceof Atom)) onlyNames = false;
      if (!onlyNames && count > 1) seen ??= new Set(Array.from(map.keys(), (other) => this.#compareKey(other)));
      if (seen !== undefined) {
        const before = seen.size;
        if (seen.add(this.#compareKey(key)).size === before) this.malformed(start, 'a map with a key twice');
      }
      map.set(key, this.#read(depth));
    }
    if (map.size !== count) this.malformed(start, 'a map with a key twice');
    return map;
  }

  /**
   * A string equal for equal keys. Where maps are keys of maps, the inner ones are gone through again at each
   * level; the bound keeps a hostile sender from making that quadratic in the size of the message.
   */
  #compareKey(key: Term): string {
    const compared = keyOf(key);
    this.#keyWorkLeft -= compared.length;
    if (this.#keyWorkLeft < 0) this.#tooLarge('maps nested too deep as keys of maps');
    return compared;
  }

  /** Name of the atom whose tag, at `start`, is `kind`. */
  #atomName(kind: number, start: number): string {
    switch (kind) {
      case tag.SMALL_ATOM_UTF8:
        return this.#atomText(this.readByte(), start, true);
      case tag.ATOM_UTF8:
        return this.#atomText(this.readUint16(), start, true);
      case tag.SMALL_ATOM_LATIN1:
        return this.#atomText(this.readByte(), start, false);
      case tag.ATOM_LATIN1:
        return this.#atomText(this.readUint16(), start, false);
      case tag.ATOM_CACHE_REF: {
        const index = this.readByte();
        const cached = this.#atomCache?.(index);
        if (cached === undefined) this.malformed(start, `no atom in the cache under index ${index}`);
        this.#cacheRefs += 1;
        return cached.name;
      }
      default:
        return this.malformed(start, `an atom was expected, not tag ${kind}`);
    }
  }

  #atomText(length: number, start: number, utf8: boolean): string {
    const at = this.skip(length);
    const source = this.source;
    if (!utf8) {
      for (let index = at; index < at + length; index++) {
        if (source[index]! >= 128) return this.#shortEnough(source.latin1Slice(at, at + length), start);
      }
    }
    const name = length <= CACHED_BYTES ? texts.text(source, at, length) : utf8Text(source, at, at + length);
    if (name === undefined) return this.malformed(start, 'an atom whose name is not UTF-8');
    return length <= 255 ? name : this.#shortEnough(name, start);
  }

  #shortEnough(name: string, start: number): string {
    if (name.length > 255 && [...name].length > 255) this.malformed(start, 'an atom of more than 255 characters');
    return name;
  }

  /** The name of the atom that comes next: of a node, a module, a function. */
  #name(): string {
    const start = this.at;
    return this.#atomName(this.readByte(), start);
  }

  #pid(kind: number): Pid {
    const node = this.#name();
    const id = this.readUint32();
    const serial = this.readUint32();
    return new Pid(node, id, serial, kind === tag.PID ? this.readByte() : this.readUint32());
  }

  #reference(kind: number, start: number): Reference {
    if (kind === tag.REFERENCE) {
      const node = this.#name();
      const id = this.readUint32();
      return new Reference(node, this.readByte(), [id]);
    }
    const count = this.readUint16();
    if (count < 1 || count > 5) this.malformed(start, `a reference of ${count} words`);
    const node = this.#name();
    const creation = kind === tag.NEW_REFERENCE ? this.readByte() : this.readUint32();
    const words: number[] = [];
    for (let index = 0; index < count; index++) words.push(this.readUint32());
    return new Reference(node, creation, words);
  }

  #smallInteger(least: number, most: number): number {
    const start = this.at;
    const value = this.#read(0);
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most) return value;
    return this.malformed(start, `an integer from ${least} to ${most} was expected`);
  }

  /** NEW_FUN. Its size field is wrong in some releases of OTP (section 4), so the fields are followed. */
  #fun(start: number, depth: number): OpaqueFun {
    const refsBefore = this.#cacheRefs;
    this.skip(4);
    const arity = this.readByte();
    const uniq = this.readBytes(16);
    const index = this.readUint32();
    const count = this.readUint32();
    const module = this.#name();
    const oldIndex = this.#smallInteger(-0x8000_0000, 0xffff_ffff);
    const oldUniq = this.#smallInteger(-0x8000_0000, 0xffff_ffff);
    const pidStart = this.at;
    const creator = this.#read(depth);
    if (!(creator instanceof Pid)) this.malformed(pidStart, 'the creator of a fun must be a pid');
    this.#count(count, 1);
    const free: Term[] = [];
    for (let variable = 0; variable < count; variable++) free.push(this.#read(depth));
    const parts = { module, arity, index, oldIndex, oldUniq, free };
    if (this.#cacheRefs === refsBefore) {
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
    if (depth >= this.#maxDepth) this.#tooLarge(`nested deeper than maxDepth, ${this.#maxDepth}, at offset ${start}`);
    return depth + 1;
  }

  /** Accounts for `count` elements, each of which takes at least `bytesEach` of what remains. */
  #count(count: number, bytesEach: number): void {
    if (count * bytesEach > this.remaining) this.truncated(count * bytesEach);
    this.#elementsLeft -= bytesEach === 2 ? count * 2 : count;
    if (this.#elementsLeft < 0) this.#tooLarge('more elements than maxElements');
  }

  #tooLarge(message: string): never {
    throw new BeamishError('term_too_large', message);
  }
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
