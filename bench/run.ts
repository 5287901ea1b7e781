/**
 * Measures Beamish beside its peers, interleaved in one run: in every round each peer is started as two OS processes on
 * loopback, and every workload, in random order, is run by each peer, in random order, for a bounded time.
 */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { commit, load, machine } from './harness/machine.ts';
import { installPackages } from './harness/packages.ts';
import type { Pinning } from './harness/pair.ts';
import { profileTable } from './harness/profile.ts';
import {
  markdown,
  ratios,
  replaceSection,
  summaries,
  type PeerResult,
  type Result,
  type Round,
} from './harness/report.ts';
import { runRound } from './harness/round.ts';
import { workloadNames, workloads, type WorkloadName } from './harness/workloads.ts';
import { peers } from './peers/index.ts';

const help = `usage: npm run bench -- [options]

  --rounds N       rounds; each peer is started anew in each (default 5)
  --seconds S      measured time per workload, a third of it more to warm up (default 1.5)
  --peers a,b      only these: ${Object.keys(peers).join(', ')}
  --only w,x       only these workloads:
${workloadNames.map((name) => `                     ${name.padEnd(10)} ${workloads[name].title}`).join('\n')}
  --pin HOW        none: as the kernel likes (default); across: each of the two processes on a processor of its own;
                   one: both on the same processor
  --seed N         for the random order
  --json           the result as JSON on standard output instead of the table
  --write          write results/ and README.md even if not everything was run; --no-write: never
  --profile DIR    a CPU profile of each Node.js worker, and a table of its functions on standard error
  --help
`;

interface Options {
  readonly rounds: number;
  readonly seconds: number;
  readonly peers: readonly string[];
  readonly workloads: readonly WorkloadName[];
  readonly pin: Pinning;
  readonly seed: number;
  readonly json: boolean;
  readonly write: boolean;
  readonly profile: string | undefined;
}

