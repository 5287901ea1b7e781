/** `npm start`: a whole cluster on this machine, each part a process of its own. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { LockHeld, takeLock } from '@beamish/postgres';
import { die } from './child-protocol.ts';
import { ConfigFault, type LaunchConfig, readLaunchConfig, repositoryRoot } from './config/config.ts';
import { InventoryError, parseInventory } from './inventory/inventory.ts';
import { Child } from './launch/child.ts';
import { helpText } from './launch/help.ts';
import { buildPage } from './launch/page.ts';
import { readSettings } from './launch/settings.ts';

const began = performance.now();
const app = join(import.meta.dirname, '..');
/** `--json`: events for programs, one JSON object a line, in place of lines for people. */
const json = process.argv.includes('--json');
const tell = (event: string, facts: Readonly<Record<string, unknown>> = {}): void => {
  if (json) process.stdout.write(`${JSON.stringify({ event, ...facts })}\n`);
};
const say = (line: string): void => {
  if (json) tell('message', { line });
  else process.stdout.write(`${line}\n`);
};

for (const argument of process.argv.slice(2)) {
  if (argument === '--json') continue;
  if (argument === '--help' || argument === '-h') {
    say(helpText);
    process.exit(0);
  }
  die(`unknown argument ${argument}: npm start takes variables, see npm start -- --help`);
}

function readConfig(): LaunchConfig {
  try {
    return readLaunchConfig(process.env);
  } catch (error) {
    if (error instanceof ConfigFault) die(error.message);
    throw error;
  }
}

const config = readConfig();
const inventory =
  config.INVENTORY === undefined ? undefined : resolve(process.env['INIT_CWD'] ?? process.cwd(), config.INVENTORY);
if (inventory !== undefined) {
  try {
    parseInventory(readFileSync(inventory, 'utf8'), inventory);
  } catch (error) {
    die(error instanceof InventoryError ? error.message : `INVENTORY cannot be read: ${(error as Error).message}`);
  }
}

const data = resolve(repositoryRoot, config.DATA_DIR ?? '.data');
const logs = join(data, 'logs');
const unusable = (error: unknown): never => die(`DATA_DIR ${data} cannot be used: ${(error as Error).message}`);
try {
  mkdirSync(logs, { recursive: true });
  takeLock(join(data, 'launcher.json'));
} catch (error) {
  if (error instanceof LockHeld)
    die(`Switch Telemetry already runs on ${data} (pid ${error.pid}): end it, or give another DATA_DIR`);
  unusable(error);
}

const httpHost = config.HTTP_HOST ?? '127.0.0.1';
const firstPort = config.PORT ?? 4000;
const webPorts = firstPort === 0 ? [0, 0] : [firstPort, firstPort + 1];
for (const port of webPorts) {
  if (port === 0) continue;
  if (port > 65_535) die('PORT must be 65534 at most: the web nodes take PORT and PORT + 1');
  const fault = await listenFault(port);
  if (fault === 'EADDRINUSE')
    die(`port ${port} of ${httpHost} is in use: set PORT to another one (the web nodes take PORT and PORT + 1)`);
  if (fault !== undefined) die(`port ${port} of HTTP_HOST ${httpHost} cannot be listened on: ${fault}`);
}
const settings = await readSettings(data, {
  epmd: config.ERL_EPMD_PORT === undefined,
  database: config.DATABASE_URL === undefined,
}).catch(unusable);
const epmdPort = config.ERL_EPMD_PORT ?? settings.epmdPort;

/** Why nobody can listen there: the code of the system; undefined when one can. */
function listenFault(port: number): Promise<string | undefined> {
  return new Promise((done) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => done(error.code ?? error.message));
    server.listen({ port, host: httpHost, exclusive: true }, () => server.close(() => done(undefined)));
  });
}

// --- the children, in the order of their start; they end in the order of `endOrder` ---

let ending: Promise<void> | undefined;
const children: Child[] = [];
const endOrder: Child[][] = [[], [], [], []];

// Children get what they need and no more: a variable that is meant for the launcher must not reach one by accident.
const base: Record<string, string> = { DATA_DIR: data };
for (const name of [
  'PATH',
  'HOME',
  'TMPDIR',
  'TZ',
  'LANG',
  'NODE_OPTIONS',
  'NODE_V8_COVERAGE',
  'SIMULATOR_FAULTS',
  'SYSTEMROOT',
]) {
  const value = process.env[name];
  if (value !== undefined) base[name] = value;
}

function child(rank: number, name: string, file: string, env: Readonly<Record<string, string>>): Child {
  const made = new Child({
    name,
    file: join(import.meta.dirname, file),
    env: { ...base, ...env },
    log: join(logs, `${name}.log`),
    say: sayOf,
    onReady: ({ pid, ready }) => tell('started', { name, pid, address: ready?.facts?.['url'] ?? ready?.address }),
  });
  children.push(made);
  endOrder[rank]?.push(made);
  return made;
}

