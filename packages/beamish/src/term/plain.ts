import { Atom } from './atom.ts';
import { toObject } from './maps.ts';
import { isTermMap, mapEntries } from './term-map.ts';
import type { Term, TermMap } from './types.ts';
import { Float, ImproperList, Tuple } from './values.ts';

/**
 * The term as data of JSON's kind, for a schema, a template or `JSON.stringify`: floats become numbers, atoms strings,
 * tuples arrays, maps with texts or atoms as keys objects (a struct keeps its module under `__struct__`). What has no such form,
 * a pid for instance, stays what it is. It cannot be sent back as what it was.
 */
export function toPlain(term: Term): unknown {
  if (term instanceof Float) return term.value;
  if (term instanceof Atom) return term.name;
  if (Array.isArray(term)) return (term as readonly Term[]).map(toPlain);
  if (term instanceof Tuple) return term.elements.map(toPlain);
  if (term instanceof ImproperList) return [...term.elements, term.tail].map(toPlain);
  if (term instanceof Set) return new Set([...(term as ReadonlySet<Term>)].map(toPlain));
  return isTermMap(term) ? plainMap(term) : term;
}

function plainMap(map: TermMap): unknown {
  const object = toObject(map);
  if (object === undefined) return new Map(mapEntries(map).map(([key, value]) => [toPlain(key), toPlain(value)]));
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, toPlain(value)]));
}
