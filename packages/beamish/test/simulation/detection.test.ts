/** What a program must not do, and what must not hang: each is named, with its place. */
import assert from 'node:assert/strict';
import { generateKeyPair, generateKeyPairSync, generatePrimeSync, randomBytes } from 'node:crypto';
import { existsSync, statSync, unlink } from 'node:fs';
import { appendFile, readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { simulate, SimulationFailure, type Simulation } from '../../src/simulation/index.ts';
import { realWorld } from '../../src/world/index.ts';

async function failureOf(
  body: (world: Simulation) => void | Promise<void>,
  limit = 60_000,
): Promise<SimulationFailure> {
  try {
    await simulate({ nodes: 2, seed: 1, limit }, body);
  } catch (error) {
    assert.ok(error instanceof SimulationFailure, String(error));
    return error;
  }
  throw new Error('it did not fail');
}

const leaks: Readonly<Record<string, () => unknown>> = {
  setTimeout: () => setTimeout(() => {}, 1),
  setInterval: () => setInterval(() => {}, 1),
  setImmediate: () => setImmediate(() => {}),
  'timers/promises.setTimeout': () => delay(1),
  'Date.now': () => Date.now(),
  'new Date()': () => new Date(),
  'performance.now': () => performance.now(),
  'process.hrtime': () => process.hrtime(),
  'Math.random': () => Math.random(),
  'crypto.randomUUID': () => crypto.randomUUID(),
  'crypto.randomBytes': () => randomBytes(4),
  'crypto.generateKeyPair': () => generateKeyPair('ed25519', {}, () => {}),
  'crypto.generateKeyPairSync': () => generateKeyPairSync('ed25519'),
  'crypto.generatePrimeSync': () => generatePrimeSync(16),
  'crypto.subtle.generateKey': () => crypto.subtle.generateKey('Ed25519', false, ['sign']),
  'performance.timeOrigin': () => performance.timeOrigin,
  'performance.mark': () => performance.mark('here'),
  'Atomics.wait': () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1),
  'Atomics.waitAsync': () => Atomics.waitAsync(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1),
  'net.Socket.connect': () => connect(1, '127.0.0.1'),
  'fs.existsSync': () => existsSync('/etc/hostname'),
  'fs.statSync': () => statSync('/etc/hostname'),
  'fs.unlink': () => unlink('/no/such/file', () => {}),
  'fs/promises.readFile': () => readFile('/etc/hostname'),
  'fs/promises.appendFile': () => appendFile('/no/such/file', ''),
  'worker_threads.Worker': () => new Worker(''),
  fetch: () => fetch('http://127.0.0.1:1'),
};

for (const [what, use] of Object.entries(leaks)) {
  test(`${what} is named with the place that used it`, async () => {
    const failure = await failureOf(() => void use());
    assert.equal(failure.kind, 'leak');
    assert.match(
      failure.message,
      new RegExp(`${what.replaceAll(/[()]/g, '\\$&')} is not simulated.*detection\\.test\\.ts:\\d+:\\d+`),
    );
  });
}

test('a leak that the program catches is a failure all the same', async () => {
  const failure = await failureOf(async (world) => {
    try {
      Math.random();
    } catch {}
    await world.sleep(10);
  });
  assert.equal(failure.kind, 'leak');
});

test('the real world inside the simulated one: who uses it is named', async () => {
  const failure = await failureOf(async () => realWorld().clock.sleep(1));
  assert.equal(failure.kind, 'leak');
  assert.match(failure.message, /setTimeout is not simulated.*detection\.test\.ts/);
});

test('outside of a run, and beside one, everything is as ever', async () => {
  const before = setTimeout;
  const run = simulate({ nodes: 1, seed: 1 }, (world) => world.sleep(60_000));
  await delay(1);
  assert.ok(Date.now() > 0 && Math.random() < 1);
  await run;
  assert.equal(setTimeout, before);
  assert.ok(performance.timeOrigin > 0 && existsSync('/'));
});

test('data with a date in it is no leak', async () => {
  await simulate({ nodes: 1, seed: 1 }, () => {
    assert.ok(new Date(0) instanceof Date);
    assert.equal(new Date('2026-01-01T00:00:00Z').getTime(), Date.UTC(2026, 0));
  });
});

test('a promise that nothing will ever resolve: the place that waits is named', async () => {
  const failure = await failureOf(async () => {
    await new Promise(() => {}); // this line
  });
  assert.equal(failure.kind, 'deadlock');
  assert.match(failure.message, /waits at .*detection\.test\.ts:\d+/);
});

test('also behind timers that go on for ever', async () => {
  const failure = await failureOf(async (world) => {
    const tick = (): void => void world.hosts[0]?.world.clock.setTimer(1000, tick);
    tick();
    await world.sleep(10);
    await waitForGodot();
  });
  assert.equal(failure.kind, 'deadlock');
  const line = /waits at .*detection\.test\.ts:(\d+)/.exec(failure.message)?.[1];
  assert.ok(line !== undefined, failure.message);
});

async function waitForGodot(): Promise<void> {
  await new Promise<void>(() => {});
}

test('a rejection that nobody takes fails the run, and not the process', async () => {
  const failure = await failureOf(async (world) => {
    void Promise.reject(new Error('nobody cares'));
    await world.sleep(1);
  });
  assert.equal(failure.kind, 'exception');
  assert.match(failure.message, /nobody took the rejection Error: nobody cares/);
});

test('an exception in a timer of a host fails the run', async () => {
  const failure = await failureOf(async (world) => {
    world.host('n1').world.clock.setTimer(5, () => {
      throw new Error('in the timer');
    });
    await world.sleep(100);
  });
  assert.equal(failure.kind, 'exception');
  assert.match(failure.message, /in the timer/);
});

test('a program that turns in a circle is ended', async () => {
  const failure = await failureOf(async (world) => {
    const { clock } = world.host('n1').world;
    const again = (): void => clock.defer(again);
    for (let index = 0; index < 100; index++) again();
    await world.sleep(10_000);
  });
  assert.match(failure.message, /something calls itself again and again/);
});

test('state that a test keeps between runs is called what it is', async () => {
  let runs = 0;
  const failure = await failureOf((world) => {
    if (++runs === 1) throw new Error('only once');
    world.note('another run');
  });
  assert.equal(failure.kind, 'nondeterminism');
  assert.match(failure.message, /only once/);
});
