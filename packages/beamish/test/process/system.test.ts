/** sys.erl, gen_server:multi_call, gen_statem and gen_event calls, and the warning about who blocks the event loop. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isBeamishError } from '../../src/error/index.ts';
import { GenEvent, GenServer, Runtime, child, countChildren, whichChildren } from '../../src/process/index.ts';
import { atom, charlist, formatTerm, isTuple, tuple } from '../../src/term/index.ts';
import type { Pid, Term } from '../../src/term/index.ts';
import { FakeClock, fakeWorld, settle } from '../support/fake-world.ts';

class Counter extends GenServer {
  readonly step: number;
  readonly seen: Term[] = [];
  readonly callback = (): number => 1;
  readonly _hidden = 1;
  readonly date = new Date(0);
  readonly weak = new WeakMap();
  #count = 0;
  constructor(step = 1) {
    super();
    this.step = step;
  }
  increment(): number {
    return (this.#count += this.step);
  }
  protected override handleInfo(message: Term): void {
    this.seen.push(message);
  }
  protected override terminate(reason: Term): void {
    this.seen.push(tuple(atom('terminated'), reason));
  }
}

function start(clock?: FakeClock) {
  const world = { ...fakeWorld(), ...(clock === undefined ? {} : { clock }) };
  const runtime = new Runtime({ world, nodeName: 'a@h', creation: 1 });
  /** A call as OTP's gen makes it, with any label. */
  const ask = async (to: Pid, request: Term, label?: Term): Promise<Term> => {
    let reply: Term = 'no reply';
    const caller = runtime.spawn({
      handle: (message) => {
        reply = isTuple(message, 2) ? message.at(1) : message;
      },
    });
    runtime.send(to, tuple(label ?? caller.pid, tuple(caller.pid, runtime.newReference()), request));
    await settle();
    caller.exit(atom('kill'));
    return reply;
  };
  const sys = (to: Pid, request: Term): Promise<Term> => ask(to, request, atom('system'));
  return { world, runtime, ask, sys };
}

test('sys:get_state shows public fields as terms; #private, _underscored and functions are left out', async () => {
  const { runtime, sys } = start();
  const { pid } = await runtime.startServer(Counter, [2]);
  const state = (await sys(pid!, atom('get_state'))) as Record<string, Term>;
  assert.deepEqual(Object.keys(state).toSorted(), ['date', 'seen', 'step', 'weak']);
  assert.equal(state['step'], 2);
  assert.deepEqual(state['date'], new Date(0));
  assert.equal(typeof state['weak'], 'string', 'what is no term is shown by its text');
  class Secret extends Counter {
    protected override formatState(): Term {
      return atom('mine');
    }
  }
  const secret = await runtime.startServer(Secret, []);
  assert.equal(await sys(secret.pid!, atom('get_state')), atom('mine'));
  await assert.rejects(runtime.call(secret.pid!, atom('formatState')), (error) =>
    isBeamishError(error, 'method_unknown'),
  );
});

test('sys:get_status has the shape {status, Pid, {module, M}, [PDict, SysState, Parent, Debug, Misc]}', async () => {
  const { runtime, sys } = start();
  const { pid } = await runtime.startServer(Counter, []);
  const status = await sys(pid!, atom('get_status'));
  assert.ok(isTuple(status, 4));
  assert.deepEqual(status.elements.slice(0, 3), [atom('status'), pid, tuple(atom('module'), atom('gen_server'))]);
  const [dictionary, state, parent, debug, misc] = status.at(3) as Term[];
  assert.ok(Array.isArray(dictionary));
  assert.deepEqual([state, parent, debug], [atom('running'), pid, []]);
  assert.equal(formatTerm((misc as Term[])[0]).startsWith('{header,'), true);
  assert.deepEqual((misc as { elements: Term[] }[])[2]?.elements[0], atom('data'));
  assert.ok(formatTerm(misc).includes(formatTerm(charlist('Logged events'))));
});

