import type { Atom } from './atom.ts';
import type { ExportFun, OpaqueFun, Pid, Port, Reference } from './identifiers.ts';
import type { BitString, Float, ImproperList, Tuple } from './values.ts';

/**
 * A JavaScript value that stands for an Erlang term.
 *
 * | Erlang | JavaScript |
 * |---|---|
 * | integer | `number` when safe, else `bigint` |
 * | float | `number`; `Float` when its value is integral (`1.0`) |
 * | binary | `string` when it is UTF-8, else `Uint8Array` |
 * | bitstring | `BitString` |
 * | atom | `Atom`; `true`, `false` are booleans, `nil` is `null`, `undefined` is `undefined` |
 * | list | array; `ImproperList` when its tail is no list |
 * | tuple | `Tuple` |
 * | map | plain object when every key is a string, else `Map` |
 * | pid, reference, port, fun | `Pid`, `Reference`, `Port`, `ExportFun` or `OpaqueFun` |
 * | `%DateTime{}` in UTC with milliseconds, `%MapSet{}` | `Date`, `Set` |
 * | `{'$js', Class, Content}` | what JavaScript alone has: errors, typed arrays, URLs, NaN and the infinities |
 *
 * docs/terms.md has each of them both ways.
 *
 * Source: External Term Format (erts User's Guide, chapter "External Term Format").
 */
export type Term =
  | number
  | bigint
  | string
  | boolean
  | null
  | undefined
  | Uint8Array
  | Atom
  | Float
  | Tuple
  | BitString
  | Pid
  | Reference
  | Port
  | ExportFun
  | OpaqueFun
  | ImproperList
  | readonly Term[]
  | ReadonlyMap<Term, Term>
  | ReadonlySet<Term>
  | Date
  | Error
  | URL
  | ArrayBuffer
  | TypedArray
  | DataView
  | { readonly [key: string]: Term };

/** A term that is a map: a plain object (string keys only) or a `Map`. */
export type TermMap = ReadonlyMap<Term, Term> | { readonly [key: string]: Term };

/** Typed arrays that travel as such. */
export type TypedArray =
  | Int8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array
  | BigInt64Array
  | BigUint64Array;
