import { isBeamishError } from '../error/index.ts';
import { epmdNames, type EpmdName, type Node } from '../node/index.ts';
import { COMMON, COMMON_HELP, type Common, commonOf, parse, UsageError } from './options.ts';
import { quietWorld, startToolNode } from './tool-node.ts';

export const NODES_HELP = `beamish nodes [--host HOST]

Lists the nodes of a machine: those registered with its port mapper (epmd), hidden ones too, and whether each accepts a
connection with this cookie.

  --host HOST        the machine (default: 127.0.0.1)${COMMON_HELP}`;

interface Row {
  readonly name: string;
  readonly port: number;
  /** `up`, `not asked`, or the code of what went wrong. */
  readonly status: string;
  readonly reason?: string;
}

export async function nodes(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parse(argv, { ...COMMON, host: { type: 'string' } });
  if (positionals.length > 0) throw new UsageError(`unexpected: ${positionals.join(' ')}`);
  const common = commonOf(values);
  const host = values.host ?? '127.0.0.1';
  const world = quietWorld();
  const port = common.epmdPort ?? Number(process.env['ERL_EPMD_PORT'] || 4369);
  const names = await epmdNames(world, { host, port, timeout: common.timeout });
  const rows = await ask(common, host, names);
  process.stdout.write(common.json ? `${JSON.stringify(rows)}\n` : table(rows));
  return 0;
}

/** Without a cookie there still is a list. */
async function ask(common: Common, host: string, names: readonly EpmdName[]): Promise<Row[]> {
  const addresses = new Map<string, number>();
  let node: Node;
  try {
    // Every node of the list is at this machine, whatever host it has in its name.
    const resolve = (nodeName: string): { host: string; port: number } | undefined => {
      const port = addresses.get(nodeName);
      return port === undefined ? undefined : { host, port };
    };
    node = await startToolNode(common, quietWorld(), host, { resolve });
  } catch (error) {
    if (!isBeamishError(error, 'cookie_unreadable')) throw error;
    return names.map(({ name, port }) => ({
      name: `${name}@${host}`,
      port,
      status: 'not asked',
      reason: error.message,
    }));
  }
  try {
    return await Promise.all(names.map((entry) => one(node, common, host, entry, addresses)));
  } finally {
    await node.stop();
  }
}

async function one(
  node: Node,
  common: Common,
  host: string,
  entry: EpmdName,
  addresses: Map<string, number>,
): Promise<Row> {
  const { port } = entry;
  let name = `${entry.name}@${host}`;
  for (;;) {
    addresses.set(name, port);
    try {
      await node.connect(name, { signal: AbortSignal.timeout(common.timeout) });
      return { name, port, status: 'up' };
    } catch (error) {
      const actual = isBeamishError(error, 'handshake_failed') ? error.details['actual'] : undefined;
      // The port mapper knows only the part before the @; the node itself knows the rest.
      if (typeof actual === 'string' && !addresses.has(actual) && actual.startsWith(`${entry.name}@`)) {
        name = actual;
        continue;
      }
      const status = isBeamishError(error) ? (error.code === 'aborted' ? 'timeout' : error.code) : 'unknown';
      return { name, port, status, reason: error instanceof Error ? error.message : String(error) };
    }
  }
}

function table(rows: readonly Row[]): string {
  if (rows.length === 0) return 'no nodes\n';
  const head = { name: 'NODE', port: 'PORT', status: 'STATUS' };
  const lines = [head, ...rows.map(({ name, port, status }) => ({ name, port: String(port), status }))];
  const widest = Math.max(...lines.map(({ name }) => name.length));
  return lines.map(({ name, port, status }) => `${name.padEnd(widest)}  ${port.padStart(5)}  ${status}\n`).join('');
}
