/** Protocols 14: distribution over TLS with a real `erl -proto_dist inet_tls`, and between our nodes; both sides verify. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { readFile, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import type { TlsOptions } from '../../src/world/index.ts';
import { testCluster, types } from '../node/nodes.ts';
import { code } from '../support/code.ts';
import { startChild } from '../support/children.ts';
import { eventually } from '../support/eventually.ts';
import { requirePeer, skipUnless } from '../support/peers.ts';
import { row } from '../support/row.ts';
import { temporaryDirectory, type TemporaryDirectory } from '../support/temp.ts';
import { Authority } from '../world/certificates.ts';
import { Beam, cookie } from './fixtures/beam.ts';

const options = { ...skipUnless('erl', 'openssl'), timeout: 120_000 };

async function openssl(...args: string[]): Promise<void> {
  const child = startChild(requirePeer('openssl'), args);
  const { code: status } = await child.exited;
  assert.equal(status, 0, child.output);
}

/** An authority, and a certificate of it for the loopback address. */
async function authority(
  directory: TemporaryDirectory,
  name: string,
): Promise<{ tls: TlsOptions; file(kind: 'ca' | 'cert' | 'key'): string }> {
  const file = (kind: string): string => directory.file(`${name}-${kind}.pem`);
  const extensions = directory.file(`${name}.ext`);
  // OTP 25 looks for the host of a node's name among the DNS names, also when it is an address; Node among the addresses.
  await writeFile(
    extensions,
    'subjectAltName=IP:127.0.0.1,DNS:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth,clientAuth\n',
  );
  await openssl(
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    '2',
    '-subj',
    `/CN=${name}`,
    '-keyout',
    file('cakey'),
    '-out',
    file('ca'),
  );
  await openssl(
    'req',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-subj',
    '/CN=node',
    '-keyout',
    file('key'),
    '-out',
    file('csr'),
  );
  await openssl(
    'x509',
    '-req',
    '-days',
    '2',
    '-in',
    file('csr'),
    '-CA',
    file('ca'),
    '-CAkey',
    file('cakey'),
    '-CAcreateserial',
    '-extfile',
    extensions,
    '-out',
    file('cert'),
  );
  const [ca, cert, key] = await Promise.all(['ca', 'cert', 'key'].map((kind) => readFile(file(kind), 'utf8')));
  return { file, tls: { ca: ca as string, cert: cert as string, key: key as string } };
}

async function beamOptions(
  directory: TemporaryDirectory,
  name: string,
  side: { file(kind: 'ca' | 'cert' | 'key'): string },
): Promise<string[]> {
  const path = directory.file(`${name}.conf`);
  const common = `{certfile,"${side.file('cert')}"},{keyfile,"${side.file('key')}"},{cacertfile,"${side.file('ca')}"},{verify,verify_peer}`;
  await writeFile(path, `[{server,[${common},{fail_if_no_peer_cert,true}]},{client,[${common}]}].`);
  return ['-proto_dist', 'inet_tls', '-ssl_dist_optfile', path];
}

