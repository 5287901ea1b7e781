import assert from 'node:assert/strict';
import { connect as connectTcp } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { isBeamishError } from '../../src/error/index.ts';
import { realWorld } from '../../src/world/index.ts';
import type { ListenOptions, Socket } from '../../src/world/index.ts';
import { code } from '../support/code.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/ports.ts';
import { Recorder, bytes } from './support.ts';

const { network } = realWorld();
const HOST = '127.0.0.1';

/** A listener, and a connection to it, both ends. */
async function pair(t: TestContext, options: Partial<ListenOptions> = {}): Promise<{ near: Socket; far: Socket }> {
  const accepted = Promise.withResolvers<Socket>();
  const listener = await network.listen({ host: HOST, port: 0, ...options }, accepted.resolve);
  const near = await network.connect({ host: HOST, port: listener.address.port });
  const far = await accepted.promise;
  t.after(async () => {
    near.destroy();
    far.destroy();
    await listener.close();
  });
  return { near, far };
}

test('bytes go both ways; addresses are those of the two ends', async (t) => {
  const { near, far } = await pair(t);
  const [one, two] = [new Recorder(near), new Recorder(far)];
  near.write(bytes('question'));
  far.write(bytes('answer'));
  await eventually(() => two.text === 'question' && one.text === 'answer');
  assert.deepEqual(near.remote, far.local);
  assert.deepEqual(near.local, far.remote);
  assert.equal(near.local.host, HOST);
});

test('what arrives before the handler is set is not lost', async (t) => {
  const { near, far } = await pair(t);
  near.write(bytes('early'));
  await new Promise((resolve) => setTimeout(resolve, 20));
  const recorder = new Recorder(far);
  await eventually(() => recorder.text === 'early');
});

test('many small writes of one turn arrive in order', async (t) => {
  const { near, far } = await pair(t);
  const recorder = new Recorder(far);
  for (let i = 0; i < 500; i++) near.write(bytes(`${i},`));
  await eventually(() => recorder.bytes === 1890);
  assert.equal(recorder.text, Array.from({ length: 500 }, (_, i) => `${i},`).join(''));
  assert.equal(near.bufferedBytes, 0);
});

test('a slow reader: write says false, then drain; pause holds the bytes back', async (t) => {
  const { near, far } = await pair(t);
  const [writer, reader] = [new Recorder(near), new Recorder(far)];
  far.pause();
  let sent = 0;
  let more = true;
  for (; more && sent < 1000; sent++) more = near.write(new Uint8Array(100_000));
  assert.equal(more, false);
  assert.ok(near.bufferedBytes > 0, 'counted while queued');
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(reader.bytes, 0);
  far.resume();
  await eventually(() => reader.bytes === sent * 100_000);
  await eventually(() => writer.drained > 0);
});

test('end sends what is queued, then closes both sides; close is told once, without an error', async (t) => {
  const { near, far } = await pair(t);
  const [one, two] = [new Recorder(near), new Recorder(far)];
  near.write(bytes('last'));
  near.end();
  assert.equal(await one.closed, undefined);
  assert.equal(await two.closed, undefined);
  assert.equal(two.text, 'last');
  assert.ok(two.ended);
  assert.equal(near.write(bytes('more')), false);
  near.destroy();
  assert.deepEqual([one.closes, two.closes], [1, 1]);
});

test('without an end method the socket is ended in return', async (t) => {
  const { near, far } = await pair(t);
  const closed = Promise.withResolvers<unknown>();
  far.handle({ data() {}, close: closed.resolve });
  const recorder = new Recorder(near);
  near.end();
  await closed.promise;
  await recorder.closed;
});

test('with an end method the owner decides: it may go on sending (half-open)', async (t) => {
  const { near, far } = await pair(t);
  const [one, two] = [new Recorder(near), new Recorder(far, { endInReturn: false })];
  near.end();
  await eventually(() => two.ended);
  far.write(bytes('afterwards'));
  far.end();
  await one.closed;
  assert.equal(one.text, 'afterwards');
});

