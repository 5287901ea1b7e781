import { isUtf8 } from 'node:buffer';
import type { FastBuffer } from './fast-buffer.ts';

const SLOTS = 4096;
/** Texts of more bytes than this are not kept. */
export const CACHED_BYTES = 32;
/** U+FFFD. As a literal it would make the packed file, and so its memory, one of two bytes a character. */
const REPLACEMENT = String.fromCharCode(0xfffd);

/**
 * Short texts seen before: names of atoms and nodes, keys of maps. Comparing the
 * bytes with those of the one text in their slot costs less than making a string, and equal
 * keys become one string object. A text is kept when it comes for the second time: most that come once never come again, and to keep
 * one costs several times what it costs to make it. Bounded: 4,096 texts of 32 bytes; a newer text takes the slot of an older one.
 */
export class TextCache {
  readonly #bytes = new Uint8Array(SLOTS * CACHED_BYTES);
  readonly #lengths = new Uint8Array(SLOTS);
  readonly #texts: string[] = new Array<string>(SLOTS).fill('');
  /** Hash of the text of each slot that came last and was not kept. */
  readonly #passed = new Int32Array(SLOTS);

  /** The text of these UTF-8 bytes (at most `CACHED_BYTES`), or undefined when they are not UTF-8. */
  text(buffer: FastBuffer, start: number, length: number): string | undefined {
    let hash = length;
    for (let index = 0; index < length; index++) hash = Math.imul(hash, 31) + buffer[start + index]!;
    const slot = (hash ^ (hash >>> 15)) & (SLOTS - 1);
    const base = slot * CACHED_BYTES;
    if (this.#lengths[slot] === length) {
      const bytes = this.#bytes;
      let index = 0;
      while (index < length && bytes[base + index] === buffer[start + index]) index++;
      if (index === length) return this.#texts[slot]!;
    }
    if (this.#passed[slot] === hash) return this.#add(buffer, start, length, slot);
    this.#passed[slot] = hash;
    return utf8Text(buffer, start, start + length);
  }

  #add(buffer: FastBuffer, start: number, length: number, slot: number): string | undefined {
    const decoded = utf8Text(buffer, start, start + length);
    if (decoded === undefined) return undefined;
    // As a property name the engine keeps one object per text, which makes later use as a key cheap.
    const text = Object.keys({ [decoded]: 0 })[0]!;
    this.#bytes.set(buffer.subarray(start, start + length), slot * CACHED_BYTES);
    this.#lengths[slot] = length;
    this.#texts[slot] = text;
    return text;
  }
}

/** The text of these bytes, or undefined when they are not UTF-8. */
export function utf8Text(buffer: FastBuffer, start: number, end: number): string | undefined {
  const text = buffer.utf8Slice(start, end);
  // Invalid bytes become U+FFFD, which may also stand there itself; only then look closely.
  if (text.includes(REPLACEMENT) && !isUtf8(buffer.subarray(start, end))) return undefined;
  return text;
}
