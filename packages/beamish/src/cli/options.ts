import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';
import { BeamishError } from '../error/index.ts';
import { readCookieFile, type TlsFiles } from '../node/index.ts';
import type { World } from '../world/index.ts';

/** The command line itself is wrong: told with the usage of the command. */
export class UsageError extends Error {}

/** Options that every command has. */
export const COMMON = {
  name: { type: 'string' },
  cookie: { type: 'string' },
  'epmd-port': { type: 'string' },
  'tls-cert': { type: 'string' },
  'tls-key': { type: 'string' },
  'tls-ca': { type: 'string' },
  timeout: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const satisfies ParseArgsOptionsConfig;

export const TLS_HELP = `  --tls-cert FILE    connect by TLS: the certificate, its key, and the authority trusted, as PEM files; all three
  --tls-key FILE
  --tls-ca FILE`;

export const COMMON_HELP = `
  --name NAME@HOST   the name under which this command joins (default: one of its own;
                     with TLS on the host of NODE, for which the certificate must be)
  --cookie COOKIE    default: the variable RELEASE_COOKIE, else ~/.erlang.cookie
  --epmd-port PORT   default: the variable ERL_EPMD_PORT, else 4369
${TLS_HELP}
  --timeout MS       how long to wait for an answer (default: 5000)
  --json             one line of JSON
  --help`;

export interface Common {
  readonly name: string | undefined;
  readonly cookie: string | undefined;
  readonly epmdPort: number | undefined;
  readonly tls: TlsFiles | undefined;
  readonly timeout: number;
  readonly json: boolean;
}

/** @throws UsageError */
export function parse<const T extends ParseArgsOptionsConfig>(
  argv: readonly string[],
  options: T,
): ReturnType<typeof parseArgs<{ args: string[]; options: T; allowPositionals: true; allowNegative: true }>> {
  try {
    return parseArgs({ args: [...argv], options, allowPositionals: true, allowNegative: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/** @throws UsageError */
export function commonOf(values: { readonly [option: string]: unknown }): Common {
  const text = (option: string): string | undefined => {
    const value = values[option];
    return typeof value === 'string' ? value : undefined;
  };
  return {
    name: text('name'),
    cookie: text('cookie'),
    epmdPort: integer('epmd-port', text('epmd-port'), 1, 65_535),
    tls: tlsOf(text('tls-cert'), text('tls-key'), text('tls-ca')),
    timeout: integer('timeout', text('timeout'), 1, 2 ** 31 - 1) ?? 5000,
    json: values['json'] === true,
  };
}

/** @throws UsageError */
function tlsOf(
  certFile: string | undefined,
  keyFile: string | undefined,
  caFile: string | undefined,
): TlsFiles | undefined {
  if (certFile !== undefined && keyFile !== undefined && caFile !== undefined) return { certFile, keyFile, caFile };
  if (certFile === undefined && keyFile === undefined && caFile === undefined) return undefined;
  throw new UsageError('give all of --tls-cert, --tls-key and --tls-ca');
}

/** @throws UsageError */
export function integer(option: string, text: string | undefined, least: number, most: number): number | undefined {
  if (text === undefined) return undefined;
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (value >= least && value <= most) return value;
  throw new UsageError(`--${option} must be an integer from ${least} to ${most}, not ${JSON.stringify(text)}`);
}

/** `--cookie`, else RELEASE_COOKIE, else `~/.erlang.cookie`, read as Erlang reads it. */
export async function cookieOf(common: Common, world: World): Promise<string> {
  const given = common.cookie ?? process.env['RELEASE_COOKIE'];
  if (given !== undefined && given !== '') return given;
  try {
    return await readCookieFile(world);
  } catch (error) {
    if (!(error instanceof BeamishError)) throw error;
    throw new BeamishError(error.code, `no cookie: give --cookie or RELEASE_COOKIE (${error.message})`, {
      cause: error,
    });
  }
}
