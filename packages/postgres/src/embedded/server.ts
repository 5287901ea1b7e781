import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readlinkSync, realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, type Logger, realWorld, type World } from 'beamish/world';
import pg from 'pg';
import { type Account, serverAccount } from './account.ts';
import { checkData, initialise, readState, type State, writeState } from './data.ts';
import { isAlive, LockHeld, takeLock } from './lock.ts';
import { freePort, host } from './port.ts';
import { installedProgram, type Program, prepareProgram } from './program.ts';
import { run } from './run.ts';

/** Of `startEmbedded`. */
export interface EmbeddedOptions {
  /** Where everything of this server is kept; created when it is not there. One running server per directory. */
  readonly directory: string;
  /** TCP port on 127.0.0.1. 0: the one of the last run if it is free, else any free one. @default 0 */
  readonly port?: number;
  /** The database, created when missing. @default 'postgres' */
  readonly database?: string;
  /** The `bin` directory of an installed PostgreSQL, 14 or newer, to run in place of the one from npm. */
  readonly programs?: string;
  /** Server settings that are added to ours, as `-c name=value`. */
  readonly settings?: Readonly<Record<string, string | number>>;
  /** Milliseconds for the server to accept connections; recovery after a crash counts. @default 60000 */
  readonly startTimeout?: number;
  readonly logger?: Logger;
  /** Time and chance come from it; the server itself is real all the same. @default realWorld() */
  readonly world?: Pick<World, 'clock' | 'random'>;
}

/** How the server process ended. */
export interface EmbeddedExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A PostgreSQL server that is a child of this process. */
export interface EmbeddedPostgres extends AsyncDisposable {
  /** `postgres://...` of the database, password included. */
  readonly url: string;
  readonly port: number;
  /** Of the server's first process. */
  readonly pid: number;
  /** Resolves when the server has ended, whoever ended it. */
  readonly exited: Promise<EmbeddedExit>;
  /**
   * Ends the server: open transactions are rolled back, everything committed is on disk. Idempotent.
   * @param patience ms that clients get to end by themselves; new ones are refused meanwhile. Default 0.
   */
  stop(patience?: number): Promise<void>;
}

/** A few clients on one machine: no replication, small memory, no just-in-time compiler for queries of milliseconds. */
const settings: Readonly<Record<string, string | number>> = {
  listen_addresses: host,
  unix_socket_directories: '', // a path below a deep clone would be too long for a socket
  max_connections: 120,
  shared_buffers: '64MB',
  wal_level: 'minimal',
  max_wal_senders: 0,
  max_logical_replication_workers: 0,
  max_wal_size: '512MB',
  jit: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_checkpoints: 'off',
};

/**
 * Starts the PostgreSQL that came with the npm packages. Its data survive restarts and kills. Works as root too: the
 * server then runs as the account `postgres` or `nobody`, wherever the directory lies.
 * @throws Error when a living process has a server in `directory`, when the data are of another major version or
 * owner, when `port` is in use, or when the server does not come up; the message says which.
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const { database = 'postgres', startTimeout = 60_000, logger, world = realWorld() } = options;
  const { clock } = world;
  mkdirSync(options.directory, { recursive: true });
  const directory = realpathSync(options.directory); // as the system names it, to know an orphan by its directory
  let release: () => void;
  try {
    release = takeLock(join(directory, 'owner.json'));
  } catch (error) {
    if (!(error instanceof LockHeld)) throw error;
    throw new Error(`the embedded PostgreSQL in ${directory} is in use by process ${error.pid}`, { cause: error });
  }
  const account = serverAccount();
  const data = join(directory, 'data');
  let program: Program | undefined;
  try {
    await endOrphan(data, clock, logger);
    program =
      options.programs === undefined
        ? prepareProgram(directory, account !== undefined)
        : installedProgram(options.programs);
    let state = readState(directory);
    if (!existsSync(data)) state = await initialise(program, directory, account, world.random);
    if (state === undefined)
      throw new Error(`${join(directory, 'state.json')} is missing, and with it the password of the data beside it`);
    checkData(data, program, account);
    const server = await launch(program, data, account, state, options, clock, startTimeout);
    writeState(directory, { ...state, port: server.port });
    const url = (name: string): string => `postgres://${state.user}:${state.password}@${host}:${server.port}/${name}`;
    try {
      if (database !== 'postgres') await createDatabase(url('postgres'), database);
    } catch (error) {
      await server.stop();
      throw error;
    }
    const ended = server.exited.then(() => {
      program?.release();
      release();
    });
    const stop = async (patience?: number): Promise<void> => {
      await server.stop(patience);
      await ended;
    };
    return {
      url: url(database),
      port: server.port,
      pid: server.pid,
      exited: server.exited,
      stop,
      [Symbol.asyncDispose]: () => stop(),
    };
  } catch (error) {
    program?.release();
    release();
    throw error;
  }
}

/** A server whose parent was killed may still run in our directory (the lock says that the parent is gone). */
async function endOrphan(data: string, clock: Clock, logger: Logger | undefined): Promise<void> {
  const file = join(data, 'postmaster.pid');
  let pid = 0;
  try {
    pid = Number(readFileSync(file, 'utf8').split('\n')[0]);
  } catch {
    return;
  }
  if (!(pid > 0) || !isAlive(pid)) return; // the server itself removes the file of one that crashed
  if (process.platform === 'linux') {
    let there = '';
    try {
      there = readlinkSync(`/proc/${pid}/cwd`);
    } catch {
      // another user's process, or gone this moment
    }
    // The number was given to somebody else since. PostgreSQL would refuse to start; there can be no server of ours.
    if (there !== data) return rmSync(file, { force: true });
  }
  logger?.warn({ pid }, 'ending the PostgreSQL server that an earlier run left behind');
  for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
    process.kill(pid, signal);
    for (let round = 0; round < 100 && isAlive(pid); round++) await clock.sleep(50);
    if (!isAlive(pid)) return;
  }
  throw new Error(`the PostgreSQL server ${pid} of an earlier run does not end`);
}

