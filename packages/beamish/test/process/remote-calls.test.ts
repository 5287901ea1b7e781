import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BeamishError, isBeamishError } from '../../src/error/index.ts';
import { GenServer } from '../../src/process/index.ts';
import { ImproperList, Pid, Reference, type Tuple, atom, tuple } from '../../src/term/index.ts';
import type { Term } from '../../src/term/index.ts';
import { Echo, type Side, pair, process, turns } from './pair.ts';

const BOOM = atom('boom');

test('a call to another node: monitor first, then the request by alias; the reply ends the monitor (gen:call)', async () => {
  const { a, b } = pair();
  await b.runtime.startServer(Echo, [], { name: 'echo' });
  const reply = await a.runtime.ref<Echo>({ name: 'echo', node: 'b@h' }).echo([1, 'x']);
  assert.deepEqual(reply, [1, 'x']);
  await turns();
  assert.deepEqual(a.wire.types(), ['monitor', 'message', 'demonitor']);
  const [monitor, message] = a.wire.sent;
  assert.ok(monitor?.type === 'monitor' && message?.type === 'message');
  const [, from] = (message.message as Tuple).elements;
  const tag = (from as Tuple).at(1) as ImproperList;
  assert.deepEqual(tag.elements, [atom('alias')]);
  assert.ok(monitor.reference.equals(tag.tail));
  assert.ok(b.wire.sent[0]?.type === 'message' && b.wire.sent[0].to instanceof Reference, 'answered to the alias');
  assert.equal(b.runtime.processes().find(({ name }) => name === 'echo')?.watchers, 0);
  assert.equal(a.world.clock.pendingTimers, 0);
});

test('towards a node without aliases the tag is a plain reference, and the reply to the pid is accepted', async () => {
  const { a, b } = pair();
  a.wire.aliases = false;
  const echo = await b.runtime.startServer(Echo, []);
  assert.equal(await a.runtime.ref<Echo>(echo.pid!).echo(5), 5);
  assert.ok(b.wire.sent[0]?.type === 'message' && b.wire.sent[0].to instanceof Pid);
});

test('an answer to the pid is accepted also when an alias was offered, as BEAM’s net_kernel does', async () => {
  const { a, b } = pair();
  const { pid } = b.runtime.spawn({
    handle(message, self) {
      const [caller, tag] = ((message as Tuple).at(1) as Tuple).elements;
      self.send(caller as Pid, tuple(tag, 'yes'));
    },
  });
  assert.equal(await a.runtime.call(pid, atom('is_auth')), 'yes');
});

test('calls that fail: no such process, time, and the loss of the connection', async () => {
  const { a, b } = pair();
  const echo = await b.runtime.startServer(Echo, []);
  const remote = a.runtime.ref<Echo>(echo.pid!);
  await assert.rejects(a.runtime.ref<Echo>({ name: 'no', node: 'b@h' }).echo(1), (error) =>
    isBeamishError(error, 'noproc'),
  );
  const slow = assert.rejects(remote.with({ timeout: 10 }).silent(), (error) => isBeamishError(error, 'timeout'));
  await turns();
  await a.world.clock.advance(10);
  await slow;
  await turns();
  assert.equal(a.wire.types().at(-1), 'demonitor', 'a time-out ends the monitor on the other node');
  const lost = assert.rejects(
    remote.silent(),
    (error) => isBeamishError(error, 'noconnection') && /b@h/.test(error.message),
  );
  await turns();
  a.runtime.connectionLost('b@h');
  await lost;
  assert.equal(a.world.clock.pendingTimers, 0);
});

/** Two nodes of which each takes calls as one signal. */
function callers(): { a: Side; b: Side; watchers: (name: string) => number | undefined } {
  const sides = pair();
  sides.a.wire.calls = sides.b.wire.calls = true;
  return {
    ...sides,
    watchers: (wanted) => sides.b.runtime.processes().find(({ name }) => name === wanted)?.watchers,
  };
}

test('a call to a node that takes it so is one signal there and one back, and leaves nothing', async () => {
  const { a, b, watchers } = callers();
  await b.runtime.startServer(Echo, [], { name: 'echo' });
  const remote = a.runtime.ref<Echo>({ name: 'echo', node: 'b@h' });
  assert.deepEqual(await Promise.all([remote.echo([1, 'x']), remote.echo('y')]), [[1, 'x'], 'y']);
  assert.deepEqual(a.wire.types(), ['call', 'call']);
  assert.deepEqual(b.wire.types(), ['reply', 'reply']);
  assert.equal(watchers('echo'), 0);
  assert.equal(a.world.clock.pendingTimers, 0);
});

test('who gets a call is monitored by it: noproc at once, and its end and the loss of its node are told', async () => {
  const { a, b, watchers } = callers();
  await assert.rejects(a.runtime.ref<Echo>({ name: 'no', node: 'b@h' }).echo(1), (error) =>
    isBeamishError(error, 'noproc'),
  );
  const echo = await b.runtime.startServer(Echo, [], { name: 'echo' });
  const remote = a.runtime.ref<Echo>({ name: 'echo', node: 'b@h' }).with({ timeout: Infinity });
  const ends = [remote.silent(), a.runtime.ref<Echo>(echo.pid!).silent()].map((call) =>
    assert.rejects(call, (error) => isBeamishError(error, 'process_exited')),
  );
  await turns();
  assert.equal(watchers('echo'), 2);
  b.runtime.exit(echo.pid!, BOOM);
  await Promise.all(ends);
  await b.runtime.startServer(Echo, [], { name: 'echo' });
  const lost = assert.rejects(remote.silent(), (error) => isBeamishError(error, 'noconnection'));
  await turns();
  a.runtime.connectionLost('b@h');
  b.runtime.connectionLost('a@h');
  await lost;
  assert.equal(watchers('echo'), 0);
});

