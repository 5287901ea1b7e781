/** Everything that is said when something goes wrong: no cookie, no private key and no passphrase is in it. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { Node, type NodeOptions } from '../../src/node/index.ts';
import { startChild } from '../support/children.ts';
import { eventually } from '../support/eventually.ts';
import { collectLogs } from '../support/logs.ts';
import { requirePeer, skipUnless } from '../support/peers.ts';
import { freePort } from '../support/ports.ts';
import { temporaryDirectory } from '../support/temp.ts';
import { Authority } from '../world/certificates.ts';

const options = { ...skipUnless('openssl'), timeout: 120_000 };
const command = fileURLToPath(new URL('../../bin/beamish.js', import.meta.url));
const COOKIE = 'SECRETCOOKIE-hunter2';
const OTHER = 'SECRETCOOKIE-rosebud';
const PASSPHRASE = 'SECRETPHRASE-sesame';

/** Where secrets may show: what was said, by whom, and how a secret is found in it, as it is or encoded. */
class Said {
  readonly #said: [who: string, text: string][] = [];
  readonly #secrets: string[] = [];

  secret(text: string): void {
    this.#secrets.push(text, Buffer.from(text).toString('base64').slice(0, -4), Buffer.from(text).toString('hex'));
  }

  /** Each line of a PEM text, which logs would show with escapes. */
  key(pem: string): void {
    const lines = pem.split('\n').filter((line) => line.length >= 32 && !line.startsWith('-----'));
    assert.ok(lines.length > 0);
    for (const line of lines) this.secret(line);
  }

  say(who: string, text: string): void {
    this.#said.push([who, text]);
  }

  error(who: string, error: unknown): void {
    assert.ok(error instanceof Error, who);
    const shown = inspect(error, { depth: Infinity, showHidden: true });
    this.say(who, [String(error), error.stack, JSON.stringify(error), shown].join('\n'));
  }

