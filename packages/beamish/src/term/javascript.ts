/**
 * JavaScript values for which Erlang has no type of its own, as terms. Where Elixir has the very thing it is that struct;
 * else it is `{'$js', Class, Content}`, which any BEAM can keep and send on. `revive.ts` is the way back.
 */
import { BeamishError } from '../error/index.ts';
import { atom } from './atom.ts';
import type { Term } from './types.ts';
import { Tuple } from './values.ts';

/** First element of the tuple that stands for such a value. */
export const JS = atom('$js');
export const STRUCT = atom('__struct__');
export const DATE_TIME = atom('Elixir.DateTime');
export const MAP_SET = atom('Elixir.MapSet');

export const ISO = atom('Elixir.Calendar.ISO');
/** The years of Elixir's `Calendar.ISO`: from minus this one on. */
export const LAST_YEAR = 9999;

/** The keys of `%DateTime{}`. */
export const DateTimeKey = {
  year: atom('year'),
  month: atom('month'),
  day: atom('day'),
  hour: atom('hour'),
  minute: atom('minute'),
  second: atom('second'),
  microsecond: atom('microsecond'),
  calendar: atom('calendar'),
  timeZone: atom('time_zone'),
  zoneAbbreviation: atom('zone_abbr'),
  utcOffset: atom('utc_offset'),
  standardOffset: atom('std_offset'),
} as const;

/** The keys of `%MapSet{}`. */
export const MapSetKey = { map: atom('map'), version: atom('version') } as const;

/** Built-in classes of errors, which an error on another node is one of. */
export const ERROR_CLASSES: ReadonlyMap<string, new (message?: string, options?: ErrorOptions) => Error> = new Map(
  [Error, TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError].map((Class) => [Class.name, Class]),
);

/** Classes that are views of bytes, beside `Uint8Array`, which is Erlang's binary. */
export const VIEW_CLASSES: ReadonlyMap<string, new (buffer: ArrayBuffer) => ArrayBufferView> = new Map(
  [
    Int8Array,
    Uint8ClampedArray,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
    Float32Array,
    Float64Array,
    BigInt64Array,
    BigUint64Array,
    DataView,
  ].map((Class) => [Class.name, Class as new (buffer: ArrayBuffer) => ArrayBufferView]),
);

/** Sets that came in the form that Elixir had before 1.15, which has a version. They leave in it, too. */
const versionedSets = new WeakSet<ReadonlySet<Term>>();

export function rememberVersion(set: ReadonlySet<Term>): void {
  versionedSets.add(set);
}

/**
 * The term that a BEAM gets for a `Date`, `Set`, `Error`, `URL`, `ArrayBuffer`, a typed array, NaN or an infinity; undefined
 * for every other value: it is a term already, or it is none.
 */
export function wireForm(value: unknown): Tuple | ReadonlyMap<Term, Term> | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : ofClass('Number', String(value));
  if (value instanceof Date) return dateForm(value);
  if (value instanceof Set) return mapSet(value as ReadonlySet<Term>);
  if (value instanceof Error) return errorForm(value);
  if (value instanceof URL) return ofClass('URL', value.href);
  if (value instanceof ArrayBuffer) return ofClass('ArrayBuffer', new Uint8Array(value));
  if (!ArrayBuffer.isView(value) || value instanceof Uint8Array) return undefined;
  const name = (value as unknown as { readonly [Symbol.toStringTag]: string })[Symbol.toStringTag];
  if (!VIEW_CLASSES.has(name)) return undefined;
  return ofClass(name, new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
}

/** As `wireForm`, for what is not a term yet. @throws BeamishError `term_not_encodable` */
export function requireWireForm(value: unknown): Tuple | ReadonlyMap<Term, Term> {
  const form = wireForm(value);
  if (form === undefined) throw new BeamishError('term_not_encodable', notATerm(value));
  return form;
}

/** Why a value cannot be sent, and what to do. */
export function notATerm(value: unknown): string {
  if (typeof value !== 'object' || value === null) return `a ${typeof value} is no term`;
  if (value instanceof RegExp)
    return 'a RegExp is not sent, for one that a peer chose could stall the receiver: send its source, and trust it there';
  const name: unknown = (value as { constructor?: { name?: unknown } }).constructor?.name;
  const what = typeof name === 'string' && name !== '' ? name : 'a class';
  return `an instance of ${what} is no term; send a plain object with what it holds`;
}

function ofClass(name: string, content: Term): Tuple {
  return new Tuple([JS, name, content]);
}

/** `%DateTime{}` in UTC with milliseconds, which has the very same meaning; a date that Elixir has none for is tagged. */
function dateForm(date: Date): Tuple | ReadonlyMap<Term, Term> {
  const year = date.getUTCFullYear();
  // Also when it is NaN.
  if (!(Math.abs(year) <= LAST_YEAR)) return ofClass('Date', Number.isNaN(year) ? null : date.getTime());
  const key = DateTimeKey;
  return new Map<Term, Term>([
    [STRUCT, DATE_TIME],
    [key.year, year],
    [key.month, date.getUTCMonth() + 1],
    [key.day, date.getUTCDate()],
    [key.hour, date.getUTCHours()],
    [key.minute, date.getUTCMinutes()],
    [key.second, date.getUTCSeconds()],
    [key.microsecond, new Tuple([date.getUTCMilliseconds() * 1000, 3])],
    [key.calendar, ISO],
    [key.timeZone, 'Etc/UTC'],
    [key.zoneAbbreviation, 'UTC'],
    [key.utcOffset, 0],
    [key.standardOffset, 0],
  ]);
}

/** `%MapSet{map: %{Element => []}}` (Elixir's lib/elixir/lib/map_set.ex). */
function mapSet(set: ReadonlySet<Term>): ReadonlyMap<Term, Term> {
  const elements = new Map<Term, Term>();
  for (const element of set) elements.set(element, []);
  const form = new Map<Term, Term>([
    [STRUCT, MAP_SET],
    [MapSetKey.map, elements],
  ]);
  if (versionedSets.has(set)) form.set(MapSetKey.version, 2);
  return form;
}

/**
 * Name and message, and code, cause and errors where they are. Other properties stay behind: libraries hang sockets and
 * secrets on errors. So does the stack, which names files of this machine.
 */
function errorForm(error: Error): Tuple {
  const fields: { [name: string]: Term } = { message: error.message };
  if (Object.hasOwn(error, 'cause')) fields['cause'] = error.cause as Term;
  if (error instanceof BeamishError) {
    const { code, retryable, details } = error;
    return ofClass('BeamishError', { ...fields, code, retryable, details: details as { [name: string]: Term } });
  }
  fields['name'] = error.name;
  const { code } = error as { readonly code?: Term };
  if (code !== undefined) fields['code'] = code;
  if (error instanceof AggregateError) return ofClass('AggregateError', { ...fields, errors: error.errors as Term[] });
  return ofClass(errorClass(error), fields);
}

/** The nearest built-in class. */
function errorClass(error: Error): string {
  for (let layer: unknown = Object.getPrototypeOf(error); layer !== null; layer = Object.getPrototypeOf(layer)) {
    for (const [name, Class] of ERROR_CLASSES) if (layer === Class.prototype) return name;
  }
  return 'Error';
}
