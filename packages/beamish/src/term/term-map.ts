import type { Term, TermMap } from './types.ts';

/** Whether `term` is a map: a `Map` or a plain object. */
export function isTermMap(term: Term): term is TermMap {
  if (typeof term !== 'object' || term === null) return false;
  if (term instanceof Map) return true;
  const prototype: unknown = Object.getPrototypeOf(term);
  return prototype === Object.prototype || prototype === null;
}

/** The pairs of a map term, whichever of its two forms it has. */
export function mapEntries(map: TermMap): [Term, Term][] {
  return map instanceof Map ? [...(map as ReadonlyMap<Term, Term>)] : Object.entries(map);
}