test('a call that is given up ends its monitor on the other node, and the late reply is dropped', async () => {
  const { a, b, watchers } = callers();
  const late = Promise.withResolvers<Term>();
  class Slow extends GenServer {
    slow(): Promise<Term> {
      return late.promise;
    }
  }
  await b.runtime.startServer(Slow, [], { name: 'slow' });
  const call = a.runtime.ref<Slow>({ name: 'slow', node: 'b@h' }).with({ timeout: 10 }).slow();
  const timedOut = assert.rejects(call, (error) => isBeamishError(error, 'timeout'));
  await turns();
  await a.world.clock.advance(10);
  await timedOut;
  await turns();
  assert.equal(watchers('slow'), 0);
  late.resolve('late');
  await turns();
  assert.deepEqual(b.wire.types(), ['message'], 'to the alias, where nobody waits');
});

test('a call answered by somebody else ends its monitor as any call does', async () => {
  const { a, b, watchers } = callers();
  const helper = b.runtime.spawn({
    handle(message, self) {
      const [, tag] = (message as Tuple).elements;
      self.send((tag as ImproperList).tail as Reference, tuple(tag, 'from the helper'));
    },
  });
  b.runtime.spawn(
    { handle: (message, self) => self.send(helper.pid, (message as Tuple).at(1)) },
    { name: 'delegates' },
  );
  assert.equal(await a.runtime.call({ name: 'delegates', node: 'b@h' }, atom('work')), 'from the helper');
  await turns();
  assert.deepEqual(a.wire.types(), ['call', 'demonitor']);
  assert.equal(watchers('delegates'), 0);
});

test('only the node that was asked answers by `reply`, and only calls are answered so', async () => {
  const { a, b } = callers();
  const echo = await b.runtime.startServer(Echo, []);
  const call = a.runtime.ref<Echo>(echo.pid!).silent();
  const one = await process(a.runtime);
  const monitor = one.self.monitor(echo.pid!);
  await turns();
  const [called] = a.wire.sent;
  assert.ok(called?.type === 'call');
  a.runtime.receive({ type: 'reply', node: 'c@h', to: called.reference, reply: 'forged' });
  a.runtime.receive({ type: 'reply', node: 'b@h', to: monitor, reply: 'no call' });
  b.runtime.exit(echo.pid!, BOOM);
  await assert.rejects(call, (error) => isBeamishError(error, 'process_exited'));
  await turns();
  assert.equal(one.received.length, 1, 'the monitor is still one');
});

test('a request that has no form on the wire fails its call at once and leaves nothing', async () => {
  const { a, b } = pair();
  const route = a.wire.route.bind(a.wire);
  a.wire.route = (signal, node) => {
    if (signal.type === 'message' || signal.type === 'call') throw new BeamishError('term_not_encodable', 'no term');
    route(signal, node);
  };
  const echo = await b.runtime.startServer(Echo, [], { name: 'echo' });
  for (const calls of [false, true]) {
    a.wire.calls = calls;
    const call = a.runtime.ref<Echo>(echo.pid!).with({ timeout: Infinity }).echo(1);
    await assert.rejects(call, (error) => isBeamishError(error, 'term_not_encodable'));
  }
  await turns();
  assert.deepEqual(a.wire.types(), ['monitor', 'demonitor', 'demonitor']);
  assert.equal(b.runtime.processes().find(({ name }) => name === 'echo')?.watchers, 0);
});

test('a peer that changes the call bit of a reference takes no monitor, and reaches no alias or call', async () => {
  const { a, b } = pair();
  const [watched, watcher] = [await process(b.runtime), await process(a.runtime)];
  const reference = watcher.self.monitor(watched.pid);
  const received: Term[] = [];
  const alias = a.runtime.alias((message) => received.push(message));
  let settled = false;
  const silent = await process(b.runtime);
  const call = watcher.self.call(silent.pid, 'question');
  call.then(
    () => (settled = true),
    () => {},
  );
  await turns();
  const asked = a.wire.sent.filter(({ type }) => type === 'monitor').map((signal) => Reflect.get(signal, 'reference'));
  const other = ({ node, creation, words: [low, high, salt] }: Reference): Reference =>
    new Reference(node, creation, [low!, high!, (salt! ^ 1) >>> 0]);
  const tag = (to: Reference): Term => new ImproperList([atom('alias')], to);
  for (const forged of [reference, alias.reference, asked.at(-1) as Reference].map(other)) {
    const reply = tuple(tag(forged), 'forged');
    for (const message of [reply, tuple(forged, 'forged')]) {
      b.runtime.send(forged, message);
      b.runtime.send(watcher.pid, message);
    }
  }
  await turns();
  assert.deepEqual(received, []);
  assert.equal(settled, false);
  b.runtime.exit(watched.pid, BOOM);
  b.runtime.exit(silent.pid, BOOM);
  await assert.rejects(call, (error) => isBeamishError(error, 'process_exited'));
  const downs = watcher.received.filter((message) => (message as Tuple).elements.length === 5);
  assert.deepEqual(downs, [tuple(atom('DOWN'), reference, atom('process'), watched.pid, BOOM)]);
});