function options(): Options {
  const { values } = parseArgs({
    allowNegative: true,
    options: {
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '1.5' },
      peers: { type: 'string', default: Object.keys(peers).join(',') },
      only: { type: 'string', default: workloadNames.join(',') },
      pin: { type: 'string', default: 'none' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      json: { type: 'boolean', default: false },
      write: { type: 'boolean' },
      profile: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(help);
    process.exit(0);
  }
  const number = (name: 'rounds' | 'seconds' | 'seed', least: number, most: number): number => {
    const value = Number(values[name]);
    if (!(value >= least && value <= most)) throw new Error(`--${name} must be ${least} to ${most}`);
    return value;
  };
  const choice = <T extends string>(name: 'peers' | 'only' | 'pin', allowed: readonly T[]): T[] => {
    const chosen = values[name].split(',').filter((one) => one !== '');
    const wrong = chosen.find((one) => !(allowed as readonly string[]).includes(one));
    if (wrong !== undefined || chosen.length === 0)
      throw new Error(`--${name}: ${wrong ?? 'nothing'}? It is of: ${allowed.join(', ')}`);
    return chosen as T[];
  };
  const chosen = { peers: choice('peers', Object.keys(peers)), workloads: choice('only', workloadNames) };
  const complete =
    chosen.peers.length === Object.keys(peers).length && chosen.workloads.length === workloadNames.length;
  return {
    ...chosen,
    rounds: Math.round(number('rounds', 1, 1000)),
    seconds: number('seconds', 0.05, 600),
    pin: choice('pin', ['none', 'across', 'one'])[0] ?? 'none',
    seed: number('seed', 0, 2 ** 32),
    json: values.json,
    write: values.write ?? (complete && values.profile === undefined),
    profile: values.profile,
  };
}

/** mulberry32, and a shuffle with it: the order of a run can be repeated. */
function shuffler(seed: number): <T>(items: readonly T[]) => T[] {
  let state = seed;
  const random = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return (items) =>
    items
      .map((item) => [random(), item] as const)
      .toSorted(([a], [b]) => a - b)
      .map(([, item]) => item);
}

const say = (text: string): void => void process.stderr.write(`bench: ${text}\n`);

async function main(): Promise<void> {
  const chosen = options();
  const { rounds, seconds, seed, pin, profile } = chosen;
  if (profile !== undefined) mkdirSync(profile, { recursive: true });
  if (chosen.peers.some((name) => name === 'nats' || name === 'moleculer')) installPackages();
  const missing: Record<string, string> = {};
  for (const name of chosen.peers) {
    const why = peers[name]?.missing();
    if (why !== undefined) missing[name] = why;
  }
  for (const [name, why] of Object.entries(missing)) say(`${name} is left out: ${why}`);
  const running = chosen.peers.filter((name) => !(name in missing));
  const shuffle = shuffler(seed);
  const gathered = Object.fromEntries(
    running.map((name) => [name, { rounds: [] as Round[], failures: [] as string[] }]),
  );
  const startedAt = new Date();
  const before = load();
  let highest = before;
  say(`${rounds} rounds of ${running.join(', ')}; order by seed ${seed}`);

  for (let n = 1; n <= rounds; n++) {
    const round = await runRound({
      peers: Object.fromEntries(Object.entries(peers).filter(([name]) => running.includes(name))),
      workloads: chosen.workloads,
      seconds,
      context: { pin, profile },
      shuffle,
      onResult: (name, text) => {
        highest = Math.max(highest, load());
        say(`round ${n}, ${name}: ${text}`);
      },
    });
    for (const [name, { figures, failures }] of Object.entries(round)) {
      gathered[name]?.rounds.push(figures);
      gathered[name]?.failures.push(...failures.map((failure) => `round ${n}: ${failure}`));
    }
  }

  const result: Result = {
    startedAt: startedAt.toISOString(),
    seconds: Math.round((Date.now() - startedAt.getTime()) / 1000),
    options: { rounds, seconds, pin, seed, peers: chosen.peers.join(), workloads: chosen.workloads.join() },
    machine: machine(),
    versions: Object.assign(
      { commit: commit(), node: process.versions.node },
      ...running.map((name) => peers[name]?.versions() ?? {}),
    ),
    load: { before, highest, after: load() },
    missing,
    peers: Object.fromEntries(running.map((name) => [name, peerResult(name, gathered)])),
  };
  if (profile !== undefined) showProfiles(profile, startedAt);
  if (chosen.write) write(result);
  process.stdout.write(`${chosen.json ? JSON.stringify(result, null, 2) : markdown(result)}\n`);
  if (Object.values(result.peers).some(({ failures }) => failures.length > 0)) process.exitCode = 1;
}

function showProfiles(directory: string, since: Date): void {
  for (const file of readdirSync(directory)) {
    const path = join(directory, file);
    if (!file.endsWith('.cpuprofile') || statSync(path).mtime < since) continue;
    process.stderr.write(`\n${profileTable(path, 40)}\n`);
  }
}

function peerResult(
  name: string,
  gathered: Readonly<Record<string, Pick<PeerResult, 'rounds' | 'failures'>>>,
): PeerResult {
  const { rounds, failures } = gathered[name] ?? { rounds: [], failures: [] };
  const others = Object.entries(gathered).filter(([other]) => other !== name);
  return {
    title: peers[name]?.title ?? name,
    about: peers[name]?.about ?? '',
    summary: summaries(rounds),
    ratios: Object.fromEntries(others.map(([other, theirs]) => [other, ratios(rounds, theirs.rounds)])),
    rounds,
    failures,
  };
}

function write(result: Result): void {
  const results = new URL('results/', import.meta.url);
  const readme = new URL('README.md', import.meta.url);
  mkdirSync(results, { recursive: true });
  writeFileSync(new URL('peers.json', results), `${JSON.stringify(result, null, 2)}\n`);
  writeFileSync(readme, replaceSection(readFileSync(readme, 'utf8'), markdown(result)));
  say('written: bench/results/peers.json, bench/README.md');
}

// An exit, unlike a signal's death, ends the children: see test/support/children.ts.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(130));
try {
  await main();
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exit(1);
}
