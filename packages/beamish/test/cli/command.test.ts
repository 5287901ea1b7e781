/** The command as people run it: a process of its own, its output and exit code. */
import assert from 'node:assert/strict';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { GenServer } from '../../src/process/index.ts';
import { testCluster, type TestNode } from '../node/nodes.ts';
import { startChild, startNode, type Child } from '../support/children.ts';
import { eventually } from '../support/eventually.ts';
import { temporaryDirectory } from '../support/temp.ts';

const options = { timeout: 90_000 };
const command = fileURLToPath(new URL('../../bin/beamish.js', import.meta.url));
const library = new URL('../../src/index.ts', import.meta.url).href;
const cookie = 'cli-cookie';
type T = { after(fn: () => Promise<void>): void };

class DeviceManager extends GenServer {
  list(): object[] {
    return [{ id: 'sw-01', up: true, at: null }];
  }
  getDevice(id: string, options: { fields: string[] }): unknown {
    return [id, options];
  }
  slow(): Promise<never> {
    return new Promise(() => {});
  }
}

async function collector(t: T): Promise<{ a: TestNode; env: Record<string, string | undefined> }> {
  const cluster = await testCluster(t);
  const a = await cluster.start('collector1@127.0.0.1', { cookie });
  await a.node.spawn(DeviceManager, [], { name: 'device_manager' });
  return {
    a,
    env: {
      ERL_EPMD_PORT: String(cluster.epmdPort),
      RELEASE_COOKIE: cookie,
      RELEASE_NODE: undefined,
      HOME: '/nonexistent',
    },
  };
}

async function run(
  args: readonly string[],
  env: Record<string, string | undefined>,
): Promise<{ code: number | null; out: string; err: string }> {
  const child = startChild(process.execPath, [command, ...args], { env });
  const { code } = await child.exited;
  return { code, out: child.stdout, err: child.stderr };
}

test('call: the answer as JSON; arguments; a wrong method gives those that exist', options, async (t) => {
  const { a, env } = await collector(t);
  const node = 'collector1@127.0.0.1';
  const list = await run(['call', node, 'device_manager', 'list'], env);
  assert.deepEqual([list.code, JSON.parse(list.out), list.err], [0, [{ id: 'sw-01', up: true, at: null }], '']);
  const get = await run(
    ['call', node, 'device_manager', 'get_device', '"sw-01"', '{"fields":["a"]}', '--json', '--timeout', '9000'],
    env,
  );
  assert.deepEqual([get.code, get.out], [0, '["sw-01",{"fields":["a"]}]\n']);
  const wrong = await run(['call', node, 'device_manager', 'lst'], env);
  assert.equal(wrong.code, 1);
  assert.equal(
    wrong.err,
    `beamish: device_manager on ${node} has no method lst; it has:\n  list\n  getDevice\n  slow\n`,
  );
  const cases: [string[], number, RegExp][] = [
    [
      ['call', node, 'nobody', 'list'],
      1,
      /^beamish: call of nobody\.list on collector1@127\.0\.0\.1: no such process \(noproc\)\n$/,
    ],
    [['call', node, 'device_manager', 'slow', '--timeout', '2000'], 1, /no answer within 2000 ms \(timeout\)\n$/],
    [
      ['call', 'nobody@127.0.0.1', 'x', 'y'],
      1,
      /no node nobody is registered at epmd 127\.0\.0\.1:\d+ \(noconnection\)\n$/,
    ],
    [['call', node, 'x', 'y', '--cookie', 'wrong'], 1, /do not have the same cookie \(cookie_mismatch\)\n$/],
    [
      ['call', node, 'device_manager', 'get_device', 'sw-01'],
      2,
      /argument 1 is no JSON: sw-01 \(a text needs its quotes: '"sw-01"'\)/,
    ],
    [['call', node], 2, /give NODE, NAME and METHOD/],
    [['call', 'no-host', 'x', 'y'], 2, /"no-host" is no node name/],
    [['call', node, 'x', 'y', '--timeout', 'soon'], 2, /--timeout must be an integer/],
    [['call', node, 'x', 'y', '--colour'], 2, /--colour/],
    [['fly'], 2, /there is no command "fly"/],
  ];
  for (const [args, code, text] of cases) {
    const result = await run(args, env);
    assert.equal(result.code, code, `${args.join(' ')}: ${result.err}`);
    assert.match(result.err, text);
    assert.equal(result.out, '');
    if (code === 1) assert.equal(result.err.split('\n').length, 2, result.err);
  }
  // All of them are gone, and none was ever visible.
  await eventually(() => a.node.nodes().length === 0);
});

