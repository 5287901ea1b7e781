import { atom, Atom } from './atom.ts';
import { keyOf } from './key.ts';
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

/**
 * The value under `key`, by term equality: it finds a tuple, a pid, a byte array
 * or a float although `Map` compares these by identity. Undefined when the key is
 * absent (or its value is the atom `undefined`).
 */
export function mapGet(map: TermMap, key: Term): Term | undefined {
  if (!(map instanceof Map)) {
    return typeof key === 'string' && Object.hasOwn(map, key)
      ? (map as { readonly [key: string]: Term })[key]
      : undefined;
  }
  const terms = map as ReadonlyMap<Term, Term>;
  const direct = terms.get(key);
  if (direct !== undefined || terms.has(key)) return direct;
  const wanted = keyOf(key);
  for (const [candidate, value] of terms) {
    // Only a byte array can equal a string without being found above.
    if (typeof candidate === 'string' && !(key instanceof Uint8Array)) continue;
    if (keyOf(candidate) === wanted) return value;
  }
  return undefined;
}

/**
 * An Elixir struct: the map with atom keys `fields`, and `__struct__` naming the
 * module. Give the module's full atom name, `Elixir.Phoenix.Socket.Broadcast`.
 */
export function struct(module: string, fields: { readonly [field: string]: Term }): Map<Term, Term> {
  const made = new Map<Term, Term>([[atom('__struct__'), atom(module)]]);
  for (const [name, value] of Object.entries(fields)) made.set(atom(name), value);
  return made;
}

/** The module of an Elixir struct (`Elixir.MapSet`), or undefined when `term` is none. */
export function structName(term: Term): string | undefined {
  if (!(term instanceof Map)) return undefined;
  const module = mapGet(term as ReadonlyMap<Term, Term>, atom('__struct__'));
  return module instanceof Atom ? module.name : undefined;
}