type Server = Pick<EmbeddedPostgres, 'port' | 'pid' | 'exited' | 'stop'>;

/** What a start may fail with only because something else has not ended yet. */
const passing = /pre-existing shared memory block|lock file "postmaster\.pid" already exists/;
const portTaken = /Address already in use|could not create any TCP\/IP sockets/;

async function launch(
  program: Program,
  data: string,
  account: Account | undefined,
  state: State,
  options: EmbeddedOptions,
  clock: Clock,
  startTimeout: number,
): Promise<Server> {
  const end = clock.monotonicTime() + startTimeout;
  for (;;) {
    const port = options.port ? options.port : await freePort(state.port);
    const given = Object.entries({ ...settings, ...options.settings, port });
    const child = run(
      program.postgres,
      data,
      given.flatMap(([name, value]) => ['-c', `${name}=${value}`]),
      account,
    );
    const outcome = await started(child, clock, end, options.logger);
    if (outcome === true) return serverOf(child, clock, port);
    if (portTaken.test(outcome)) {
      if (options.port) throw new Error(`port ${port} of 127.0.0.1 is in use by another program`);
    } else if (!passing.test(outcome) || clock.monotonicTime() > end) {
      throw new Error(`the embedded PostgreSQL did not start: ${outcome.trim().slice(-500)}`);
    }
    await clock.sleep(100);
  }
}

/** True when it accepts connections; what it wrote when it ended or was too slow. */
function started(child: ChildProcess, clock: Clock, end: number, logger: Logger | undefined): Promise<true | string> {
  const { promise, resolve } = Promise.withResolvers<true | string>();
  let output = '';
  let ready = false;
  const read = (text: string): void => {
    for (const line of text.split('\n')) if (line.trim() !== '') logLine(line, logger);
    if (ready) return;
    output += text;
    if (/database system is ready to accept connections/.test(output)) {
      ready = true;
      resolve(true);
    }
  };
  child.stdout?.setEncoding('utf8').on('data', read);
  child.stderr?.setEncoding('utf8').on('data', read);
  child.on('error', (error) => resolve(error.message));
  child.on('close', () => resolve(output === '' ? 'it ended without a word' : output));
  const timer = clock.setTimer(Math.max(0, end - clock.monotonicTime()), () => {
    if (!ready) child.kill('SIGKILL');
  });
  return promise.finally(() => timer.cancel());
}

function logLine(line: string, logger: Logger | undefined): void {
  const message = line.replace(/^[-0-9]+ [:.0-9]+ \S+ \[\d+\] /, '');
  if (/^(ERROR|FATAL|PANIC):/.test(message) && !/terminating connection|the database system is/.test(message))
    logger?.warn(message);
  else logger?.debug(message);
}

function serverOf(child: ChildProcess, clock: Clock, port: number): Server {
  const { promise: exited, resolve } = Promise.withResolvers<EmbeddedExit>();
  const ended = (): boolean => child.exitCode !== null || child.signalCode !== null;
  if (ended()) resolve({ code: child.exitCode, signal: child.signalCode });
  else child.once('exit', (code, signal) => resolve({ code, signal }));
  let stopping: Promise<void> | undefined;
  const stop = async (patience: number): Promise<void> => {
    // Smart shutdown lets clients end, fast shutdown ends them and writes a checkpoint, immediate leaves recovery to the next start.
    const steps = [
      ['SIGTERM', 0],
      ['SIGINT', patience],
      ['SIGQUIT', patience + 10_000],
    ] as const;
    const timers = steps
      .slice(patience > 0 ? 0 : 1)
      .map(([signal, after]) => clock.setTimer(after, () => void (ended() || child.kill(signal))));
    await exited;
    for (const timer of timers) timer.cancel();
  };
  return { port, pid: child.pid ?? 0, exited, stop: (patience = 0) => (stopping ??= stop(patience)) };
}

async function createDatabase(url: string, name: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${pg.escapeIdentifier(name)}`);
  } finally {
    await client.end();
  }
}
