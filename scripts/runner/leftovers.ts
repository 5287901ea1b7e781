/** Ending what a test file has left behind. Only what the runner started: a group it created, or a process with its mark. */
import { readdirSync, readFileSync } from 'node:fs';

export function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // there is nobody left in it
  }
}

/** Kills every process whose environment holds the mark (or the mark, a colon and more), except this one. Gives the names of what it found. Linux only. */
export function killMarked(mark: string): string[] {
  const found: string[] = [];
  for (const entry of readProcesses()) {
    const pid = Number(entry);
    if (!pid || pid === process.pid) continue;
    try {
      const environment = readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0');
      if (!environment.some((variable) => variable === mark || variable.startsWith(`${mark}:`))) continue;
      const name = readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
      process.kill(pid, 'SIGKILL');
      found.push(`${name} (pid ${pid})`);
    } catch {
      // gone, or not ours to read
    }
  }
  return found;
}

function readProcesses(): string[] {
  try {
    return readdirSync('/proc');
  } catch {
    return [];
  }
}
