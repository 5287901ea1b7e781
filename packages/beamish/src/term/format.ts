import { atomName } from './atom.ts';
import { ExportFun, OpaqueFun, Pid, Port, Reference } from './identifiers.ts';
import { wireForm } from './javascript.ts';
import { isTermMap, mapEntries } from './term-map.ts';
import { shownAtom } from './shown.ts';
import type { Term } from './types.ts';
import { BitString, Float, ImproperList, Tuple } from './values.ts';

/** How much of a term is shown. */
export interface FormatOptions {
  /**
   * Levels of nesting shown; `...` stands for deeper ones.
   *
   * @default 10
   */
  readonly maxDepth?: number;
  /**
   * Characters after which the text ends in `...`.
   *
   * @default 2000
   */
  readonly maxLength?: number;
  /**
   * Lists of printable characters are shown as text, as Erlang's `~p` does: `"abc"`. A list of numbers may look like one.
   *
   * @default false
   */
  readonly charlists?: boolean;
}

/**
 * The term as a person would write it in Erlang: `{ok,#{<<"a">> => 1.0}}`. For logs
 * and error messages; it never throws, shows what is no term as `#NotATerm<...>`, and does bounded
 * work however large the term is.
 */
export function formatTerm(term: unknown, options: FormatOptions = {}): string {
  const printer = new Printer(options.maxLength ?? 2000, options.maxDepth ?? 10, options.charlists ?? false);
  try {
    printer.print(term, 0);
  } catch {
    // A getter or a proxy of a value that is no term may throw.
    printer.note('#NotATerm<...>');
  }
  return printer.text();
}

class Printer {
  #text = '';
  readonly #maxLength: number;
  readonly #maxDepth: number;
  readonly #charlists: boolean;

  constructor(maxLength: number, maxDepth: number, charlists: boolean) {
    this.#maxLength = maxLength;
    this.#maxDepth = maxDepth;
    this.#charlists = charlists;
  }

  text(): string {
    if (this.#text.length <= this.#maxLength) return this.#text;
    // toWellFormed: the cut may fall between the two halves of a character.
    return `${this.#text.slice(0, Math.max(this.#maxLength - 3, 0)).toWellFormed()}...`;
  }

  note(text: string): void {
    this.#text += text;
  }

  get #full(): boolean {
    return this.#text.length > this.#maxLength;
  }

  print(term: unknown, depth: number): void {
    if (this.#full) return;
    const name = atomName(term);
    if (name !== undefined) this.#text += shownAtom(name);
    else if (typeof term === 'number') this.#text += Object.is(term, -0) ? '-0.0' : String(term);
    else if (typeof term === 'bigint') this.#text += this.#bigint(term);
    else if (typeof term === 'string') this.#text += `<<${JSON.stringify(term.slice(0, this.#maxLength))}>>`;
    else if (typeof term === 'object' && term !== null) this.#object(term, depth);
    else this.#text += `#NotATerm<${typeof term}>`;
  }

  /** Thousands of digits say no more than their number, and take long to find. */
  #bigint(value: bigint): string {
    return BigInt.asIntN(4096, value) === value ? String(value) : '#BigInteger<...>';
  }

  #object(term: object, depth: number): void {
    if (term instanceof Float || term instanceof Pid || term instanceof Reference || term instanceof Port) {
      this.#text += String(term);
    } else if (term instanceof ExportFun) {
      this.#text += `fun ${shownAtom(term.module)}:${shownAtom(term.function)}/${term.arity}`;
    } else if (term instanceof OpaqueFun) {
      this.#text += `#Fun<${term.module}.${term.index}.${term.oldUniq}>`;
    } else if (term instanceof Uint8Array) {
      this.#bytes(term, 8);
    } else if (term instanceof BitString) {
      this.#bytes(term.bytes, term.bits);
    } else if (depth >= this.#maxDepth) {
      this.#text += '...';
    } else if (Array.isArray(term)) {
      if (this.#charlists && this.#isText(term as readonly unknown[])) {
        this.#text += JSON.stringify(String.fromCodePoint(...(term as number[])));
        return;
      }
      this.#sequence('[', term as readonly unknown[], ']', depth);
    } else if (term instanceof Tuple) {
      this.#sequence('{', term.elements, '}', depth);
    } else if (term instanceof ImproperList) {
      this.#sequence('[', term.elements, '|', depth);
      this.print(term.tail, depth + 1);
      this.#text += ']';
    } else if (isTermMap(term as Term)) {
      this.#map(term as ReadonlyMap<Term, Term>, depth);
    } else {
      this.#foreign(term, depth);
    }
  }

  #foreign(term: object, depth: number): void {
    if (term instanceof Date && !Number.isNaN(term.getTime())) {
      this.#text += `#Date<${term.toISOString()}>`;
      return;
    }
    const form = wireForm(term);
    if (form === undefined) this.#text += '#NotATerm<object>';
    else this.print(form, depth);
  }

  #bytes(bytes: Uint8Array, lastBits: number): void {
    // At least two characters for each byte: no need to look at more of them than fit.
    const shown = Array.from(bytes.subarray(0, this.#maxLength), String);
    if (lastBits < 8 && shown.length === bytes.length) {
      shown[shown.length - 1] = `${(bytes.at(-1) ?? 0) >> (8 - lastBits)}:${lastBits}`;
    }
    this.#text += `<<${shown.join(',')}>>`;
  }

  #sequence(open: string, elements: readonly unknown[], close: string, depth: number): void {
    this.#text += open;
    for (let index = 0; index < elements.length && !this.#full; index++) {
      if (index > 0) this.#text += ',';
      this.print(elements[index], depth + 1);
    }
    this.#text += close;
  }

  /** A list longer than what is shown is not looked through. */
  #isText(list: readonly unknown[]): boolean {
    return list.length > 0 && list.length <= this.#maxLength && list.every(isPrintable);
  }

  #map(map: ReadonlyMap<Term, Term>, depth: number): void {
    this.#text += '#{';
    let first = true;
    for (const [key, value] of mapEntries(map)) {
      if (this.#full) return;
      if (!first) this.#text += ',';
      first = false;
      this.print(key, depth + 1);
      this.#text += ' => ';
      this.print(value, depth + 1);
    }
    this.#text += '}';
  }
}

/** OTP io_lib:printable_unicode_list/1. */
function isPrintable(value: unknown): boolean {
  if (typeof value !== 'number' || !Number.isInteger(value)) return false;
  if (value < 160) return (value >= 32 && value < 127) || (value >= 8 && value <= 13) || value === 27;
  return value < 0xd800 || (value >= 0xe000 && value <= 0x10_ffff);
}
