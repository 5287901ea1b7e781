/** The least number of places; a power of two, as every number of them. */
const SMALLEST = 8;
/** What a table keeps once it had it: one that is filled and emptied in every turn would be made anew many times. */
const KEPT = 256;

/**
 * Values by a number that is an integer and not 0. For tables whose entries come and go all the time under new keys: a `Map`
 * makes itself anew each time it is full of what was deleted, and its former selves, once V8 holds them for old, keep what
 * was in them from being collected; that took a quarter of the time of a node that calls.
 *
 * Open addressing with linear probing; a deletion closes its gap, so nothing is left of it (Knuth, TAOCP 3, 6.4, algorithm R).
 */
export class NumberMap<V> {
  #keys: Float64Array | undefined;
  #values: (V | undefined)[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(key: number): V | undefined {
    const keys = this.#keys;
    if (keys === undefined) return undefined;
    const at = this.#find(keys, key);
    return keys[at] === key ? this.#values[at] : undefined;
  }

  set(key: number, value: V): void {
    let keys = this.#keys;
    if (keys === undefined || this.#size * 2 >= keys.length) keys = this.#resize(Math.max(SMALLEST, this.#size * 4));
    const at = this.#find(keys, key);
    if (keys[at] !== key) this.#size++;
    keys[at] = key;
    this.#values[at] = value;
  }

  /** @returns what was there */
  take(key: number): V | undefined {
    const keys = this.#keys;
    if (keys === undefined) return undefined;
    let gap = this.#find(keys, key);
    if (keys[gap] !== key) return undefined;
    const value = this.#values[gap];
    const mask = keys.length - 1;
    for (let at = (gap + 1) & mask; keys[at] !== 0; at = (at + 1) & mask) {
      // it may move into the gap unless that lies before the place where its search begins
      const home = place(keys[at] as number, mask);
      if (((at - home) & mask) < ((at - gap) & mask)) continue;
      keys[gap] = keys[at] as number;
      this.#values[gap] = this.#values[at];
      gap = at;
    }
    keys[gap] = 0;
    this.#values[gap] = undefined;
    this.#size--;
    if (keys.length > KEPT && this.#size * 8 < keys.length) this.#resize(keys.length / 2);
    return value;
  }

  clear(): void {
    this.#keys = undefined;
    this.#values = [];
    this.#size = 0;
  }

  /** What is in it now, those of the least keys (by amount) first; unaffected by what happens meanwhile. */
  entries(): [number, V][] {
    const entries: [number, V][] = [];
    this.#keys?.forEach((key, at) => {
      if (key !== 0) entries.push([key, this.#values[at] as V]);
    });
    return entries.sort(([a], [b]) => Math.abs(a) - Math.abs(b));
  }

  /** Where the key is, or would be. */
  #find(keys: Float64Array, key: number): number {
    const mask = keys.length - 1;
    let at = place(key, mask);
    for (let there = keys[at]; there !== 0 && there !== key; there = keys[at]) at = (at + 1) & mask;
    return at;
  }

  #resize(places: number): Float64Array {
    const before = this.#keys;
    const values = this.#values;
    const keys = (this.#keys = new Float64Array(places));
    this.#values = new Array<V | undefined>(places).fill(undefined);
    before?.forEach((key, from) => {
      if (key === 0) return;
      const at = this.#find(keys, key);
      keys[at] = key;
      this.#values[at] = values[from];
    });
    return keys;
  }
}

/** Spreads keys that follow each other, so that those which stay make no long row (TAOCP 3, 6.4: Fibonacci hashing). */
function place(key: number, mask: number): number {
  const hash = Math.imul(key, 0x9e3779b1);
  return (hash ^ (hash >>> 15)) & mask;
}