test('destroy closes at once, with the error that was given; the other side sees the end', async (t) => {
  const { near, far } = await pair(t);
  const [one, two] = [new Recorder(near), new Recorder(far)];
  const reason = new Error('enough');
  near.destroy(reason);
  near.destroy();
  assert.equal(await one.closed, reason);
  await two.closed;
  assert.equal(one.closes, 1);
});

test('a handler that is set when the socket is closed already is told so', async (t) => {
  const { near } = await pair(t);
  near.destroy();
  await new Promise((resolve) => setTimeout(resolve, 10));
  await new Recorder(near).closed;
});

test('nothing listens: connection_refused, with the address', async () => {
  const port = await freePort();
  await assert.rejects(
    network.connect({ host: HOST, port }),
    code('connection_refused', new RegExp(`${HOST}:${port}`)),
  );
});

test('a name that does not exist: host_unresolved', async () => {
  await assert.rejects(
    network.connect({ host: 'no.such.host.invalid', port: 1 }),
    code('host_unresolved', /no\.such\.host\.invalid/),
  );
});

test('nobody answers: timeout after its time', async () => {
  // 192.0.2.0/24 is for documentation (RFC 5737): no answer, or the machine knows that there is no way
  await assert.rejects(
    network.connect({ host: '192.0.2.1', port: 9, timeout: 50 }),
    (error) => isBeamishError(error, 'timeout') || isBeamishError(error, 'connection_refused'),
  );
});

test('an aborted connect rejects with aborted, before and while it tries', async () => {
  const port = await freePort();
  await assert.rejects(
    network.connect({ host: HOST, port, signal: AbortSignal.abort(new Error('no')) }),
    code('aborted'),
  );
  const controller = new AbortController();
  const connecting = network.connect({ host: '192.0.2.1', port: 9, signal: controller.signal });
  controller.abort(new Error('changed my mind'));
  await assert.rejects(
    connecting,
    (error) => isBeamishError(error, 'aborted') || isBeamishError(error, 'connection_refused'),
  );
});

test('a port in use: address_in_use, with the address', async (t) => {
  const listener = await network.listen({ host: HOST, port: 0 }, () => {});
  t.after(() => listener.close());
  const { port } = listener.address;
  await assert.rejects(
    network.listen({ host: HOST, port }, () => {}),
    code('address_in_use', new RegExp(`${HOST}:${port}`)),
  );
});

test('a closed listener frees its port at once and keeps its connections', async (t) => {
  const { near, far } = await pair(t);
  const listener = await network.listen({ host: HOST, port: 0 }, () => {});
  await listener.close();
  await listener.close();
  const again = await network.listen({ host: HOST, port: listener.address.port }, () => {});
  await again.close();
  const recorder = new Recorder(far);
  near.write(bytes('still here'));
  await eventually(() => recorder.text === 'still here');
});

test('dialling from a local address', async (t) => {
  const accepted = Promise.withResolvers<Socket>();
  const listener = await network.listen({ host: HOST, port: 0 }, accepted.resolve);
  const near = await network.connect({ host: HOST, port: listener.address.port, localHost: '127.0.0.2' });
  const far = await accepted.promise;
  t.after(async () => {
    near.destroy();
    far.destroy();
    await listener.close();
  });
  assert.equal(far.remote.host, '127.0.0.2');
});

test('a peer that resets the connection: close with the error, nothing thrown', async (t) => {
  const accepted = Promise.withResolvers<Socket>();
  const listener = await network.listen({ host: HOST, port: 0 }, accepted.resolve);
  const rude = connectTcp(listener.address.port, HOST);
  const recorder = new Recorder(await accepted.promise);
  rude.resetAndDestroy();
  t.after(() => listener.close());
  assert.match((await recorder.closed)?.message ?? '', /ECONNRESET/);
});
