/**
 * The node under test. It keeps a model of what it must have been told of each node it met, and counts itself: every nodeup
 * has its nodedown, every monitor, link and call ends exactly once, and nothing of the dead is left.
 */
import { readdirSync } from 'node:fs';
import { getHeapSpaceStatistics } from 'node:v8';
import { Global } from '../../src/global/index.ts';
import { Groups } from '../../src/groups/index.ts';
import { GenServer } from '../../src/process/index.ts';
import { PubSub } from '../../src/pubsub/index.ts';
import { Node } from '../../src/node/index.ts';
import { atom, type Pid, type Term } from '../../src/term/index.ts';
import { createLogger, realWorld } from '../../src/world/index.ts';
import { censusOf, differences, type Census } from '../support/census.ts';
import { countedWorld } from '../support/counted-world.ts';
import { eventually } from '../support/eventually.ts';
import { serve } from './ipc.ts';
import { COOKIE, CROWD, FOR_EVER, PUBSUB, SCOPE, settings, SUBJECT } from './shared.ts';

/** A message that is cut into fragments, some of which wait when the end comes. */
const LARGE = 'x'.repeat(200_000);

class Echo extends GenServer {
  echo(term: Term): Term {
    return term;
  }
}

/** What must happen exactly once to one acquaintance. */
interface Acquaintance {
  readonly expected: { readonly what: string; seen: number }[];
}

const counted = countedWorld(realWorld({ logger: createLogger({ level: 'fatal' }) }));
const mutes = new Map<string, number>();
const node = await Node.start({
  name: SUBJECT,
  cookie: COOKIE,
  world: counted.world,
  host: '0.0.0.0',
  plaintext: true,
  hidden: !settings.global,
  ...(settings.tls === undefined ? {} : { tls: settings.tls }),
  epmd: { port: settings.epmdPort, embedded: 'always' },
  tickTime: settings.tickTime,
  setupTime: 3000,
  resolve: (name) => {
    const port = mutes.get(name);
    return port === undefined ? undefined : { host: '127.0.0.1', port };
  },
});
// Who loses one of two nodes leaves neither: here that would be told as more nodedowns than there were ends.
const global = settings.global ? await Global.start(node, { preventOverlappingPartitions: false }) : undefined;
const groups = await Groups.start(node, SCOPE);
const pubsub = await PubSub.start(node, PUBSUB);
await node.spawn(Echo, [], { name: 'echo' });
// Swallows everything, calls too: who calls it waits for ever.
node.runtime.spawn({ handle() {} }, { name: 'hole' });

const violations: string[] = [];
/** Connected by the events that were told: the creation. */
const up = new Map<string, number>();
const acquaintances = new Map<string, Acquaintance>();
/** Exit signals that the hub got, by the pid they came from. */
const exits = new Map<string, number>();
/** Given up for their silence since they were met. */
const silent = new Set<string>();
const pongs = new Map<string, () => void>();
const counts = { nodeups: 0, nodedowns: 0, tickTimeouts: 0 };

const { pid: hub } = node.runtime.spawn(
  { handle() {}, exit: (from) => void exits.set(from.key, (exits.get(from.key) ?? 0) + 1) },
  { name: 'hub', trapExit: true },
);
groups.join(CROWD, hub);
pubsub.subscribe('pong', (message) => pongs.get(message as string)?.());

node.monitorNodes((event) => {
  const { type, node: name, info } = event;
  const known = up.get(name);
  if (type === 'nodeup') {
    counts.nodeups++;
    if (known !== undefined) violations.push(`nodeup ${name} while it is up`);
    if (name.startsWith('ghost')) violations.push(`nodeup ${name}, which has never shaken hands to the end`);
    up.set(name, info.creation);
  } else {
    counts.nodedowns++;
    if (event.reason === 'tick_timeout') {
      counts.tickTimeouts++;
      silent.add(name);
    }
    if (known === undefined) violations.push(`nodedown ${name} without nodeup`);
    else if (known !== info.creation) violations.push(`nodedown ${name} of another life than its nodeup`);
    up.delete(name);
  }
  if (node.nodes().some((each) => each.name === name) !== (type === 'nodeup')) {
    violations.push(`at ${type} ${name} nodes() says otherwise`);
  }
});

function until(condition: () => unknown, describe: string | (() => string)): Promise<unknown> {
  return eventually(condition, { timeout: settings.patience, interval: 5, describe });
}

/** @returns what to call when it happens */
function once({ expected }: Acquaintance, what: string): () => void {
  const entry = { what, seen: 0 };
  expected.push(entry);
  return () => {
    if (++entry.seen === 2) violations.push(`twice: ${what}`);
  };
}

/** Monitors, links and a call of each kind towards a process over there; all of them end with the connection. */
function entangle(acquaintance: Acquaintance, name: string, partner: Pid, named: string): void {
  const { runtime } = node;
  const expect = (what: string): (() => void) => once(acquaintance, `${what}, ${name}`);
  runtime.monitor(partner, expect('a monitor of a pid'));
  runtime.monitor({ name: named, node: name }, expect('a monitor of a name'));
  runtime.monitor(partner, () => violations.push(`a monitor that was cancelled fired, ${name}`)).cancel();
  const down = expect('a monitor of a process');
  const broken = expect('a link of a process');
  let left = 2;
  runtime.spawn(
    {
      init(self) {
        self.link(partner);
        self.monitor(partner);
      },
      handle(_, self) {
        down();
        if (--left === 0) self.exit('done');
      },
      exit(_, __, self) {
        broken();
        if (--left === 0) self.exit('done');
      },
    },
    { trapExit: true },
  );
  runtime.call({ name: 'hole', node: name }, 'never', { timeout: FOR_EVER }).catch(expect('a call'));
}

