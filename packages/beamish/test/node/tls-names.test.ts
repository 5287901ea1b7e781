/** Which node a certificate is for: real certificates, between our nodes. The same with a real erl: `interop/tls.test.ts`. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { isBeamishError, type BeamishErrorCode } from '../../src/error/index.ts';
import { nameFault } from '../../src/node/certified.ts';
import type { NodeOptions } from '../../src/node/index.ts';
import type { PeerCertificate, TlsOptions } from '../../src/world/index.ts';
import { eventually } from '../support/eventually.ts';
import { skipUnless } from '../support/peers.ts';
import { Authority } from '../world/certificates.ts';
import { testCluster, types, type TestNode } from './nodes.ts';

const options = { ...skipUnless('openssl'), timeout: 60_000 };
const LOCAL = 'IP:127.0.0.1';

/** A node whose certificate is for these names, beside `a`, whose own is for 127.0.0.1. */
interface Setting {
  readonly authority: Authority;
  readonly tls: (names: readonly string[], commonName?: string) => TlsOptions;
  readonly start: (name: string, tls: TlsOptions, given?: Partial<NodeOptions>) => Promise<TestNode>;
}

async function setting(t: TestContext): Promise<Setting> {
  const authority = new Authority();
  t.after(() => authority.dispose());
  const cluster = await testCluster(t);
  return {
    authority,
    tls: (names, commonName) => ({
      ...authority.issue(names, commonName === undefined ? {} : { commonName }),
      ca: authority.ca,
    }),
    start: (name, tls, given = {}) => cluster.start(name, { host: '127.0.0.1', tls, ...given }),
  };
}

const refusedWith =
  (code: BeamishErrorCode, text: RegExp) =>
  (error: unknown): boolean => {
    assert.ok(isBeamishError(error, code) && text.test(error.message), String(error));
    return true;
  };

test('a certificate and a name: the host, the names of nodes in it, one name for all', () => {
  const certificate = (hosts: readonly string[], commonNames: readonly string[] = []): PeerCertificate => ({
    title: hosts.join(', '),
    commonNames,
    isFor: (host) => hosts.includes(host),
  });
  const cases: [PeerCertificate | undefined, string, string | undefined, RegExp | undefined][] = [
    [certificate(['h']), 'a@h', undefined, undefined],
    [certificate(['g', 'h']), 'a@h', undefined, undefined],
    [certificate(['g', 'f']), 'a@h', undefined, /^a@h has a certificate that is not for h, but for g, f$/],
    [certificate([]), 'a@h', undefined, /not for h/],
    [undefined, 'a@h', undefined, /no certificate/],
    [certificate(['h']), 'nobody', undefined, /no certificate/],
    [certificate(['h'], ['a', 'b']), 'b@h', undefined, undefined],
    [certificate(['h'], ['a', 'b']), 'c@h', undefined, /not for nodes named c, but for h$/],
    [certificate(['h'], ['']), 'a@h', undefined, /not for nodes named a/],
    [certificate(['g'], ['a']), 'a@h', undefined, /not for h/],
    [certificate(['cluster']), 'a@h', 'cluster', undefined],
    [certificate(['h']), 'a@h', 'cluster', /not for cluster, but for h/],
    [certificate(['cluster'], ['b']), 'a@h', 'cluster', /not for nodes named a/],
  ];
  for (const [shown, name, serverName, fault] of cases) {
    const found = nameFault(shown, name, serverName);
    assert.ok(fault === undefined ? found === undefined : fault.test(found ?? ''), `${name}: ${found}`);
  }
});

test(
  'who claims the name of another host is refused, told and counted; nobody else is disturbed',
  options,
  async (t) => {
    const { tls, start } = await setting(t);
    const a = await start('a@127.0.0.1', tls([LOCAL]), { allow: ['admin@127.0.0.1', 'evil@127.0.0.9'] });
    // The authority gave it a certificate, it has the cookie, and it says the name that is allowed.
    const evil = await start('admin@127.0.0.1', tls(['IP:127.0.0.9', 'DNS:evil.test']));
    for (let attempt = 0; attempt < 3; attempt++) {
      const text = /a@127\.0\.0\.1 does not allow this node to connect/;
      await assert.rejects(evil.node.connect(a.node.name), refusedWith('handshake_failed', text));
    }
    const { refused } = a.node.statistics();
    assert.deepEqual(refused, { certificate: 3 });
    const told = a.warnings().filter((line) => line['cause'] === 'certificate');
    assert.equal(told.length, 1);
    assert.match(
      told[0]?.msg ?? '',
      /admin@127\.0\.0\.1 has a certificate that is not for 127\.0\.0\.1, but for CN=.*127\.0\.0\.9.*evil\.test/,
    );
    // Nor is it believed when it is dialled.
    const dialled = refusedWith('tls_failed', /127\.0\.0\.9/);
    await assert.rejects(a.node.connect(evil.node.name), dialled);
    assert.deepEqual(a.events, []);
    await evil.node.stop();
    const admin = await start('admin@127.0.0.1', tls([LOCAL]));
    assert.equal(await admin.node.at(a.node.name).ping(), true);
    // Its true name is welcome.
    const named = await start('evil@127.0.0.9', tls(['IP:127.0.0.9', 'DNS:evil.test']));
    await named.node.connect(a.node.name);
    await eventually(() => types(a.events).length === 2);
    assert.deepEqual(types(a.events), ['nodeup admin@127.0.0.1', 'nodeup evil@127.0.0.9']);
  },
);

