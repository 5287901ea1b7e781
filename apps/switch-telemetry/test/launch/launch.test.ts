// @exclusive
// @timeout 240
/** The launcher: what an operator can do wrong, what can die, and that nothing is left. */
import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Child, startNode } from '../../../../packages/beamish/test/support/children.ts';
import { eventually } from '../../../../packages/beamish/test/support/eventually.ts';
import { freePort } from '../../../../packages/beamish/test/support/ports.ts';
import { temporaryDirectory } from '../../../../packages/beamish/test/support/temp.ts';
import { isAlive } from '@beamish/postgres';
import { LogFile } from '../../src/launch/log-file.ts';

const file = (name: string): string => join(import.meta.dirname, '../../src', name);
const unset = {
  INVENTORY: undefined,
  DATABASE_URL: undefined,
  PORT: undefined,
  DATA_DIR: undefined,
  RELEASE_COOKIE: undefined,
  NODE_ROLE: undefined,
};

interface Event {
  readonly event: string;
  readonly name?: string;
  readonly pid?: number;
  readonly address?: string;
  readonly line?: string;
}

const eventsOf = (child: Child): Event[] =>
  child.stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Event);
const latest = (child: Child, name: string): Event => {
  const found = eventsOf(child).findLast((event) => event.event === 'started' && event.name === name);
  assert.ok(found, `no ${name}: ${child.output}`);
  return found;
};
const parts = ['database', 'simulator', 'collector1', 'collector2', 'web1', 'web2'];

async function launched(directory: string, env: Readonly<Record<string, string>> = {}): Promise<Child> {
  const child = startNode(file('launch.ts'), ['--json'], {
    grace: 8000,
    env: { ...unset, DATA_DIR: directory, PORT: '0', SIMULATOR_FAULTS: 'off', ...env },
  });
  await child.waitForOutput(/^\{"event":"ready"/m, 120_000);
  return child;
}

async function refused(
  env: Readonly<Record<string, string | undefined>>,
  expected: RegExp,
  program = 'launch.ts',
  args: string[] = [],
): Promise<void> {
  await using directory = await temporaryDirectory();
  await using child = startNode(file(program), args, { env: { ...unset, DATA_DIR: directory.path, ...env } });
  const { code } = await child.exited;
  assert.equal(code, 1, child.output);
  assert.match(child.stderr, expected);
  assert.doesNotMatch(child.output, /\n\s+at /, 'a stack is for developers');
}

test('--help says what there is', async () => {
  await using child = startNode(file('launch.ts'), ['--help'], { env: unset });
  assert.equal((await child.exited).code, 0);
  for (const variable of ['PORT', 'INVENTORY', 'DATABASE_URL', 'DATA_DIR'])
    assert.match(child.stdout, new RegExp(variable));
});

test('an unknown argument, bad variables, a bad inventory: refused with all faults, before anything is started', async () => {
  await refused({}, /unknown argument --frobnicate/, 'launch.ts', ['--frobnicate']);
  await refused({ PORT: 'x', POLL_INTERVAL: '1' }, /PORT must be.*\n.*POLL_INTERVAL must be/);
  await refused({ INVENTORY: '/nowhere/inventory.json' }, /INVENTORY cannot be read/);
  await using directory = await temporaryDirectory();
  await writeFile(
    directory.file('bad.json'),
    '{ "devices": [\n{ "id": "a", "address": "x:99999", "version": "7" },\n{ "id": "a" } ] }',
  );
  await refused({ INVENTORY: directory.file('bad.json') }, /line 2: the address.*\n.*line 2: the SNMP version "7".*\n/);
  await refused({ NODE_ROLE: 'both' }, /RELEASE_COOKIE must be set.*\n.*|RELEASE_NODE/, 'main.ts');
});

test('a port in use is one clear line', async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const { port } = taken.address() as { port: number };
  try {
    await refused({ PORT: String(port) }, new RegExp(`^port ${port} of 127\\.0\\.0\\.1 is in use: set PORT`));
  } finally {
    taken.close();
  }
  await refused({ PORT: '65535' }, /^PORT must be 65534 at most/);
  const elsewhere = { PORT: '4000', HTTP_HOST: '192.0.2.1' };
  await refused(elsewhere, /^port 4000 of HTTP_HOST 192\.0\.2\.1 cannot .*EADDRNOTAVAIL/);
});

test('a DATA_DIR that is none is one clear line', async () => {
  await using directory = await temporaryDirectory();
  await writeFile(directory.file('file'), '');
  await refused({ DATA_DIR: directory.file('file'), PORT: '0' }, /^DATA_DIR .*file cannot be used: (ENOTDIR|EEXIST)/);
});

test('a database that does not answer is told while it is waited for', async () => {
  await using directory = await temporaryDirectory();
  const port = await freePort();
  const env = { ...unset, DATA_DIR: directory.path, PORT: '0', DATABASE_URL: `postgres://u:p@127.0.0.1:${port}/x` };
  await using child = startNode(file('launch.ts'), [], { grace: 8000, env });
  await child.waitForOutput(/collector1 is not ready yet: the database is not there yet.*ECONNREFUSED/, 30_000);
  child.kill('SIGINT');
  assert.equal((await child.exited).code, 0);
});