  /** That something was said, and nothing of it is secret. */
  check(least: number): void {
    assert.ok(this.#said.length >= least, `${this.#said.length} things were said`);
    for (const [who, text] of this.#said) {
      for (const secret of this.#secrets) assert.ok(!text.includes(secret), `${who} tells a secret:\n${text}`);
    }
  }
}

test('nodes: cookies and keys that are wrong, unreadable, unfit or refused', options, async (t) => {
  await using directory = await temporaryDirectory();
  const authority = new Authority();
  t.after(() => authority.dispose());
  const said = new Said();
  const good = authority.issue(['IP:127.0.0.1']);
  const other = authority.issue(['IP:127.0.0.1']);
  const encrypted = execFileSync(
    requirePeer('openssl'),
    ['pkcs8', '-topk8', '-v2', 'aes-256-cbc', '-passout', `pass:${PASSPHRASE}`],
    { input: good.key },
  ).toString();
  for (const text of [COOKIE, OTHER, PASSPHRASE]) said.secret(text);
  for (const pem of [good.key, other.key, encrypted]) said.key(pem);
  const [certFile, keyFile, caFile] = ['cert', 'key', 'ca'].map((kind) => directory.file(`${kind}.pem`)) as [
    string,
    string,
    string,
  ];
  await writeFile(certFile, good.cert);
  await writeFile(keyFile, good.key);
  await writeFile(caFile, authority.ca);
  const files = { certFile, keyFile, caFile, reloadInterval: 20 };
  const port = await freePort();
  const { logger, lines } = collectLogs();
  const start = async (given: Partial<NodeOptions>): Promise<Node> => {
    const node = await Node.start({ name: 'a@127.0.0.1', cookie: COOKIE, epmd: { port }, logger, ...given });
    t.after(() => node.stop());
    return node;
  };
  // Options that cannot be, alone and many together.
  const pem = { cert: good.cert, key: good.key, ca: authority.ca };
  const invalid: Partial<NodeOptions>[] = [
    { cookie: `${COOKIE}\n` },
    { cookie: COOKIE.repeat(20) },
    { cookie: [COOKIE] as unknown as string },
    { cookies: { 'b@127.0.0.1': `${OTHER}\u0000` } },
    { name: 'no name', host: 'nowhere', tickTime: -1, tls: { key: good.key }, allow: 'x' },
    { tls: { ...pem, key: other.key } },
    { tls: { ...pem, key: `${good.key.slice(0, 60)}!${good.key.slice(60)}` } },
    { tls: { ...pem, key: encrypted } },
    { tls: { ...pem, key: encrypted, passphrase: `${PASSPHRASE}-not` } },
    { tls: { ...pem, cert: good.key } },
    { tls: { ...pem, ca: good.key } },
    { tls: { ...files, keyFile: certFile } },
    { tls: { ...files, certFile: keyFile } },
    { tls: { ...files, keyFile: directory.file('none') } },
  ];
  for (const [index, given] of invalid.entries()) {
    const error = await start(given).then(
      () => undefined,
      (cause: unknown) => cause,
    );
    // An authority that is none is found out when somebody comes.
    if (error !== undefined) said.error(`options ${index}`, error);
  }
  // Peers with another cookie, another certificate, garbage, a name that is taken.
  const a = await start({ cookies: { 'c@127.0.0.1': OTHER } });
  const b = await start({ name: 'b@127.0.0.1', cookie: OTHER });
  said.error('wrong cookie', await b.connect('a@127.0.0.1').catch((error: unknown) => error));
  said.error('wrong cookie', await a.connect('b@127.0.0.1').catch((error: unknown) => error));
  said.error('name taken', await start({}).catch((error: unknown) => error));
  said.error(
    'no name',
    await start({ name: 'undefined@127.0.0.1', namedBy: 'b@127.0.0.1' }).catch((error: unknown) => error),
  );
  const c = await start({ name: 'c@127.0.0.1', tls: { ...pem, key: encrypted, passphrase: PASSPHRASE } });
  said.error('plain to TLS', await a.connect('c@127.0.0.1').catch((error: unknown) => error));
  said.error('TLS to plain', await c.connect('a@127.0.0.1').catch((error: unknown) => error));
  for (const to of [a.address.port, c.address.port, port]) {
    const socket = connect(to, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(`GET /${COOKIE.toLowerCase()} HTTP/1.1\r\n\r\n`);
    await new Promise((resolve) => socket.on('close', resolve));
  }
  // Files that go wrong while the node runs.
  await start({ name: 'd@127.0.0.1', tls: files });
  const faults = (): number => lines.filter(({ msg }) => msg.startsWith('new TLS certificates')).length;
  for (const text of [other.key, encrypted, 'nothing']) {
    const before = faults();
    await writeFile(keyFile, text);
    await eventually(() => faults() > before);
  }
  assert.ok(lines.length > 10);
  for (const line of lines) said.say('log', JSON.stringify(line));
  for (const node of [a, b, c])
    said.say('node', inspect(node, { depth: Infinity, showHidden: true }) + JSON.stringify(node.statistics()));
  said.check(30);
});

test('the command: usage errors, refusals and --json, with debug logs', options, async (t) => {
  await using directory = await temporaryDirectory();
  const authority = new Authority();
  t.after(() => authority.dispose());
  const { cert, key } = authority.issue(['IP:127.0.0.1']);
  const file = (kind: string): string => directory.file(`${kind}.pem`);
  await Promise.all([writeFile(file('cert'), cert), writeFile(file('key'), key), writeFile(file('ca'), authority.ca)]);
  const said = new Said();
  said.secret(COOKIE);
  said.secret(OTHER);
  said.key(key);
  const port = await freePort();
  const { logger } = collectLogs();
  const node = await Node.start({ name: 'a@127.0.0.1', cookie: OTHER, epmd: { port }, logger });
  t.after(() => node.stop());
  const env = {
    ERL_EPMD_PORT: String(port),
    RELEASE_COOKIE: COOKIE,
    RELEASE_NODE: undefined,
    HOME: '/nonexistent',
    BEAMISH_LOG_LEVEL: 'debug',
  };
  const tls = ['--tls-cert', file('cert'), '--tls-key', file('key'), '--tls-ca', file('ca')];
  const lines: string[][] = [
    ['ping', 'a@127.0.0.1'],
    ['ping', 'a@127.0.0.1', '--json', '--cookie', COOKIE],
    ['call', 'a@127.0.0.1', 'x', 'y', '--json'],
    ['call', 'a@127.0.0.1', 'x', 'y', '--cookie', `${COOKIE}\t`, '--json'],
    ['ping', 'a@127.0.0.1', '--cookie', COOKIE, '--bogus'],
    ['ping', 'a@127.0.0.1', `--cookie=${COOKIE}`, '--timeout', 'soon'],
    ['ping', '--cookie', COOKIE],
    ['ping', 'a@127.0.0.1', ...tls],
    ['ping', 'a@127.0.0.1', ...tls, '--tls-key', file('cert'), '--json'],
    ['ping', 'a@127.0.0.1', ...tls, '--tls-cert', file('key')],
    ['nodes', 'a@127.0.0.1', '--cookie', COOKIE, '--json'],
    ['start', file('none'), '--name', 'b@127.0.0.1', '--cookie', COOKIE],
    ['start', '--cookie', COOKIE],
    ['bogus', '--cookie', COOKIE],
  ];
  const outcomes = lines.map(async (args) => {
    const child = startChild(process.execPath, [command, ...args], { env, t });
    const { code } = await child.exited;
    said.say(args.join(' ').replaceAll(COOKIE, '***'), child.output);
    return { code, output: child.output };
  });
  for (const [index, outcome] of outcomes.entries()) {
    const { code, output } = await outcome;
    assert.ok(
      code === 1 || code === 2 || lines[index]?.[0] === 'nodes',
      `${lines[index]?.join(' ')}: ${code} ${output}`,
    );
    assert.ok(output.length > 0);
  }
  said.check(lines.length);
});
