import assert from 'node:assert/strict';
import { X509Certificate, createPrivateKey } from 'node:crypto';
import { connect as connectTcp } from 'node:net';
import { after, before, suite, test } from 'node:test';
import type { TestContext } from 'node:test';
import { isBeamishError } from '../../src/error/index.ts';
import { realWorld } from '../../src/world/index.ts';
import type { Address, Listener, Socket, TlsOptions } from '../../src/world/index.ts';
import { eventually } from '../support/eventually.ts';
import { skipUnless } from '../support/peers.ts';
import { Authority } from './certificates.ts';
import type { Certificate } from './certificates.ts';
import { Recorder, bytes } from './support.ts';

const { network } = realWorld();
const HOST = '127.0.0.1';

interface Served {
  readonly listener: Listener;
  readonly accepted: Socket[];
  readonly refused: { readonly error: Error; readonly remote: Address }[];
}

async function serve(t: TestContext, tls: TlsOptions): Promise<Served> {
  const accepted: Socket[] = [];
  const refused: Served['refused'] = [];
  const listener = await network.listen(
    { host: HOST, port: 0, tls, onRefused: (error, remote) => refused.push({ error, remote }) },
    (socket) => accepted.push(socket),
  );
  t.after(async () => {
    for (const socket of accepted) socket.destroy();
    await listener.close();
  });
  return { listener, accepted, refused };
}

