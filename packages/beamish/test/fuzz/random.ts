/** Seeded chance for the fuzzer: xorshift128, whose state is four numbers; a million draws take some milliseconds. */
export class Chance {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  constructor(seed: number) {
    this.#a = seed >>> 0 || 1;
    this.#b = 0x9e3779b9;
    this.#c = 0x243f6a88;
    this.#d = 0xb7e15162 ^ (seed >>> 3);
    for (let warm = 0; warm < 16; warm++) this.word();
  }

  /** 32 random bits. */
  word(): number {
    let t = this.#d;
    const s = this.#a;
    this.#d = this.#c;
    this.#c = this.#b;
    this.#b = s;
    t ^= t << 11;
    t ^= t >>> 8;
    this.#a = (t ^ s ^ (s >>> 19)) >>> 0;
    return this.#a;
  }

  below(bound: number): number {
    return Math.floor((this.word() / 2 ** 32) * bound);
  }

  /** True once in `times`. */
  oneIn(times: number): boolean {
    return this.below(times) === 0;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let index = 0; index < length; index++) bytes[index] = this.word();
    return bytes;
  }

  /** Mostly small: each further step half as likely, up to `most`. */
  small(most: number): number {
    let value = 0;
    while (value < most && this.oneIn(2)) value = value * 2 + 1 + this.below(2);
    return Math.min(value, most);
  }
}
