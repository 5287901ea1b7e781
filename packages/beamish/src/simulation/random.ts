import type { Random } from '../world/index.ts';

/** Randomness of a simulation: the same seed gives the same numbers on every machine. */
export interface SeededRandom extends Random {
  /** True with this probability (0 to 1). Draws even for 0 and 1, so that the rest of the run does not depend on it. */
  chance(probability: number): boolean;
  /** A uniform number from `low` up to `high`. */
  between(low: number, high: number): number;
  /** One of them. @throws RangeError when there is none */
  pick<T>(of: readonly T[]): T;
  /** Another stream, which is the same for the same label: draws from one do not change the others. */
  fork(label: string): SeededRandom;
}

/**
 * sfc32 (Chris Doty-Humphrey, PractRand): 128 bits of state, passes BigCrush, and 32-bit integers only, so that no engine's
 * floating point enters. One stream per purpose, as FoundationDB's simulator has one per process: a fault that is taken
 * out of a schedule must not change all that is drawn after it.
 */
export function seededRandom(seed: string | number): SeededRandom {
  const label = String(seed);
  let [a, b, c, d] = seedState(label);
  const uint32 = (): number => {
    const sum = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    return sum >>> 0;
  };
  for (let i = 0; i < 12; i++) uint32();
  const float = (): number => ((uint32() >>> 5) * 67_108_864 + (uint32() >>> 6)) / 9_007_199_254_740_992;
  const below = (bound: number): number => (bound > 1 ? Math.floor(float() * bound) : 0);
  return {
    uint32,
    float,
    below,
    bytes: (length) => {
      const bytes = new Uint8Array(length);
      for (let i = 0; i < length; i++) bytes[i] = uint32() >>> 24;
      return bytes;
    },
    chance: (probability) => float() < probability,
    between: (low, high) => low + float() * (high - low),
    pick: (of) => {
      if (of.length === 0) throw new RangeError('nothing to pick from');
      return of[below(of.length)] as (typeof of)[number];
    },
    fork: (purpose) => seededRandom(`${label}/${purpose}`),
  };
}

/** FNV-1a over the label, four times with different starts. */
function seedState(label: string): [number, number, number, number] {
  const hash = (start: number): number => {
    let value = start;
    for (let i = 0; i < label.length; i++) value = Math.imul(value ^ label.charCodeAt(i), 0x01000193);
    value = Math.imul(value ^ (value >>> 15), 0x2c1b3c6d);
    return value ^ (value >>> 13);
  };
  return [hash(0x811c9dc5 | 0), hash(0x9e3779b9 | 0), hash(0x85ebca6b | 0), 1];
}
