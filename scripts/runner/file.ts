/** Runs one test file in a process group of its own, and leaves none of it behind. */
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve as resolvePath } from 'node:path';
import { createInterface } from 'node:readline';
import { killGroup, killMarked } from './leftovers.ts';
import type { Report } from './reporter.ts';

export interface Failure {
  readonly name: string;
  readonly text: string;
}

export interface FileResult {
  readonly file: string;
  readonly passed: readonly { readonly name: string; readonly duration: number }[];
  readonly failed: readonly Failure[];
  readonly skipped: readonly { readonly name: string; readonly reason: string }[];
  /** What tests said by `t.diagnostic`: figures, mostly. */
  readonly notes: readonly string[];
  readonly output: string;
  readonly ms: number;
}

export interface FileOptions {
  readonly root: string;
  /** `NAME=value` in the environment of everything the file starts. */
  readonly mark: string;
  readonly temp: string;
  readonly seed: string;
  readonly timeout: number;
  readonly only: string | undefined;
  readonly watch: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Settings a test file gives in its head: `// @timeout 300` (seconds), `// @exclusive` (no other file beside it). */
export function settings(path: string): { timeout: number | undefined; exclusive: boolean } {
  const head = readFileSync(path, 'utf8').slice(0, 2000);
  const timeout = /^(?:\/\/| \*|\/\*\*) @timeout (\d+)/m.exec(head)?.[1];
  return {
    timeout: timeout === undefined ? undefined : Number(timeout) * 1000,
    exclusive: /^(?:\/\/| \*|\/\*\*) @exclusive\b/m.test(head),
  };
}

const outputLimit = 200_000;
let files = 0;

function freePort(): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const server = createServer().once('error', reject);
  server.listen(0, '127.0.0.1', () => {
    const address = server.address();
    server.close(() => (address !== null && typeof address === 'object' ? resolve(address.port) : reject(new Error())));
  });
  return promise;
}

export async function runFile(file: string, options: FileOptions): Promise<FileResult> {
  const started = performance.now();
  // Short: the path of a socket has at most 107 bytes, and Chromium adds most of them.
  const temp = join(options.temp, String(++files));
  mkdirSync(temp, { recursive: true });
  chmodSync(temp, 0o1777); // a database server may run as another user
  const mark = `${options.mark}:${file}`;
  const [markName = '', markValue] = mark.split('=');
  // Two erl nodes of one file find each other by this port, those of two files running at once don't meet.
  const epmd = process.env['ERL_EPMD_PORT'] ?? String(await freePort());
  const reporter = join(options.root, 'scripts/runner/reporter.ts');
  const flags = [`--test-reporter=file://${reporter}`, '--enable-source-maps'];
  if (options.only !== undefined) flags.push(`--test-name-pattern=${options.only}`);
  const child = spawn(process.execPath, [...flags, resolvePath(options.root, file)], {
    cwd: options.root,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    env: { ...process.env, SEED: options.seed, TMPDIR: temp, ERL_EPMD_PORT: epmd, [markName]: markValue },
  });
  const group = child.pid ?? 0;
  options.watch(`+${group}`);

  const passed: { name: string; duration: number }[] = [];
  const failed: Failure[] = [];
  const skipped: { name: string; reason: string }[] = [];
  const running: string[] = [];
  const notes: string[] = [];
  let output = '';
  const collect = (text: string): void => {
    output = (output + text).slice(-outputLimit);
  };
  child.stdout?.setEncoding('utf8').on('data', collect);
  child.stderr?.setEncoding('utf8').on('data', collect);

  const take = (report: Report): void => {
    if (report.type === 'begin') running.push(report.name);
    else if (report.type === 'end') running.splice(running.indexOf(report.name), 1);
    else if (report.type === 'failed') failed.push({ name: report.name, text: report.text ?? '' });
    else if (report.type === 'skipped') skipped.push({ name: report.name, reason: report.text ?? '' });
    else if (report.type === 'diagnostic') notes.push(report.text ?? '');
    else if (!report.suite) passed.push({ name: report.name, duration: report.duration ?? 0 });
  };
  const lines = createInterface({ input: child.stdio[3] as NodeJS.ReadableStream });
  const reported = new Promise((resolve) => lines.once('close', resolve));
  lines.on('line', (line) => take(JSON.parse(line) as Report));

  let why: string | undefined;
  const stop = (reason: string): void => {
    if (running.length > 0) why = `${reason} in: ${running.join(' > ')}`;
    else if (passed.length + failed.length > 0)
      why = `${reason} after its tests: a socket, timer or child was left open`;
    else why = reason;
    killGroup(group);
  };
  const timer = setTimeout(() => stop(`still running after ${options.timeout / 1000} s`), options.timeout);
  const interrupted = (): void => stop('interrupted');
  options.signal.addEventListener('abort', interrupted);
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  child.once('error', (error) => resolve(error.message));
  child.once('exit', (code, signal) => resolve(code === 0 ? undefined : `exit ${signal ?? code}`));
  const exit = await promise;
  clearTimeout(timer);
  options.signal.removeEventListener('abort', interrupted);
  killGroup(group);
  const left = killMarked(mark);
  if (left.length > 0) collect(`left running by this file, ended by the runner: ${left.join(', ')}\n`);
  await reported;
  options.watch(`-${group}`);

  if (why !== undefined) failed.push({ name: file, text: why });
  else if (exit !== undefined && failed.length === 0) failed.push({ name: file, text: `${exit}; its output is below` });
  else if (passed.length + failed.length + skipped.length === 0 && options.only === undefined) {
    failed.push({ name: file, text: 'there is no test in it' });
  }
  return { file, passed, failed, skipped, notes, output, ms: performance.now() - started };
}
