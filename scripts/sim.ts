/** Many schedules of faults in the simulated world, or one of them again: `npm run sim -- --help`. */
import { fork, type ChildProcess } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { SimulationFailure } from '../packages/beamish/src/simulation/index.ts';

interface Report {
  readonly done: number;
  readonly virtual: number;
  readonly events: number;
}
interface Failed {
  readonly scenario: string;
  readonly seed: number;
  readonly message: string;
}
type Message = { readonly report: Report } | { readonly failed: Failed };

const HELP = `Many schedules of faults in the simulated world, or one of them again.

  npm run sim -- --schedules 100000 --jobs 2     with progress, rate and time left
  npm run sim -- --scenario cluster              one of the scenarios; may be repeated
  npm run sim -- --mutant groups-leave           a planted bug: how many schedules until it is caught
  SEED=42 SCENARIO=cluster npm run sim           that run again, with its trace (and the same --intensity)

  --schedules N    @default 1000                 --jobs N        processes, @default 2
  --scenario NAME  @default all of them          --first N       the first seed, @default 1: goes on where a search ended
  --intensity N    times as many faults          --keepgoing     past the first failure
  --mutants        lists the planted bugs        --lines N       of the trace of a failure, @default 120
  --docs           writes the tables of scenarios and planted bugs into docs/testing.md

The scenarios are in packages/beamish/test/simulation/scenarios, that of the devices' owners beside Switch Telemetry.
Exit code: 0 no violation, 1 one was found, 2 wrong arguments.`;

const { values } = options();
function options() {
  try {
    return parseArgs({
      options: {
        help: { type: 'boolean', short: 'h', default: false },
        schedules: { type: 'string', default: '1000' },
        jobs: { type: 'string', default: '2' },
        first: { type: 'string', default: '1' },
        scenario: { type: 'string', multiple: true, default: [] },
        mutant: { type: 'string' },
        mutants: { type: 'boolean', default: false },
        docs: { type: 'boolean', default: false },
        keepgoing: { type: 'boolean', default: false },
        lines: { type: 'string', default: '120' },
        intensity: { type: 'string', default: '1' },
        worker: { type: 'string' },
      },
    });
  } catch (error) {
    process.stderr.write(`${(error as Error).message.split('. ')[0]}. npm run sim -- --help lists the options\n`);
    process.exit(2);
  }
}
const mutantsFile = join(import.meta.dirname, '../packages/beamish/test/simulation/mutants.ts');
const say = (text: string): boolean => process.stdout.write(`${text}\n`);

if (values.help) {
  say(HELP);
  process.exit(0);
}
for (const name of ['schedules', 'jobs', 'first', 'lines', 'intensity'] as const) {
  if (Number(values[name]) > 0) continue;
  process.stderr.write(`--${name} must be a number above 0, not ${JSON.stringify(values[name])}\n`);
  process.exit(2);
}

if (values.mutant !== undefined) {
  const { plant } = (await import(mutantsFile)) as { readonly plant: (name: string) => void };
  plant(values.mutant);
}
const library = await import('../packages/beamish/test/simulation/scenarios/index.ts');
const { scenario: collectors } = await import('../apps/switch-telemetry/test/simulation/collectors.ts');
const scenarios = [...library.scenarios, collectors];
const { simulate } = await import('../packages/beamish/src/simulation/index.ts');
const wanted = [...values.scenario, ...(process.env['SCENARIO'] === undefined ? [] : [process.env['SCENARIO']])];
const chosen = scenarios.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
if (chosen.length === 0) {
  process.stderr.write(`no scenario ${wanted.join(', ')}; there are ${scenarios.map(({ name }) => name).join(', ')}\n`);
  process.exit(2);
}
type Scenario = (typeof scenarios)[number];

function run(scenario: Scenario, seed: number, explain: boolean): ReturnType<typeof simulate> {
  const { nodes, network } = scenario;
  const count = (scenario.faults.count ?? 5) * Number(values.intensity);
  const options = { nodes, seed, explain, lines: Number(values.lines), faults: { ...scenario.faults, count } };
  return simulate({ ...options, ...(network === undefined ? {} : { network }) }, scenario.run);
}

if (values.mutants) {
  const { mutants } = (await import(mutantsFile)) as { mutants: readonly { name: string; what: string }[] };
  for (const { name, what } of mutants) say(`${name}: ${what}`);
} else if (values.docs) {
  const { mutants } = await import('../packages/beamish/test/simulation/mutants.ts');
  const { catalogue, withCatalogue } = await import('../packages/beamish/test/simulation/catalogue.ts');
  const path = join(import.meta.dirname, '../docs/testing.md');
  writeFileSync(path, withCatalogue(readFileSync(path, 'utf8'), catalogue(scenarios, mutants)));
} else if (values.worker !== undefined) await work(Number(values.worker));
else if (process.env['SEED'] === undefined) await search();
else await replay(Number(process.env['SEED']));

