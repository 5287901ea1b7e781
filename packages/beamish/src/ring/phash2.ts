import { BeamishError } from '../error/index.ts';
import {
  atomName,
  BitString,
  ExportFun,
  Float,
  ImproperList,
  isTermMap,
  mapEntries,
  OpaqueFun,
  Pid,
  Port,
  Reference,
  type Term,
  Tuple,
  wireForm,
} from '../term/index.ts';
import { constant, HashState } from './mix.ts';

/** Levels of nesting followed, as in `term`. */
const MAX_DEPTH = 1024;
/** What `hash` is for `[]` when nothing was hashed before it. */
const EMPTY_FIRST = 3468870702 | 0;
const FOUR_GIGA = 0x1_0000_0000;

/**
 * Erlang's `erlang:phash2(term, range)`: an integer from 0 to `range` - 1, the
 * same on every node, BEAM or Beamish.
 *
 * @param range 1 to 2^32. Default 2^27, as in Erlang.
 * @throws BeamishError `option_invalid` for another range, `term_not_encodable`
 * for a value that is no term, `term_too_large` for one nested deeper than 1024 levels.
 *
 * Source: `make_hash2` in erts/emulator/beam/utils.c; section 11.2.
 */
export function phash2(term: Term, range = 0x800_0000): number {
  if (!Number.isSafeInteger(range) || range < 1 || range > FOUR_GIGA) {
    throw new BeamishError('option_invalid', `the range of phash2 must be an integer from 1 to 2^32, not ${range}`);
  }
  const state = new HashState();
  hashTerm(state, term, 0);
  return (state.hash >>> 0) % range;
}

function hashTerm(state: HashState, term: Term, depth: number): void {
  if (typeof term === 'string') return hashBytes(state, Buffer.from(term, 'utf8'));
  if (typeof term === 'number' && Number.isFinite(term)) {
    const integral = Number.isSafeInteger(term) && !Object.is(term, -0);
    return integral ? hashInteger(state, term) : hashFloat(state, term);
  }
  if (typeof term === 'bigint') return hashInteger(state, term);
  const name = atomName(term);
  if (name !== undefined) return hashAtom(state, name);
  if (typeof term === 'number') return hashTerm(state, wireForm(term), depth);
  if (typeof term !== 'object' || term === null)
    throw new BeamishError('term_not_encodable', `a ${typeof term} is no term`);
  if (depth >= MAX_DEPTH) throw new BeamishError('term_too_large', `a term nested deeper than ${MAX_DEPTH} levels`);
  hashObject(state, term, depth + 1);
}

function hashObject(state: HashState, term: Exclude<Term, null> & object, depth: number): void {
  if (Array.isArray(term)) return hashList(state, term, [], depth);
  if (term instanceof ImproperList) return hashList(state, term.elements, term.tail, depth);
  if (term instanceof Tuple) {
    state.mixOne(term.elements.length, 9);
    for (const element of term.elements) hashTerm(state, element, depth);
  } else if (term instanceof Uint8Array) hashBytes(state, term);
  else if (term instanceof BitString) hashBits(state, term);
  else if (term instanceof Float) hashFloat(state, term.value);
  else if (term instanceof Pid) state.mixOne(term.id, 5);
  else if (term instanceof Port) state.mixTwo(Number(term.id & 0xffff_ffffn), Number(term.id >> 32n), 6);
  else if (term instanceof Reference) state.mixOne(term.words[0] ?? 0, 7);
  else if (term instanceof ExportFun) {
    state.mixTwo(term.arity, atomHash(term.module), 1);
    state.mixOne(atomHash(term.function), 14);
  } else if (term instanceof OpaqueFun) {
    state.mixTwo(term.free.length, atomHash(term.module), 1);
    state.mixTwo(term.index, term.oldUniq, 1);
    for (const value of term.free) hashTerm(state, value, depth);
  } else if (isTermMap(term)) {
    hashMap(state, mapEntries(term), depth);
  } else {
    const form = wireForm(term);
    if (form === undefined) throw new BeamishError('term_not_encodable', 'an instance of a class is no term');
    hashTerm(state, form, depth - 1);
  }
}

