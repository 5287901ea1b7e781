/** The variables that operators set, checked at boot by one schema: all faults in one message. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { TlsFiles } from 'beamish/node';
import type { Config, Role } from '../contract.ts';

/** Root of the repository: relative paths and `.data` are meant from here, wherever the command was typed. */
export const repositoryRoot = join(dirname(fileURLToPath(import.meta.url)), '../../../..');
const appRoot = join(dirname(fileURLToPath(import.meta.url)), '../..');

/** What an operator wrote wrongly. `message` names every fault, one to a line, without values of secrets. */
export class ConfigFault extends Error {
  readonly faults: readonly string[];
  constructor(faults: readonly string[]) {
    super(`bad variables:\n${faults.map((fault) => `  ${fault}`).join('\n')}`);
    this.name = 'ConfigFault';
    this.faults = faults;
  }
}

const integer = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d+$/, `must be a whole number from ${min} to ${max}`)
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must be a whole number from ${min} to ${max}`);

const nodeName = z
  .string()
  .regex(/^[A-Za-z0-9_-]+@[A-Za-z0-9][A-Za-z0-9.:-]*$/, 'must be name@host, such as collector1@127.0.0.1');

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;

const common = {
  RELEASE_COOKIE: z.string().min(1).max(255, 'may have 255 characters at most').optional(),
  ERL_EPMD_PORT: integer(1, 65535).optional(),
  DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\//, 'must begin with postgres://')
    .refine((value) => URL.canParse(value), 'is not a URL')
    .optional(),
  DATA_DIR: z.string().optional(),
  PORT: integer(0, 65535).optional(),
  HTTP_HOST: z.string().optional(),
  PHX_HOST: z
    .string()
    .regex(/^[A-Za-z0-9.:[\]-]+$/, 'must be a host name without scheme or path')
    .optional(),
  SECRET_KEY_BASE: z.string().min(64, 'must have at least 64 characters').optional(),
  INVENTORY: z.string().optional(),
  POLL_INTERVAL: integer(100, 3_600_000).optional(),
  RETENTION_DAYS: integer(1, 3650).optional(),
  LOG_LEVEL: z.enum(logLevels, `must be one of ${logLevels.join(', ')}`).optional(),
};

const nodeSchema = z.object({
  ...common,
  NODE_ROLE: z.enum(['collector', 'web', 'both'], 'must be collector, web or both'),
  RELEASE_NODE: nodeName.optional(),
  RELEASE_NAME: z
    .string()
    .regex(/^[A-Za-z0-9_-]+$/, 'may hold letters, digits, _ and - only')
    .optional(),
  RELEASE_COOKIE: z.string('must be set, to the same value on all nodes').max(255, 'may have 255 characters at most'),
  CLUSTER_DNS: z
    .string()
    .regex(/^[A-Za-z0-9_.-]+$/, 'must be a host name')
    .optional(),
  CLUSTER_DNS_SERVERS: z.string().optional(),
  CLUSTER_DNS_INTERVAL: integer(100, 3_600_000).optional(),
  CLUSTER_NODES: z
    .string()
    .transform((value) => value.split(',').map((each) => each.trim()))
    .pipe(z.array(nodeName))
    .optional(),
  CLUSTER_TLS_CERT: z.string().optional(),
  CLUSTER_TLS_KEY: z.string().optional(),
  CLUSTER_TLS_CA: z.string().optional(),
  CLUSTER_PLAINTEXT: z.enum(['true', 'false'], 'must be true or false').optional(),
  PAGE_DIR: z.string().optional(),
});

/** What `npm start` listens to; children get the rest from it. */
const launchSchema = z.object(common);
export type LaunchConfig = z.infer<typeof launchSchema>;

export interface NodeConfig extends Config {
  readonly clusterDnsServers: readonly string[];
  /** Milliseconds. */
  readonly clusterDnsInterval: number;
  /** CLUSTER_TLS_CERT, CLUSTER_TLS_KEY, CLUSTER_TLS_CA: PEM files. */
  readonly tls: TlsFiles | undefined;
  /** CLUSTER_PLAINTEXT. Connections between nodes need no TLS where other machines reach them. */
  readonly plaintext: boolean;
  /** DATABASE_URL; undefined: the embedded PostgreSQL in `dataDirectory`. */
  readonly givenDatabaseUrl: string | undefined;
  readonly dataDirectory: string;
  /** RETENTION_DAYS. Samples older than this many days are deleted, whole days at a time. */
  readonly retentionDays: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

function check<S extends z.ZodType>(
  schema: S,
  environment: Environment,
  more: (value: z.infer<S>) => string[] = () => [],
): z.infer<S> {
  // An empty variable is an unset one: that is how compose files and shells unset them.
  const given = Object.fromEntries(
    Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''),
  );
  const result = schema.safeParse(given);
  const faults = result.success
    ? more(result.data)
    : result.error.issues.map((issue) => {
        const name = String(issue.path[0]);
        const said =
          given[name] === undefined && issue.message.startsWith('Invalid input') ? 'must be set' : issue.message;
        return `${name} ${said}`;
      });
  if (faults.length > 0 || !result.success) throw new ConfigFault(faults);
  return result.data;
}

/** @throws ConfigFault */
export function readLaunchConfig(environment: Environment): LaunchConfig {
  return check(launchSchema, environment);
}

/** @throws ConfigFault */
export function readNodeConfig(environment: Environment): NodeConfig {
  const value = check(nodeSchema, environment, (given) => {
    const faults: string[] = [];
    if (given.RELEASE_NODE === undefined && given.RELEASE_NAME === undefined)
      faults.push('RELEASE_NODE must be set (name@host)');
    if (given.NODE_ROLE !== 'collector' && given.SECRET_KEY_BASE === undefined) {
      faults.push(
        'SECRET_KEY_BASE must be set for the role web, to the same value on all nodes (at least 64 characters)',
      );
    }
    return [...faults, ...encryptionFaults(given)];
  });
  const roles: readonly Role[] = value.NODE_ROLE === 'both' ? ['collector', 'web'] : [value.NODE_ROLE];
  return {
    roles,
    nodeName: value.RELEASE_NODE ?? `${value.RELEASE_NAME}@127.0.0.1`,
    cookie: value.RELEASE_COOKIE,
    clusterDns: value.CLUSTER_DNS,
    clusterDnsServers: value.CLUSTER_DNS_SERVERS?.split(',').map((each) => each.trim()) ?? [],
    clusterDnsInterval: value.CLUSTER_DNS_INTERVAL ?? 5000,
    clusterNodes: value.CLUSTER_NODES ?? [],
    epmdPort: value.ERL_EPMD_PORT ?? 4369,
    tls: tlsOf(value),
    plaintext: value.CLUSTER_PLAINTEXT === 'true',
    databaseUrl: value.DATABASE_URL ?? '',
    givenDatabaseUrl: value.DATABASE_URL,
    dataDirectory: value.DATA_DIR ?? join(repositoryRoot, '.data'),
    port: value.PORT ?? 4000,
    httpHost: value.HTTP_HOST ?? '127.0.0.1',
    publicHost: value.PHX_HOST ?? 'localhost',
    secretKeyBase: value.SECRET_KEY_BASE ?? '',
    inventory: value.INVENTORY,
    pollInterval: value.POLL_INTERVAL ?? 1000,
    retentionDays: value.RETENTION_DAYS ?? 7,
    pageDirectory: value.PAGE_DIR ?? join(appRoot, 'dist/page'),
    logLevel: value.LOG_LEVEL ?? 'info',
  };
}

type Given = z.infer<typeof nodeSchema>;

function tlsOf(given: Given): TlsFiles | undefined {
  const { CLUSTER_TLS_CERT: certFile, CLUSTER_TLS_KEY: keyFile, CLUSTER_TLS_CA: caFile } = given;
  if (certFile === undefined || keyFile === undefined || caFile === undefined) return undefined;
  return { certFile, keyFile, caFile };
}

function encryptionFaults(given: Given): string[] {
  const names = ['CLUSTER_TLS_CERT', 'CLUSTER_TLS_KEY', 'CLUSTER_TLS_CA'] as const;
  const missing = names.filter((name) => given[name] === undefined);
  if (missing.length > 0 && missing.length < names.length) return [`${missing.join(' and ')} must be set, too`];
  const host = (given.RELEASE_NODE ?? '@127.0.0.1').split('@')[1] ?? '';
  if (missing.length === 0 || given.CLUSTER_PLAINTEXT === 'true' || /^(127\.|::1$|localhost$)/.test(host)) return [];
  return [
    `RELEASE_NODE is on ${host}, which other machines reach: set ${names.join(', ')}, or CLUSTER_PLAINTEXT=true on a network that you trust`,
  ];
}
