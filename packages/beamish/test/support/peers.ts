/**
 * The real peers that tests speak to (erl, snmpd, chromium ...): where they are, and what to install when they are not.
 * A test whose peer is missing is skipped by name and reason; the runner lists it, and CI fails on it.
 */
import { accessSync, constants, readdirSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Executable -> the Debian package that brings it. The bootstrap script installs these packages for `npm test`. */
const debianPackages = {
  chromium: 'chromium',
  dnsmasq: 'dnsmasq-base',
  elixir: 'elixir',
  epmd: 'erlang-base',
  erl: 'erlang-base',
  ip: 'iproute2',
  iptables: 'iptables',
  'nats-server': 'nats-server',
  openssl: 'openssl',
  pg_ctl: 'postgresql',
  postgres: 'postgresql',
  initdb: 'postgresql',
  psql: 'postgresql-client',
  'redis-server': 'redis-server',
  snmpd: 'snmpd',
  snmpget: 'snmp',
  snmpwalk: 'snmp',
} as const;

export type Peer = keyof typeof debianPackages;

/** Debian keeps the server's own programs out of PATH, the newest major version is wanted first. */
function postgresDirectories(): string[] {
  try {
    const root = '/usr/lib/postgresql';
    const versions = readdirSync(root).toSorted((a, b) => Number(b) - Number(a));
    return versions.map((version) => join(root, version, 'bin'));
  } catch {
    return [];
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** The path of an executable: from PATH, then from the places where system daemons lie. */
export function findExecutable(name: Peer | (string & {})): string | undefined {
  const path = (process.env['PATH'] ?? '').split(delimiter).filter((directory) => directory !== '');
  const directories = [...path, '/usr/local/sbin', '/usr/sbin', '/sbin', ...postgresDirectories()];
  return directories.map((directory) => join(directory, name)).find(isExecutable);
}

function missing(name: string): string {
  const debian = (debianPackages as Record<string, string | undefined>)[name];
  return `${name} not found: install ${debian ?? name}`;
}

/** The path of a peer; throws saying what to install. For code below a `skipUnless`. */
export function requirePeer(name: Peer | (string & {})): string {
  const path = findExecutable(name);
  if (path === undefined) throw new Error(missing(name));
  return path;
}

/** Options for node:test: `test('...', skipUnless('erl'), async () => ...)`; also `{ ...skipUnless('erl'), timeout }`. */
export function skipUnless(...names: readonly (Peer | (string & {}))[]): { skip: false | string } {
  const reasons = names.filter((name) => findExecutable(name) === undefined).map(missing);
  return { skip: reasons.length > 0 && reasons.join('; ') };
}
