/** Runs one of the project's own commands on the Node that runs this, its output on ours. */
import { spawnSync } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { join } from 'node:path';

export const root = join(import.meta.dirname, '../..');

/** The exit code of a script of this repository, given by its path, or of a command in node_modules/.bin. */
export function runCommand(name: string, args: readonly string[] = []): number {
  const file = name.endsWith('.ts') ? join(root, name) : realpathSync(join(root, 'node_modules/.bin', name));
  const { status, error } = spawnSync(process.execPath, [file, ...args], { cwd: root, stdio: 'inherit' });
  if (error) throw error;
  return status ?? 1;
}