/** What children say while all end is about each other's end. */
const sayOf = (line: string): void => {
  if (ending === undefined) say(line);
};

async function endAll(): Promise<void> {
  // 5 s for all: each rank gets a share, and what hangs is killed.
  const limits = [1200, 1500, 400, 1500];
  for (const [rank, group] of endOrder.entries())
    await Promise.all(group.map((each) => each.end(limits[rank] ?? 1000)));
}

function end(code: number): void {
  if (ending !== undefined) {
    for (const each of children) each.kill();
    return;
  }
  ending = endAll().then(() => process.exit(code));
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (ending === undefined) say('ending ...');
    end(0);
  });
}
process.stdout.on('error', () => {}); // who read us is gone; the signal will come

async function start(): Promise<void> {
  const limit = 60_000;
  const building = buildPage(app, join(app, 'dist/page'), [
    join(app, 'src/contract.ts'),
    join(repositoryRoot, 'package-lock.json'),
  ]);
  building.catch(() => {}); // looked at below
  const simulated = join(data, 'simulated-inventory.json');
  const simulator =
    inventory === undefined
      ? child(2, 'simulator', 'launch/simulator.ts', { SIMULATED_INVENTORY: simulated })
      : undefined;
  const database =
    config.DATABASE_URL === undefined
      ? child(3, 'database', 'launch/database.ts', { DATABASE_PORT: String(settings.databasePort) })
      : undefined;
  const [stored] = await Promise.all([database?.start(limit), simulator?.start(limit)]);

  const names = ['collector1', 'collector2', 'web1', 'web2'];
  const node = (name: string, role: string, rank: number, more: Readonly<Record<string, string>>): Child =>
    child(rank, name, 'main.ts', {
      NODE_ROLE: role,
      RELEASE_NODE: `${name}@127.0.0.1`,
      RELEASE_COOKIE: config.RELEASE_COOKIE ?? settings.cookie,
      CLUSTER_NODES: names.map((each) => `${each}@127.0.0.1`).join(','),
      ERL_EPMD_PORT: String(epmdPort),
      DATABASE_URL: config.DATABASE_URL ?? stored?.facts?.['url'] ?? '',
      ...(config.LOG_LEVEL !== undefined && { LOG_LEVEL: config.LOG_LEVEL }),
      ...more,
    });
  const collecting = {
    INVENTORY: inventory ?? simulated,
    ...(config.POLL_INTERVAL !== undefined && { POLL_INTERVAL: String(config.POLL_INTERVAL) }),
    ...(config.RETENTION_DAYS !== undefined && { RETENTION_DAYS: String(config.RETENTION_DAYS) }),
  };
  const serving = (port: number | undefined) => ({
    PORT: String(port ?? 0),
    HTTP_HOST: httpHost,
    SECRET_KEY_BASE: config.SECRET_KEY_BASE ?? settings.secretKeyBase,
    ...(config.PHX_HOST !== undefined && { PHX_HOST: config.PHX_HOST }),
  });
  const collectors = [node('collector1', 'collector', 1, collecting), node('collector2', 'collector', 1, collecting)];
  await Promise.all(collectors.map((each) => each.start(limit)));
  await building;
  const webs = [node('web1', 'web', 0, serving(webPorts[0])), node('web2', 'web', 0, serving(webPorts[1]))];
  const ready = await Promise.all(webs.map((each) => each.start(limit)));

  const rows = children.map((each) => [each.spec.name, String(each.pid ?? ''), each.ready?.address ?? '']);
  const width = (column: number): number => Math.max(...rows.map((row) => row[column]?.length ?? 0), 4);
  tell('ready', { ms: Math.round(performance.now() - began) });
  if (json) return;
  say('');
  for (const row of [['what', 'pid', 'address'], ...rows])
    say(`  ${row[0]?.padEnd(width(0))}  ${row[1]?.padStart(width(1))}  ${row[2]}`);
  say('');
  say(`  logs    ${logs}`);
  say(
    `  cluster ERL_EPMD_PORT=${epmdPort}, cookie ${config.RELEASE_COOKIE === undefined ? `in ${join(data, 'settings.json')}` : 'as given'}`,
  );
  say(`  ready in ${((performance.now() - began) / 1000).toFixed(1)} s; Ctrl-C ends everything`);
  say('');
  say(`  the page: ${ready[0]?.facts?.['url']?.replace('//0.0.0.0:', '//localhost:')}/`);
  say('');
}

if (!existsSync(join(app, 'page/index.html'))) die('the sources of the page are missing');
try {
  await start();
} catch (error) {
  if (ending === undefined) {
    process.stderr.write(`${(error as Error).message}\n`);
    end(1);
  }
}
