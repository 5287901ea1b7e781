/** The simulated network, clock and disk by themselves. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isBeamishError } from '../../src/error/index.ts';
import { lan, simulate, threeZones, type Host, type Simulation } from '../../src/simulation/index.ts';
import type { Socket } from '../../src/world/index.ts';

interface Talk {
  readonly client: Socket;
  readonly server: Socket;
  readonly heard: number[];
  readonly ends: { client?: Error | 'closed'; server?: Error | 'closed' };
}

/** A connection from n1 to n2, port 1000; what the server hears is kept. */
async function connected(world: Simulation): Promise<Talk> {
  const [from, to] = world.hosts as [Host, Host];
  const heard: number[] = [];
  const ends: Talk['ends'] = {};
  const accepted = Promise.withResolvers<Socket>();
  await to.world.network.listen({ host: '0.0.0.0', port: 1000 }, (socket) => {
    socket.handle({
      data: (chunk) => void heard.push(...chunk),
      close: (error) => void (ends.server = error ?? 'closed'),
    });
    accepted.resolve(socket);
  });
  const client = await from.world.network.connect({ host: to.name, port: 1000 });
  client.handle({ data() {}, close: (error) => void (ends.client = error ?? 'closed') });
  return { client, server: await accepted.promise, heard, ends };
}

const bytes = (from: number, count: number): Uint8Array =>
  Uint8Array.from({ length: count }, (_, index) => (from + index) & 255);

test('bytes arrive in order and once, whatever the network does', async () => {
  await simulate({ nodes: 2, seed: 3, network: lan({ jitter: 20, split: 0.8 }) }, async (world) => {
    const { client, heard } = await connected(world);
    const sent: number[] = [];
    for (let index = 0; index < 200; index++) {
      const chunk = bytes(index, 1 + (index % 50));
      sent.push(...chunk);
      client.write(chunk);
      if (index === 100) {
        const repair = world.cut(world.host('n1'), world.host('n2'));
        await world.sleep(5000);
        repair();
      }
      await world.sleep(3);
    }
    await world.until(() => heard.length === sent.length);
    assert.deepEqual(heard, sent);
  });
});

test('a slow reader makes the writer wait, and drain tells it', async () => {
  await simulate({ nodes: 2, seed: 1 }, async (world) => {
    const { client, server } = await connected(world);
    server.pause();
    let written = 0;
    while (client.write(new Uint8Array(100_000)) && written < 100) written++;
    assert.ok(written < 20);
    assert.ok(client.bufferedBytes > 0);
    server.resume();
    await world.until(() => client.bufferedBytes === 0, { within: 1000 });
  });
});

test('power cut: the other end hears nothing, until it sends after the restart', async () => {
  await simulate({ nodes: 2, seed: 1 }, async (world) => {
    const { client, ends } = await connected(world);
    world.crash(world.host('n2'), 'power');
    await world.sleep(30_000);
    assert.equal(ends.client, undefined);
    world.restart(world.host('n2'));
    client.write(bytes(0, 10));
    await world.until(() => ends.client !== undefined, { within: 1000 });
    assert.equal((ends as { client?: NodeJS.ErrnoException }).client?.code, 'ECONNRESET');
  });
});

test('kill: the kernel ends the connections at once', async () => {
  await simulate({ nodes: 2, seed: 1 }, async (world) => {
    const { ends } = await connected(world);
    world.crash(world.host('n2'), 'kill');
    await world.until(() => ends.client === 'closed', { within: 100 });
  });
});

test('a paused host accepts and takes bytes; its program hears of it later, timers in order', async () => {
  await simulate({ nodes: 2, seed: 1 }, async (world) => {
    const { client, heard } = await connected(world);
    const order: number[] = [];
    const { clock } = world.host('n2').world;
    const resume = world.pause(world.host('n2'));
    for (const delay of [30, 10, 20]) clock.setTimer(delay, () => void order.push(delay));
    client.write(bytes(1, 3));
    await world.sleep(1000);
    assert.deepEqual([heard, order], [[], []]);
    resume();
    await world.sleep(1);
    assert.deepEqual(
      [heard, order],
      [
        [1, 2, 3],
        [10, 20, 30],
      ],
    );
  });
});

test('dialling: refused, unknown, silent, aborted', async () => {
  await simulate({ nodes: 2, seed: 1 }, async (world) => {
    const { network } = world.host('n1').world;
    const code = (promise: Promise<unknown>): Promise<string> =>
      promise.then(
        () => 'connected',
        (error: unknown) => (isBeamishError(error) ? error.code : String(error)),
      );
    assert.equal(await code(network.connect({ host: 'n2', port: 1 })), 'connection_refused');
    assert.equal(await code(network.connect({ host: 'nowhere', port: 1 })), 'host_unresolved');
    assert.equal(await code(network.connect({ host: '10.9.9.9', port: 1, timeout: 3000 })), 'timeout');
    const controller = new AbortController();
    const dial = code(network.connect({ host: '10.9.9.9', port: 1, signal: controller.signal }));
    controller.abort();
    assert.equal(await dial, 'aborted');
    world.crash(world.host('n2'));
    assert.equal(await code(network.connect({ host: 'n2', port: 1, timeout: 500 })), 'timeout');
    await network.listen({ host: '0.0.0.0', port: 7 }, () => {});
    assert.equal(await code(network.listen({ host: '0.0.0.0', port: 7 }, () => {})), 'address_in_use');
  });
});

