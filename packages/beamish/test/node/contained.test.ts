/** What goes wrong inside, where a stranger's bytes are read, ends that stranger's connection: nothing else, and one line tells it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { namesRequest } from '../../src/node/epmd/codec.ts';
import { EpmdServer } from '../../src/node/epmd/server.ts';
import { OWN_FLAGS } from '../../src/node/flags.ts';
import { HandshakeHost } from '../../src/node/handshake/host.ts';
import type { HandshakeFailure } from '../../src/node/handshake/machine.ts';
import { encodeName } from '../../src/node/handshake/messages.ts';
import { Refusals } from '../../src/node/refusals.ts';
import { FakeSocket, fakeWorld, ManualClock } from '../fuzz/fakes.ts';
import { collectLogs } from '../support/logs.ts';

function framed(body: Uint8Array): Uint8Array {
  return Uint8Array.from([body.length >> 8, body.length & 255, ...body]);
}

const name = framed(encodeName({ name: 'peer@h', flags: OWN_FLAGS, creation: 1 }));
const fault = new TypeError('a fault of ours');

/** A handshake whose decision is a fault. */
function faulty(): { socket: FakeSocket; clock: ManualClock; failures: HandshakeFailure[] } {
  const [socket, clock, failures]: [FakeSocket, ManualClock, HandshakeFailure[]] = [
    new FakeSocket(),
    new ManualClock(),
    [],
  ];
  const host = new HandshakeHost({
    socket,
    clock,
    config: { name: 'own@h', flags: OWN_FLAGS, creation: 4, challenge: 1, cookieFor: () => 'c' },
    tls: false,
    setupTime: 7000,
    hooks: {
      decide: () => {
        throw fault;
      },
      established: () => undefined,
      yielded: () => assert.fail('it yields'),
      failed: (failure) => failures.push(failure),
    },
  });
  assert.equal(host.socket, socket);
  return { socket, clock, failures };
}

test('a fault while a handshake is read: the connection is closed, told once, and no timer is left', () => {
  const { socket, clock, failures } = faulty();
  socket.receive(name);
  assert.equal(failures.length, 1);
  assert.match(failures[0]?.message ?? '', /a fault of ours/);
  assert.equal(socket.ended, true);
  assert.equal(clock.pending, 0);
  socket.receive(name);
  socket.close();
  assert.equal(failures.length, 1);
});

test('a fault while the port mapper is asked: the connection is closed, told once, the others are served', async () => {
  const world = fakeWorld();
  let faults = 1;
  const random = {
    ...world.random,
    uint32: () => {
      if (faults-- > 0) throw fault;
      return world.random.uint32();
    },
  };
  const { logger, warnings } = collectLogs();
  const refusals = new Refusals(logger, world.clock);
  const server = await EpmdServer.start({
    world: { ...world, random },
    refusals,
    bind: ['0.0.0.0'],
    port: 1,
    open: true,
  });
  const [unlucky, next] = [new FakeSocket(), new FakeSocket()];
  for (const socket of [unlucky, next]) {
    world.accept(socket);
    socket.receive(namesRequest());
    socket.close();
  }
  assert.equal(unlucky.sent.length, 0);
  assert.equal(next.sent.length, 4);
  assert.equal(refusals.counts.epmd_garbage, 1);
  assert.equal(warnings().length, 1);
  assert.match(warnings()[0]?.msg ?? '', /a fault of ours/);
  await server.stop();
  assert.equal(world.clock.pending, 0);
});
