/** Builds the page when its sources have changed since it was built. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { LockHeld, takeLock } from '@beamish/postgres';

function sources(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** What the built page was made of: the content of its sources, and the tools by the lockfile. */
function stampOf(page: string, files: readonly string[]): string {
  const hash = createHash('sha256');
  for (const file of [...sources(page), ...files]) {
    hash.update(file.slice(page.length)).update('\0');
    if (existsSync(file)) hash.update(readFileSync(file));
  }
  return hash.digest('hex');
}

/**
 * @param app the folder with `page/`. @param output where the page goes.
 * @throws Error with what vite said.
 * @returns whether it was built.
 */
export async function buildPage(app: string, output: string, alsoReads: readonly string[]): Promise<boolean> {
  mkdirSync(dirname(output), { recursive: true });
  // Two copies may be started from one clone, with a data directory each: one builds, the other finds it done.
  for (;;) {
    let release: () => void;
    try {
      release = takeLock(join(dirname(output), 'building.json'));
    } catch (error) {
      if (!(error instanceof LockHeld)) throw error;
      await delay(100);
      continue;
    }
    try {
      return await build(app, output, alsoReads);
    } finally {
      release();
    }
  }
}

async function build(app: string, output: string, alsoReads: readonly string[]): Promise<boolean> {
  const page = join(app, 'page');
  const stampFile = join(dirname(output), 'page.stamp');
  const stamp = stampOf(page, alsoReads);
  if (existsSync(join(output, 'index.html')) && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp)
    return false;
  const vite = createRequire(join(app, 'package.json')).resolve('vite/package.json');
  const config = ['vite.config.ts', 'page/vite.config.ts']
    .map((name) => join(app, name))
    .find((name) => existsSync(name));
  const args = [
    join(dirname(vite), 'bin/vite.js'),
    'build',
    '--logLevel',
    'warn',
    ...(config === undefined ? [] : ['--config', config]),
  ];
  const child = spawn(process.execPath, args, {
    cwd: config === undefined ? page : dirname(config),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (said += text));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (code !== 0) throw new Error(`the page could not be built:\n${said.trim()}`);
  writeFileSync(stampFile, stamp);
  return true;
}