suite('TLS', skipUnless('openssl'), () => {
  let authority: Authority;
  let stranger: Authority;
  let server: Certificate;
  let client: Certificate;
  before(() => {
    authority = new Authority();
    stranger = new Authority();
    server = authority.issue(['IP:127.0.0.1', 'DNS:beamish.test']);
    client = authority.issue(['DNS:client.test']);
  });
  after(() => {
    authority.dispose();
    stranger.dispose();
  });

  const dial = (served: Served, tls: TlsOptions, host = HOST): Promise<Socket> =>
    network.connect({ host, port: served.listener.address.port, tls, timeout: 3000 });

  /** The client is refused: at its handshake, or (TLS 1.3, where it is done first) at once afterwards. */
  async function assertRefused(served: Served, tls: TlsOptions): Promise<void> {
    try {
      await new Recorder(await dial(served, tls)).closed;
    } catch (error) {
      assert.ok(isBeamishError(error, 'tls_failed'), String(error));
    }
    await eventually(() => served.refused.length > 0);
    assert.equal(served.refused.length, 1, 'told once');
    assert.equal(served.refused[0]?.remote.host, HOST);
    assert.ok(served.refused[0].remote.port > 0);
    assert.ok(isBeamishError(served.refused[0].error, 'tls_failed'));
    assert.deepEqual(served.accepted, []);
  }

  test('both sides verified: bytes go both ways, in TLS 1.2 and 1.3', async (t) => {
    for (const minVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const served = await serve(t, { ...server, ca: authority.ca, minVersion });
      const near = new Recorder(await dialled(t, dial(served, { ...client, ca: authority.ca })));
      await eventually(() => served.accepted.length === 1);
      const far = served.accepted[0] as Socket;
      const recorder = new Recorder(far);
      far.write(bytes('hello'));
      await eventually(() => near.text === 'hello');
      far.end();
      await recorder.closed;
      assert.equal(far.remote.host, HOST);
    }
  });

  async function dialled(t: TestContext, connecting: Promise<Socket>): Promise<Socket> {
    const socket = await connecting;
    t.after(() => socket.destroy());
    return socket;
  }

  test('the certificate is checked against the IP address that was dialled, without SNI', async (t) => {
    const warnings: Error[] = [];
    const warn = (warning: Error): void => void warnings.push(warning);
    process.on('warning', warn);
    const served = await serve(t, { ...server, ca: authority.ca, verifyPeer: false });
    await dialled(t, dial(served, { ca: authority.ca }));
    const other = authority.issue(['IP:127.0.0.9', 'DNS:localhost']);
    const wrong = await serve(t, { ...other, ca: authority.ca, verifyPeer: false });
    await assert.rejects(
      dial(wrong, { ca: authority.ca }),
      (error) => isBeamishError(error, 'tls_failed') && /127\.0\.0\.1/.test(error.message),
    );
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', warn);
    assert.deepEqual(warnings, [], 'DEP0123: an IP address as server name');
  });

  test('what the other side has shown: to who verified it', async (t) => {
    const named = authority.issue(['DNS:*.beamish.test', 'CN:web', 'IP:127.0.0.7'], { commonName: 'shown' });
    const served = await serve(t, { ...server, ca: authority.ca });
    const near = await dialled(t, dial(served, { ...named, ca: authority.ca }));
    await eventually(() => served.accepted.length === 1);
    const shown = served.accepted[0]?.certificate;
    assert.ok(shown !== undefined);
    assert.match(shown.title, /^CN=shown \(DNS:\*\.beamish\.test, DirName:CN=web, IP Address:127\.0\.0\.7\)$/);
    assert.deepEqual(shown.commonNames, ['web']);
    const hosts = ['a.beamish.test', '127.0.0.7', 'beamish.test', 'a.b.beamish.test', '127.0.0.1', 'shown', 'web', ''];
    assert.deepEqual(
      hosts.filter((host) => shown.isFor(host)),
      ['a.beamish.test', '127.0.0.7'],
    );
    assert.ok(near.certificate?.isFor('127.0.0.1'));
    const unverified = await dialled(t, dial(served, { ...named, verifyPeer: false }));
    assert.equal(unverified.certificate, undefined);
    const open = await serve(t, { ...server, ca: authority.ca, verifyPeer: false });
    const anybody = await dialled(t, dial(open, { ca: authority.ca }));
    await eventually(() => open.accepted.length === 1);
    assert.equal(open.accepted[0]?.certificate, undefined);
    assert.equal(anybody.certificate?.isFor('127.0.0.1'), true);
  });

  test('serverName is what the certificate must carry, in place of the address dialled', async (t) => {
    const served = await serve(t, { ...server, ca: authority.ca, verifyPeer: false });
    await dialled(t, dial(served, { ca: authority.ca, serverName: 'beamish.test' }));
    await assert.rejects(dial(served, { ca: authority.ca, serverName: 'other.test' }), (error) =>
      isBeamishError(error, 'tls_failed'),
    );
  });

  test('an authority that is not trusted, or none given: the client refuses', async (t) => {
    const served = await serve(t, { ...server, ca: authority.ca, verifyPeer: false });
    await assert.rejects(dial(served, { ca: stranger.ca }), (error) => isBeamishError(error, 'tls_failed'));
    await assert.rejects(dial(served, {}), (error) => isBeamishError(error, 'tls_failed'));
    const unverified = await dialled(t, dial(served, { verifyPeer: false }));
    assert.equal(unverified.remote.host, HOST);
  });

  test('no client certificate: the server refuses, and tells with the address', async (t) => {
    await assertRefused(await serve(t, { ...server, ca: authority.ca }), { ca: authority.ca });
  });

  test('a client certificate of another authority: refused, and the reason is told', async (t) => {
    const served = await serve(t, { ...server, ca: authority.ca });
    await assertRefused(served, { ...stranger.issue(['DNS:client.test']), ca: authority.ca });
    assert.match(served.refused[0]?.error.message ?? '', /certificate is not accepted|UNABLE/);
  });

  test('bytes that are no TLS: refused, and told once with the address', async (t) => {
    const served = await serve(t, { ...server, ca: authority.ca });
    const socket = connectTcp(served.listener.address.port, HOST, () => socket.write('GET / HTTP/1.0\r\n\r\n'));
    socket.on('error', () => {}).resume();
    await eventually(() => served.refused.length === 1);
    assert.equal(served.refused[0]?.remote.host, HOST);
    socket.destroy();
  });

  test('a server that speaks no TLS: tls_failed', async (t) => {
    const listener = await network.listen({ host: HOST, port: 0 }, (socket) => {
      socket.handle({ data() {}, close() {} });
      socket.write(bytes('220 welcome\r\n'));
    });
    t.after(() => listener.close());
    await assert.rejects(
      network.connect({ host: HOST, port: listener.address.port, tls: { ca: authority.ca }, timeout: 3000 }),
      (error) => isBeamishError(error, 'tls_failed') && error.message.includes(String(listener.address.port)),
    );
  });

  test('a server that never answers the handshake: timeout', async (t) => {
    const sockets: Socket[] = [];
    const listener = await network.listen({ host: HOST, port: 0 }, (socket) => sockets.push(socket));
    t.after(async () => {
      for (const socket of sockets) socket.destroy();
      await listener.close();
    });
    await assert.rejects(
      network.connect({ host: HOST, port: listener.address.port, tls: { ca: authority.ca }, timeout: 50 }),
      (error) => isBeamishError(error, 'timeout'),
    );
  });

  test('certificates as DER bytes', async (t) => {
    const der = (certificate: Certificate) => ({
      cert: new Uint8Array(new X509Certificate(certificate.cert).raw),
      key: new Uint8Array(createPrivateKey(certificate.key).export({ format: 'der', type: 'pkcs8' })),
    });
    const ca = new Uint8Array(new X509Certificate(authority.ca).raw);
    const served = await serve(t, { ...der(server), ca });
    await dialled(t, dial(served, { ...der(client), ca }));
    await eventually(() => served.accepted.length === 1);
  });

  test('a key or certificate that cannot be read fails at once', async () => {
    const bad = { cert: server.cert, key: 'no key', ca: authority.ca };
    await assert.rejects(
      network.listen({ host: HOST, port: 0, tls: bad }, () => {}),
      (error) => isBeamishError(error, 'tls_failed'),
    );
    await assert.rejects(network.connect({ host: HOST, port: 1, tls: bad }), (error) =>
      isBeamishError(error, 'tls_failed'),
    );
    await assert.rejects(
      network.listen({ host: HOST, port: 0, tls: {} }, () => {}),
      (error) => isBeamishError(error, 'option_invalid'),
    );
  });

  test('closing the listener ends handshakes that are not done', async (t) => {
    const served = await serve(t, { ...server, ca: authority.ca });
    const socket = connectTcp(served.listener.address.port, HOST);
    await new Promise((resolve) => socket.once('connect', resolve));
    await new Promise((resolve) => setTimeout(resolve, 20));
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => {}).resume();
    await served.listener.close();
    await closed;
    assert.deepEqual(served.accepted, []);
  });
});
