/** The peers' npm packages: installed here, outside the workspace, when a run first needs them. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const directory = fileURLToPath(new URL('..', import.meta.url));
const stampFile = `${directory}node_modules/.stamp`;

const read = (file: string): string | undefined => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
};

function npm(...args: string[]): void {
  // An addon is built against the headers of the Node.js that runs this; npm's own way is to download them.
  const env = { ...process.env, npm_config_nodedir: join(dirname(process.execPath), '..') };
  const options = { cwd: directory, encoding: 'utf8', shell: process.platform === 'win32', env } as const;
  const { status, stderr, error } = spawnSync('npm', [...args, '--loglevel=error', '--no-audit', '--no-fund'], options);
  if (status !== 0) throw new Error(`npm ${args[0]} in bench/ failed: ${error?.message ?? stderr.slice(-2000)}`);
}

export function installPackages(): void {
  const wanted = createHash('sha256')
    .update(readFileSync(`${directory}package-lock.json`))
    .digest('hex');
  if (read(stampFile) === wanted) return;
  process.stderr.write('bench: installing the packages of the peers (npm ci in bench/) ...\n');
  npm('ci', '--ignore-scripts');
  writeFileSync(stampFile, wanted);
}

/** Compiles a package's native part, which takes a compiler, make and Python. */
export function buildAddon(name: string): void {
  installPackages();
  const stamp = `${directory}node_modules/${name}/build/.stamp`;
  const wanted = `${process.version} ${process.arch}`;
  if (read(stamp) === wanted) return;
  process.stderr.write(`bench: building ${name} ...\n`);
  npm('rebuild', name);
  writeFileSync(stamp, wanted);
}

export function packageVersion(name: string): string {
  const text = read(`${directory}node_modules/${name}/package.json`) ?? '{}';
  return (JSON.parse(text) as { version?: string }).version ?? 'absent';
}
