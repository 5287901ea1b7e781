import assert from 'node:assert/strict';
import { test } from 'node:test';
import { atom, tuple } from '../../src/term/index.ts';
import type { Term } from '../../src/term/index.ts';
import { settle } from '../support/fake-world.ts';
import { collectors, start } from './collector.ts';

const NOPROC = atom('noproc');
const BOOM = atom('boom');

test('a monitor fires exactly once; several of one process each fire (monitor/2)', async () => {
  const { runtime } = start();
  const [watcher, target] = await collectors(runtime, 2);
  const references = [1, 2, 3].map(() => watcher!.self.monitor(target!.pid));
  runtime.exit(target!.pid, BOOM);
  runtime.exit(target!.pid, atom('again'));
  await settle();
  assert.deepEqual(
    watcher!.received,
    references.map((reference) => tuple(atom('DOWN'), reference, atom('process'), target!.pid, BOOM)),
  );
});

test('monitor of a dead process, or of a name nobody has: noproc at once, naming what was monitored', async () => {
  const { runtime } = start();
  const [watcher] = await collectors(runtime, 1);
  const dead = runtime.newPid();
  const byPid = watcher!.self.monitor(dead);
  const byName = watcher!.self.monitor('nobody');
  await settle();
  assert.deepEqual(watcher!.received, [
    tuple(atom('DOWN'), byPid, atom('process'), dead, NOPROC),
    tuple(atom('DOWN'), byName, atom('process'), tuple(atom('nobody'), atom(runtime.nodeName)), NOPROC),
  ]);
});

test('demonitor: no DOWN afterwards; flush also takes one that is there already', async () => {
  const { runtime } = start();
  const [watcher, a, b] = await collectors(runtime, 3);
  watcher!.self.demonitor(watcher!.self.monitor(a!.pid));
  runtime.exit(a!.pid, BOOM);
  const reference = watcher!.self.monitor(b!.pid);
  runtime.exit(b!.pid, BOOM);
  watcher!.self.demonitor(reference, { flush: true });
  await settle();
  assert.deepEqual(watcher!.received, []);
  assert.equal(runtime.processes().length, 2);
});

test('a monitor of code that is no process: once, in a later turn; not after cancel', async () => {
  const { runtime } = start();
  const [a, b] = await collectors(runtime, 2);
  const told: unknown[] = [];
  runtime.monitor(a!.pid, (reason) => told.push(['a', reason]));
  const cancelled = runtime.monitor(b!.pid, () => told.push('cancelled'));
  runtime.monitor('nobody', (reason) => told.push(['nobody', reason]));
  assert.deepEqual(told, []);
  runtime.exit(a!.pid, BOOM);
  runtime.exit(b!.pid, BOOM);
  cancelled.cancel();
  await settle();
  assert.deepEqual(told, [
    ['nobody', NOPROC],
    ['a', BOOM],
  ]);
});

test('a listener that throws is logged and ends nothing', async () => {
  const { world, runtime } = start();
  runtime.monitor('nobody', () => {
    throw new Error('listener');
  });
  await settle();
  assert.equal(world.logger.at('error').length, 1);
});

test('an alias receives until it is cancelled (alias/0)', async () => {
  const { runtime } = start();
  const received: Term[] = [];
  const alias = runtime.alias((message) => received.push(message));
  runtime.send(alias.reference, 1);
  await settle();
  runtime.send(alias.reference, 2);
  alias.cancel();
  runtime.send(alias.reference, 3);
  await settle();
  assert.deepEqual(received, [1]);
});
