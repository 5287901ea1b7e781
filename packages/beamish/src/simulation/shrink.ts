import type { Fault } from './faults.ts';
import { realTime } from './real/drain.ts';

const LONGEST_SEARCH = 10_000;
const MOST_RUNS = 100;

/**
 * Fewer and shorter faults with which it still fails: halves, quarters, ... single ones are left out (delta debugging, Zeller and
 * Hildebrandt, 2002), then each is made shorter.
 */
export async function shrink(
  faults: readonly Fault[],
  fails: (faults: readonly Fault[]) => Promise<boolean>,
): Promise<readonly Fault[]> {
  const end = realTime() + LONGEST_SEARCH;
  let runs = 0;
  let best = faults;
  const attempt = async (candidate: readonly Fault[]): Promise<boolean> => {
    if (++runs > MOST_RUNS || realTime() > end || !(await fails(candidate))) return false;
    best = candidate;
    return true;
  };
  if (best.length > 0 && (await attempt([]))) return best;
  for (let size = Math.ceil(best.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let start = 0; start < best.length;) {
      const without = best.filter((_, index) => index < start || index >= start + size);
      if (!(await attempt(without))) start += size;
    }
  }
  for (let index = 0; index < best.length; index++) {
    for (let fault = best[index]; fault !== undefined && 'for' in fault && fault.for > 1; fault = best[index]) {
      const shorter = { ...fault, for: Math.floor(fault.for / 2) };
      if (!(await attempt(best.with(index, shorter)))) break;
    }
  }
  return best;
}