async function replay(seed: number): Promise<void> {
  for (const scenario of chosen) {
    try {
      const { hash, events, virtualTime, realTime, faults } = await run(scenario, seed, true);
      for (const fault of faults) say(`  ${JSON.stringify(fault)}`);
      say(
        `${scenario.name}, seed ${seed}: no violation; trace ${hash}, ${events} events, ${seconds(virtualTime)} virtual in ${seconds(realTime)}`,
      );
    } catch (error) {
      say(`${scenario.name}, seed ${seed}: ${(error as Error).message}`);
      process.exitCode = 1;
    }
  }
}

/** Every `jobs`-th schedule, of every scenario alike: a job that had every other scenario would have more to do than the rest. */
async function work(index: number): Promise<void> {
  const send = (message: Message): void => void process.send?.(message);
  const [first, schedules, jobs] = [values.first, values.schedules, values.jobs].map(Number) as [
    number,
    number,
    number,
  ];
  let report = { done: 0, virtual: 0, events: 0 };
  let told = performance.now();
  for (let number = 0; number < schedules; number++) {
    const round = Math.floor(number / chosen.length);
    if ((number + round) % jobs !== index) continue;
    const scenario = chosen[number % chosen.length] as Scenario;
    const seed = first + round;
    try {
      const { virtualTime, events } = await run(scenario, seed, false);
      report = { done: report.done + 1, virtual: report.virtual + virtualTime, events: report.events + events };
    } catch (error) {
      report = { ...report, done: report.done + 1 };
      send({ failed: { scenario: scenario.name, seed, message: (error as SimulationFailure).message } });
    }
    if (performance.now() - told > 500) {
      send({ report });
      told = performance.now();
    }
  }
  send({ report });
  process.disconnect();
}

async function search(): Promise<void> {
  const schedules = Number(values.schedules);
  const jobs = Math.min(Number(values.jobs), schedules);
  const started = performance.now();
  const reports = new Map<number, Report>();
  const failures: Failed[] = [];
  const children: ChildProcess[] = [];
  const total = (): Report =>
    [...reports.values()].reduce(
      (a, b) => ({ done: a.done + b.done, virtual: a.virtual + b.virtual, events: a.events + b.events }),
      { done: 0, virtual: 0, events: 0 },
    );
  const progress = (): string => {
    const { done, virtual, events } = total();
    const taken = (performance.now() - started) / 1000;
    const rate = done / taken;
    const left = rate > 0 ? `, ${Math.ceil((schedules - done) / rate)} s left` : '';
    return `${done}/${schedules} schedules, ${Math.round(rate * 60)} a minute, ${Math.round(events / taken / 1000)}k events/s, ${Math.round(virtual / 1000 / taken)} virtual s/s${left}, ${failures.length} failed`;
  };
  // Told how far it came, also when it is ended early: the children go, and with them the wait below.
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => {
      for (const each of children) each.kill();
    });
  await Promise.all(
    Array.from({ length: jobs }, (_, index) => {
      const child = fork(
        import.meta.filename,
        [...process.argv.slice(2), '--jobs', String(jobs), '--worker', String(index)],
        {
          execArgv: ['--max-semi-space-size=32'],
        },
      );
      children.push(child);
      child.on('message', (message: Message) => {
        if ('report' in message) reports.set(index, message.report);
        else {
          failures.push(message.failed);
          const { scenario, seed, message: text } = message.failed;
          if (failures.length <= 10)
            say(
              `\n${scenario}, seed ${seed}: ${text.split('\n').slice(0, 3).join('\n  ')}\n  SEED=${seed} SCENARIO=${scenario} npm run sim`,
            );
          if (!values.keepgoing) for (const each of children) each.kill();
        }
      });
      return new Promise<void>((resolve) => child.once('exit', () => resolve()));
    }).concat(show()),
  );
  say(`${process.stdout.isTTY ? '\n' : ''}${progress()}, ${seconds(performance.now() - started)}`);
  if (failures.length > 0 || total().done < schedules) process.exitCode = 1;

  async function show(): Promise<void> {
    let told = performance.now();
    while (
      children.length === 0 ||
      children.some(({ exitCode, signalCode }) => exitCode === null && signalCode === null)
    ) {
      await new Promise((resolve) => void setTimeout(resolve, 500));
      if (process.stdout.isTTY) process.stdout.write(`\r${progress()}   `);
      else if (performance.now() - told >= 10_000) {
        told = performance.now();
        say(progress());
      }
    }
  }
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}
