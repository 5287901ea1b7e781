import {
  Atom,
  BitString,
  ExportFun,
  Float,
  formatTerm,
  ImproperList,
  isTermMap,
  mapEntries,
  OpaqueFun,
  Pid,
  Port,
  Reference,
  Tuple,
} from '../term/index.ts';
import type { Term } from '../term/index.ts';

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/**
 * A term as JSON, for people and for `jq`: atoms and pids become strings, tuples arrays, maps with keys of any kind objects.
 * `nil` and `undefined` are null; integers beyond JSON's are strings, dates too; bytes that are no text are `{"$bytes": base64}`.
 */
export function jsonOf(term: Term): Json {
  if (term === null || term === undefined) return null;
  if (typeof term === 'string' || typeof term === 'number' || typeof term === 'boolean') return term;
  if (typeof term === 'bigint') return term.toString();
  if (term instanceof Atom) return term.name;
  if (term instanceof Float) return term.value;
  if (Array.isArray(term)) return (term as readonly Term[]).map(jsonOf);
  if (term instanceof Tuple) return term.elements.map(jsonOf);
  if (term instanceof ImproperList) return [...term.elements, term.tail].map(jsonOf);
  if (term instanceof Set) return [...(term as ReadonlySet<Term>)].map(jsonOf);
  if (term instanceof Date) return term.toJSON();
  if (term instanceof Uint8Array) return { $bytes: Buffer.from(term).toString('base64') };
  if (term instanceof Pid || term instanceof Reference || term instanceof Port) return term.toString();
  if (term instanceof ExportFun || term instanceof OpaqueFun) return term.toString();
  if (term instanceof BitString || !isTermMap(term)) return formatTerm(term);
  return Object.fromEntries(mapEntries(term).map(([key, value]) => [keyOf(key), jsonOf(value)]));
}

function keyOf(key: Term): string {
  const json = jsonOf(key);
  return typeof json === 'string' ? json : JSON.stringify(json);
}
