import { BeamishError } from '../error/index.ts';
import { INSPECT, shownElements, type Inspect, type InspectOptions } from './shown.ts';
import type { Term } from './types.ts';

/**
 * A float whose value is integral: `float(1)` is Erlang's `1.0`, where the number
 * `1` is the integer. Other floats are plain numbers.
 */
export class Float {
  readonly value: number;

  /** @throws BeamishError `term_not_encodable` for NaN and the infinities. */
  constructor(value: number) {
    if (!Number.isFinite(value)) throw new BeamishError('term_not_encodable', `${value} is no Erlang float`);
    this.value = value;
  }

  valueOf(): number {
    return this.value;
  }

  toString(): string {
    return Number.isInteger(this.value) ? `${Object.is(this.value, -0) ? '-0' : this.value}.0` : String(this.value);
  }

  toJSON(): number {
    return this.value;
  }

  /** @internal */
  [INSPECT](_depth: number, options: InspectOptions): string {
    return options.stylize(this.toString(), 'number');
  }
}

/** An Erlang tuple of any arity. Make one with `tuple(a, b)`. */
export class Tuple<T extends readonly Term[] = readonly Term[]> {
  readonly elements: T;

  constructor(elements: T) {
    this.elements = elements;
  }

  get length(): T['length'] {
    return this.elements.length;
  }

  /** The element at `index`, counted from 0 as in JavaScript (Elixir's `elem/2`). */
  at<I extends number>(index: I): T[I] {
    return this.elements[index];
  }

  [Symbol.iterator](): IterableIterator<T[number]> {
    return this.elements[Symbol.iterator]();
  }

  /** `{ok, 1}`. @internal */
  [INSPECT](depth: number, options: InspectOptions, inspect: Inspect): string {
    return shownElements(['{', '}'], this.elements, depth, options, inspect);
  }
}

/**
 * A bitstring whose length is no multiple of 8. The last byte holds `bits` bits
 * (1 to 7), from the most significant down.
 */
export class BitString {
  readonly bytes: Uint8Array;
  readonly bits: number;

  /** @throws BeamishError `term_not_encodable` when `bits` is not 1..7 or there is no byte. */
  constructor(bytes: Uint8Array, bits: number) {
    if (!Number.isInteger(bits) || bits < 1 || bits > 7 || bytes.length === 0) {
      throw new BeamishError('term_not_encodable', `a bit string has 1 to 7 bits in its last byte, not ${bits}`);
    }
    this.bytes = bytes;
    this.bits = bits;
  }
}

/** A list whose tail is no list: `[a | b]`. The BEAM's own protocols use it (pitfall 6 of section 4). */
export class ImproperList {
  readonly elements: readonly Term[];
  readonly tail: Term;

  /** @throws BeamishError `term_not_encodable` when there is no element, or the tail is a list. */
  constructor(elements: readonly Term[], tail: Term) {
    if (elements.length === 0 || Array.isArray(tail) || tail instanceof ImproperList) {
      throw new BeamishError('term_not_encodable', 'an improper list has an element, and a tail that is no list');
    }
    this.elements = elements;
    this.tail = tail;
  }

  /** `[a, b | c]`. @internal */
  [INSPECT](depth: number, options: InspectOptions, inspect: Inspect): string {
    const tail = ` | ${inspect(this.tail, options)}]`;
    return shownElements(['[', tail], this.elements, depth, options, inspect);
  }
}

/** The tuple of these elements: `tuple(atom('ok'), 1)` is `{ok, 1}`. */
export function tuple<const T extends readonly Term[]>(...elements: T): Tuple<T> {
  return new Tuple(elements);
}

/** Whether `term` is a tuple, and, when `arity` is given, one of that many elements. */
export function isTuple(term: unknown, arity?: number): term is Tuple {
  return term instanceof Tuple && (arity === undefined || term.elements.length === arity);
}

/** The float of that value, also when it is integral: `float(1)` is `1.0`. */
export function float(value: number): Float {
  return new Float(value);
}

/** An Erlang string (Elixir charlist): the list of the text's code points. */
export function charlist(text: string): number[] {
  return Array.from(text, (character) => character.codePointAt(0) ?? 0);
}
