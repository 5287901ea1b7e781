/** Certificates that are changed while nodes run: real ones, in files. Protocols 14. */
import assert from 'node:assert/strict';
import { rename, rm, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { isBeamishError } from '../../src/error/index.ts';
import type { TlsFiles } from '../../src/node/index.ts';
import { eventually } from '../support/eventually.ts';
import { skipUnless } from '../support/peers.ts';
import { temporaryDirectory } from '../support/temp.ts';
import { Authority, type Certificate } from '../world/certificates.ts';
import { testCluster, types, type TestNode } from './nodes.ts';

const options = { ...skipUnless('openssl'), timeout: 60_000 };

/** A node's three files. */
class Files {
  readonly tls: TlsFiles;

  constructor(path: string, name: string) {
    const file = (kind: string): string => `${path}/${name}-${kind}.pem`;
    this.tls = { certFile: file('cert'), keyFile: file('key'), caFile: file('ca'), reloadInterval: 30 };
  }

  async put(certificate: Certificate, ca: string): Promise<void> {
    const { certFile, keyFile, caFile } = this.tls;
    await Promise.all([
      writeFile(certFile, certificate.cert),
      writeFile(keyFile, certificate.key),
      writeFile(caFile, ca),
    ]);
  }
}

const renewals = ({ lines }: TestNode): number =>
  lines.filter((line) => line.msg.startsWith('the TLS certificates were read again')).length;
const faults = ({ lines }: TestNode): string[] =>
  lines.filter((line) => line.level === 50 && line.msg.startsWith('new TLS certificates')).map((line) => line.msg);
/** Three files are not changed at one moment: what is right in the end may be wrong for a look or two. */
const connects = (from: TestNode, to: TestNode): Promise<boolean> =>
  from.node.connect(to.node.name).then(
    () => true,
    () => false,
  );
const refused = (error: unknown): boolean =>
  isBeamishError(error, 'tls_failed') || isBeamishError(error, 'handshake_failed');

async function setting(t: { after(fn: () => void): void }) {
  const directory = await temporaryDirectory();
  const authorities: Authority[] = [];
  t.after(() => {
    for (const authority of authorities) authority.dispose();
    void directory[Symbol.asyncDispose]();
  });
  return {
    files: (name: string) => new Files(directory.path, name),
    authority: (given?: ConstructorParameters<typeof Authority>[0]): Authority => {
      const authority = new Authority(given);
      authorities.push(authority);
      return authority;
    },
  };
}
const issue = (authority: Authority, expired = false): Certificate => authority.issue(['IP:127.0.0.1'], { expired });

test(
  'the authority is changed step by step; connections stay, new ones of both directions use the new',
  options,
  async (t) => {
    const { files, authority } = await setting(t);
    const [before, after] = [authority(), authority()];
    const cluster = await testCluster(t);
    const own = { a: files('a'), b: files('b'), new: files('new'), old: files('old') };
    await own.a.put(issue(before), before.ca);
    await own.b.put(issue(before), before.ca);
    await own.new.put(issue(after), after.ca);
    await own.old.put(issue(before), before.ca);
    const a = await cluster.start('a@127.0.0.1', { tls: own.a.tls });
    const b = await cluster.start('b@127.0.0.1', { tls: own.b.tls });
    const stranger = await cluster.start('new@127.0.0.1', { tls: own.new.tls });
    await b.node.connect(a.node.name);
    await assert.rejects(stranger.node.connect(a.node.name), refused);
    await assert.rejects(a.node.connect(stranger.node.name), refused);
    // Both are trusted, then everybody gets a certificate of the new one, then only that is trusted.
    const steps: [Authority, string][] = [
      [before, before.ca + after.ca],
      [after, before.ca + after.ca],
      [after, after.ca],
    ];
    for (const [issuer, trusted] of steps) {
      for (const [side, node] of [
        [own.a, a],
        [own.b, b],
      ] as const) {
        const told = renewals(node);
        await side.put(issue(issuer), trusted);
        await eventually(() => renewals(node) > told);
      }
    }
    assert.deepEqual(types(b.events), ['nodeup a@127.0.0.1']);
    assert.equal(await b.node.at(a.node.name).ping(), true);
    for (const [from, to] of [
      [stranger, a],
      [a, stranger],
      [b, a],
      [a, b],
    ] as const) {
      from.node.disconnect(to.node.name);
      await eventually(() => !to.node.nodes().some(({ name }) => name === from.node.name));
      await eventually(() => connects(from, to));
    }
    const left = await cluster.start('left@127.0.0.1', { tls: own.old.tls });
    await eventually(async () => !(await connects(left, a)));
    await assert.rejects(left.node.connect(a.node.name), refused);
    await assert.rejects(a.node.connect(left.node.name), refused);
  },
);

test('files that cannot be used are told once each, and what was before goes on', options, async (t) => {
  const { files, authority } = await setting(t);
  const ours = authority();
  const cluster = await testCluster(t);
  const own = files('a');
  const good = issue(ours);
  await own.put(good, ours.ca);
  const a = await cluster.start('a@127.0.0.1', { tls: own.tls });
  const other = files('b');
  await other.put(issue(ours), ours.ca);
  const b = await cluster.start('b@127.0.0.1', { tls: other.tls });
  const { certFile, caFile } = own.tls;
  const spoilCertificate = async (): Promise<void> => {
    await writeFile(`${certFile}.new`, 'no certificate');
    await rename(`${certFile}.new`, certFile);
  };
  // Where one file is changed, and that at one moment, there is one fault to tell. Three may be right or wrong in between.
  const cases: [() => Promise<void>, RegExp, atOnce?: boolean][] = [
    [spoilCertificate, /certificate or key cannot be used/, true],
    [() => own.put({ ...good, key: issue(ours).key }, ours.ca), /certificate or key cannot be used: .*mismatch/],
    [() => own.put(good, 'nothing'), /the certificate of the authority cannot be read/],
    [() => own.put(issue(ours, true), ours.ca), /the certificate of CN=\w+ expired 20/],
    [() => rm(caFile), /the TLS file .*a-ca\.pem cannot be read: ENOENT/, true],
  ];
  for (const [spoil, text, atOnce] of cases) {
    const told = faults(a).length;
    await spoil();
    await eventually(() => text.test(faults(a).at(-1) ?? ''), { describe: () => faults(a).join('\n') });
    assert.match(faults(a).at(-1) ?? '', /those before stay in use/);
    // Several looks long.
    for (let reconnect = 0; reconnect < 5; reconnect++) {
      b.node.disconnect(a.node.name);
      await b.node.connect(a.node.name);
    }
    if (atOnce === true) assert.equal(faults(a).length, told + 1, faults(a).join('\n'));
  }
  const renewed = renewals(a);
  await own.put(issue(ours), ours.ca);
  await eventually(() => renewals(a) > renewed);
  const key = good.key.split('\n')[1] as string;
  assert.ok(!JSON.stringify(a.lines).includes(key));
});

test('an authority that has expired: refused by both sides, until there is a new one', options, async (t) => {
  const { files, authority } = await setting(t);
  const [gone, ours] = [authority({ expired: true }), authority()];
  const cluster = await testCluster(t);
  const own = { a: files('a'), b: files('b') };
  await own.a.put(issue(gone), gone.ca);
  await own.b.put(issue(gone), gone.ca);
  const a = await cluster.start('a@127.0.0.1', { tls: own.a.tls });
  const b = await cluster.start('b@127.0.0.1', { tls: own.b.tls });
  await assert.rejects(a.node.connect(b.node.name), refused);
  await assert.rejects(b.node.connect(a.node.name), refused);
  for (const [side, node] of [
    [own.a, a],
    [own.b, b],
  ] as const) {
    await side.put(issue(ours), ours.ca);
    await eventually(() => renewals(node) > 0);
  }
  await eventually(() => connects(a, b));
});

test('certificates that nobody could accept: the start fails and says why', options, async (t) => {
  const { files, authority } = await setting(t);
  const ours = authority();
  const cluster = await testCluster(t);
  const own = files('a');
  const start = (): Promise<TestNode> => cluster.start('a@127.0.0.1', { tls: own.tls });
  const failed = (text: RegExp) => (error: unknown) => isBeamishError(error, 'tls_failed') && text.test(error.message);
  await assert.rejects(start(), failed(/cannot be read: ENOENT/));
  await own.put(issue(ours, true), ours.ca);
  await assert.rejects(start(), failed(/expired/));
  await own.put(issue(ours), ours.ca);
  await start();
});
