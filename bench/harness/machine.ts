/** Where and with what a run was made. */
import { spawnSync } from 'node:child_process';
import { cpus, loadavg, release, totalmem, type } from 'node:os';
import { fileURLToPath } from 'node:url';

export const load = (): number => Number((loadavg()[0] ?? 0).toFixed(2));

export function machine(): Record<string, string | number> {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? 'unknown',
    cores: all.length,
    'memory GiB': Math.round(totalmem() / 2 ** 30),
    os: `${type()} ${release()}`,
  };
}

/** The commit that was measured, with '+' when files of packages/ or bench/ differ from it. */
export function commit(): string {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const git = (...args: string[]): string =>
    spawnSync('git', args, { cwd: root, encoding: 'utf8' }).stdout?.trim() ?? '';
  const changed = git('status', '--porcelain', '--', 'packages/beamish/src', 'bench') !== '';
  return `${git('rev-parse', '--short', 'HEAD') || 'unknown'}${changed ? '+' : ''}`;
}