test(
  row('14 A6', 'erl and us', 'connects in both directions, both sides verified; a wrong CA is refused and told once'),
  options,
  async (t) => {
    await using directory = await temporaryDirectory();
    const right = await authority(directory, 'right');
    const wrong = await authority(directory, 'wrong');
    const cluster = await testCluster(t);
    const a = await cluster.start('a@127.0.0.1', { cookie, tls: right.tls });
    const b = await cluster.start('b@127.0.0.1', { cookie, tls: right.tls });
    const stranger = await cluster.start('stranger@127.0.0.1', { cookie, tls: wrong.tls });
    const plain = await cluster.start('plain@127.0.0.1', { cookie, setupTime: 2000 });
    // Between ours.
    await b.node.connect('a@127.0.0.1');
    assert.equal(await b.node.at('a@127.0.0.1').ping(), true);
    for (let attempt = 0; attempt < 3; attempt++)
      await assert.rejects(stranger.node.connect('a@127.0.0.1'), code('tls_failed', 'handshake_failed'));
    await assert.rejects(plain.node.connect('a@127.0.0.1'), code('handshake_failed', 'timeout'));
    await assert.rejects(
      a.node.connect('plain@127.0.0.1'),
      code('tls_failed', 'handshake_failed', 'timeout', 'connection_refused'),
    );
    await eventually(() => (a.node.statistics().refused.tls ?? 0) >= 3, {
      timeout: 12_000,
      describe: () => JSON.stringify([a.node.statistics().refused, a.warnings()]),
    });
    const told = a
      .warnings()
      .filter((line) => line['cause'] === 'tls' && String(line['address']).startsWith('127.0.0.1:'));
    assert.equal(told.length, 1);
    const socket = connect(a.node.address.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write('GET / HTTP/1.1\r\n\r\n');
    await new Promise((resolve) => socket.on('close', resolve));
    assert.deepEqual(types(a.events), ['nodeup b@127.0.0.1']);
    // With a real one.
    const beam = await Beam.start({
      name: 'beam@127.0.0.1',
      cookie,
      epmdPort: cluster.epmdPort,
      t,
      args: await beamOptions(directory, 'beam', right),
    });
    assert.equal(await beam.eval(`net_adm:ping('a@127.0.0.1')`), 'pong');
    assert.equal(a.node.nodes().find((info) => info.name === 'beam@127.0.0.1')?.direction, 'in');
    assert.equal(await b.node.at('beam@127.0.0.1').rpc('erlang', '+', [1, 2]), 3);
    assert.equal(b.node.nodes().find((info) => info.name === 'beam@127.0.0.1')?.direction, 'out');
    // Large, so that it takes several records and fragments.
    assert.equal(await b.node.at('beam@127.0.0.1').rpc('erlang', 'byte_size', ['x'.repeat(300_000)]), 300_000);
    // It trusts us not, and we not it.
    await assert.rejects(stranger.node.connect('beam@127.0.0.1'), code('tls_failed', 'handshake_failed'));
    const evil = await Beam.start({
      name: 'evil@127.0.0.1',
      cookie,
      epmdPort: cluster.epmdPort,
      t,
      args: await beamOptions(directory, 'evil', wrong),
    });
    assert.equal(await evil.eval(`net_adm:ping('a@127.0.0.1')`), 'pang');
    await assert.rejects(a.node.connect('evil@127.0.0.1'), code('tls_failed'));
    assert.deepEqual(types(a.events), ['nodeup b@127.0.0.1', 'nodeup beam@127.0.0.1']);
    assert.equal(await b.node.at('a@127.0.0.1').ping(), true);
  },
);

test(
  row('14', 'erl and us', 'certificates that are changed in files serve the next connection, of either direction'),
  options,
  async (t) => {
    await using directory = await temporaryDirectory();
    const before = await authority(directory, 'before');
    const after = await authority(directory, 'after');
    const own = (kind: 'ca' | 'cert' | 'key'): string => directory.file(`own-${kind}.pem`);
    const put = async (from: typeof before): Promise<void> => {
      for (const kind of ['ca', 'cert', 'key'] as const) await writeFile(own(kind), await readFile(from.file(kind)));
    };
    await put(before);
    const cluster = await testCluster(t);
    const tls = { certFile: own('cert'), keyFile: own('key'), caFile: own('ca'), reloadInterval: 30 };
    const a = await cluster.start('a@127.0.0.1', { cookie, tls });
    const start = async (name: string, side: typeof before): Promise<Beam> =>
      await Beam.start({
        name: `${name}@127.0.0.1`,
        cookie,
        epmdPort: cluster.epmdPort,
        t,
        args: await beamOptions(directory, name, side),
      });
    const [old, young] = await Promise.all([start('old', before), start('young', after)]);
    assert.equal(await old.eval(`net_adm:ping('a@127.0.0.1')`), 'pong');
    assert.equal(await young.eval(`net_adm:ping('a@127.0.0.1')`), 'pang');
    await assert.rejects(a.node.connect('young@127.0.0.1'), code('tls_failed', 'handshake_failed'));
    await put(after);
    await eventually(async () => (await young.eval(`net_adm:ping('a@127.0.0.1')`)) === 'pong', { timeout: 20_000 });
    // The connection that stood has not noticed.
    assert.deepEqual(types(a.events), ['nodeup old@127.0.0.1', 'nodeup young@127.0.0.1']);
    assert.equal(await old.eval(`net_adm:ping('a@127.0.0.1')`), 'pong');
    for (const name of ['old@127.0.0.1', 'young@127.0.0.1']) a.node.disconnect(name);
    await eventually(async () => (await young.eval('nodes(hidden)')) === '[]');
    await a.node.connect('young@127.0.0.1');
    assert.equal(await a.node.at('young@127.0.0.1').ping(), true);
    await assert.rejects(a.node.connect('old@127.0.0.1'), code('tls_failed', 'handshake_failed'));
    assert.equal(await old.eval(`net_adm:ping('a@127.0.0.1')`), 'pang');
  },
);

test(
  row(
    '14',
    'erl and us',
    'a certificate is for the nodes of its hosts, and of its names if it has such: checked by both, both ways',
  ),
  options,
  async (t) => {
    await using directory = await temporaryDirectory();
    const authority = new Authority();
    t.after(() => authority.dispose());
    const HERE = ['IP:127.0.0.1', 'DNS:127.0.0.1'];
    let made = 0;
    const side = async (
      names: readonly string[],
    ): Promise<{ tls: TlsOptions; file(kind: 'ca' | 'cert' | 'key'): string }> => {
      const tls = { ...authority.issue(names), ca: authority.ca };
      const number = ++made;
      const file = (kind: string): string => directory.file(`names${number}-${kind}.pem`);
      for (const kind of ['ca', 'cert', 'key'] as const) await writeFile(file(kind), tls[kind]);
      return { tls, file };
    };
    const cluster = await testCluster(t);
    const { tls } = await side(HERE);
    const a = await cluster.start('a@127.0.0.1', { cookie, tls });
    const start = async (name: string, names: readonly string[]): Promise<Beam> => {
      const args = await beamOptions(directory, name, await side(names));
      return await Beam.start({ name: `${name}@127.0.0.1`, cookie, epmdPort: cluster.epmdPort, t, args });
    };
    const ping = `net_adm:ping('a@127.0.0.1')`;
    const [right, named, elsewhere, misnamed] = await Promise.all([
      start('right', HERE),
      start('named', [...HERE, 'CN:named']),
      start('elsewhere', ['DNS:other.test', 'IP:127.0.0.9']),
      start('misnamed', [...HERE, 'CN:named']),
    ]);
    for (const beam of [right, named]) assert.equal(await beam.eval(ping), 'pong');
    for (const beam of [elsewhere, misnamed]) {
      const before = a.node.statistics().refused.certificate ?? 0;
      assert.equal(await beam.eval(ping), 'pang');
      assert.equal(a.node.statistics().refused.certificate, before + 1);
    }
    await assert.rejects(a.node.connect('elsewhere@127.0.0.1'), code('tls_failed'));
    await assert.rejects(a.node.connect('misnamed@127.0.0.1'), code('tls_failed'));
    a.node.disconnect('named@127.0.0.1');
    await a.node.connect('named@127.0.0.1');
    // It looks at ours in the same way, once it is told who may come (`allowed_nodes/3` of inet_tls_dist).
    assert.equal(await right.eval(`net_kernel:allow(['b@127.0.0.1', 'evil@127.0.0.1'])`), 'ok');
    const b = await cluster.start('b@127.0.0.1', { cookie, tls });
    await b.node.connect('right@127.0.0.1');
    const evil = await cluster.start('evil@127.0.0.1', { cookie, tls: (await side(['DNS:other.test'])).tls });
    await assert.rejects(evil.node.connect('right@127.0.0.1'), code('handshake_failed'));
    assert.equal(await b.node.at('right@127.0.0.1').ping(), true);
  },
);
