/** Those who connect to a node with TLS and prove nothing: before the first byte, in the middle of TLS, and behind it. */
import assert from 'node:assert/strict';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { test } from 'node:test';
import { OWN_FLAGS } from '../../src/node/flags.ts';
import { encodeName } from '../../src/node/handshake/messages.ts';
import { eventually } from '../support/eventually.ts';
import { skipUnless } from '../support/peers.ts';
import { Authority } from '../world/certificates.ts';
import { testCluster } from './nodes.ts';

const options = { ...skipUnless('openssl'), timeout: 90_000 };
type T = { after(fn: () => void): void };

/** The first bytes of a ClientHello: a record of 512 bytes of which 11 come. */
const HALF_HELLO = Uint8Array.of(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3);

async function setting(t: T & Parameters<typeof testCluster>[0], given: { maxPending?: number; setupTime?: number }) {
  const authority = new Authority();
  t.after(() => authority.dispose());
  const tls = { ...authority.issue(['IP:127.0.0.1']), ca: authority.ca };
  const cluster = await testCluster(t);
  const a = await cluster.start('a@127.0.0.1', { tls, ...given });
  const { port } = a.node.address;
  const sockets: Socket[] = [];
  const keep = <S extends Socket>(socket: S): S => {
    socket.on('error', () => {});
    sockets.push(socket);
    t.after(() => socket.destroy());
    return socket;
  };
  return {
    a,
    port,
    open: () => sockets.filter((socket) => !socket.destroyed).length,
    /** Says nothing, or stops within TLS. */
    tcp: (bytes?: Uint8Array): void => {
      const socket = keep(connectTcp(port, '127.0.0.1'));
      socket.resume();
      if (bytes !== undefined) socket.write(bytes);
    },
    /** Shakes hands by TLS, and says nothing or half a name behind it. */
    secure: (bytes?: Uint8Array): void => {
      const socket = keep(connectTls({ port, host: '127.0.0.1', ...tls }));
      socket.resume();
      socket.once('secureConnect', () => bytes !== undefined && socket.write(bytes));
    },
    works: async (name: string): Promise<void> => {
      const friend = await cluster.start(name, { tls });
      assert.equal(await friend.node.at(a.node.name).ping(), true);
      await friend.node.stop();
    },
  };
}

test(
  'silence, half a ClientHello, silence behind TLS, half a name: each ends after the setup time',
  options,
  async (t) => {
    const { a, tcp, secure, open, works } = await setting(t, { setupTime: 400 });
    const name = encodeName({ name: 'evil@127.0.0.1', flags: OWN_FLAGS, creation: 1 });
    tcp();
    tcp(HALF_HELLO);
    secure();
    // Over TLS the length has four bytes.
    secure(Uint8Array.of(0, 0, 0, name.length, ...name.subarray(0, 9)));
    await eventually(() => open() === 0, { timeout: 20_000, describe: () => `${open()} are open` });
    const { refused, pending } = a.node.statistics();
    assert.equal(pending, 0);
    assert.deepEqual(refused, { tls: 2, timeout: 2 });
    // Each cause once.
    assert.equal(a.warnings().length, 2);
    await works('friend@127.0.0.1');
  },
);

test(
  'a flood within TLS, and one behind it, is held at `maxPending` each, and keeps nobody out',
  options,
  async (t) => {
    const { a, tcp, secure, open, works } = await setting(t, { maxPending: 3, setupTime: 60_000 });
    for (let count = 0; count < 20; count++) tcp(count % 2 === 0 ? undefined : HALF_HELLO);
    await eventually(() => open() === 3, { describe: () => `${open()} are open` });
    assert.equal(a.node.statistics().refused.limit, 17);
    for (let count = 0; count < 10; count++) secure();
    // Those within TLS had to make room for them, and were closed or stay; none of the new is beyond the bound.
    await eventually(() => a.node.statistics().pending <= 3 && open() <= 6, { describe: () => `${open()} are open` });
    assert.equal(a.warnings().filter((line) => line['cause'] === 'limit').length, 1);
    await works('friend@127.0.0.1');
  },
);
