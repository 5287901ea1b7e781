import { HARD_MAX_DEPTH } from './limits.ts';
import type { Term } from './types.ts';
import { ImproperList } from './values.ts';

/**
 * The text of a charlist, a string, or any nesting of both (`IO.chardata_to_string/1`): `chardataToString(charlist('a'))` is
 * `'a'`. Undefined when the term is no such thing.
 */
export function chardataToString(term: Term): string | undefined {
  const parts: string[] = [];
  const isText = walk(term, 0, (leaf) => {
    if (typeof leaf === 'string') parts.push(leaf);
    else if (typeof leaf === 'number' && isCodePoint(leaf)) parts.push(String.fromCodePoint(leaf));
    else return false;
    return true;
  });
  return isText && !(typeof term === 'number') ? parts.join('') : undefined;
}

/**
 * The bytes of a binary, whether it arrived as a string or as a `Uint8Array`, or of iodata (`IO.iodata_to_binary/1`).
 * Undefined when the term is no such thing.
 */
export function iodataToBytes(term: Term): Uint8Array | undefined {
  const parts: Uint8Array[] = [];
  const isData = walk(term, 0, (leaf) => {
    if (typeof leaf === 'string') parts.push(Buffer.from(leaf));
    else if (leaf instanceof Uint8Array) parts.push(leaf);
    else if (typeof leaf === 'number' && (leaf & 0xff) === leaf) parts.push(Uint8Array.of(leaf));
    else return false;
    return true;
  });
  return isData && !(typeof term === 'number') ? new Uint8Array(Buffer.concat(parts)) : undefined;
}

/** Gives every leaf of nested lists to `take`, until it says false. */
function walk(term: Term, depth: number, take: (leaf: Term) => boolean): boolean {
  if (!Array.isArray(term) && !(term instanceof ImproperList)) return take(term);
  if (depth >= HARD_MAX_DEPTH) return false;
  const elements = term instanceof ImproperList ? [...term.elements, term.tail] : (term as readonly Term[]);
  return elements.every((element) => walk(element, depth + 1, take));
}

/** Half a surrogate pair is no character. */
function isCodePoint(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= 0x10_ffff && !(value >= 0xd800 && value < 0xe000);
}