test('sys:suspend holds all but system messages and the order to shut down; resume handles them in order', async () => {
  const { runtime, sys, world } = start();
  const { pid } = await runtime.startServer(Counter, []);
  runtime.send(pid!, 'before');
  assert.equal(await sys(pid!, atom('suspend')), atom('ok'));
  for (const message of ['a', 'b']) runtime.send(pid!, message);
  const call = runtime.ref<Counter>(pid!).with({ timeout: 50 }).increment();
  runtime.send(pid!, 'c');
  await settle();
  const { seen } = (await sys(pid!, atom('get_state'))) as { seen: Term[] };
  assert.deepEqual(seen, ['before']);
  assert.equal(runtime.processes().find((info) => info.pid === pid)?.mailbox, 4, 'they wait in the mailbox');
  assert.equal(((await sys(pid!, atom('get_status'))) as { elements: Term[][] }).elements[3]?.[1], atom('suspended'));
  const timedOut = assert.rejects(call, (error) => isBeamishError(error, 'timeout'));
  await world.clock.advance(50);
  await timedOut;
  assert.equal(await sys(pid!, atom('resume')), atom('ok'));
  runtime.send(pid!, 'd');
  await settle();
  assert.deepEqual(seen, ['before', 'a', 'b', 'c', 'd']);
  await sys(pid!, atom('suspend'));
  runtime.send(pid!, 'never');
  runtime.exit(pid!, atom('shutdown'));
  await settle();
  assert.equal(runtime.isAlive(pid!), false);
  assert.deepEqual(seen.at(-1), tuple(atom('terminated'), atom('shutdown')));
});

