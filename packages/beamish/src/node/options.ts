import { BeamishError } from '../error/index.ts';
import { realWorld, type Address, type Logger, type TlsOptions, type World } from '../world/index.ts';
import { cookieProblem } from './cookie.ts';
import { DEFAULT_EPMD_PORT } from './epmd/codec.ts';
import { isIpAddress, isLoopback, splitNodeName, type NameParts } from './names.ts';
import { typed } from './option-types.ts';
import type { TlsFiles } from './tls-material.ts';
import type { EpmdOptions, NodeOptions } from './types.ts';
import { nodeMatcher } from './which-nodes.ts';

/** The options of a node, valid and complete. */
export interface Settings {
  readonly name: string;
  readonly parts: NameParts;
  readonly namedBy: string | undefined;
  readonly cookieFor: (peer: string) => string;
  readonly allows: (nodeName: string) => boolean;
  readonly hidden: boolean;
  readonly world: World;
  readonly logger: Logger;
  readonly host: string;
  readonly port: number;
  readonly listen: boolean;
  readonly epmd: EpmdSettings | undefined;
  readonly resolve: (nodeName: string) => Address | undefined | Promise<Address | undefined>;
  readonly tls: TlsFiles | TlsOptions | undefined;
  readonly verifyNames: boolean;
  readonly tickTime: number;
  readonly setupTime: number;
  readonly maxQueuedBytes: number;
  readonly stallGrace: number;
  readonly maxFrameBytes: number;
  readonly maxMessageBytes: number;
  readonly maxPending: number;
}

interface EpmdSettings extends Required<EpmdOptions> {
  readonly bind: readonly string[];
  /** Where it listens was said: there whoever comes is answered. */
  readonly boundOnPurpose: boolean;
}

/** What is counted, not measured. */
const COUNTS: ReadonlySet<keyof NodeOptions> = new Set([
  'port',
  'maxQueuedBytes',
  'maxFrameBytes',
  'maxMessageBytes',
  'maxPending',
]);
const MEBIBYTE = 1024 * 1024;

/** @throws BeamishError `option_invalid` that names every fault */
export function settingsOf(given: NodeOptions): Settings {
  const faults: string[] = [];
  const options = typed(given, faults);
  const parts = ownName(options.name, faults);
  const cookies = new Map(Object.entries(options.cookies ?? {}));
  for (const [label, cookie] of [['cookie', options.cookie] as const, ...cookies]) {
    const problem = cookieProblem(cookie);
    // Never the cookie itself: this text ends in logs.
    if (problem !== undefined)
      faults.push(`${label === 'cookie' ? 'cookie' : `cookies[${JSON.stringify(label)}]`}: ${problem}`);
  }
  const host = options.host ?? addressOf(parts.host);
  if (!isIpAddress(host)) faults.push(`host: ${JSON.stringify(host)} is no IP address to listen on`);
  const number = (field: keyof NodeOptions, fallback: number, least: number, most: number): number => {
    const value = (options[field] ?? fallback) as number;
    const counted = COUNTS.has(field);
    if (value >= least && value <= most && (!counted || Number.isInteger(value))) return value;
    faults.push(`${field}: must be ${counted ? 'an integer' : 'a number'} from ${least} to ${most}, not ${value}`);
    return fallback;
  };
  const world = options.world ?? realWorld();
  const settings: Settings = {
    name: options.name,
    parts,
    namedBy: options.namedBy,
    cookieFor: (peer) => cookies.get(peer) ?? options.cookie,
    allows: allowed(options.allow, faults),
    hidden: options.hidden ?? true,
    world: options.logger === undefined ? world : withLogger(world, options.logger),
    logger: options.logger ?? world.logger,
    host,
    port: number('port', 0, 0, 65_535),
    listen: options.listen ?? options.namedBy === undefined,
    epmd: options.epmd === false ? undefined : epmdOf(options.epmd ?? {}, faults),
    resolve: options.resolve ?? (() => undefined),
    tls: options.tls,
    verifyNames: options.verifyNames ?? verifiesPeers(options.tls),
    // Below this a busy event loop alone drops nodes.
    tickTime: number('tickTime', 60_000, 100, 86_400_000),
    setupTime: number('setupTime', 7000, 10, 600_000),
    maxQueuedBytes: number('maxQueuedBytes', 64 * MEBIBYTE, 64 * 1024, 4096 * MEBIBYTE),
    stallGrace: number('stallGrace', 10_000, 0, 86_400_000),
    maxFrameBytes: number('maxFrameBytes', 64 * MEBIBYTE, 64 * 1024, 2048 * MEBIBYTE),
    // The decoder counts bytes in 32 bits.
    maxMessageBytes: number('maxMessageBytes', 128 * MEBIBYTE, 64 * 1024, 4095 * MEBIBYTE),
    maxPending: number('maxPending', 64, 1, 100_000),
  };
  faults.push(...namelessFaults(options, parts), ...tlsFaults(options.tls));
  if (options.verifyNames === true && !verifiesPeers(options.tls)) {
    faults.push('verifyNames: there are no certificates to verify names with: give tls, without verifyPeer: false');
  }
  if (settings.listen && options.tls === undefined && options.plaintext !== true && !isLoopback(host)) {
    faults.push(
      `host: other machines reach ${host}, and nothing would be encrypted: give tls: { certFile, keyFile, caFile }, or plaintext: true on a network that you trust, or listen on 127.0.0.1`,
    );
  }
  if (options.epmd === false && options.resolve === undefined) {
    faults.push('epmd: without a port mapper, resolve must say where nodes are');
  }
  if (faults.length > 0)
    throw new BeamishError('option_invalid', `the options of a node: ${faults.join('; ')}`, { details: { faults } });
  return settings;
}

