/** oxlint with its type-aware rules, then the World rule. Arguments go to oxlint (`npm run lint -- --fix`). */
import { runCommand } from './runner/command.ts';

const lint = runCommand('oxlint', ['--deny-warnings', ...process.argv.slice(2)]);
const world = runCommand('scripts/check-world.ts');
process.exitCode = lint || world;
