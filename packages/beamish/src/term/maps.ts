import { atom, Atom, atomName } from './atom.ts';
import { STRUCT } from './javascript.ts';
import { keyOf } from './key.ts';
import { isTermMap, mapEntries } from './term-map.ts';
import type { Term, TermMap } from './types.ts';
import { isTuple, type Tuple } from './values.ts';

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

/** A map whose keys are atoms: `atomMap({ id: 1 })` is `%{id: 1}`. */
export function atomMap(fields: { readonly [key: string]: Term }): Map<Term, Term> {
  return new Map(Object.entries(fields).map(([name, value]) => [atom(name), value]));
}

/**
 * A map whose keys are all atoms or texts, or a keyword list, as a plain object; of a key that comes twice the first value
 * counts. Its values stay the terms that they are. Undefined when the term is none of these, or a key is `__proto__`.
 */
export function toObject(term: Term): { [key: string]: Term } | undefined {
  const entries = isTermMap(term) ? mapEntries(term) : keywordEntries(term);
  if (entries === undefined) return undefined;
  const object: { [key: string]: Term } = {};
  for (const [key, value] of entries) {
    const name = typeof key === 'string' ? key : atomName(key);
    if (name === undefined || name === '__proto__') return undefined;
    if (!Object.hasOwn(object, name)) object[name] = value;
  }
  return object;
}

function keywordEntries(term: Term): [Term, Term][] | undefined {
  if (!Array.isArray(term)) return undefined;
  const pairs = term as readonly Term[];
  return pairs.every((pair) => isTuple(pair, 2) && atomName(pair.at(0)) !== undefined)
    ? pairs.map((pair) => (pair as Tuple<readonly [Term, Term]>).elements as unknown as [Term, Term])
    : undefined;
}

/**
 * An Elixir struct: the map with atom keys `fields`, and `__struct__` naming the
 * module. Give the module's full atom name, `Elixir.Phoenix.Socket.Broadcast`.
 */
export function struct(module: string, fields: { readonly [field: string]: Term }): Map<Term, Term> {
  return new Map([[STRUCT, atom(module)], ...atomMap(fields)]);
}

/** The module of an Elixir struct (`Elixir.MapSet`), or undefined when `term` is none. */
export function structName(term: Term): string | undefined {
  if (!(term instanceof Map)) return undefined;
  const module = (term as ReadonlyMap<Term, Term>).get(STRUCT);
  return module instanceof Atom ? module.name : undefined;
}

/** The fields of an Elixir struct of that module, as an object without `__struct__`; undefined when the term is none. */
export function structFields(term: Term, module: string): { [field: string]: Term } | undefined {
  if (structName(term) !== module) return undefined;
  const { __struct__: _, ...fields } = toObject(term) ?? {};
  return fields;
}
