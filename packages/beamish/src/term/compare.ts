import { BeamishError } from '../error/index.ts';
import { atomName } from './atom.ts';
import { ExportFun, OpaqueFun, Pid, Port, Reference } from './identifiers.ts';
import { requireWireForm } from './javascript.ts';
import { keyOf } from './key.ts';
import { HARD_MAX_DEPTH } from './limits.ts';
import { isTermMap, mapEntries } from './term-map.ts';
import type { Term, TermMap } from './types.ts';
import { BitString, Float, ImproperList, Tuple } from './values.ts';

/**
 * Whether both are the same term, Erlang's `=:=`: `1` and `1n` are, `1` and
 * `1.0` are not, a text and its UTF-8 bytes are. As on OTP 27, `0.0` and `-0.0` are not.
 */
export function termEquals(a: Term, b: Term): boolean {
  if (typeof a === 'string' && typeof b === 'string') return a === b;
  if (typeof a === 'number' && typeof b === 'number') return Object.is(a, b);
  if (a === b) return true;
  return keyOf(a) === keyOf(b);
}

/**
 * Erlang's order of terms: negative, zero or positive as `a` is below, beside or
 * above `b`. number < atom < reference < fun < port < pid < tuple < map < nil <
 * list < bitstring. As with `<` in Erlang, `1` and `1.0` are beside each other.
 *
 * JavaScript's `sort` moves `undefined` to the end without asking; where that atom may be among the terms, sort
 * objects that hold them.
 *
 * Source: section 4, pitfall 7; `erts_cmp_compound` in erts/emulator/beam/utils.c.
 */
export function compareTerms(a: Term, b: Term): number {
  return compare(a, b, false, 0);
}

const NUMBER = 0;
const ATOM = 1;
const REFERENCE = 2;
const FUN = 3;
const PORT = 4;
const PID = 5;
const TUPLE = 6;
const MAP = 7;
const EMPTY = 8;
const CONS = 9;
const BITS = 10;
/** What stands for a term of another rank. */
const FOREIGN = 11;

function rankOf(term: Term): number {
  if (typeof term === 'number') return Number.isFinite(term) ? NUMBER : FOREIGN;
  if (typeof term === 'bigint' || term instanceof Float) return NUMBER;
  if (atomName(term) !== undefined) return ATOM;
  if (typeof term === 'string' || term instanceof Uint8Array || term instanceof BitString) return BITS;
  if (Array.isArray(term)) return term.length === 0 ? EMPTY : CONS;
  if (term instanceof Tuple) return TUPLE;
  if (term instanceof ImproperList) return CONS;
  if (term instanceof Pid) return PID;
  if (term instanceof Reference) return REFERENCE;
  if (term instanceof Port) return PORT;
  if (term instanceof ExportFun || term instanceof OpaqueFun) return FUN;
  return isTermMap(term) ? MAP : FOREIGN;
}

/** `exact`: among keys of maps every integer is below every float. */
function compare(a: Term, b: Term, exact: boolean, depth: number): number {
  if (depth > HARD_MAX_DEPTH)
    throw new BeamishError('term_too_large', `terms nested deeper than ${HARD_MAX_DEPTH} levels`);
  const rank = rankOf(a);
  const other = rankOf(b);
  if (rank === FOREIGN) return compare(requireWireForm(a), b, exact, depth);
  if (other === FOREIGN) return compare(a, requireWireForm(b), exact, depth);
  if (rank !== other) return rank - other;
  switch (rank) {
    case NUMBER:
      return compareNumbers(a as number | bigint | Float, b as number | bigint | Float, exact);
    case ATOM:
      return compareText(atomName(a) ?? '', atomName(b) ?? '');
    case REFERENCE:
      return compareReferences(a as Reference, b as Reference);
    case FUN:
      return compareFuns(a as ExportFun | OpaqueFun, b as ExportFun | OpaqueFun, exact, depth);
    case PORT:
      return comparePorts(a as Port, b as Port);
    case PID:
      return comparePids(a as Pid, b as Pid);
    case TUPLE:
      return compareEach((a as Tuple).elements, (b as Tuple).elements, exact, depth);
    case MAP:
      return compareMaps(a as TermMap, b as TermMap, exact, depth);
    case CONS:
      return compareLists(a as ImproperList | readonly Term[], b as ImproperList | readonly Term[], exact, depth);
    case BITS:
      return compareBits(a as string | Uint8Array | BitString, b as string | Uint8Array | BitString);
    default:
      return 0;
  }
}

function order<T extends number | bigint>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function isFloat(value: number | bigint | Float): boolean {
  return (
    value instanceof Float || (typeof value === 'number' && (!Number.isSafeInteger(value) || Object.is(value, -0)))
  );
}

function compareNumbers(a: number | bigint | Float, b: number | bigint | Float, exact: boolean): number {
  if (exact && isFloat(a) !== isFloat(b)) return isFloat(a) ? 1 : -1;
  return order(a instanceof Float ? a.value : a, b instanceof Float ? b.value : b);
}

