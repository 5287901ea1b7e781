import type { FastBuffer } from './fast-buffer.ts';
import { BINARY } from './tags.ts';
import type { Term } from './types.ts';

type PlainObject = { [key: string]: Term };

/** One shape each: with the keys of them, all that is ever kept is less than 2 MiB. */
const SLOTS = 512;
const MAX_KEYS = 64;
const MAX_KEY_BYTES = 2048;
/** So many maps without one of the shape take the slot: to learn a shape costs as much as several maps. */
const PATIENCE = 16;
/** So many maps are worth a function: to compile one costs as much as some hundred maps. */
const WORTH_CODE = 512;
/** What may stand in a program as it is. Keys come from peers: nothing else is ever made part of one. */
const NAME = /^(?!__proto__$)[A-Za-z_$][\w$]*$/;
const NOTHING = new Uint8Array(0);

/**
 * The keys of a map in their order, remembered, for most maps have those of one before. To compare bytes costs a fraction of
 * reading texts, and an object from a literal a fraction of one that is put together key by key.
 */
export class Shape {
  keys: readonly string[] = [];
  /** The keys as they are written, with tag and length, and where each ends. */
  bytes: Uint8Array = NOTHING;
  ends: readonly number[] = [];
  #misses = 0;
  #uses = 0;
  #literal: ((values: readonly Term[]) => PlainObject) | undefined;

  /** The object with a value for every key. */
  object(values: readonly Term[]): PlainObject {
    this.#misses = 0;
    if (this.#literal !== undefined) return this.#literal(values);
    this.#uses += 1;
    if (this.#uses === WORTH_CODE) this.#literal = literal(this.keys);
    return this.begun(values);
  }

  /** The object with values for the first keys. */
  begun(values: readonly Term[]): PlainObject {
    const object: PlainObject = {};
    for (let index = 0; index < values.length; index++) object[this.keys[index]!] = values[index];
    return object;
  }

  /** This object was another. */
  missed(object: PlainObject): void {
    this.#misses += 1;
    if (this.#misses < PATIENCE) return;
    this.#misses = 0;
    this.#learn(Object.keys(object));
  }

  #learn(keys: readonly string[]): void {
    const texts = keys.map((key) => Buffer.from(key));
    const bytes = Buffer.concat(
      texts.flatMap((text) => [Buffer.of(BINARY, 0, 0, text.length >> 8, text.length), text]),
    );
    if (bytes.length > MAX_KEY_BYTES) return;
    let end = 0;
    this.keys = keys;
    this.ends = texts.map((text) => (end += 5 + text.length));
    this.bytes = new Uint8Array(bytes);
    this.#uses = 0;
    this.#literal = undefined;
  }
}

function literal(keys: readonly string[]): ((values: readonly Term[]) => PlainObject) | undefined {
  if (!keys.every((key) => NAME.test(key))) return undefined;
  try {
    // Nothing else makes objects of a shape as fast, and NAME leaves no way to write anything but a property's name.
    // oxlint-disable-next-line no-new-func, typescript/no-implied-eval
    return new Function('v', `return {${keys.map((key, index) => `${key}:v[${index}]`).join()}}`) as () => PlainObject;
  } catch {
    return undefined; // --disallow-code-generation-from-strings
  }
}

/** Shapes of maps, found by how a map begins. */
export class Shapes {
  readonly #slots = new Array<Shape | undefined>(SLOTS).fill(undefined);

  /** What may be the shape of a map of `count` keys whose first begins at `at`; undefined: it is like none that is remembered. */
  expected(source: FastBuffer, at: number, end: number, count: number): Shape | undefined {
    if (count === 0 || count > MAX_KEYS || at + 5 > end || source[at] !== BINARY) return undefined;
    const length = source[at + 4]!;
    const last = at + 4 + length;
    if (last >= end) return undefined;
    const slot = (count * 217 + length * 31 + source[at + 5]! * 5 + source[last]! * 17) & (SLOTS - 1);
    return (this.#slots[slot] ??= new Shape());
  }
}