test(
  'wildcards, several names, a subject without other names, a host that is a name: as Node.js compares',
  options,
  async (t) => {
    const { tls, start } = await setting(t);
    const a = await start('a@127.0.0.1', tls([LOCAL]));
    const cases: [string, readonly string[], string | undefined, boolean][] = [
      ['n1@web1.example.test', ['DNS:*.example.test'], undefined, true],
      ['n2@deep.web1.example.test', ['DNS:*.example.test'], undefined, false],
      ['n3@example.test', ['DNS:*.example.test'], undefined, false],
      ['n4@web1.example.test.evil', ['DNS:web1.example.test'], undefined, false],
      ['n5@WEB1.example.test', ['DNS:web1.example.test'], undefined, true],
      ['n6@short', ['DNS:other', 'DNS:short'], undefined, true],
      // Text of an address is no address: RFC 6125, section 6.2.1.
      ['n7@127.0.0.7', ['DNS:127.0.0.7'], undefined, false],
      ['n8@127.0.0.7', ['DNS:127.0.0.7', 'IP:127.0.0.7'], undefined, true],
      ['n9@short', [], 'short', true],
      // The subject counts only where there are no other names.
      ['n10@short', ['DNS:other'], 'short', false],
    ];
    for (const [name, names, subject, accepted] of cases) {
      const peer = await start(name, tls(names, subject));
      const outcome = await peer.node.connect(a.node.name).then(
        () => true,
        () => false,
      );
      assert.equal(
        outcome,
        accepted,
        `${name} with ${names.join(' ')} ${subject}: ${JSON.stringify(a.node.statistics().refused)}`,
      );
      await peer.node.stop();
    }
  },
);

test('names of nodes in a certificate: these only, in both directions', options, async (t) => {
  const { tls, start } = await setting(t);
  const a = await start('a@127.0.0.1', tls([LOCAL, 'CN:a', 'CN:also_a']));
  const web = tls([LOCAL, 'CN:web1', 'CN:web2']);
  const web2 = await start('web2@127.0.0.1', web);
  await web2.node.connect(a.node.name);
  const admin = await start('admin@127.0.0.1', web);
  await assert.rejects(admin.node.connect(a.node.name), refusedWith('handshake_failed', /does not allow/));
  await assert.rejects(
    a.node.connect(admin.node.name),
    refusedWith('tls_failed', /admin@127\.0\.0\.1 has a certificate that is not for nodes named admin, but for .*web1/),
  );
  assert.deepEqual(a.node.statistics().refused, { certificate: 2 });
  // Text that is made to look like another entry is one name, and nobody's.
  const crafted = await start('admin@127.0.0.1', tls([LOCAL, String.raw`CN:x\\, DirName:CN=admin`]), {
    port: 0,
    epmd: false,
    resolve: () => a.node.address,
  });
  await assert.rejects(crafted.node.connect(a.node.name), refusedWith('handshake_failed', /does not allow/));
});

test('a node that asks for a name gets one of its own host only', options, async (t) => {
  const { tls, start } = await setting(t);
  await start('a@127.0.0.1', tls([LOCAL]));
  const nameless = { namedBy: 'a@127.0.0.1' };
  const tool = await start('undefined@127.0.0.9', tls(['IP:127.0.0.9']), nameless);
  assert.match(tool.node.name, /@127\.0\.0\.9$/);
  await assert.rejects(
    start('undefined@127.0.0.1', tls(['IP:127.0.0.9']), nameless),
    refusedWith('handshake_failed', /does not allow/),
  );
  await assert.rejects(
    start('undefined@127.0.0.9', tls(['IP:127.0.0.9', 'CN:tool']), nameless),
    refusedWith('handshake_failed', /does not allow/),
  );
});

test(
  'one name for all certificates; names that count for nothing; a peer that is not asked for a certificate',
  options,
  async (t) => {
    const { tls, start } = await setting(t);
    const ours = { ...tls(['DNS:cluster.test']), serverName: 'cluster.test' };
    const a = await start('a@127.0.0.1', ours);
    const b = await start('b@127.0.0.1', ours);
    assert.equal(await b.node.at(a.node.name).ping(), true);
    const other = await start('other@127.0.0.1', { ...tls([LOCAL]), serverName: 'cluster.test' });
    await assert.rejects(other.node.connect(a.node.name), refusedWith('handshake_failed', /does not allow/));
    const lax = await start('lax@127.0.0.1', tls([LOCAL]), { verifyNames: false });
    const foreign = await start('foreign@127.0.0.1', tls(['IP:127.0.0.9', 'CN:somebody']));
    await foreign.node.connect(lax.node.name);
    // Whom nobody verifies needs no name.
    const open = await start('open@127.0.0.1', { ...tls([LOCAL]), verifyPeer: false });
    await foreign.node.connect(open.node.name);
    await assert.rejects(
      start('x@127.0.0.1', { ...tls([LOCAL]), verifyPeer: false }, { verifyNames: true }),
      refusedWith('option_invalid', /verifyNames: there are no certificates/),
    );
  },
);
