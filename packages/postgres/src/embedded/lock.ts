/** One owner per data directory, across processes: a file that names a living process. */
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';

/** Tells a process from a later one with the same pid; undefined where the system does not say. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]; // field 22, counted from after the command's name
  } catch {
    return undefined;
  }
}

/** Whether a process of this machine is alive, one of another user included. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function holderOf(file: string): number | undefined {
  try {
    const { pid, start } = JSON.parse(readFileSync(file, 'utf8')) as { pid: number; start?: string };
    return isAlive(pid) && (start === undefined || startOf(pid) === start) ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** Thrown when a living process holds the lock. */
export class LockHeld extends Error {
  readonly pid: number;
  constructor(file: string, pid: number) {
    super(`${file} is held by the running process ${pid}`);
    this.name = 'LockHeld';
    this.pid = pid;
  }
}

/**
 * Takes the lock `file`, or throws `LockHeld`. The lock of a process that is gone is taken over.
 * @returns what gives it back; also done when this process exits.
 */
export function takeLock(file: string): () => void {
  const mine = `${file}.${process.pid}`;
  writeFileSync(mine, JSON.stringify({ pid: process.pid, start: startOf(process.pid) }), { mode: 0o600 });
  try {
    for (;;) {
      try {
        linkSync(mine, file); // appears with its content in one step, or not at all
        break;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const holder = holderOf(file);
      if (holder !== undefined) throw new LockHeld(file, holder);
      // Moved aside first, so that of several who see a dead holder only one removes what it saw.
      const stale = `${mine}.stale`;
      try {
        renameSync(file, stale);
        if (holderOf(stale) !== undefined) linkSync(stale, file);
      } catch {
        // somebody else was quicker
      }
      rmSync(stale, { force: true });
    }
  } finally {
    rmSync(mine, { force: true });
  }
  let held = true;
  const release = (): void => {
    if (!held) return;
    held = false;
    process.off('exit', release);
    if (holderOf(file) === process.pid) rmSync(file, { force: true });
  };
  process.on('exit', release);
  return release;
}
