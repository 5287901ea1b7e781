import { pathToFileURL } from 'node:url';
import { resolve } from 'node:path';
import { BeamishError } from '../error/index.ts';
import { dnsPoll, epmdHosts, gossip, type DiscoveryStrategy } from '../discovery/index.ts';
import { GenServer } from '../process/index.ts';
import { startNode, type ClusterNode } from '../start-node.ts';
import { realWorld } from '../world/index.ts';
import { COMMON, commonOf, cookieOf, integer, parse, TLS_HELP, UsageError } from './options.ts';
import { hostOf } from './tool-node.ts';

export const START_HELP = `beamish start MODULE --name NAME@HOST

Starts a node and runs MODULE on it: a file that exports a function start(node) (or has it as its default export), or a
GenServer class, which is then registered under its name in snake_case. Ends cleanly on SIGTERM and SIGINT.

  --name NAME@HOST   default: the variable RELEASE_NODE
  --cookie COOKIE    default: the variable RELEASE_COOKIE, else ~/.erlang.cookie
  --role ROLE        what this node is for; may be given several times
  --hidden           hidden among BEAM nodes (the default); --visible for the opposite
  --discovery HOW    how to find other nodes; may be given several times:
                       dns:QUERY[:BASENAME]    every address of a DNS name
                       epmd:A@HOST,B@HOST      these nodes
                       gossip[:PORT]           multicast
  --host ADDRESS     where to listen (default: the host part of the name)
  --port PORT        the port to listen on (default: any free one)
  --epmd-port PORT   default: the variable ERL_EPMD_PORT, else 4369
${TLS_HELP}
  --plaintext        no TLS although other machines reach the address; on a network that you trust
  --help`;

const OPTIONS = {
  ...COMMON,
  role: { type: 'string', multiple: true },
  hidden: { type: 'boolean' },
  visible: { type: 'boolean' },
  discovery: { type: 'string', multiple: true },
  host: { type: 'string' },
  port: { type: 'string' },
  plaintext: { type: 'boolean' },
} as const;

type StartFunction = (node: ClusterNode) => unknown;
type ServerClass = new () => GenServer;

export async function start(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parse(argv, OPTIONS);
  const common = commonOf(values);
  const [file, ...more] = positionals;
  if (file === undefined || more.length > 0) throw new UsageError('give one MODULE');
  const name = common.name ?? process.env['RELEASE_NODE'];
  if (name === undefined || name === '') throw new UsageError('give --name NAME@HOST (or RELEASE_NODE)');
  hostOf(name);
  const port = integer('port', values.port, 0, 65_535);
  const discovery = (values.discovery ?? []).map((how) => strategyOf(how, name));
  // Before the node is up: a module that does not load must not leave a node behind.
  const program = await load(file);
  const world = realWorld();
  const stop = stopSignal();
  const node = await startNode({
    name,
    cookie: await cookieOf(common, world),
    world,
    hidden: values.visible !== true && values.hidden !== false,
    ...(values.host === undefined ? {} : { host: values.host }),
    ...(port === undefined ? {} : { port }),
    ...(common.epmdPort === undefined ? {} : { epmd: { port: common.epmdPort } }),
    ...(common.tls === undefined ? {} : { tls: common.tls }),
    plaintext: values.plaintext === true,
    ...(values.role === undefined ? {} : { roles: values.role }),
    ...(discovery.length === 0 ? {} : { discovery }),
  });
  try {
    const running = await run(program, node);
    const signal = await stop;
    node.logger.info({ node: node.name, signal }, 'stopping');
    await disposeOf(running);
  } finally {
    await node.stop();
  }
  return 0;
}

/** @throws UsageError */
export function strategyOf(how: string, nodeName: string): DiscoveryStrategy {
  const [kind, ...rest] = how.split(':');
  const [first, second] = rest;
  if (kind === 'dns' && first !== undefined && first !== '') {
    return dnsPoll({ query: first, basename: second ?? (nodeName.split('@')[0] as string) });
  }
  if (kind === 'epmd' && rest.length > 0) return epmdHosts({ hosts: rest.join(':').split(',') });
  if (kind === 'gossip') {
    const port = integer('discovery gossip', first, 1, 65_535);
    return gossip(port === undefined ? {} : { port });
  }
  throw new UsageError(`--discovery ${how}: use dns:QUERY[:BASENAME], epmd:A@HOST,B@HOST or gossip[:PORT]`);
}

async function load(file: string): Promise<StartFunction | ServerClass> {
  const where = /^[./]|\.[cm]?[jt]s$/.test(file) ? pathToFileURL(resolve(file)).href : file;
  let module: { readonly default?: unknown; readonly start?: unknown };
  try {
    module = (await import(where)) as typeof module;
  } catch (cause) {
    throw new BeamishError(
      'option_invalid',
      `module ${file} cannot be loaded: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
  const found = module.start ?? module.default;
  if (typeof found === 'function') return found as StartFunction | ServerClass;
  throw new BeamishError('option_invalid', `module ${file} exports no start(node) and no GenServer class`);
}

async function run(program: StartFunction | ServerClass, node: ClusterNode): Promise<unknown> {
  if (!isServerClass(program)) return await program(node);
  return await node.spawn(program, [], { name: snakeCase(program.name) });
}

function isServerClass(program: StartFunction | ServerClass): program is ServerClass {
  return program.prototype instanceof GenServer;
}

function snakeCase(name: string): string {
  return name.replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase();
}

/** What `start` returned may want to be told: disposable, or with a `stop`. The node ends its processes itself. */
async function disposeOf(running: unknown): Promise<void> {
  if (typeof running !== 'object' || running === null) return;
  if (Symbol.asyncDispose in running) await (running as AsyncDisposable)[Symbol.asyncDispose]();
  else if ('stop' in running && typeof running.stop === 'function') await (running.stop as () => unknown)();
}

/** The first signal ends in order, the second at once. */
function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    const numbers = { SIGINT: 2, SIGTERM: 15 } as const;
    let asked = false;
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => {
        if (asked) process.exit(128 + numbers[signal]);
        asked = true;
        resolve(signal);
      });
    }
  });
}
