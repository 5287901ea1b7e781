/**
 * The test suite: every *.test.ts under packages, apps and scripts, each in a process group of its own.
 *
 *   npm test                            everything
 *   npm test -- packages/beamish/test/term  ring    files whose path contains one of the words
 *   npm test -- --only 'pattern'        tests whose name matches
 *   npm test -- --verbose               every test's name
 *   npm run interop -- --write          the interop table (scripts/runner/interop.ts) into docs/interoperability.md
 *
 * SEED replays a run's random choices, TEST_TIMEOUT is seconds per file (120), TEST_CONCURRENCY files at once (2).
 * With CI=true a skipped test is a failure.
 */
import { spawn } from 'node:child_process';
import { randomInt, randomUUID } from 'node:crypto';
import { chmodSync, globSync, mkdtempSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join, resolve as resolvePath } from 'node:path';
import { parseArgs } from 'node:util';
import { type FileResult, runFile, settings } from './runner/file.ts';
import { drift, printed, rowsOf, write } from './runner/interop.ts';

const root = join(import.meta.dirname, '..');
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string' },
    verbose: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});
const seed = process.env['SEED'] ?? String(randomInt(2 ** 31));
const timeout = Number(process.env['TEST_TIMEOUT'] ?? 120) * 1000;
const concurrency = Number(process.env['TEST_CONCURRENCY'] ?? 2);
const say = (text: string): boolean => process.stdout.write(`${text}\n`);

/** A word of the command line: part of a path from the root, or a path as the shell completes it. */
const wanted = (file: string): boolean =>
  positionals.length === 0 || positionals.some((word) => file.includes(word.replace(/^\.\//, '').replace(/\/$/, '')));
const patterns = ['packages/*/test/**/*.test.ts', 'apps/*/test/**/*.test.ts', 'scripts/test/**/*.test.ts'];
const found = globSync(patterns, { cwd: root, exclude: (name) => name.includes('node_modules') });
const outside = positionals.filter((word) => word.endsWith('.test.ts') && !found.some((file) => file.includes(word)));
const files = [...found.filter(wanted), ...outside].toSorted();

const temp = mkdtempSync(join(tmpdir(), 'beamish-run-'));
chmodSync(temp, 0o711); // tests start servers as other users
const mark = `BEAMISH_TEST_RUN=${randomUUID()}`;
const watchdog = spawn(process.execPath, [join(root, 'scripts/runner/watchdog.ts'), mark, temp], {
  detached: true,
  stdio: ['pipe', 'ignore', 'inherit'],
});
watchdog.stdin.on('error', () => {});

const abort = new AbortController();
let signalled: 'SIGINT' | 'SIGTERM' | 'SIGHUP' | undefined;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    signalled = signal;
    abort.abort();
  });
}
const bootstrap = Number(process.env['BEAMISH_BOOTSTRAP_PID'] ?? 0);
if (process.ppid === bootstrap) {
  const look = (): void => void (process.ppid === bootstrap || process.kill(process.pid, 'SIGTERM'));
  setInterval(look, 500).unref();
}

const indent = (text: string): string => text.replaceAll(/^/gm, '    ');

function show(result: FileResult): void {
  const counts = [
    `${result.passed.length} passed`,
    ...(result.failed.length > 0 ? [`${result.failed.length} FAILED`] : []),
    ...(result.skipped.length > 0 ? [`${result.skipped.length} skipped`] : []),
  ];
  const sign = result.failed.length > 0 ? '✖' : '✔';
  say(`${sign} ${result.file}: ${counts.join(', ')} (${(result.ms / 1000).toFixed(1)} s)`);
  if (values.verbose) for (const { name, duration } of result.passed) say(`    ✔ ${name} (${duration.toFixed(0)} ms)`);
  for (const note of result.notes) say(`    ${note}`);
  for (const { name, text } of result.failed) say(`  ✖ ${name}\n${indent(text)}`);
  if (result.failed.length > 0 && result.output.trim() !== '') {
    say(`  output of ${result.file}:\n${indent(result.output.trimEnd())}`);
  } else if (result.output.includes('left running by this file'))
    say(indent(result.output.trimEnd().split('\n').at(-1) ?? ''));
}

const started = performance.now();
const results: FileResult[] = [];

async function work(queue: string[]): Promise<void> {
  for (let file = queue.shift(); file !== undefined && !abort.signal.aborted; file = queue.shift()) {
    const watch = (line: string): void => void watchdog.stdin.write(`${line}\n`);
    const own = settings(resolvePath(root, file)).timeout;
    const shared = { root, mark, temp, seed, watch, only: values.only, signal: abort.signal };
    const result = await runFile(file, { ...shared, timeout: own ?? timeout });
    results.push(result);
    show(result);
  }
}

say(`seed ${seed}, ${files.length} files, ${concurrency} at once`);
const exclusive = files.filter((file) => settings(resolvePath(root, file)).exclusive);
const shared = files.filter((file) => !exclusive.includes(file));
await Promise.all(Array.from({ length: concurrency }, () => work(shared)));
await work(exclusive);

const { promise: gone, resolve } = Promise.withResolvers<void>();
watchdog.once('exit', () => resolve());
watchdog.stdin.end();
await gone;

const passed = results.reduce((sum, result) => sum + result.passed.length, 0);
const failed = results.flatMap((result) => result.failed.map(({ name }) => ({ file: result.file, name })));
const skipped = results.flatMap((result) => result.skipped.map((skip) => ({ file: result.file, ...skip })));
const rows = rowsOf(results);
if (rows.length > 0) say(`\n${printed(rows)}`);
const whole = values.only === undefined && !signalled; // no test of the files was left out
const ran = results.map((result) => result.file);
if (values.write && whole) write(root, rows, ran);
const stale = whole ? drift(root, rows, ran) : [];
say('');
for (const line of stale) say(line);
for (const { file, name } of failed) say(`failed: ${name === file ? '' : `${name}: `}${file}`);
for (const { name, reason } of skipped) say(`skipped: ${name}: ${reason}`);
say(`seed ${seed} (SEED=${seed} npm test replays it), ${((performance.now() - started) / 1000).toFixed(1)} s`);
const faults: string[] = [];
if (signalled) faults.push(`interrupted by ${signalled}`);
if (passed + failed.length === 0) faults.push('no test was executed');
if (skipped.length > 0 && process.env['CI'] === 'true') faults.push('CI=true: a skipped test is a failure');
if (stale.length > 0 && process.env['CI'] === 'true')
  faults.push('CI=true: the table of docs/interoperability.md is not what ran: npm run interop -- --write');
for (const fault of faults) say(fault);
say(`${passed} passed, ${failed.length} failed, ${skipped.length} skipped`);
if (signalled) process.exitCode = 128 + constants.signals[signalled];
else process.exitCode = faults.length + failed.length > 0 ? 1 : 0;
