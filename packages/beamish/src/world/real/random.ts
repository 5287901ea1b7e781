import { randomBytes, randomInt } from 'node:crypto';
import type { Random } from '../random.ts';

const POOL_BYTES = 4096;
let pool = randomBytes(0);
let offset = 0;

/** One call of the system's source for a thousand numbers: it costs a microsecond, whatever the size. */
function uint32(): number {
  if (offset + 4 > pool.length) {
    pool = randomBytes(POOL_BYTES);
    offset = 0;
  }
  const value = pool.readUInt32LE(offset);
  offset += 4;
  return value;
}

export const realRandom: Random = {
  uint32,
  float: () => ((uint32() >>> 5) * 67_108_864 + (uint32() >>> 6)) / 9_007_199_254_740_992,
  below: (bound) => (bound > 1 ? randomInt(bound) : 0),
  bytes: (length) => new Uint8Array(randomBytes(length)),
};
