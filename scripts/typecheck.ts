/** TypeScript 7 over the sources, tests and type tests, then over the browser page, which has the DOM for a library. */
import { globSync } from 'node:fs';
import { root, runCommand } from './runner/command.ts';

const pages = globSync('apps/*/page/tsconfig.json', { cwd: root });
const codes = ['tsconfig.json', ...pages].map((config) => {
  const code = runCommand('tsc', ['-p', config]);
  console.log(`${config}: ${code === 0 ? 'no type errors' : 'type errors'}`);
  return code;
});
process.exitCode = Math.max(...codes);
