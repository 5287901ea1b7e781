/**
 * What peers may send, made up: terms, frames, handshakes, the port mapper's and other protocols' messages, true and false.
 *
 *   npm run fuzz -- --inputs 10000000 --jobs 2     as many inputs, with rate and time left
 *   npm run fuzz -- --seconds 60                   as long
 *   npm run fuzz -- --target frames                one of the targets; may be repeated
 *   npm run fuzz -- --seed 42                      the same inputs in the same order again (with the same --jobs and --target)
 *   npm run fuzz -- --target frames --input 0000   one input, in hexadecimal
 *   npm run fuzz -- --mutant NAME                  a planted bug: how many inputs until it is found (`--mutants` lists them)
 *   npm run fuzz -- --json                         the result as one line of JSON
 *
 * A run that is interrupted says what was tried so far. Exit code: 0 nothing found, 1 found, 2 wrong arguments, 130 interrupted.
 * Findings are printed as lines for a file in packages/beamish/test/fuzz/regressions, which the test suite tries.
 */
import { parseArgs } from 'node:util';
import type { FuzzReport, Progress } from '../packages/beamish/test/fuzz/pool.ts';

const { values } = options();
function options() {
  try {
    return parseArgs({
      options: {
        inputs: { type: 'string' },
        seconds: { type: 'string' },
        jobs: { type: 'string', default: '2' },
        seed: { type: 'string', default: process.env['SEED'] ?? String(Date.now() % 0x7fff_ffff) },
        target: { type: 'string', multiple: true, default: [] },
        input: { type: 'string' },
        mutant: { type: 'string' },
        mutants: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    return refuse(`${(error as Error).message.split('. ')[0]}. npm run fuzz -- --help lists the options`);
  }
}
function refuse(why: string): never {
  process.stderr.write(`${why}\n`);
  process.exit(2);
}
for (const name of ['inputs', 'seconds', 'jobs', 'seed'] as const) {
  const value = values[name];
  if (value !== undefined && !(Number(value) > 0))
    refuse(`--${name} must be a number above 0, not ${JSON.stringify(value)}`);
}
/** How often a run without a terminal tells how far it is. */
const TELL_SECONDS = 15;
const say = (text: string): boolean => process.stdout.write(`${text}\n`);
if (values.help) await help();
else if (values.mutants) {
  for (const { name, what } of (await import('../packages/beamish/test/fuzz/mutants.ts')).mutants)
    say(`${name}: ${what}`);
} else if (values.input !== undefined) await replay(values.input);
else await search();

async function help(): Promise<void> {
  const { readFile } = await import('node:fs/promises');
  const [, comment] = /^\/\*\*\n(.*?)\n \*\/$/ms.exec(await readFile(import.meta.filename, 'utf8')) ?? [];
  say((comment ?? '').replaceAll(/^ \* ?/gm, ''));
  const { targets } = await import('../packages/beamish/test/fuzz/targets/index.ts');
  say(`\nTargets: ${targets.map(({ name }) => name).join(', ')}`);
}

async function replay(hex: string): Promise<void> {
  if (values.mutant !== undefined) (await import('../packages/beamish/test/fuzz/mutants.ts')).plantBug(values.mutant);
  await import('../packages/beamish/test/fuzz/instrument.ts');
  const { targets } = await import('../packages/beamish/test/fuzz/targets/index.ts');
  const { attempt, explain, fromHex } = await import('../packages/beamish/test/fuzz/fuzzer.ts');
  const target = targets.find(({ name }) => name === values.target[0]);
  if (target === undefined) throw new Error(`give --target: ${targets.map(({ name }) => name).join(', ')}`);
  const { label, failure } = await attempt(target, fromHex(hex));
  say(failure === undefined ? `no fault: ${label}` : await explain(target, fromHex(hex), failure));
  if (failure !== undefined) process.exitCode = 1;
}

async function search(): Promise<void> {
  const { targets } = await import('../packages/beamish/test/fuzz/targets/index.ts');
  const stranger = values.target.find((wanted) => !targets.some(({ name }) => name === wanted));
  if (stranger !== undefined) refuse(`no target ${stranger}; there are ${targets.map(({ name }) => name).join(', ')}`);
  const { fuzz } = await import('../packages/beamish/test/fuzz/pool.ts');
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort(signal));
  const inputs = values.inputs ?? (values.seconds === undefined ? '1000000' : undefined);
  const seed = Number(values.seed);
  let told = 0;
  if (!values.json) say(`seed ${seed}`);
  const report = await fuzz({
    seed,
    jobs: Number(values.jobs),
    targets: values.target,
    signal: stop.signal,
    ...(inputs === undefined ? {} : { inputs: Number(inputs) }),
    ...(values.seconds === undefined ? {} : { seconds: Number(values.seconds) }),
    ...(values.mutant === undefined ? {} : { mutant: values.mutant, first: true }),
    progress: (progress) => {
      if (values.json) return;
      if (process.stdout.isTTY) process.stdout.write(`\r${line(progress, inputs)}   `);
      else if (progress.seconds - told >= TELL_SECONDS) {
        told = progress.seconds;
        say(line(progress, inputs));
      }
    },
    finding: ({ target, what, input, after }) => {
      if (!values.json) say(`\n# ${what.replaceAll('\n', '\n# ')}\n# after ${after} inputs\n${target} ${input}`);
    },
  });
  if (values.json) say(JSON.stringify({ seed, ...report }));
  else conclude(report, inputs);
  if (report.findings.length > 0) process.exitCode = 1;
  else if (stop.signal.aborted) process.exitCode = 130;
}

function line({ inputs, seconds, findings }: Progress, wanted: string | undefined): string {
  const rate = inputs / seconds;
  const left = wanted === undefined ? Number(values.seconds) - seconds : (Number(wanted) - inputs) / rate;
  const of = wanted === undefined ? '' : `/${wanted}`;
  const time = left > 0 && Number.isFinite(left) ? `, ${Math.ceil(left)} s left` : '';
  return `${inputs}${of} inputs, ${Math.round(rate)} a second${time}, ${findings.length} found`;
}

function conclude(report: FuzzReport, wanted: string | undefined): void {
  say(`\n${line(report, wanted)}, ${report.seconds.toFixed(1)} s`);
  for (const [name, { branches, kept }] of Object.entries(report.coverage)) {
    say(`  ${name}: ${branches} branches, ${kept} inputs kept`);
  }
  const megabytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);
  for (const heap of report.heap) {
    if (heap.length > 1)
      say(
        `  heap and buffers after a collection, MB: ${heap
          .filter((_, i) => i % Math.ceil(heap.length / 10) === 0)
          .map(megabytes)
          .join(' ')}`,
      );
  }
}