test('sys:terminate runs terminate with its reason; replace_state and debugging are refused by name', async () => {
  const { runtime, sys } = start();
  const { pid } = await runtime.startServer(Counter, []);
  const { seen } = (await sys(pid!, atom('get_state'))) as { seen: Term[] };
  assert.match(
    formatTerm(await sys(pid!, tuple(atom('replace_state'), 1))),
    /^\{error,\{callback_failed,'Counter',\{error,\{unsupported/,
  );
  assert.equal(
    formatTerm(await sys(pid!, tuple(atom('debug'), tuple(atom('trace'), true)))),
    '{error,{unknown_system_msg,{debug,{trace,true}}}}',
  );
  assert.equal(
    formatTerm(await sys(pid!, tuple(atom('debug'), tuple(atom('statistics'), atom('get'))))),
    '{ok,no_statistics}',
  );
  assert.equal(formatTerm(await sys(pid!, tuple(atom('debug'), tuple(atom('log'), atom('get'))))), '{ok,[]}');
  assert.equal(formatTerm(await sys(pid!, tuple(atom('debug'), atom('no_debug')))), 'ok');
  assert.equal(formatTerm(await sys(pid!, atom('nonsense'))), '{error,{unknown_system_msg,nonsense}}');
  assert.equal(await sys(pid!, tuple(atom('terminate'), atom('enough'))), atom('ok'));
  assert.equal(runtime.isAlive(pid!), false);
  assert.deepEqual(seen.at(-1), tuple(atom('terminated'), atom('enough')));
});

test('a supervisor answers sys messages too', async () => {
  const { runtime, sys } = start();
  const top = await runtime.startSupervisor({ strategy: 'one_for_all', children: [child(Counter, [])] });
  assert.match(formatTerm(await sys(top.pid, atom('get_state'))), /one_for_all/);
  assert.ok(isTuple(await sys(top.pid, atom('get_status')), 4));
  await sys(top.pid, atom('suspend'));
  await sys(top.pid, atom('resume'));
  assert.equal((await top.whichChildren()).length, 1);
  await sys(top.pid, tuple(atom('terminate'), atom('shutdown')));
  await settle();
  assert.deepEqual(runtime.processes().length, 1, 'the children went with it');
});

test('gen_statem:call is a call; gen_event requests get the answers of a manager without handlers', async () => {
  const { runtime, ask, sys } = start();
  const { pid } = await runtime.startServer(Counter, []);
  assert.equal(await ask(pid!, atom('increment'), atom('$gen_call')), 1);
  assert.deepEqual(await ask(pid!, atom('which_handlers')), []);
  assert.deepEqual(await ask(pid!, tuple(atom('call'), atom('h'), 1)), tuple(atom('error'), atom('bad_module')));
  assert.deepEqual(
    await ask(pid!, tuple(atom('delete_handler'), atom('h'), 1)),
    tuple(atom('error'), atom('module_not_found')),
  );
  assert.deepEqual(
    await ask(pid!, tuple(atom('add_handler'), atom('h'), 1)),
    tuple(atom('error'), atom('not_supported')),
  );
  assert.equal(await ask(pid!, tuple(atom('sync_notify'), 'e')), atom('ok'));
  const other = tuple(runtime.pid, tuple(runtime.newPid(), 1), atom('which_handlers'));
  runtime.send(pid!, other);
  await settle();
  const { seen } = (await sys(pid!, atom('get_state'))) as { seen: Term[] };
  assert.deepEqual(seen, [tuple(atom('notify'), 'e'), other], 'what only looks alike is an ordinary message');
});

test('gen_server:multi_call: a From of {Pid, {Ref, Node}} is answered to the pid with the whole tag', async () => {
  const { runtime } = start();
  const { pid } = await runtime.startServer(Counter, []);
  const received: Term[] = [];
  const caller = runtime.spawn({ handle: (message) => void received.push(message) });
  const tag = tuple(runtime.newReference(), atom('a@h'));
  runtime.send(pid!, tuple(atom('$gen_call'), tuple(caller.pid, tag), atom('increment')));
  await settle();
  assert.deepEqual(received, [tuple(tag, 1)]);
});

test('multiCall gives replies and the bad nodes; multiRef has types; casts go to all (multi_call/4, abcast/3)', async () => {
  const { runtime } = start();
  await runtime.startServer(Counter, [], { name: 'counter' });
  const nodes = ['a@h', 'gone@h'];
  assert.deepEqual(await runtime.multiCall(nodes, 'counter', 'increment'), {
    replies: [{ node: 'a@h', reply: 1 }],
    badNodes: ['gone@h'],
  });
  assert.deepEqual(await runtime.multiCall(['a@h'], 'nobody', 'increment'), { replies: [], badNodes: ['a@h'] });
  const all = runtime.multiRef<Counter>(nodes, 'counter');
  all.cast.increment();
  assert.deepEqual((await all.increment()).replies, [{ node: 'a@h', reply: 3 }]);
  await assert.rejects(runtime.multiCall(nodes, 'counter', 'increment', [], { timeout: -1 }), (error) =>
    isBeamishError(error, 'option_invalid'),
  );
  await assert.rejects(runtime.multiCall(nodes, 'counter', 'increment', [], { signal: AbortSignal.abort() }), (error) =>
    isBeamishError(error, 'aborted'),
  );
});

/** Time passes only where a test says so; looks are counted. */
class CostlyClock extends FakeClock {
  passed = 0;
  looks = 0;
  override monotonicTime(): number {
    this.looks++;
    return this.passed;
  }
}

test('who blocks the event loop is named with its message and the time (default 100 ms)', async () => {
  const clock = new CostlyClock();
  const { runtime, world } = start(clock);
  const slow = runtime.spawn(
    { init: () => void (clock.passed += 150), handle: (ms) => void (clock.passed += Number(ms)) },
    { name: 'slow' },
  );
  await settle();
  assert.match(
    world.logger.at('warn')[0]?.message ?? '',
    /process slow blocked the event loop for 150 ms with the message init/,
  );
  slow.send(100);
  await settle();
  assert.equal(world.logger.at('warn').length, 1, '100 ms are allowed');
  slow.send(101);
  await settle();
  const line = world.logger.at('warn')[1];
  assert.match(line?.message ?? '', /process slow blocked the event loop for 101 ms with the message 101/);
  assert.deepEqual(
    { ...line?.fields },
    { pid: slow.pid.toString(), name: 'slow', label: undefined, milliseconds: 101, message: '101' },
  );
  runtime.blockedAfter = Infinity;
  slow.send(1000);
  await settle();
  assert.equal(world.logger.at('warn').length, 2);
  assert.throws(
    () => (runtime.blockedAfter = 0),
    (error) => isBeamishError(error, 'option_invalid'),
  );
  assert.equal(new Runtime({ world, blockedAfter: 7 }).blockedAfter, 7);
});

test('a flood costs few looks at the clock; a block in it is told of few messages, the next of one', async () => {
  const clock = new CostlyClock();
  const { runtime, world } = start(clock);
  const sink = runtime.spawn({ handle: (ms) => void (clock.passed += Number(ms)) }, { name: 'sink' });
  await settle();
  const looks = clock.looks;
  for (let i = 0; i < 10_000; i++) sink.send(0);
  await settle();
  assert.ok(clock.looks - looks < 500, `${clock.looks - looks} looks`);
  for (let i = 0; i < 500; i++) sink.send(i === 400 ? 200 : 0);
  for (let i = 0; i < 100; i++) sink.send(i === 60 ? 300 : 0);
  await settle();
  const [first, second] = world.logger.at('warn').map(({ message }) => message);
  assert.match(first ?? '', /one of \d+ messages blocked the event loop for 200 ms/);
  assert.match(second ?? '', /process sink blocked the event loop for 300 ms with the message 300/);
});

test('a process that is no supervisor and no event manager has not “no children” and “no handlers”', async () => {
  const { runtime } = start();
  const { pid: talker } = runtime.spawn({
    handle: (message) => {
      if (!isTuple(message, 3)) return;
      const [, from] = message.elements;
      if (isTuple(from, 2)) runtime.send(from.at(0) as Pid, tuple(from.at(1), atom('hello')));
    },
  });
  const refused = (error: unknown): boolean =>
    isBeamishError(error, 'remote_error') && error.details['reason'] === atom('hello') && /no list/.test(error.message);
  await assert.rejects(whichChildren(runtime, talker), refused);
  await assert.rejects(countChildren(runtime, talker), refused);
  await assert.rejects(GenEvent.whichHandlers(runtime, talker), refused);
});