test('ping', options, async (t) => {
  const { env } = await collector(t);
  const pong = await run(['ping', 'collector1@127.0.0.1'], env);
  assert.equal(pong.code, 0);
  assert.match(pong.out, /^pong \([\d.]+ ms\)\n$/);
  const pang = await run(['ping', 'nobody@127.0.0.1'], env);
  assert.equal(pang.code, 1);
  assert.match(pang.out, /^pang: .*nobody/);
  const json = await run(['ping', 'collector1@127.0.0.1', '--json'], env);
  assert.equal((JSON.parse(json.out) as { ok: boolean }).ok, true);
});

test(
  'nodes: what is registered, and whether it accepts this cookie; nodes of another address by their true names',
  options,
  async (t) => {
    const cluster = await testCluster(t);
    await cluster.start('one@127.0.0.1', { cookie });
    await cluster.start('two@127.0.0.2', { cookie, host: '127.0.0.1' });
    await cluster.start('three@127.0.0.1', { cookie: 'another' });
    const env = { ERL_EPMD_PORT: String(cluster.epmdPort), RELEASE_COOKIE: undefined, HOME: '/nonexistent' };
    const listed = await run(['nodes', '--json', '--cookie', cookie], env);
    assert.equal(listed.code, 0, listed.err);
    const rows = JSON.parse(listed.out) as { name: string; status: string }[];
    assert.deepEqual(rows.map(({ name, status }) => `${name} ${status}`).sort(), [
      'one@127.0.0.1 up',
      'three@127.0.0.1 cookie_mismatch',
      'two@127.0.0.2 up',
    ]);
    const table = await run(['nodes', '--cookie', cookie, '--epmd-port', String(cluster.epmdPort)], {
      ...env,
      ERL_EPMD_PORT: '1',
    });
    assert.match(table.out, /^NODE +PORT +STATUS\n/);
    assert.match(table.out, /^two@127\.0\.0\.2 +\d+ +up$/m);
    const without = await run(['nodes'], env);
    assert.equal(without.code, 0);
    assert.match(without.out, /^one@127\.0\.0\.1 +\d+ +not asked$/m);
    const nobody = await run(['nodes', '--cookie', cookie], { ...env, ERL_EPMD_PORT: '1' });
    assert.equal(nobody.code, 1);
    assert.match(nobody.err, /^beamish: epmd at 127\.0\.0\.1:1 cannot be reached.*\(epmd_failed\)\n$/);
  },
);

test(
  'the cookie: --cookie, RELEASE_COOKIE, the file in the home directory with its permissions',
  options,
  async (t) => {
    const { env } = await collector(t);
    await using home = await temporaryDirectory();
    await mkdir(home.file('.config'));
    await writeFile(home.file('.erlang.cookie'), `${cookie}\n`, { mode: 0o400 });
    const ping = ['ping', 'collector1@127.0.0.1'];
    const bare = { ...env, RELEASE_COOKIE: undefined, HOME: home.path };
    assert.equal((await run(ping, bare)).code, 0);
    assert.equal((await run(ping, { ...bare, RELEASE_COOKIE: 'wrong' })).code, 1);
    assert.equal((await run([...ping, '--cookie', cookie], { ...bare, RELEASE_COOKIE: 'wrong' })).code, 0);
    await chmod(home.file('.erlang.cookie'), 0o644);
    const open = await run(ping, bare);
    assert.equal(open.code, 1);
    assert.match(
      open.err,
      /^beamish: no cookie: give --cookie or RELEASE_COOKIE \(.*mode 644.*chmod 400.*\) \(cookie_unreadable\)\n$/,
    );
  },
);

test('help, for the command and for each of its commands', options, async () => {
  const general = await run(['--help'], {});
  assert.equal(general.code, 0);
  for (const name of ['start', 'nodes', 'call', 'ping']) {
    assert.ok(general.out.includes(`beamish ${name}`));
    const help = await run([name, '--help'], {});
    assert.equal(help.code, 0);
    assert.ok(
      help.out.startsWith(`beamish ${name}`) && help.out.includes('--cookie') && help.out.includes('--epmd-port'),
    );
  }
  const none = await run([], {});
  assert.equal(none.code, 2);
});

