/** The `beamish` command. Only here and beside it does the library name `process`. @module */
import { isBeamishError } from '../error/index.ts';
import { call, CALL_HELP } from './call.ts';
import { nodes, NODES_HELP } from './nodes.ts';
import { UsageError } from './options.ts';
import { ping, PING_HELP } from './ping.ts';
import { start, START_HELP } from './start.ts';

interface Command {
  readonly help: string;
  readonly summary: string;
  readonly run: (argv: readonly string[]) => Promise<number>;
}

const COMMANDS: Readonly<Record<string, Command>> = {
  start: { run: start, help: START_HELP, summary: 'start MODULE --name N      start a node and run MODULE on it' },
  nodes: { run: nodes, help: NODES_HELP, summary: 'nodes                      the nodes of a machine' },
  call: { run: call, help: CALL_HELP, summary: 'call NODE NAME METHOD ...  call a method of a process' },
  ping: { run: ping, help: PING_HELP, summary: 'ping NODE                  whether a node answers' },
};

const HELP = `beamish: nodes of a cluster, Beamish's and the BEAM's

${Object.values(COMMANDS)
  .map(({ summary }) => `  beamish ${summary}\n`)
  .join('')}
  beamish COMMAND --help`;

/** @returns the exit code: 0, 1 when it failed, 2 when the command line is wrong */
export async function main(argv: readonly string[]): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(`${HELP}\n`);
    return name === undefined ? 2 : 0;
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) {
    process.stderr.write(`beamish: there is no command ${JSON.stringify(name)}\n\n${HELP}\n`);
    return 2;
  }
  // Before the options are looked at, and not behind `--`.
  const end = rest.indexOf('--');
  const options = end === -1 ? rest : rest.slice(0, end);
  if (options.includes('--help') || options.includes('-h')) {
    process.stdout.write(`${command.help}\n`);
    return 0;
  }
  try {
    return await command.run(rest);
  } catch (error) {
    if (error instanceof UsageError) {
      process.stderr.write(`beamish ${name}: ${error.message}\n\n${command.help}\n`);
      return 2;
    }
    process.stderr.write(`beamish: ${isBeamishError(error) ? `${error.message} (${error.code})` : textOf(error)}\n`);
    return 1;
  }
}

/** A bug, then: with its stack. */
function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
