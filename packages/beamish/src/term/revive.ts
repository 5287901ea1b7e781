/**
 * The way back of `javascript.ts`. Only a term that is exactly what would be written for a value becomes that value, so that
 * whatever a BEAM sends goes back `=:=`; every other one stays the tuple or the map that it is. Nothing that a peer sends
 * names a property, a prototype or code.
 */
import { BeamishError, ERROR_CODES, type BeamishErrorCode } from '../error/index.ts';
import {
  DATE_TIME,
  DateTimeKey as key,
  ERROR_CLASSES,
  ISO,
  LAST_YEAR,
  MAP_SET,
  rememberVersion,
  MapSetKey,
  STRUCT,
  VIEW_CLASSES,
} from './javascript.ts';
import type { Term } from './types.ts';
import { isTuple, type Tuple } from './values.ts';

const LAST_TIME = 8.64e15;
/** Fields of an error's content. */
const ERROR_FIELDS = new Set(['name', 'message', 'code', 'cause', 'errors']);
const BEAMISH_ERROR_FIELDS = new Set(['code', 'message', 'retryable', 'details', 'cause']);
const NOT_FINITE: ReadonlyMap<Term, number> = new Map([
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
]);

type Fields = { readonly [name: string]: Term };

/** What `{'$js', Class, Content}` stands for, or itself. */
export function revivedTuple(tuple: Tuple): Term {
  const [, name, content] = tuple.elements;
  return typeof name === 'string' ? (revivedOfClass(name, content) ?? tuple) : tuple;
}

function revivedOfClass(name: string, content: Term): Term {
  switch (name) {
    case 'Number':
      return NOT_FINITE.get(content);
    case 'Date':
      return dateOutOfRange(content);
    case 'URL':
      return typeof content === 'string' ? url(content) : undefined;
    case 'ArrayBuffer':
      return bufferOf(content);
    case 'BeamishError':
      return beamishError(content);
    default:
      return VIEW_CLASSES.has(name) ? view(name, content) : error(name, content);
  }
}

/** A date that `%DateTime{}` cannot hold. */
function dateOutOfRange(content: Term): Date | undefined {
  if (content === null) return new Date(Number.NaN);
  if (!Number.isSafeInteger(content) || Math.abs(content as number) > LAST_TIME) return undefined;
  const date = new Date(content as number);
  return Math.abs(date.getUTCFullYear()) > LAST_YEAR ? date : undefined;
}

function url(href: string): URL | undefined {
  const made = URL.parse(href);
  return made?.href === href ? made : undefined;
}

/** The content as it came is a copy; bytes that a BEAM has passed on may come as text. */
function bufferOf(content: Term): ArrayBuffer | undefined {
  if (content instanceof Uint8Array) return content.buffer as ArrayBuffer;
  return typeof content === 'string' ? Uint8Array.from(Buffer.from(content)).buffer : undefined;
}

function view(name: string, content: Term): Term {
  const buffer = bufferOf(content);
  const Class = VIEW_CLASSES.get(name);
  if (buffer === undefined || Class === undefined) return undefined;
  const size = (Class as { readonly BYTES_PER_ELEMENT?: number }).BYTES_PER_ELEMENT ?? 1;
  return buffer.byteLength % size === 0 ? (new Class(buffer) as Term) : undefined;
}

function fieldsOf(content: Term, known: ReadonlySet<string>): Fields | undefined {
  if (typeof content !== 'object' || content === null || Object.getPrototypeOf(content) !== Object.prototype)
    return undefined;
  return Object.keys(content).every((name) => known.has(name)) ? (content as Fields) : undefined;
}

function error(className: string, content: Term): Error | undefined {
  const fields = fieldsOf(content, ERROR_FIELDS);
  if (typeof fields?.['name'] !== 'string' || typeof fields['message'] !== 'string') return undefined;
  const options = Object.hasOwn(fields, 'cause') ? { cause: fields['cause'] } : undefined;
  const made = emptyError(className, fields['message'], fields['errors'], options);
  if (made === undefined || (Object.hasOwn(fields, 'code') && fields['code'] === undefined)) return undefined;
  if (fields['name'] !== made.name) made.name = fields['name'];
  if (Object.hasOwn(fields, 'code')) Object.assign(made, { code: fields['code'] });
  return made;
}

