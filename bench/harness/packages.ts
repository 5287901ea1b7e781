/** The peers' npm packages: installed here, outside the workspace, when a run first needs them. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
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

export function installPackages(): void {
  const wanted = createHash('sha256')
    .update(readFileSync(`${directory}package-lock.json`))
    .digest('hex');
  if (read(stampFile) === wanted) return;
  process.stderr.write('bench: installing the packages of the peers (npm ci in bench/) ...\n');
  const args = ['ci', '--loglevel=error', '--no-audit', '--no-fund', '--ignore-scripts'];
  const { status, stderr, error } = spawnSync('npm', args, {
    cwd: directory,
    encoding: 'utf8',
    shell: process.platform === 'win32',
  });
  if (status !== 0) throw new Error(`npm ci in bench/ failed: ${error?.message ?? stderr}`);
  writeFileSync(stampFile, wanted);
}

export function packageVersion(name: string): string {
  const text = read(`${directory}node_modules/${name}/package.json`) ?? '{}';
  return (JSON.parse(text) as { version?: string }).version ?? 'absent';
}
