/** The PostgreSQL servers that the tests run against: the one from npm, and Debian's. */
import { dirname } from 'node:path';
import { type EmbeddedPostgres, Pool, startEmbedded } from '../../src/index.ts';
import { findExecutable, skipUnless } from '../../../beamish/test/support/peers.ts';
import { temporaryDirectory } from '../../../beamish/test/support/temp.ts';

export interface TestServer extends AsyncDisposable {
  /** Makes a database of its own for one test. @returns its address. */
  database(): Promise<string>;
  /** kill -9 of the first process of the server; resolves when it is gone. */
  kill(): Promise<void>;
  stop(): Promise<void>;
  /** Starts it again, on the same data and port. */
  start(): Promise<void>;
}

export const serverKinds = [
  { name: 'embedded', options: {}, programs: undefined },
  { name: "Debian's", options: skipUnless('initdb', 'postgres'), programs: debianPrograms() },
] as const;

function debianPrograms(): string | undefined {
  // Not the wrappers in PATH: the directory of the server's own programs.
  const found = findExecutable('pg_ctl');
  return found === undefined ? undefined : dirname(found);
}

export async function testServer(programs?: string): Promise<TestServer> {
  const directory = await temporaryDirectory();
  const start = (port: number): Promise<EmbeddedPostgres> =>
    startEmbedded({
      directory: directory.path,
      port,
      database: 'test',
      settings: { fsync: 'off' },
      ...(programs !== undefined && { programs }),
    });
  let server = await start(0);
  const { url, port } = server;
  let databases = 0;
  return {
    async database() {
      const name = `test${++databases}`;
      await using pool = new Pool({ url, max: 1 });
      await pool.query(`CREATE DATABASE ${name}`);
      return url.replace(/test$/, name);
    },
    async kill() {
      process.kill(server.pid, 'SIGKILL');
      await server.exited;
    },
    stop: () => server.stop(),
    async start() {
      server = await start(port);
    },
    async [Symbol.asyncDispose]() {
      await server.stop();
      await directory[Symbol.asyncDispose]();
    },
  };
}
