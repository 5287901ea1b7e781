import { BeamishError } from '../error/index.ts';

/**
 * The bucket, from 0 to `buckets` - 1, of a 64-bit key. When a bucket is added at the end,
 * the least possible number of keys moves, all of them to the new one. Needs no
 * table, but buckets can only be added and removed at the end.
 *
 * @param key Well-spread bits (a hash); only the lowest 64 count.
 * @throws BeamishError `option_invalid` when `buckets` is no integer from 1 to 2^31 - 1.
 *
 * Source: Lamping and Veach, "A Fast, Minimal Memory, Consistent Hash Algorithm", 2014, figure 1.
 */
export function jumpHash(key: bigint, buckets: number): number {
  if (!Number.isSafeInteger(buckets) || buckets < 1 || buckets > 0x7fff_ffff) {
    throw new BeamishError('option_invalid', `buckets must be an integer from 1 to 2^31 - 1, not ${buckets}`);
  }
  let state = BigInt.asUintN(64, key);
  let bucket = -1;
  let next = 0;
  while (next < buckets) {
    bucket = next;
    state = BigInt.asUintN(64, state * 2862933555777941757n + 1n);
    next = Math.floor((bucket + 1) * (0x8000_0000 / (Number(state >> 33n) + 1)));
  }
  return bucket;
}
