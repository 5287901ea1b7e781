import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, closeSync, constants, openSync } from 'node:fs';
import type { Account } from './account.ts';

/** Out of the terminal's process group: Ctrl-C is for us, who end the server when those who use it have ended. */
const detached = process.platform !== 'win32';

/** Runs a program of PostgreSQL on a data directory. */
export function run(
  file: string,
  data: string,
  args: readonly string[],
  account: Account | undefined,
  more: readonly number[] = [],
): ChildProcess {
  const env = { LANG: 'C', LC_ALL: 'C', ...(process.platform === 'win32' ? process.env : {}) };
  if (account === undefined) {
    return spawn(...withParent(file, ['-D', data, ...args]), {
      env,
      detached,
      stdio: ['ignore', 'pipe', 'pipe', ...more],
    });
  }
  // An open directory can be used by whoever holds it, even where its account cannot walk to it by path.
  const fd = openSync(data, constants.O_RDONLY);
  try {
    return spawn(...withParent(file, ['-D', '/proc/self/fd/3', ...args]), {
      env,
      detached,
      cwd: '/',
      uid: account.uid,
      gid: account.gid,
      stdio: ['ignore', 'pipe', 'pipe', fd, ...more],
    });
  } finally {
    closeSync(fd);
  }
}

/** Where util-linux is there, the kernel itself ends the server (fast shutdown) when we are killed. */
function withParent(file: string, args: readonly string[]): [string, string[]] {
  for (const setpriv of process.platform === 'linux' ? ['/usr/bin/setpriv', '/bin/setpriv'] : []) {
    try {
      accessSync(setpriv, constants.X_OK);
      return [setpriv, ['--pdeathsig', 'INT', '--', file, ...args]];
    } catch {
      // not here
    }
  }
  return [file, [...args]];
}