/** By code points, which is the order of the UTF-8 bytes; JavaScript's `<` goes by UTF-16 units. */
function compareText(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length);
  for (let index = 0; index < shorter; index++) {
    const left = a.charCodeAt(index);
    const right = b.charCodeAt(index);
    if (left !== right) return codePointRank(left) - codePointRank(right);
  }
  return a.length - b.length;
}

/** Units of surrogate pairs stand for code points above all other units. */
function codePointRank(unit: number): number {
  return unit >= 0xd800 && unit < 0xe000 ? unit + 0x1_0000 : unit;
}

function compareNodes(a: { node: string; creation: number }, b: { node: string; creation: number }): number {
  return compareText(a.node, b.node) || a.creation - b.creation;
}

function comparePids(a: Pid, b: Pid): number {
  return a.serial - b.serial || a.id - b.id || compareNodes(a, b);
}

function comparePorts(a: Port, b: Port): number {
  return compareNodes(a, b) || order(a.id, b.id);
}

function compareReferences(a: Reference, b: Reference): number {
  const nodes = compareNodes(a, b);
  if (nodes !== 0) return nodes;
  for (let index = Math.max(a.words.length, b.words.length) - 1; index >= 0; index--) {
    const words = (a.words[index] ?? 0) - (b.words[index] ?? 0);
    if (words !== 0) return words;
  }
  return 0;
}

function compareFuns(a: ExportFun | OpaqueFun, b: ExportFun | OpaqueFun, exact: boolean, depth: number): number {
  if (a instanceof ExportFun) {
    if (!(b instanceof ExportFun)) return 1;
    return compareText(a.module, b.module) || compareText(a.function, b.function) || a.arity - b.arity;
  }
  if (b instanceof ExportFun) return -1;
  return (
    compareText(a.module, b.module) ||
    a.oldIndex - b.oldIndex ||
    a.oldUniq - b.oldUniq ||
    compareEach(a.free, b.free, exact, depth)
  );
}

function compareEach(a: readonly Term[], b: readonly Term[], exact: boolean, depth: number): number {
  if (a.length !== b.length) return a.length - b.length;
  for (let index = 0; index < a.length; index++) {
    const result = compare(a[index], b[index], exact, depth + 1);
    if (result !== 0) return result;
  }
  return 0;
}

function compareLists(
  a: ImproperList | readonly Term[],
  b: ImproperList | readonly Term[],
  exact: boolean,
  depth: number,
): number {
  const left = a instanceof ImproperList ? a.elements : a;
  const right = b instanceof ImproperList ? b.elements : b;
  const shorter = Math.min(left.length, right.length);
  for (let index = 0; index < shorter; index++) {
    const result = compare(left[index], right[index], exact, depth + 1);
    if (result !== 0) return result;
  }
  const leftTail = left.length > shorter ? left.slice(shorter) : a instanceof ImproperList ? a.tail : [];
  const rightTail = right.length > shorter ? right.slice(shorter) : b instanceof ImproperList ? b.tail : [];
  // At most one of both still has elements: a list, which is then above or below by its rank alone.
  return compare(leftTail, rightTail, exact, depth + 1);
}

/** By size, then by keys in their order, then by the values in the order of the keys. */
function compareMaps(a: TermMap, b: TermMap, exact: boolean, depth: number): number {
  const left = mapEntries(a);
  const right = mapEntries(b);
  if (left.length !== right.length) return left.length - right.length;
  const byKey = (one: [Term, Term], other: [Term, Term]): number => compare(one[0], other[0], true, depth + 1);
  left.sort(byKey);
  right.sort(byKey);
  for (const [index, pair] of left.entries()) {
    const keys = byKey(pair, right[index]!);
    if (keys !== 0) return keys;
  }
  for (const [index, pair] of left.entries()) {
    const values = compare(pair[1], right[index]![1], exact, depth + 1);
    if (values !== 0) return values;
  }
  return 0;
}

function compareBits(a: string | Uint8Array | BitString, b: string | Uint8Array | BitString): number {
  if (typeof a === 'string' && typeof b === 'string') return compareText(a, b);
  const [left, leftBits] = bitsOf(a);
  const [right, rightBits] = bitsOf(b);
  const whole = Math.min(leftBits, rightBits) >> 3;
  const bytes = Buffer.compare(left.subarray(0, whole), right.subarray(0, whole));
  if (bytes !== 0) return bytes;
  const rest = Math.min(leftBits, rightBits) & 7;
  const mask = 0xff << (8 - rest);
  return ((left[whole] ?? 0) & mask & 0xff) - ((right[whole] ?? 0) & mask & 0xff) || leftBits - rightBits;
}

function bitsOf(term: string | Uint8Array | BitString): [bytes: Uint8Array, bits: number] {
  if (term instanceof BitString) return [term.bytes, term.bytes.length * 8 - 8 + term.bits];
  const bytes = typeof term === 'string' ? Buffer.from(term, 'utf8') : term;
  return [bytes, bytes.length * 8];
}