/** Either the node has a name, or somebody gives it one (protocols 2.6). */
function namelessFaults({ namedBy, listen, hidden }: NodeOptions, { name, host }: NameParts): string[] {
  if (namedBy === undefined)
    return name === 'undefined' ? ['name: a node named undefined wants a name: say by whom in namedBy'] : [];
  return [
    ...(splitNodeName(namedBy) === undefined ? [`namedBy: ${JSON.stringify(namedBy)} is no node name`] : []),
    ...(name === 'undefined' ? [] : [`name: with namedBy it is undefined@${host}, for the other node chooses`]),
    ...(listen === true || hidden === false ? ['namedBy: such a node does not listen, and is hidden'] : []),
  ];
}

function allowed(allow: NodeOptions['allow'], faults: string[]): (nodeName: string) => boolean {
  if (allow === undefined) return () => true;
  try {
    return nodeMatcher(allow, 'allow');
  } catch (error) {
    faults.push((error as Error).message);
    return () => false;
  }
}

/** Where to listen so that who dials the host of the name comes here. */
function addressOf(host: string): string {
  if (isIpAddress(host)) return host;
  return host === 'localhost' ? '127.0.0.1' : '0.0.0.0';
}

function tlsFaults(tls: NodeOptions['tls']): string[] {
  if (tls === undefined) return [];
  const { minVersion, reloadInterval = 10_000 } = tls as Partial<TlsFiles>;
  return [
    ...(hasCertificate(tls) ? [] : ['tls: needs certFile, keyFile and caFile, or cert and key']),
    ...(minVersion === undefined || minVersion === 'TLSv1.2' || minVersion === 'TLSv1.3'
      ? []
      : ['tls.minVersion: must be TLSv1.2 or TLSv1.3']),
    ...(reloadInterval >= 10 && reloadInterval <= 86_400_000
      ? []
      : [`tls.reloadInterval: must be a number from 10 to 86400000, not ${reloadInterval}`]),
  ];
}

function hasCertificate(tls: TlsFiles | TlsOptions): boolean {
  return 'certFile' in tls
    ? [tls.certFile, tls.keyFile, tls.caFile].every((path) => typeof path === 'string' && path !== '')
    : tls.cert !== undefined && tls.key !== undefined;
}

function verifiesPeers(tls: NodeOptions['tls']): boolean {
  return tls !== undefined && tls.verifyPeer !== false;
}

/** Erlang's own rule for names that it starts under; other nodes may have names with other characters. */
function ownName(name: unknown, faults: string[]): NameParts {
  const parts = typeof name === 'string' ? splitNodeName(name) : undefined;
  if (parts !== undefined && /^[\w-]+$/.test(parts.name) && /^[\w.:%-]+$/.test(parts.host)) return parts;
  faults.push(
    `name: ${JSON.stringify(name)} is no node name: give NAME@HOST of letters, digits, _ and -, e.g. web1@127.0.0.1`,
  );
  return { name: 'invalid', host: '127.0.0.1' };
}

function epmdOf(options: EpmdOptions, faults: string[]): EpmdSettings {
  // As every program of Erlang; it concerns the machine, not this program.
  const port = options.port ?? Number(process.env['ERL_EPMD_PORT'] || DEFAULT_EPMD_PORT);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) faults.push(`epmd.port: ${port} is no port`);
  const { host = '127.0.0.1', embedded = 'auto' } = options;
  const said = options.bind ?? epmdAddresses(process.env['ERL_EPMD_ADDRESS'] ?? '');
  const bind = said === undefined ? ['0.0.0.0'] : [said].flat();
  if (!['auto', 'never', 'always'].includes(embedded))
    faults.push(`epmd.embedded: must be auto, never or always, not ${embedded}`);
  const source = options.bind === undefined ? 'the variable ERL_EPMD_ADDRESS' : 'epmd.bind';
  if (bind.length === 0) faults.push('epmd.bind: wants an IP address');
  for (const each of bind) if (!isIpAddress(each)) faults.push(`${source}: ${JSON.stringify(each)} is no IP address`);
  return { port, host, embedded, bind, boundOnPurpose: said !== undefined };
}

/** As epmd reads it: a list, to which loopback is added, since the nodes of this machine register there (protocols 1.1). */
function epmdAddresses(variable: string): readonly string[] | undefined {
  const addresses = variable.split(/[\s,]+/).filter((address) => address !== '');
  if (addresses.length === 0) return undefined;
  const all = addresses.includes('0.0.0.0') || addresses.includes('::');
  return all ? addresses : [...new Set(['127.0.0.1', ...addresses])];
}

function withLogger(world: World, logger: Logger): World {
  const { clock, random, network, disk, stackTraces = true } = world;
  return { clock, random, network, disk, logger, stackTraces };
}
