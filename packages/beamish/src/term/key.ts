import { isUtf8 } from 'node:buffer';
import { BeamishError } from '../error/index.ts';
import { atomName } from './atom.ts';
import { ExportFun, OpaqueFun, Pid, Port, Reference } from './identifiers.ts';
import { notATerm, requireWireForm } from './javascript.ts';
import { HARD_MAX_DEPTH } from './limits.ts';
import { isTermMap, mapEntries } from './term-map.ts';
import type { Term, TermMap } from './types.ts';
import { BitString, Float, ImproperList, Tuple } from './values.ts';

/**
 * A string that is equal for two terms exactly when they are the same term
 * (`=:=`), whatever JavaScript values stand for them: `1` and `1n`, a text and
 * its bytes, an object and a `Map`. For keys of a `Map` or `Set`; its form is not stable
 * between versions.
 *
 * @throws BeamishError `term_not_encodable` for a value that is no term, and
 * `term_too_large` for one nested deeper than 1024 levels.
 */
export function keyOf(term: Term): string {
  return keyAt(term, 0);
}

function keyAt(term: Term, depth: number): string {
  if (typeof term === 'string') return `s${term.length}:${term}`;
  if (typeof term === 'number') return numberKey(term);
  if (typeof term === 'bigint') return `i${term};`;
  const name = atomName(term);
  if (name !== undefined) return `a${name.length}:${name}`;
  if (typeof term !== 'object' || term === null) throw new BeamishError('term_not_encodable', notATerm(term));
  if (depth >= HARD_MAX_DEPTH) {
    throw new BeamishError(
      'term_too_large',
      `a term nested deeper than ${HARD_MAX_DEPTH} levels, or containing itself`,
    );
  }
  return objectKey(term, depth + 1);
}

function numberKey(value: number): string {
  if (!Number.isFinite(value)) return keyAt(requireWireForm(value), 0);
  return Number.isSafeInteger(value) && !Object.is(value, -0) ? `i${value};` : floatKey(value);
}

function floatKey(value: number): string {
  return Object.is(value, -0) ? 'f-0;' : `f${value};`;
}

function objectKey(term: object, depth: number): string {
  if (term instanceof Pid || term instanceof Reference || term instanceof Port) return term.key;
  if (term instanceof Float) return floatKey(term.value);
  if (Array.isArray(term)) return listKey('l', term, depth);
  if (term instanceof Tuple) return listKey('t', term.elements, depth);
  if (term instanceof ImproperList) return listKey('d', term.elements, depth) + keyAt(term.tail, depth);
  if (term instanceof Uint8Array) return bytesKey(term);
  if (term instanceof BitString) return bitsKey(term);
  if (term instanceof ExportFun) {
    return `e${term.arity}.${term.module.length}.${term.function.length}:${term.module}${term.function}`;
  }
  if (term instanceof OpaqueFun) return `u${term.bytes.length}:${latin1(term.bytes)}`;
  if (!isTermMap(term as Term)) return objectKey(requireWireForm(term), depth);
  const keys = mapEntries(term as TermMap)
    .map(([key, value]) => keyAt(key, depth) + keyAt(value, depth))
    .sort();
  return `m${keys.length}:${keys.join('')}`;
}

function listKey(prefix: string, elements: readonly Term[], depth: number): string {
  let key = `${prefix}${elements.length}:`;
  for (const element of elements) key += keyAt(element, depth);
  return key;
}

/** Bytes that are a text have the key of the text: both are the same binary. */
function bytesKey(bytes: Uint8Array): string {
  if (!isUtf8(bytes)) return `b${bytes.length}:${latin1(bytes)}`;
  return keyAt(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'), 0);
}

function bitsKey(term: BitString): string {
  const last = (term.bytes.at(-1) ?? 0) >> (8 - term.bits);
  return `x${term.bits}.${last}.${term.bytes.length}:${latin1(term.bytes.subarray(0, -1))}`;
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}
