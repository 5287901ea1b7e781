/**
 * Measures Beamish beside its peers, interleaved in one run: in every round, part by part, each peer is started as OS
 * processes on loopback, and every workload, in random order, is run by each peer, in random order, for a bounded time.
 */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { commit, load, machine } from './harness/machine.ts';
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
import { partNames, parts, type Part, type PartName } from './parts.ts';
import { outcomes } from './targets.ts';

const peerNames = [...new Set(partNames.flatMap((name) => Object.keys(parts[name].peers)))];

const help = `usage: npm run bench -- [options]

  --rounds N       rounds; each peer is started anew in each (default 5)
  --seconds S      measured time per workload, a third of it more to warm up (default 1.5)
  --parts p,q      only these:
${partNames.map((name) => `                     ${name.padEnd(11)} ${parts[name].title}`).join('\n')}
  --peers a,b      only these: ${peerNames.join(', ')}
  --only w,x       only these workloads:
${workloadNames.map((name) => `                     ${name.padEnd(11)} ${workloads[name].title}`).join('\n')}
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
  readonly parts: readonly PartName[];
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
      parts: { type: 'string', default: partNames.join(',') },
      peers: { type: 'string', default: peerNames.join(',') },
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
  const choice = <T extends string>(name: 'parts' | 'peers' | 'only' | 'pin', allowed: readonly T[]): T[] => {
    const chosen = values[name].split(',').filter((one) => one !== '');
    const wrong = chosen.find((one) => !(allowed as readonly string[]).includes(one));
    if (wrong !== undefined || chosen.length === 0)
      throw new Error(`--${name}: ${wrong ?? 'nothing'}? It is of: ${allowed.join(', ')}`);
    return chosen as T[];
  };
  const chosen = {
    parts: choice('parts', partNames),
    peers: choice('peers', peerNames),
    workloads: choice('only', workloadNames),
  };
  const complete =
    chosen.parts.length === partNames.length &&
    chosen.peers.length === peerNames.length &&
    chosen.workloads.length === workloadNames.length;
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

/** The parts that were chosen, without the peers and workloads that were not. */
function chosenParts(chosen: Options): Part[] {
  return chosen.parts
    .map((name): Part => {
      const part: Part = parts[name];
      const peers = Object.entries(part.peers).filter(([peer]) => chosen.peers.includes(peer));
      const workloads = part.workloads.filter((workload) => chosen.workloads.includes(workload));
      return { ...part, workloads, peers: Object.fromEntries(peers) };
    })
    .filter(({ peers, workloads }) => workloads.length > 0 && Object.keys(peers).length > 0);
}

/** Prepares the peers. @returns why some cannot run, and the parts without them */
function prepared(running: readonly Part[]): { readonly missing: Record<string, string>; readonly parts: Part[] } {
  const missing: Record<string, string> = {};
  const parts = running.map((part): Part => {
    const ready = Object.entries(part.peers).filter(([name, peer]) => {
      let why: string | undefined;
      try {
        why = peer.missing();
        if (why === undefined) peer.prepare?.();
      } catch (error) {
        why = error instanceof Error ? error.message : String(error);
      }
      if (why === undefined) return true;
      say(`${name} is left out of '${part.title}': ${why}`);
      missing[name] = why;
      return false;
    });
    return { ...part, peers: Object.fromEntries(ready) };
  });
  return { missing, parts };
}

async function main(): Promise<void> {
  const chosen = options();
  const { rounds, seconds, seed, pin, profile } = chosen;
  if (profile !== undefined) mkdirSync(profile, { recursive: true });
  const { missing, parts: running } = prepared(chosenParts(chosen));
  const all = running.flatMap(({ peers }) => Object.entries(peers));
  const shuffle = shuffler(seed);
  const gathered: Record<string, Gathered> = {};
  for (const [name, peer] of all) gathered[name] ??= { title: peer.title, about: [], rounds: [], failures: [] };
  for (const [name, { about }] of all) gathered[name]?.about.push(about);
  const startedAt = new Date();
  const before = load();
  let highest = before;
  say(`${rounds} rounds of ${Object.keys(gathered).join(', ')}; order by seed ${seed}`);

  for (let n = 1; n <= rounds; n++) {
    const round: Record<string, Record<string, number>> = {};
    for (const part of running) {
      const results = await runRound({
        ...part,
        seconds,
        context: { pin, profile },
        shuffle,
        onResult: (name, text) => {
          highest = Math.max(highest, load());
          say(`round ${n}, ${name}: ${text}`);
        },
      });
      for (const [name, { figures, failures }] of Object.entries(results)) {
        Object.assign((round[name] ??= {}), figures);
        gathered[name]?.failures.push(...failures.map((failure) => `round ${n}: ${failure}`));
      }
    }
    for (const [name, figures] of Object.entries(round)) gathered[name]?.rounds.push(figures);
  }

  const peers = Object.fromEntries(Object.keys(gathered).map((name) => [name, peerResult(name, gathered)]));
  const result: Result = {
    startedAt: startedAt.toISOString(),
    seconds: Math.round((Date.now() - startedAt.getTime()) / 1000),
    options: {
      rounds,
      seconds,
      pin,
      seed,
      parts: chosen.parts.join(),
      peers: chosen.peers.join(),
      workloads: chosen.workloads.join(),
    },
    machine: machine(),
    versions: Object.assign(
      { commit: commit(), node: process.versions.node },
      ...all.map(([, peer]) => peer.versions()),
    ) as Record<string, string>,
    load: { before, highest, after: load() },
    missing,
    targets: outcomes({ peers }),
    peers,
  };
  if (profile !== undefined) showProfiles(profile, startedAt);
  const tables = markdown(result, running);
  if (chosen.write) write(result, tables);
  process.stdout.write(`${chosen.json ? JSON.stringify(result, null, 2) : tables}\n`);
  if (Object.values(peers).some(({ failures }) => failures.length > 0)) process.exitCode = 1;
}

function showProfiles(directory: string, since: Date): void {
  for (const file of readdirSync(directory)) {
    const path = join(directory, file);
    if (!file.endsWith('.cpuprofile') || statSync(path).mtime < since) continue;
    process.stderr.write(`\n${profileTable(path, 40)}\n`);
  }
}

interface Gathered {
  readonly title: string;
  readonly about: string[];
  readonly rounds: Round[];
  readonly failures: string[];
}

function peerResult(name: string, gathered: Readonly<Record<string, Gathered>>): PeerResult {
  const { title, about, rounds, failures } = gathered[name] as Gathered;
  const others = Object.entries(gathered).filter(([other]) => other !== name);
  return {
    title,
    about: [...new Set(about)].join('; '),
    summary: summaries(rounds),
    ratios: Object.fromEntries(others.map(([other, theirs]) => [other, ratios(rounds, theirs.rounds)])),
    rounds,
    failures,
  };
}

function write(result: Result, tables: string): void {
  const results = new URL('results/', import.meta.url);
  const readme = new URL('README.md', import.meta.url);
  mkdirSync(results, { recursive: true });
  writeFileSync(new URL('peers.json', results), `${JSON.stringify(result, null, 2)}\n`);
  writeFileSync(readme, replaceSection(readFileSync(readme, 'utf8'), tables));
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
