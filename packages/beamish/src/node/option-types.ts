import type { EpmdOptions, NodeOptions } from './types.ts';
import type { TlsFiles } from './tls-material.ts';
import type { TlsOptions } from '../world/index.ts';

/** A type that a value may have, in the words of a message. */
type Kind =
  | 'a text'
  | 'a list of texts'
  | 'bytes'
  | 'a number'
  | 'true or false'
  | 'a function'
  | 'an object'
  | 'false';

/** The options there are, each with its types; `undefined` is as good as absent. What a number must be is checked elsewhere. */
type Table<T> = Readonly<Record<keyof T, readonly Kind[]>>;

const NODE: Table<NodeOptions> = {
  name: ['a text'],
  namedBy: ['a text'],
  cookie: ['a text'],
  cookies: ['an object'],
  allow: ['a text', 'a list of texts', 'a function'],
  hidden: ['true or false'],
  world: ['an object'],
  host: ['a text'],
  port: ['a number'],
  listen: ['true or false'],
  epmd: ['an object', 'false'],
  resolve: ['a function'],
  tls: ['an object'],
  verifyNames: ['true or false'],
  plaintext: ['true or false'],
  tickTime: ['a number'],
  setupTime: ['a number'],
  maxQueuedBytes: ['a number'],
  stallGrace: ['a number'],
  maxFrameBytes: ['a number'],
  maxMessageBytes: ['a number'],
  maxPending: ['a number'],
  logger: ['an object'],
};

const EPMD: Table<EpmdOptions> = {
  port: ['a number'],
  host: ['a text'],
  embedded: ['a text'],
  bind: ['a text', 'a list of texts'],
};

const TLS: Table<TlsFiles & TlsOptions> = {
  certFile: ['a text'],
  keyFile: ['a text'],
  caFile: ['a text'],
  reloadInterval: ['a number'],
  cert: ['a text', 'bytes'],
  key: ['a text', 'bytes'],
  ca: ['a text', 'bytes'],
  passphrase: ['a text'],
  verifyPeer: ['true or false'],
  serverName: ['a text'],
  minVersion: ['a text'],
};

const IS: Readonly<Record<Kind, (value: unknown) => boolean>> = {
  'a text': (value) => typeof value === 'string',
  'a list of texts': (value) => Array.isArray(value) && value.every((each) => typeof each === 'string'),
  bytes: (value) => value instanceof Uint8Array,
  'a number': (value) => typeof value === 'number',
  'true or false': (value) => typeof value === 'boolean',
  'a function': (value) => typeof value === 'function',
  'an object': (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  false: (value) => value === false,
};

/**
 * The options that there are and that have a type of theirs; of the others a fault each. Never a value: it may be a secret, given
 * under the wrong name.
 */
export function typed(options: NodeOptions, faults: string[]): NodeOptions {
  if (!IS['an object'](options)) {
    faults.push('give them as an object');
    return {} as NodeOptions;
  }
  const usable = known(NODE, options, '', faults);
  if (typeof usable.tls === 'object') usable.tls = known(TLS, usable.tls as TlsFiles & TlsOptions, 'tls.', faults);
  if (typeof usable.epmd === 'object') usable.epmd = known(EPMD, usable.epmd, 'epmd.', faults);
  return usable;
}

function known<T extends object>(
  table: Table<T>,
  given: T,
  path: string,
  faults: string[],
): { -readonly [K in keyof T]: T[K] } {
  const usable: Partial<Record<string, unknown>> = {};
  for (const [field, value] of Object.entries(given)) {
    const kinds = Object.hasOwn(table, field) ? table[field as keyof T] : undefined;
    if (kinds === undefined) faults.push(`${path}${field}: there is no such option`);
    else if (value === undefined || kinds.some((kind) => IS[kind](value))) usable[field] = value;
    else faults.push(`${path}${field}: must be ${kinds.join(' or ')}, not ${nameOf(value)}`);
  }
  return usable as T;
}

function nameOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'an array' : `of type ${typeof value}`;
}
