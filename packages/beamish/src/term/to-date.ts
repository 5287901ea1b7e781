import { atom } from './atom.ts';
import { structName } from './maps.ts';
import type { Term } from './types.ts';
import { isTuple } from './values.ts';

const PARTS = ['year', 'month', 'day', 'hour', 'minute', 'second'].map(atom);
const MICROSECOND = atom('microsecond');
const OFFSETS = ['utc_offset', 'std_offset'].map(atom);

/**
 * The moment that a term means: of a `Date`, an Elixir `DateTime` of any precision and offset, or a `NaiveDateTime`, which is
 * taken as UTC. What is below a millisecond is cut off. Undefined when the term is none of these.
 */
export function toDate(term: Term): Date | undefined {
  if (term instanceof Date) return term;
  const name = structName(term);
  if (name !== 'Elixir.DateTime' && name !== 'Elixir.NaiveDateTime') return undefined;
  const map = term as ReadonlyMap<Term, Term>;
  const fraction = map.get(MICROSECOND);
  const micro = isTuple(fraction, 2) ? fraction.at(0) : undefined;
  const parts = [...PARTS.map((key) => map.get(key)), micro];
  const offsets = name === 'Elixir.DateTime' ? OFFSETS.map((key) => map.get(key)) : [];
  if (![...parts, ...offsets].every((part) => Number.isSafeInteger(part))) return undefined;
  const [year, month, day, hour, minute, second, microsecond] = parts as [
    ...[number, number, number, number, number, number, number],
  ];
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  const offset = (offsets as number[]).reduce((sum, seconds) => sum + seconds, 0);
  date.setUTCHours(hour, minute, second - offset, Math.floor(microsecond / 1000));
  return Number.isNaN(date.getTime()) ? undefined : date;
}