test('start: a module with a function, or a server; roles; ends cleanly on a signal', options, async (t) => {
  const { a, env } = await collector(t);
  await using directory = await temporaryDirectory();
  const withFunction = directory.file('program.ts');
  await writeFile(
    withFunction,
    `import { GenServer } from ${JSON.stringify(library)};
     class Greeter extends GenServer { greet(name: string) { return \`hello \${name}\`; } }
     export async function start(node) {
       await node.spawn(Greeter, [], { name: 'greeter' });
       console.log('ready', node.roles.join('+'));
       return { stop() { console.log('stopped'); } };
     }`,
  );
  const withServer = directory.file('server.ts');
  await writeFile(
    withServer,
    `import { GenServer } from ${JSON.stringify(library)};
     export default class WordCounter extends GenServer { #n = 0; add(text: string) { return (this.#n += text.split(' ').length); } }`,
  );
  const begin = (args: readonly string[]): Child => startNode(command, ['start', ...args], { t, env });
  const first = begin([
    withFunction,
    '--name',
    'greeter@127.0.0.1',
    '--role',
    'web',
    '--role',
    'greeting',
    '--discovery',
    'epmd:collector1@127.0.0.1',
  ]);
  await first.waitForOutput(/ready web\+greeting/);
  await eventually(() => a.node.nodes().some(({ name, hidden }) => name === 'greeter@127.0.0.1' && hidden));
  const greeted = await run(['call', 'greeter@127.0.0.1', 'greeter', 'greet', '"you"'], env);
  assert.equal(greeted.out, '"hello you"\n');
  first.kill('SIGTERM');
  assert.deepEqual(await first.exited, { code: 0, signal: null });
  assert.match(first.stdout, /stopped/);
  await eventually(() => a.node.nodes().length === 0);
  const second = begin([withServer, '--name', 'words@127.0.0.1']);
  await second.waitForOutput(/node words@127\.0\.0\.1 is up/);
  await eventually(
    async () => (await run(['call', 'words@127.0.0.1', 'word_counter', 'add', '"a b c"'], env)).out === '3\n',
    { timeout: 20_000, interval: 100 },
  );
  second.kill('SIGINT');
  assert.deepEqual(await second.exited, { code: 0, signal: null });
});

test('start: what is wrong is one clear line, and nothing stays', options, async (t) => {
  const { a, env } = await collector(t);
  await using directory = await temporaryDirectory();
  const good = directory.file('good.ts');
  await writeFile(good, 'export function start() {}');
  const empty = directory.file('empty.ts');
  await writeFile(empty, 'export const x = 1;');
  const failing = directory.file('failing.ts');
  await writeFile(failing, `export function start() { throw new Error('not today'); }`);
  const cases: [string[], number, RegExp][] = [
    [[good], 2, /give --name/],
    [[], 2, /give one MODULE/],
    [[good, '--name', 'collector1@127.0.0.1'], 1, /a node named collector1 runs on this machine already/],
    [[good, '--name', 'x@127.0.0.1', '--port', String(a.node.address.port)], 1, /address_in_use/],
    [[good, '--name', 'x@127.0.0.1', '--discovery', 'guess'], 2, /--discovery guess: use dns:/],
    [[good, '--name', 'x y@127.0.0.1'], 2, /is no node name/],
    [[directory.file('none.ts'), '--name', 'x@127.0.0.1'], 1, /cannot be loaded/],
    [[empty, '--name', 'x@127.0.0.1'], 1, /exports no start\(node\)/],
    [[failing, '--name', 'x@127.0.0.1'], 1, /not today/],
    [[good, '--name', 'x@127.0.0.1', '--role', 'No Role'], 1, /role "No Role"/],
  ];
  for (const [args, code, text] of cases) {
    const result = await run(['start', ...args], { ...env, BEAMISH_LOG_LEVEL: 'silent' });
    assert.equal(result.code, code, `${args.join(' ')}: ${result.err}`);
    assert.match(result.err, text);
  }
});