test('datagrams: lost, doubled, out of order; multicast stays in its zone', async () => {
  await simulate(
    { nodes: 4, seed: 5, network: threeZones({ loss: 0.2, duplicate: 0.2, reorder: 0.2 }) },
    async (world) => {
      const heard = new Map<string, number[]>();
      for (const host of world.hosts) {
        const numbers: number[] = [];
        heard.set(host.name, numbers);
        await host.world.network.bindDatagram({
          host: '0.0.0.0',
          port: 5000,
          multicast: { group: '239.1.1.1' },
          onMessage: (message) => void numbers.push(message[0] as number),
        });
      }
      const [first] = world.hosts as [Host];
      const socket = await first.world.network.bindDatagram({ host: '0.0.0.0', port: 0, onMessage() {} });
      for (let index = 0; index < 200; index++) {
        socket.send(Uint8Array.of(index), { host: '10.0.0.2', port: 5000 });
        await world.sleep(0.1);
      }
      await world.sleep(1000);
      const numbers = heard.get('n2') as number[];
      assert.ok(new Set(numbers).size < 200 && new Set(numbers).size > 100);
      assert.ok(numbers.length > new Set(numbers).size);
      assert.notDeepEqual(
        numbers,
        numbers.toSorted((a, b) => a - b),
      );
      heard.forEach((list) => list.splice(0));
      for (let index = 0; index < 20; index++) socket.send(Uint8Array.of(1), { host: '239.1.1.1', port: 5000 });
      await world.sleep(100);
      // n1 and n4 are in zone a
      assert.deepEqual(
        [...heard].filter(([, list]) => list.length > 0).map(([name]) => name),
        ['n1', 'n4'],
      );
    },
  );
});

test('clocks: jump, drift, and monotonic time that never goes back', async () => {
  await simulate({ nodes: 1, seed: 1 }, async (world) => {
    const [host] = world.hosts as [Host];
    const { clock } = host.world;
    const [wall, monotonic] = [clock.wallTime(), clock.monotonicTime()];
    world.jump(host, -3_600_000);
    assert.ok(clock.wallTime() < wall);
    assert.equal(clock.monotonicTime(), monotonic);
    world.drift(host, 1_000_000); // twice as fast
    const before = world.now;
    await clock.sleep(1000);
    assert.ok(Math.abs(world.now - before - 500) < 1, String(world.now - before));
    assert.ok(Math.abs(clock.monotonicTime() - monotonic - 1000) < 1);
  });
});

test('disk: old or new after a power cut, torn after a lost sync, full, bit flips', async () => {
  const seen = new Set<string>();
  for (let seed = 1; seed <= 20; seed++) {
    await simulate({ nodes: 1, seed }, async (world) => {
      const [host] = world.hosts as [Host];
      const read = async (): Promise<string> => Buffer.from(await host.world.disk.readFile('/a')).toString();
      await host.world.disk.writeFile('/a', 'old');
      await world.sleep(10_000);
      await host.world.disk.writeFile('/a', 'new');
      world.crash(host, 'power');
      world.restart(host);
      seen.add(await read());
      await host.world.disk.writeFile('/a', 'kept');
      world.crash(host, 'kill');
      world.restart(host);
      assert.equal(await read(), 'kept');
      host.disk.faults.full = true;
      await assert.rejects(host.world.disk.writeFile('/a', 'x'), { code: 'ENOSPC' });
      host.disk.faults.full = false;
      host.disk.faults.lostSync = 1;
      await host.world.disk.writeFile('/b', 'some longer text that can be torn');
      world.crash(host, 'power');
      world.restart(host);
      const torn = Buffer.from(host.disk.read('/b') ?? []).toString('latin1');
      if (torn !== 'some longer text that can be torn') seen.add('torn');
      host.disk.faults.bitFlip = 1;
      if ((await read()) !== 'kept') seen.add('flipped');
    });
  }
  assert.deepEqual([...seen].toSorted(), ['flipped', 'new', 'old', 'torn']);
});

test('DNS: records, lies to one host, no answer', async () => {
  await simulate({ nodes: 2, seed: 1 }, async (world) => {
    const ask = (name: string): Promise<readonly string[]> => world.host(name).world.network.resolveAddresses('app');
    world.names.setAddresses('app', ['10.0.0.1', '10.0.0.2']);
    assert.deepEqual(await ask('n1'), ['10.0.0.1', '10.0.0.2']);
    const truth = world.names.lie('app', { addresses: ['6.6.6.6'] }, 'n1');
    assert.deepEqual(await ask('n1'), ['6.6.6.6']);
    assert.deepEqual(await ask('n2'), ['10.0.0.1', '10.0.0.2']);
    truth();
    assert.deepEqual(await ask('n1'), ['10.0.0.1', '10.0.0.2']);
    world.names.lie('app', { fails: true });
    await assert.rejects(ask('n1'), { code: 'timeout' });
  });
});
