import { BeamishError } from '../error/index.ts';
import type { Term } from '../term/index.ts';
import type { Row } from './rows.ts';

/** OTP `ets:update_counter/3`: `{Pos, Incr}` and `{Pos, Incr, Threshold, SetValue}`. */
export interface CounterUpdate {
  /** Counted from 0. @default the one behind the key */
  readonly position?: number;
  readonly increment: number | bigint;
  /** When the result is above it (below it, for an increment below 0), the counter is set to `reset`. */
  readonly threshold?: number | bigint;
  /** @default the threshold */
  readonly reset?: number | bigint;
}

type Integer = number | bigint;

function isInteger(value: Term): value is Integer {
  return typeof value === 'bigint' || (Number.isSafeInteger(value) && !Object.is(value, -0));
}

/** Exact, as Erlang's integers: beyond 2^53 a bigint. */
function add(a: Integer, b: Integer): Integer {
  if (typeof a === 'number' && typeof b === 'number' && Number.isSafeInteger(a + b)) return a + b;
  const sum = BigInt(a) + BigInt(b);
  return Number.isSafeInteger(Number(sum)) ? Number(sum) : sum;
}

/** Updates one after the other; all or none. @throws BeamishError `option_invalid` */
export function updateCounters<R extends Row>(
  row: R,
  updates: readonly CounterUpdate[],
  keyPosition: number,
): { readonly row: R; readonly values: readonly Integer[] } {
  const changed: Term[] = [...row];
  const values = updates.map(({ position = keyPosition + 1, increment, threshold, reset }) => {
    const now = changed[position];
    if (position === keyPosition || !Number.isInteger(position) || position < 0 || position >= row.length)
      throw new BeamishError('option_invalid', `position ${position} is the key, or not in the row`);
    if (!isInteger(now) || ![increment, threshold ?? 0, reset ?? 0].every(isInteger))
      throw new BeamishError('option_invalid', `a counter, its increment and its bounds are integers`);
    let next = add(now, increment);
    if (threshold !== undefined && (increment >= 0 ? next > threshold : next < threshold)) next = reset ?? threshold;
    changed[position] = next;
    return next;
  });
  return { row: changed as unknown as R, values };
}