function emptyError(className: string, message: string, errors: Term, options?: ErrorOptions): Error | undefined {
  if (className === 'AggregateError')
    return Array.isArray(errors)
      ? withoutStack(() => new AggregateError(errors as readonly Term[], message, options))
      : undefined;
  const Class = ERROR_CLASSES.get(className);
  return Class === undefined || errors !== undefined ? undefined : withoutStack(() => new Class(message, options));
}

function beamishError(content: Term): BeamishError | undefined {
  const { code, message, retryable, details, ...rest } = fieldsOf(content, BEAMISH_ERROR_FIELDS) ?? {};
  if (typeof code !== 'string' || !Object.hasOwn(ERROR_CODES, code)) return undefined;
  if (typeof message !== 'string' || typeof retryable !== 'boolean') return undefined;
  if (typeof details !== 'object' || details === null || Object.getPrototypeOf(details) !== Object.prototype)
    return undefined;
  // An absent cause and one that is undefined are the same to a BeamishError.
  if (Object.hasOwn(rest, 'cause') && rest['cause'] === undefined) return undefined;
  return withoutStack(
    () => new BeamishError(code as BeamishErrorCode, message, { retryable, details: details as Fields, ...rest }),
  );
}

/** The stack of the decoder says nothing about an error of another node, and a flood of them would fill the memory. */
function withoutStack<E extends Error>(make: () => E): E {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return make();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** What an Elixir struct stands for in JavaScript, or itself. */
export function revivedStruct(map: ReadonlyMap<Term, Term>): Term {
  const module = map.get(STRUCT);
  if (module === DATE_TIME) return dateOf(map) ?? map;
  return module === MAP_SET ? (setOf(map) ?? map) : map;
}

function dateOf(map: ReadonlyMap<Term, Term>): Date | undefined {
  const fraction = map.get(key.microsecond);
  if (map.size !== 13 || !isTuple(fraction, 2) || fraction.at(1) !== 3) return undefined;
  const parts = [key.year, key.month, key.day, key.hour, key.minute, key.second].map((name) => map.get(name));
  parts.push(fraction.at(0));
  if (!parts.every((part) => Number.isSafeInteger(part))) return undefined;
  const [year, month, day, hour, minute, second, microsecond] = parts as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  if (Math.abs(year) > LAST_YEAR) return undefined;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second, microsecond / 1000);
  const read = [
    date.getUTCFullYear(),
    date.getUTCMonth() + 1,
    date.getUTCDate(),
    date.getUTCHours(),
    date.getUTCMinutes(),
    date.getUTCSeconds(),
    date.getUTCMilliseconds() * 1000,
  ];
  // Object.is: a peer may write the float -0.0 where 0 belongs.
  const same = read.every((part, index) => Object.is(part, parts[index])) && inUtc(map);
  return same ? date : undefined;
}

function inUtc(map: ReadonlyMap<Term, Term>): boolean {
  return (
    map.get(key.calendar) === ISO &&
    map.get(key.timeZone) === 'Etc/UTC' &&
    map.get(key.zoneAbbreviation) === 'UTC' &&
    Object.is(map.get(key.utcOffset), 0) &&
    Object.is(map.get(key.standardOffset), 0)
  );
}

function setOf(map: ReadonlyMap<Term, Term>): ReadonlySet<Term> | undefined {
  const versioned = map.has(MapSetKey.version);
  const elements = map.get(MapSetKey.map);
  if (map.size !== (versioned ? 3 : 2) || (versioned && map.get(MapSetKey.version) !== 2)) return undefined;
  if (typeof elements !== 'object' || elements === null) return undefined;
  const isMap = elements instanceof Map;
  if (!isMap && Object.getPrototypeOf(elements) !== Object.prototype) return undefined;
  for (const value of isMap ? (elements as ReadonlyMap<Term, Term>).values() : Object.values(elements))
    if (!Array.isArray(value) || value.length > 0) return undefined;
  const set = new Set<Term>(isMap ? (elements as ReadonlyMap<Term, Term>).keys() : Object.keys(elements));
  if (versioned) rememberVersion(set);
  return set;
}
