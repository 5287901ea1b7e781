import { hostname } from 'node:os';
import type { Logger, LogLevel, LogMethod } from '../logger.ts';

/** pino's numbers, so that its tools read our lines. */
const LEVELS: Readonly<Record<LogLevel, number>> = { trace: 10, debug: 20, info: 30, warn: 40, error: 50, fatal: 60 };

/** Of `createLogger`. */
export interface LoggerOptions {
  /** The lowest level that is written; `silent` for none. @default the variable BEAMISH_LOG_LEVEL, else 'info' */
  readonly level?: LogLevel | 'silent';
  /** Lines for people in place of JSON. @default whether standard error is a terminal */
  readonly pretty?: boolean;
  /** Where lines go, each ending in a newline. @default standard error */
  readonly write?: (line: string) => void;
}

/** A structured logger that never throws: a value that cannot be written is replaced by a note of it. */
export function createLogger(options: LoggerOptions = {}): Logger {
  const pretty = options.pretty ?? (process.stderr.isTTY || false);
  const write = options.write ?? ((line: string) => void process.stderr.write(line));
  return build(lowest(options.level), pretty ? prettyLine : jsonLine, write, {});
}

function lowest(level: LogLevel | 'silent' | undefined): number {
  const wanted = level ?? process.env['BEAMISH_LOG_LEVEL'] ?? 'info';
  if (wanted === 'silent') return Infinity;
  return LEVELS[wanted as LogLevel] ?? LEVELS.info;
}

type Fields = Readonly<Record<string, unknown>>;
type Line = (level: LogLevel, fields: Fields, message: string) => string;

function build(level: number, line: Line, write: (line: string) => void, bindings: Fields): Logger {
  const method = (name: LogLevel): LogMethod => {
    if (LEVELS[name] < level) return () => {};
    return (first: object | string, second?: string) => {
      const message = typeof first === 'string' ? first : (second ?? '');
      try {
        // pino takes an error alone, too
        const more = first instanceof Error ? { err: first } : (first as Fields);
        const fields = typeof first === 'string' ? bindings : { ...bindings, ...more };
        write(`${line(name, fields, first instanceof Error && second === undefined ? first.message : message)}\n`);
      } catch {
        // a getter of the fields, or the stream: a log line must not end what wrote it
      }
    };
  };
  return {
    trace: method('trace'),
    debug: method('debug'),
    info: method('info'),
    warn: method('warn'),
    error: method('error'),
    fatal: method('fatal'),
    child: (more) => build(level, line, write, { ...bindings, ...(more as Fields) }),
  };
}

const fixed = { pid: process.pid, hostname: hostname() };

function jsonLine(level: LogLevel, fields: Fields, message: string): string {
  const time = Date.now();
  try {
    return JSON.stringify({ level: LEVELS[level], time, ...fixed, ...fields, msg: message }, replacer());
  } catch (error) {
    return JSON.stringify({ level: LEVELS[level], time, ...fixed, msg: message, unloggable: String(error) });
  }
}

function prettyLine(level: LogLevel, fields: Fields, message: string): string {
  const time = new Date().toISOString().slice(11, 23);
  const { err, ...rest } = fields;
  let shown = '';
  for (const [name, value] of Object.entries(rest)) shown += ` ${name}=${text(value)}`;
  let trace = '';
  const seen = new Set<unknown>();
  for (let cause = err; cause instanceof Error && !seen.has(cause); cause = cause.cause) {
    const code = 'code' in cause ? ` [${String(cause.code)}]` : '';
    trace += `\n  ${trace === '' ? '' : 'caused by '}${(cause.stack ?? cause.message).replaceAll('\n', '\n  ')}${code}`;
    seen.add(cause);
  }
  if (err !== undefined && trace === '') trace = ` err=${text(err)}`;
  return `${time} ${level.toUpperCase().padEnd(5)} ${message}${shown}${trace}`;
}

function text(value: unknown): string {
  if (typeof value === 'string') return value;
  try {
    return JSON.stringify(value, replacer()) ?? String(value);
  } catch (error) {
    return `(unloggable: ${String(error)})`;
  }
}

/** Errors with their cause and code, bigints, maps and identifiers in a form to read; a value inside itself named so. */
function replacer(): (this: unknown, key: string, value: unknown) => unknown {
  const path: unknown[] = [];
  return function (this: unknown, _key: string, value: unknown): unknown {
    if (typeof value === 'bigint') return `${value}n`;
    if (typeof value === 'function' || typeof value === 'symbol') return String(value);
    if (typeof value !== 'object' || value === null) return value;
    while (path.length > 0 && path.at(-1) !== this) path.pop();
    if (path.includes(value)) return '(circular)';
    const plain = readable(value);
    if (typeof plain === 'object' && plain !== null) path.push(plain);
    return plain;
  };
}

function readable(value: object): unknown {
  if (value instanceof Error) {
    const { name, message, stack, cause } = value;
    const more = 'code' in value ? { code: value.code } : {};
    return { type: name, message, ...more, stack, ...(cause === undefined ? {} : { cause }) };
  }
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [String(key), item as unknown]));
  if (value instanceof Set) return [...value];
  // a tuple or an improper list, whose layer this file does not know
  if ('elements' in value && Array.isArray(value.elements)) return value.elements;
  if (value instanceof Uint8Array) return `<<${value.length} bytes>>`;
  // Pids, references and atoms have a text of their own.
  if (
    !Array.isArray(value) &&
    Object.getPrototypeOf(value) !== Object.prototype &&
    value.toString !== Object.prototype.toString
  ) {
    return (value as { toString(): string }).toString();
  }
  return value;
}
