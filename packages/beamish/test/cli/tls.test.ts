/** The command's --tls-cert, --tls-key and --tls-ca. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { testCluster } from '../node/nodes.ts';
import { startChild } from '../support/children.ts';
import { eventually } from '../support/eventually.ts';
import { skipUnless } from '../support/peers.ts';
import { temporaryDirectory } from '../support/temp.ts';
import { Authority } from '../world/certificates.ts';

const options = { ...skipUnless('openssl'), timeout: 90_000 };
const command = fileURLToPath(new URL('../../bin/beamish.js', import.meta.url));
const cookie = 'cli-cookie';

test(
  'ping, call, nodes and start by TLS; without certificates, with others and with some of the flags: refused',
  options,
  async (t) => {
    await using directory = await temporaryDirectory();
    const [ours, others] = [new Authority(), new Authority()];
    t.after(() => {
      ours.dispose();
      others.dispose();
    });
    const flags = async (authority: Authority, name: string): Promise<string[]> => {
      const { cert, key } = authority.issue(['IP:127.0.0.1']);
      const files = { cert, key, ca: authority.ca };
      const args: string[] = [];
      for (const [kind, text] of Object.entries(files)) {
        const path = directory.file(`${name}-${kind}.pem`);
        await writeFile(path, text);
        args.push(`--tls-${kind}`, path);
      }
      return args;
    };
    const right = await flags(ours, 'right');
    const wrong = await flags(others, 'wrong');
    const cluster = await testCluster(t);
    const tls = { ...ours.issue(['IP:127.0.0.1']), ca: ours.ca };
    const a = await cluster.start('a@127.0.0.1', { cookie, tls });
    const env = {
      ERL_EPMD_PORT: String(cluster.epmdPort),
      RELEASE_COOKIE: cookie,
      RELEASE_NODE: undefined,
      HOME: '/nonexistent',
    };
    const run = async (...args: string[]): Promise<{ code: number | null; out: string; err: string }> => {
      const child = startChild(process.execPath, [command, ...args], { env });
      const { code } = await child.exited;
      return { code, out: child.stdout, err: child.stderr };
    };
    const ping = await run('ping', 'a@127.0.0.1', ...right);
    assert.deepEqual([ping.code, ping.err], [0, '']);
    for (const given of [[], wrong])
      assert.equal((await run('ping', 'a@127.0.0.1', ...given, '--timeout', '4000')).code, 1);
    const some = await run('ping', 'a@127.0.0.1', ...right.slice(0, 4));
    assert.equal(some.code, 2);
    assert.match(some.err, /--tls-cert, --tls-key and --tls-ca/);
    const missing = await run('ping', 'a@127.0.0.1', ...right.slice(0, 4), '--tls-ca', directory.file('none.pem'));
    assert.equal(missing.code, 1);
    assert.match(missing.err, /none\.pem cannot be read.*\(tls_failed\)\n$/);
    // A node that the command starts.
    const program = directory.file('program.ts');
    await writeFile(program, 'export default () => {};\n');
    const child = startChild(process.execPath, [command, 'start', program, '--name', 'b@127.0.0.1', ...right], {
      env,
      t,
    });
    await eventually(() => a.node.at('b@127.0.0.1').ping(), { timeout: 20_000, describe: () => child.output });
    await child.stop();
  },
);