/** @param dial whether this side dials */
async function meet(name: string, dial: boolean): Promise<void> {
  const acquaintance: Acquaintance = { expected: [] };
  acquaintances.set(name, acquaintance);
  silent.delete(name);
  if (dial) await node.connect(name);
  else await until(() => up.has(name), `${name} connects`);
  const echo = node.at(name).ref<Echo & { partner(hub: Pid): Pid }>('echo').with({ timeout: settings.patience });
  for (let i = 0; i < 3; i++) await echo.echo({ round: i });
  const partner = await echo.partner(hub);
  entangle(acquaintance, name, partner, 'echo');
  // The link that the partner made to the hub came before this answer.
  await echo.echo('linked');
  acquaintance.expected.push({
    what: `a link from ${name}`,
    get seen() {
      return exits.get(partner.key) ?? 0;
    },
  });
  const request = { module: 'torture', function: 'live', arguments: [] };
  const onDown = once(acquaintance, `a monitor of a spawned process, ${name}`);
  await node.runtime.requestSpawn(name, request, { timeout: settings.patience, onDown }).catch((error: unknown) => {
    onDown();
    throw error;
  });
  await until(() => groups.members(CROWD).some((pid) => pid.equals(partner)), `${name} is in the group`);
  await until(() => pubsub.nodes().includes(name), `${name} has the PubSub`);
  if (global !== undefined) {
    await until(() => global.whereis(atom(name))?.equals(partner), `the global name of ${name}`);
    await until(() => global.statistics().locks > 0, `the lock of ${name}`);
  }
  const pong = Promise.withResolvers<void>();
  pongs.set(name, pong.resolve);
  pubsub.directBroadcast(name, 'ping', name);
  await Promise.race([pong.promise, until(() => !up.has(name), `${name} answers over PubSub`)]);
  pongs.delete(name);
  for (let i = 0; i < 4; i++) node.runtime.send({ name: 'hole', node: name }, LARGE);
}

/** A BEAM, which has a process `echo` in the group that is linked with the hub. */
async function meetBeam(name: string): Promise<void> {
  const acquaintance: Acquaintance = { expected: [] };
  acquaintances.set(name, acquaintance);
  const find = (): Pid | undefined => groups.members(CROWD).find((pid) => pid.node === name);
  await until(find, `${name} is in the group`);
  entangle(acquaintance, name, find() as Pid, 'echo');
}

/** When everything that was between the two is over. */
async function lost(name: string): Promise<void> {
  const { expected } = acquaintances.get(name) ?? { expected: [] };
  const missing = (): string[] => [
    ...expected.filter(({ seen }) => seen !== 1).map(({ what, seen }) => `${seen} times: ${what}`),
    ...(up.has(name) ? [`no nodedown ${name}`] : []),
    ...(groups.members(CROWD).some((pid) => pid.node === name) ? [`${name} stays in the group`] : []),
    ...(pubsub.nodes().includes(name) ? [`${name} stays in the PubSub`] : []),
    ...(global?.whereis(atom(name)) === undefined ? [] : [`${name} keeps its global name`]),
  ];
  await until(
    () => missing().length === 0,
    () => missing().join(', '),
  ).catch(() => violations.push(...missing()));
  acquaintances.delete(name);
}

/** To somebody who accepts and is silent: it must fail, in time. */
async function dialMute(name: string, port: number): Promise<void> {
  mutes.set(name, port);
  await node.connect(name).then(
    () => violations.push(`connected to ${name}, which is silent`),
    () => {},
  );
  mutes.delete(name);
}

function census(): Census {
  const found: Record<string, number> = { ...censusOf({ node, counted, global, groups, pubsub }) };
  found['file descriptors'] = readdirSync('/proc/self/fd').length;
  for (const resource of process.getActiveResourcesInfo()) {
    // What this program itself waits with.
    if (resource !== 'Immediate' && resource !== 'Timeout') found[resource] = (found[resource] ?? 0) + 1;
  }
  return found;
}

/** Without what the engine compiles: a program that runs for minutes gets more and more of its functions optimized. */
function bytesOfData(): number {
  const spaces = getHeapSpaceStatistics().filter(({ space_name: name }) => !/code|trusted/.test(name));
  return spaces.reduce((sum, space) => sum + space.space_used_size, process.memoryUsage().arrayBuffers);
}

let start: Census | undefined;

/** At rest: what is more than at the start, and the bytes that are used after a collection. */
async function rest(): Promise<{ leaks: string[]; heap: number }> {
  start ??= census();
  exits.clear();
  const before = start;
  const leaks = (): string[] => differences(before, census());
  await eventually(() => leaks().length === 0, { timeout: settings.patience, interval: 50 }).catch(() => {});
  // Twice, with a turn between: what a finalizer lets go is collected the second time.
  for (let i = 0; i < 2; i++) {
    globalThis.gc?.();
    await new Promise((resolve) => void setImmediate(resolve));
  }
  return { leaks: leaks(), heap: bytesOfData() };
}

const methods = {
  address: () => node.address.port,
  meet: (name: string, dial: boolean) => meet(name, dial),
  meetBeam,
  lost,
  dialMute,
  disconnect: (name: string) => node.disconnect(name),
  wasSilent: (name: string) => silent.has(name),
  rest,
  report: () => ({ ...counts, violations, refused: node.statistics().refused }),
};
export type SubjectMethods = typeof methods;
serve(methods);
