/** Every check that is not a test; all of them run, whichever fails. */
import { runCommand } from './runner/command.ts';

const checks: readonly (readonly [string, () => number])[] = [
  ['typecheck', () => runCommand('scripts/typecheck.ts')],
  ['lint', () => runCommand('scripts/lint.ts')],
  ['deps', () => runCommand('scripts/deps.ts')],
  ['docs', () => runCommand('scripts/docs.ts')],
  ['dead', () => runCommand('knip', ['--no-config-hints'])],
  ['format:check', () => runCommand('oxfmt', ['--check'])],
];
const lines = checks.map(([name, check]) => {
  const started = performance.now();
  console.log(`\n== ${name}`);
  const code = check();
  if (code !== 0) process.exitCode = 1;
  return `${code === 0 ? '✔' : '✖'} ${name} (${((performance.now() - started) / 1000).toFixed(1)} s)`;
});
console.log(`\n${lines.join('\n')}`);
