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

/**
 * The keys of a map in their order, remembered, for most maps have those of one before. To compare bytes costs a fraction of
 * reading texts, and an object from a literal a fraction of one that is put together key by key.
 */
export class Shape {
  readonly keys: readonly string[];
  /** The keys as they are written, with tag and length, and where each ends. */
  readonly bytes: Uint8Array;
  readonly ends: readonly number[];
  #uses = 0;
  #literal: ((values: readonly Term[]) => PlainObject) | undefined;

  constructor(keys: readonly string[], texts: readonly Uint8Array[]) {
    let end = 0;
    this.keys = keys;
    this.ends = texts.map(({ length }) => (end += 5 + length));
    this.bytes = new Uint8Array(
      Buffer.concat(texts.flatMap((text) => [Buffer.of(BINARY, 0, 0, text.length >> 8, text.length), text])),
    );
  }

  /** The object with a value for every key. */
  object(values: readonly Term[]): PlainObject {
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
}

/**
 * Where the shape of maps that begin alike is kept. It is replaced, never changed: a map inside the value of another may take the
 * place of the shape by which that one is being read.
 */
export class Slot {
  shape = new Shape([], []);
  #misses = 0;

  /** A map was of the shape. */
  hit(): void {
    this.#misses = 0;
  }

  /** This object was not. */
  missed(object: PlainObject): void {
    this.#misses += 1;
    if (this.#misses < PATIENCE) return;
    this.#misses = 0;
    const keys = Object.keys(object);
    const texts = keys.map((key) => Buffer.from(key));
    const bytes = texts.reduce((sum, { length }) => sum + 5 + length, 0);
    if (bytes <= MAX_KEY_BYTES) this.shape = new Shape(keys, texts);
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
  readonly #slots = new Array<Slot | undefined>(SLOTS).fill(undefined);

  /** Where the shape of a map may be that has `count` keys whose first begins at `at`; undefined: it can have none. */
  slot(source: FastBuffer, at: number, end: number, count: number): Slot | undefined {
    if (count === 0 || count > MAX_KEYS || at + 5 > end || source[at] !== BINARY) return undefined;
    const length = source[at + 4]!;
    const last = at + 4 + length;
    if (last >= end) return undefined;
    const index = (count * 217 + length * 31 + source[at + 5]! * 5 + source[last]! * 17) & (SLOTS - 1);
    return (this.#slots[index] ??= new Slot());
  }
}
