/** Via names of one's own that take time to get. Those of a registry: `registry.test.ts`; of global: `global/via.test.ts`. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BeamishError } from '../../src/error/index.ts';
import { Runtime, Via } from '../../src/process/index.ts';
import { atom, tuple, type Pid, type Term } from '../../src/term/index.ts';
import { fakeWorld, settle } from '../support/fake-world.ts';

function setting() {
  const runtime = new Runtime({ world: fakeWorld() });
  const log: Term[] = [];
  const named = Promise.withResolvers<void>();
  let signal: AbortSignal | undefined;
  const via = new Via({
    title: 'mine',
    whereis: () => undefined,
    register: (_, self) => {
      ({ signal } = self);
      return named.promise;
    },
  });
  const behaviour = { init: () => void log.push('init'), handle: (message: Term) => void log.push(message) };
  const start = (): Pid => runtime.spawn(behaviour, { via }).pid;
  return { runtime, log, named, start, signal: () => signal };
}

test('init waits for the name, and messages wait for init', async () => {
  const { runtime, log, named, start } = setting();
  const pid = start();
  runtime.send(pid, 'early');
  await settle();
  assert.deepEqual(log, []);
  named.resolve();
  await settle();
  assert.deepEqual(log, ['init', 'early']);
});

test('who ends before it has its name never begins; whoever was getting it is told', async () => {
  const { runtime, log, named, start, signal } = setting();
  const pid = start();
  await settle();
  runtime.exit(pid, atom('kill'));
  assert.equal(signal()?.aborted, true);
  named.resolve();
  await settle();
  assert.deepEqual(log, []);
  assert.equal(runtime.isAlive(pid), false);
});

test('a name that is refused ends the process with the reason of OTP; refused after the end it concerns nobody', async () => {
  const { runtime, log, named, start } = setting();
  const owner = runtime.spawn({ handle() {} }).pid;
  const [pid, early] = [start(), start()];
  runtime.exit(early, atom('kill'));
  const downs: Term[] = [];
  runtime.monitor(pid, (reason) => downs.push(reason));
  named.reject(new BeamishError('name_taken', 'it is taken', { details: { pid: owner } }));
  await settle();
  assert.deepEqual(downs, [tuple(atom('already_started'), owner)]);
  assert.deepEqual(log, []);
});
