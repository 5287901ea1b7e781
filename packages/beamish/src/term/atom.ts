import { BeamishError } from '../error/index.ts';
import { INSPECT, shownAtom, type InspectOptions } from './shown.ts';
import { ATOM_UTF8, SMALL_ATOM_UTF8 } from './tags.ts';

/** The longest atom name, in characters (code points), of the BEAM. */
const MAX_CHARACTERS = 255;
/** Names interned for the program itself: as many as the BEAM's own atom table. */
const MAX_LOCAL = 1_048_576;
/** Names interned because a peer sent them: two generations of this many. */
const WIRE_GENERATION = 50_000;

/**
 * An Erlang atom. Make one with `atom(name)`: the same name gives the identical
 * object, so atoms can be compared with `===` and be keys of a `Map`. Names that
 * only a peer has used are kept in a bounded table; where such a name may have
 * been forgotten in between, compare with `isAtom(term, name)`.
 *
 * `true`, `false`, `nil` and `undefined` decode to JavaScript's own values, not
 * to an `Atom`.
 */
export class Atom {
  /** The name, without quotes; at most 255 characters. */
  readonly name: string;
  #wire: Uint8Array | undefined;

  /** @internal Use `atom(name)`. */
  constructor(name: string) {
    const problem = nameProblem(name);
    if (problem !== undefined) throw new BeamishError('term_not_encodable', problem);
    this.name = name;
  }

  /** Its encoding: tag, length, UTF-8 name (section 4). Shared: do not write to it. */
  get wire(): Uint8Array {
    return (this.#wire ??= encodeName(this.name));
  }

  toString(): string {
    return this.name;
  }

  toJSON(): string {
    return this.name;
  }

  /** @internal */
  [INSPECT](_depth: number, options: InspectOptions): string {
    return options.stylize(shownAtom(this.name), 'symbol');
  }
}

/** In memory of its own: it lives as long as the atom, and a slice of Node's pool would keep 64 KiB of that. */
function encodeName(name: string): Uint8Array {
  const length = Buffer.byteLength(name);
  const head = length <= 255 ? [SMALL_ATOM_UTF8, length] : [ATOM_UTF8, length >> 8, length & 255];
  const wire = Buffer.allocUnsafeSlow(head.length + length);
  wire.set(head);
  wire.write(name, head.length);
  return wire;
}

const local = new Map<string, Atom>();
let recent = new Map<string, Atom>();
let older = new Map<string, Atom>();

/**
 * The atom of that name. For names the program knows: each stays in memory, as on
 * the BEAM, so never make atoms from input of users; use strings (binaries).
 *
 * @throws BeamishError `term_not_encodable` when the name is longer than 255
 * characters or is not well-formed Unicode.
 */
export function atom(name: string): Atom {
  const known = local.get(name);
  if (known !== undefined) return known;
  // A name first seen on the wire keeps its object, so that identity holds.
  const made = recent.get(name) ?? older.get(name) ?? new Atom(name);
  if (local.size < MAX_LOCAL) local.set(name, made);
  return made;
}

/**
 * The atom of a name that came from a peer, kept in a bounded table: two
 * generations, where a name used again moves to the younger one. A peer that
 * invents names makes others' rare names be forgotten, never memory grow
 * (pitfall 8 of section 4).
 *
 * @throws BeamishError `term_not_encodable` as `atom` does.
 * @internal
 */
export function wireAtom(name: string): Atom {
  const known = local.get(name) ?? recent.get(name);
  if (known !== undefined) return known;
  const made = older.get(name) ?? new Atom(name);
  if (recent.size >= WIRE_GENERATION) {
    older = recent;
    recent = new Map();
  }
  recent.set(name, made);
  return made;
}

/** What makes `name` impossible as an atom, or undefined. */
function nameProblem(name: string): string | undefined {
  if (name.length > MAX_CHARACTERS && [...name].length > MAX_CHARACTERS) {
    return `an atom has at most ${MAX_CHARACTERS} characters; this has ${[...name].length}`;
  }
  return name.isWellFormed() ? undefined : 'an atom name must be well-formed Unicode';
}

/** Whether `term` is an `Atom`, and, when `name` is given, one of that name. */
export function isAtom(term: unknown, name?: string): term is Atom {
  return term instanceof Atom && (name === undefined || term.name === name);
}

/**
 * The name of the atom that `term` stands for, also for `true`, `false`, `null`
 * (`nil`) and `undefined`; undefined when it stands for no atom.
 */
export function atomName(term: unknown): string | undefined {
  if (term instanceof Atom) return term.name;
  if (term === true) return 'true';
  if (term === false) return 'false';
  if (term === null) return 'nil';
  return term === undefined ? 'undefined' : undefined;
}