function hashAtom(state: HashState, name: string): void {
  if (state.hash === 0) state.hash = atomHash(name);
  else state.mixOne(atomHash(name), 3);
}

/** PJW over the name; a character below U+0100 counts as one byte, others as their UTF-8. */
function atomHash(name: string): number {
  let hash = 0;
  for (const character of name) {
    const code = character.codePointAt(0) ?? 0;
    for (const byte of code < 0x100 ? [code] : Buffer.from(character, 'utf8')) {
      hash = ((hash << 4) + byte) | 0;
      const high = hash & 0xf000_0000;
      if (high !== 0) hash = hash ^ (high >>> 24) ^ high;
    }
  }
  return hash;
}

function hashInteger(state: HashState, value: number | bigint): void {
  if (value >= -0x800_0000 && value < 0x800_0000) {
    const small = Number(value);
    if (small < 0) state.mixOne(-small, 1);
    state.mixOne(small, 1);
    return;
  }
  const kind = value < 0 ? 10 : 11;
  let rest = value < 0 ? -BigInt(value) : BigInt(value);
  const hex = rest.toString(16);
  if (hex.length > 256) return hashDigits(state, hex, kind);
  for (; rest > 0n; rest >>= 64n) {
    state.mixTwo(Number(rest & 0xffff_ffffn), Number((rest >> 32n) & 0xffff_ffffn), kind);
  }
}

/** As the loop above, for numbers so large that shifting them again and again would take quadratic time. */
function hashDigits(state: HashState, hex: string, kind: number): void {
  for (let end = hex.length; end > 0; end -= 16) {
    const digit = hex.slice(Math.max(end - 16, 0), end).padStart(16, '0');
    state.mixTwo(Number.parseInt(digit.slice(8), 16), Number.parseInt(digit.slice(0, 8), 16), kind);
  }
}

function hashFloat(state: HashState, value: number): void {
  const bits = Buffer.alloc(8);
  bits.writeDoubleBE(value === 0 ? 0 : value);
  state.mixTwo(bits.readInt32BE(0), bits.readInt32BE(4), 12);
}

function hashBytes(state: HashState, bytes: Uint8Array): void {
  const initial = (constant(13) + state.hash) | 0;
  if (bytes.length === 0) state.hash = initial;
  else state.mixBlock(bytes, initial);
}

function hashBits(state: HashState, term: BitString): void {
  const whole = term.bytes.length - 1;
  state.mixBlock(term.bytes.subarray(0, whole), (constant(13) + state.hash) | 0);
  state.mixTwo(term.bits, (term.bytes[whole] ?? 0) >> (8 - term.bits), 15);
}

/** Runs of bytes, as in texts, are mixed four at a time; other elements one by one. */
function hashList(state: HashState, elements: readonly Term[], tail: Term, depth: number): void {
  let pending = 0;
  let count = 0;
  for (const element of elements) {
    const byte = typeof element === 'bigint' ? Number(element) : element;
    if (typeof byte === 'number' && (byte & 0xff) === byte && !Object.is(byte, -0)) {
      pending = (pending << 8) + byte;
      count += 1;
      if (count < 4) continue;
      state.mixOne(pending, 4);
    } else {
      if (count > 0) state.mixOne(pending, 4);
      hashTerm(state, element, depth);
    }
    pending = 0;
    count = 0;
  }
  if (count > 0) state.mixOne(pending, 4);
  if (!Array.isArray(tail)) hashTerm(state, tail, depth);
  else if (state.hash === 0) state.hash = EMPTY_FIRST;
  else state.mixOne(2, 2);
}

/** The pairs are hashed apart and joined by XOR, so that their order does not matter. */
function hashMap(state: HashState, pairs: readonly (readonly [Term, Term])[], depth: number): void {
  state.mixOne(pairs.length, 16);
  if (pairs.length === 0) return;
  const saved = state.hash;
  let joined = 0;
  for (const [key, value] of pairs) {
    state.hash = 0;
    hashTerm(state, key, depth);
    hashTerm(state, value, depth);
    joined ^= state.hash;
  }
  state.hash = saved;
  state.mixOne(joined, 19);
}