test('a log is bounded; one that cannot be written is told once and loses lines, nothing more', async () => {
  await using directory = await temporaryDirectory();
  const said: string[] = [];
  const path = directory.file('logs/part.log');
  const log = new LogFile(path, (line) => said.push(line), 20);
  log.write('lost\n');
  log.write('lost too\n');
  assert.match(said.join('\n'), /^[^\n]*part\.log cannot be written, its lines are lost: ENOENT[^\n]*$/);
  await mkdir(directory.file('logs'));
  for (let line = 1; line <= 5; line++) log.write(`line ${line} ..\n`);
  log.close();
  assert.match(said[1] ?? '', /part\.log is written again$/);
  assert.equal(await readFile(path, 'utf8'), 'line 5 ..\n');
  assert.equal(await readFile(`${path}.1`, 'utf8'), 'line 3 ..\nline 4 ..\n');
});

test(
  'a running application: a second one is refused, dead parts come back, a wrong cookie is told, kill -9 of the launcher ends all',
  { timeout: 200_000 },
  async (t) => {
    await using directory = await temporaryDirectory();
    const epmd = await freePort();
    await using app = await launched(directory.path, { ERL_EPMD_PORT: String(epmd), RELEASE_COOKIE: 'right' });
    const devices = async (): Promise<{ id: string; state: string; last_poll: number }[]> =>
      (await (await fetch(`${latest(app, 'web1').address}/api/devices`)).json()) as {
        id: string;
        state: string;
        last_poll: number;
      }[];
    const allUp = async (): Promise<boolean> => (await devices()).filter(({ state }) => state === 'up').length === 24;
    await eventually(allUp, { timeout: 20_000, describe: 'all devices are up' });

    await refused({ DATA_DIR: directory.path, PORT: '0' }, /already runs on .* \(pid \d+\)/);

    await refused(
      {
        NODE_ROLE: 'collector',
        RELEASE_NODE: 'stranger@127.0.0.1',
        RELEASE_COOKIE: 'wrong',
        ERL_EPMD_PORT: String(epmd),
        CLUSTER_NODES: 'collector1@127.0.0.1',
        DATABASE_URL: latest(app, 'database').address,
      },
      /collector1@127\.0\.0\.1 has another cookie: RELEASE_COOKIE must be the same/,
      'main.ts',
    );

    for (const name of ['simulator', 'web2', 'database']) {
      const { pid = 0 } = latest(app, name);
      process.kill(pid, 'SIGKILL');
      await eventually(() => latest(app, name).pid !== pid, { timeout: 30_000, describe: `${name} is back` });
      assert.ok(eventsOf(app).some(({ line }) => line?.includes(`${name} (pid ${pid}) has ended (SIGKILL)`)));
    }
    const since = Date.now();
    let behind: unknown[] = [];
    await eventually(
      async () => {
        behind = (await devices()).filter(({ state, last_poll }) => state !== 'up' || last_poll <= since);
        return behind.length === 0;
      },
      {
        timeout: 60_000,
        describe: () => `all are polled again: ${JSON.stringify(behind)}\n${app.output.slice(-3000)}`,
      },
    );
    await eventually(async () => (await fetch(`${latest(app, 'web1').address}/readyz`)).status === 200, {
      timeout: 20_000,
    });

    const pids = parts.map((name) => latest(app, name).pid ?? 0);
    app.kill('SIGKILL');
    const killed = performance.now();
    await eventually(() => pids.every((pid) => !isAlive(pid)), {
      timeout: 30_000,
      describe: 'the parts end by themselves',
    });
    t.diagnostic(`after kill -9 of the launcher everything had ended in ${Math.round(performance.now() - killed)} ms`);

    // The second run on the same data, while a copy of the application runs beside it.
    await using otherDirectory = await temporaryDirectory();
    await using copy = await launched(otherDirectory.path);
    const again = performance.now();
    await using second = await launched(directory.path, { ERL_EPMD_PORT: String(epmd), RELEASE_COOKIE: 'right' });
    t.diagnostic(`the second run was ready in ${Math.round(performance.now() - again)} ms`);
    assert.equal(latest(second, 'database').address, latest(app, 'database').address);

    for (const each of [second, copy]) {
      const all = parts.map((name) => latest(each, name).pid ?? 0);
      const ended = performance.now();
      each.kill(each === copy ? 'SIGINT' : 'SIGTERM');
      assert.deepEqual(await each.exited, { code: 0, signal: null }, each.output);
      assert.doesNotMatch(each.output, /is killed/);
      t.diagnostic(`ended in ${Math.round(performance.now() - ended)} ms`);
      assert.deepEqual(all.filter(isAlive), []);
    }
  },
);
