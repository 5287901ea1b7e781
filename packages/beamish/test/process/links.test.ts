import assert from 'node:assert/strict';
import { test } from 'node:test';
import { atom, isTuple, tuple } from '../../src/term/index.ts';
import type { Reference, Term, Tuple } from '../../src/term/index.ts';
import { settle } from '../support/fake-world.ts';
import { collectors, start } from './collector.ts';

const NORMAL = atom('normal');
const NOPROC = atom('noproc');
const BOOM = atom('boom');

function isDown(message: Term, reference: Reference): boolean {
  return isTuple(message, 5) && reference.equals(message.at(1));
}

test('an exit signal ends a process that does not trap exits, with its reason (exit/2)', async () => {
  const { runtime } = start();
  const [target, watcher] = await collectors(runtime, 2);
  const reference = watcher!.self.monitor(target!.pid);
  runtime.exit(target!.pid, BOOM);
  await settle();
  assert.equal(runtime.isAlive(target!.pid), false);
  assert.equal((watcher!.received[0] as Tuple).at(4), BOOM);
  assert.ok(isDown(watcher!.received[0], reference));
});

test('exit reason normal from another process is ignored', async () => {
  const { runtime } = start();
  const [target] = await collectors(runtime, 1);
  runtime.exit(target!.pid, NORMAL);
  await settle();
  assert.ok(runtime.isAlive(target!.pid));
});

test('a process that traps exits gets {EXIT, From, Reason}, also with reason normal', async () => {
  const { runtime } = start();
  const [from, target] = await collectors(runtime, 2, { trapExit: true });
  from!.self.exitProcess(target!.pid, BOOM);
  from!.self.exitProcess(target!.pid, NORMAL);
  await settle();
  assert.deepEqual(target!.received, [tuple(atom('EXIT'), from!.pid, BOOM), tuple(atom('EXIT'), from!.pid, NORMAL)]);
});

test('kill cannot be trapped; linked processes see killed (exit(Pid, kill))', async () => {
  const { runtime } = start();
  const [target, linked] = await collectors(runtime, 2, { trapExit: true });
  linked!.self.link(target!.pid);
  runtime.exit(target!.pid, atom('kill'));
  await settle();
  assert.equal(runtime.isAlive(target!.pid), false);
  assert.deepEqual(linked!.received, [tuple(atom('EXIT'), target!.pid, atom('killed'))]);
});

test('a link exit with reason kill can be trapped: only exit/2 kills', async () => {
  const { runtime } = start();
  const [trapping] = await collectors(runtime, 1, { trapExit: true });
  const { pid } = runtime.spawn({ handle: (_message, self) => self.exit(atom('kill')) }, { link: trapping!.pid });
  runtime.send(pid, 1);
  await settle();
  assert.deepEqual(trapping!.received, [tuple(atom('EXIT'), pid, atom('kill'))]);
});

test('a crash ends all linked processes that do not trap, whichever side made the link (link/1)', async () => {
  const { runtime } = start();
  const [a, b, c] = await collectors(runtime, 3);
  a!.self.link(b!.pid);
  c!.self.link(b!.pid);
  runtime.exit(a!.pid, BOOM);
  await settle();
  assert.deepEqual(
    [a, b, c].map((one) => runtime.isAlive(one!.pid)),
    [false, false, false],
  );
});

test('a normal exit tells linked processes, and does not end them', async () => {
  const { runtime } = start();
  const [plain] = await collectors(runtime, 1);
  const [trapping] = await collectors(runtime, 1, { trapExit: true });
  const { pid } = runtime.spawn({ handle: (_message, self) => self.exit(NORMAL) });
  plain!.self.link(pid);
  trapping!.self.link(pid);
  runtime.send(pid, 1);
  await settle();
  assert.ok(runtime.isAlive(plain!.pid));
  assert.deepEqual(trapping!.received, [tuple(atom('EXIT'), pid, NORMAL)]);
});

test('unlink: no exit signal afterwards; links are not counted (unlink/1)', async () => {
  const { runtime } = start();
  const [a, b] = await collectors(runtime, 2);
  a!.self.link(b!.pid);
  a!.self.link(b!.pid);
  b!.self.unlink(a!.pid);
  runtime.exit(a!.pid, BOOM);
  await settle();
  assert.ok(runtime.isAlive(b!.pid));
  assert.deepEqual(runtime.processes().find(({ pid }) => pid.equals(b!.pid))?.links, []);
});

test('a link to a process that does not exist is answered with the exit signal noproc (link/1)', async () => {
  const { runtime } = start();
  const [trapping] = await collectors(runtime, 1, { trapExit: true });
  const [plain] = await collectors(runtime, 1);
  const nobody = runtime.newPid();
  trapping!.self.link(nobody);
  plain!.self.link(nobody);
  await settle();
  assert.deepEqual(trapping!.received, [tuple(atom('EXIT'), nobody, NOPROC)]);
  assert.equal(runtime.isAlive(plain!.pid), false);
});

test('a chain of 20,000 linked processes ends without exhausting the stack', async () => {
  const { runtime } = start();
  const all = await collectors(runtime, 20_000);
  all.forEach((one, index) => index > 0 && runtime.link(one.pid, all[index - 1]!.pid));
  runtime.exit(all[0]!.pid, BOOM);
  await settle();
  assert.equal(runtime.processes().length, 1);
});
