import { isUtf8 } from 'node:buffer';
import { BeamishError } from '../error/index.ts';
import type { Atom } from './atom.ts';
import { Pid, Port, Reference } from './identifiers.ts';
import { ByteReader } from './reader.ts';
import * as tag from './tags.ts';
import { CACHED_BYTES, TextCache, utf8Text } from './text-cache.ts';
import { BitString, Float } from './values.ts';

/** Larger numbers than this are an attack; the BEAM itself stops near 4 Mi bits. */
const MAX_BIG_BYTES = 1024 * 1024;
/** V8 makes no longer string; such a binary stays bytes. */
const MAX_TEXT = 0x1fff_ffe8;

/** Below this, a copy costs less than what a view keeps alive; see `DecoderOptions.largeViews`. */
const LARGE_VIEW = 256 * 1024;

const texts = new TextCache();

/** Reads the terms that hold no others. */
export class LeafReader extends ByteReader {
  readonly #binaries: 'auto' | 'string' | 'bytes';
  /** Whether binaries may become texts. */
  protected readonly texts: boolean;
  readonly #atomCache: ((index: number) => Atom | undefined) | undefined;
  readonly #largeViews: boolean;
  /** References to the atom cache so far. */
  protected cacheRefs = 0;

  constructor(
    bytes: Uint8Array,
    offset: number,
    binaries: 'auto' | 'string' | 'bytes',
    atomCache: ((index: number) => Atom | undefined) | undefined,
    largeViews: boolean,
  ) {
    super(bytes, offset);
    this.#binaries = binaries;
    this.texts = binaries !== 'bytes';
    this.#atomCache = atomCache;
    this.#largeViews = largeViews;
  }

  /** An integer of `count` bytes of magnitude, least significant first, after a sign byte. */
  protected big(count: number): number | bigint {
    const negative = this.readByte() !== 0;
    if (count > MAX_BIG_BYTES && count <= this.remaining) this.tooLarge(`an integer of ${count} bytes`);
    const at = this.skip(count);
    const source = this.source;
    if (count <= 6) {
      let value = 0;
      for (let index = count - 1; index >= 0; index--) value = value * 256 + source[at + index]!;
      return negative ? 0 - value : value;
    }
    if (count === 8 && source[at + 7] === 0) {
      // More bytes than a BEAM would write: a bigint that a number could hold, see `LeafWriter.bigint`.
      const value = source.readBigUInt64LE(at);
      return negative ? -value : value;
    }
    const hex = Buffer.from(source.subarray(at, at + count))
      .reverse()
      .toString('hex');
    const magnitude = BigInt(`0x${hex}`);
    const value = negative ? -magnitude : magnitude;
    const small = Number(value);
    return Number.isSafeInteger(small) ? small : value;
  }

  protected float(value: number, start: number): number | Float {
    if (!Number.isFinite(value)) this.malformed(start, 'a float that is no number');
    // An integral float as a number would be sent back as an integer. -0 is a float already.
    return Number.isSafeInteger(value) && !Object.is(value, -0) ? new Float(value) : value;
  }

  protected floatText(start: number): number | Float {
    const at = this.skip(31);
    const text = this.source
      .latin1Slice(at, at + 31)
      .replace(/\0.*$/s, '')
      .trim();
    if (!/^[-+]?\d+(\.\d+)?(e[-+]?\d+)?$/i.test(text)) this.malformed(start, 'a float whose text is no number');
    return this.float(Number(text), start);
  }

  protected binary(): string | Uint8Array {
    const length = this.readUint32();
    if (!this.texts || length > MAX_TEXT) return this.#bytes(length);
    const at = this.skip(length);
    const text = this.#text(at, length);
    if (text !== undefined) return text;
    if (this.#binaries === 'string') this.malformed(at, 'a binary that is not UTF-8, where only strings are allowed');
    this.at = at;
    return this.#bytes(length);
  }

  #text(at: number, length: number): string | undefined {
    const source = this.source;
    if (length <= CACHED_BYTES) return texts.text(source, at, length);
    // Where there is much, to look first costs little, and a text made in vain costs much.
    if (length >= LARGE_VIEW && !isUtf8(source.subarray(at, at + length))) return undefined;
    return utf8Text(source, at, at + length);
  }

  #bytes(length: number): Uint8Array {
    const memory = this.source.buffer;
    if (!this.#largeViews || length < LARGE_VIEW || length * 2 < memory.byteLength) return this.readBytes(length);
    return new Uint8Array(memory, this.source.byteOffset + this.skip(length), length);
  }

  protected bits(start: number): Uint8Array | BitString {
    const length = this.readUint32();
    const bits = this.readByte();
    // As OTP: no bits exactly where there is no byte.
    if (bits > 8 || (bits === 0) !== (length === 0))
      this.malformed(start, `${bits} bits in the last of ${length} bytes`);
    const bytes = bits === 8 ? this.#bytes(length) : this.readBytes(length);
    if (bits === 0 || bits === 8) return bytes;
    bytes[length - 1] = bytes[length - 1]! & (0xff << (8 - bits));
    return new BitString(bytes, bits);
  }

  /** Name of the atom whose tag, at `start`, is `kind`. */
  protected atomName(kind: number, start: number): string {
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
        this.cacheRefs += 1;
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
  protected name(): string {
    const start = this.at;
    return this.atomName(this.readByte(), start);
  }

  protected pid(kind: number): Pid {
    const node = this.name();
    const id = this.readUint32();
    const serial = this.readUint32();
    return new Pid(node, id, serial, kind === tag.PID ? this.readByte() : this.readUint32());
  }

  protected reference(kind: number, start: number): Reference {
    if (kind === tag.REFERENCE) {
      const node = this.name();
      const id = this.readUint32();
      return new Reference(node, this.readByte(), [id]);
    }
    const count = this.readUint16();
    if (count < 1 || count > 5) this.malformed(start, `a reference of ${count} words`);
    const node = this.name();
    const creation = kind === tag.NEW_REFERENCE ? this.readByte() : this.readUint32();
    const words: number[] = [];
    for (let index = 0; index < count; index++) words.push(this.readUint32());
    return new Reference(node, creation, words);
  }

  protected port(kind: number): Port {
    const node = this.name();
    if (kind === tag.V4_PORT) return new Port(node, this.readUint64(), this.readUint32());
    const id = BigInt(this.readUint32());
    return new Port(node, id, kind === tag.PORT ? this.readByte() : this.readUint32());
  }

  protected tooLarge(message: string): never {
    throw new BeamishError('term_too_large', message);
  }
}
