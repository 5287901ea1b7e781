/** Protocols 5.3, 5.5: what we ask of the processes of OTP's behaviours on a real BEAM, and of its functions. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GenEvent, Sys, countChildren, whichChildren } from '../../src/process/index.ts';
import type { Pid, Term } from '../../src/term/index.ts';
import { ExportFun, atom, formatTerm, isAtom, isTuple, tuple } from '../../src/term/index.ts';
import { testCluster, type TestNode } from '../node/nodes.ts';
import { code } from '../support/code.ts';
import { eventually } from '../support/eventually.ts';
import { skipUnless } from '../support/peers.ts';
import { row } from '../support/row.ts';
import { Beam, cookie } from './fixtures/beam.ts';
import { startServices } from './fixtures/services.ts';

const options = { ...skipUnless('erl'), timeout: 90_000 };
const node = 'beam@127.0.0.1';
const named = (name: string): { name: string; node: string } => ({ name, node });
const text = (term: Term): string => formatTerm(term);

async function both(t: Parameters<typeof testCluster>[0]): Promise<{ a: TestNode; beam: Beam }> {
  const cluster = await testCluster(t);
  const a = await cluster.start('a@127.0.0.1', { cookie });
  const beam = await Beam.start({ name: node, cookie, epmdPort: cluster.epmdPort, t });
  return { a, beam };
}

test('what we ask of OTP’s behaviours', options, async (t) => {
  const { a, beam } = await both(t);
  const { runtime } = a.node;
  await startServices(beam);
  await t.test(
    row('5.5', 'us to erl', 'sys: get_state, get_status, replace_state, suspend, resume, terminate'),
    async () => {
      assert.equal(await Sys.getState<number>(runtime, named('server')), 10);
      const status = await Sys.getStatus(runtime, named('server'));
      assert.ok(isTuple(status, 4) && isAtom(status.at(0), 'status'));
      assert.equal(text(status.at(2)), '{module,gen_server}');
      assert.equal(await Sys.replaceState(runtime, named('server'), new ExportFun('services', 'double', 1)), 20);
      assert.equal(await runtime.call(named('server'), tuple(atom('add'), 1)), 21);
      await Sys.suspend(runtime, named('server'));
      await assert.rejects(
        runtime.call(named('server'), tuple(atom('add'), 1), { timeout: 100 }),
        code('timeout', /server\.add/),
      );
      assert.equal(await Sys.getState(runtime, named('server')), 21);
      await Sys.resume(runtime, named('server'));
      assert.equal(await runtime.call(named('server'), tuple(atom('add'), 1)), 23);
      await assert.rejects(
        Sys.replaceState(runtime, named('server'), new ExportFun('no', 'such', 1)),
        code('remote_error', /callback_failed/),
      );
      await assert.rejects(Sys.getState(runtime, named('nobody')), code('noproc'));
      const states: Term[] = [];
      runtime.spawn({
        init: async (self) => void states.push(await Sys.getState(self, named('server'))),
        handle() {},
      });
      await eventually(() => states[0] === 23);
      const downs: Term[] = [];
      runtime.monitor(named('server'), (reason) => downs.push(reason));
      await Sys.terminate(runtime, named('server'), atom('enough'));
      await eventually(() => downs.length === 1);
      assert.equal(text(downs[0]), 'enough');
    },
  );
  await t.test(row('5.3 5.5', 'us to erl', 'gen_statem: call, cast, a message; its state through sys'), async () => {
    assert.equal(text(await runtime.call(named('door'), atom('open'))), 'opened');
    runtime.cast(named('door'), atom('close'));
    runtime.send(named('door'), atom('knock'));
    assert.equal(text(await runtime.call(named('door'), atom('history'))), '[knock,close,open]');
    assert.equal(text(await runtime.call(named('door'), atom('shut'))), '{error,{shut,closed}}');
    assert.equal(text(await Sys.getState(runtime, named('door'))), '{closed,[knock,close,open]}');
  });
  await t.test(
    row('5.3 5.5', 'us to erl', 'gen_event: call, notify, sync_notify, handlers added, listed and deleted'),
    async () => {
      const [events, services] = [named('events'), atom('services')];
      GenEvent.notify(runtime, events, 1);
      await GenEvent.syncNotify(runtime, events, 'two');
      assert.equal(text(await GenEvent.call(runtime, events, services, atom('seen'))), '[1,<<"two">>]');
      assert.equal(text(await GenEvent.call(runtime, events, atom('other'), 1)), '{error,bad_module}');
      const second = tuple(services, 2);
      assert.equal(
        text(await GenEvent.addHandler(runtime, events, second, tuple(atom('handler'), atom('second')))),
        'ok',
      );
      assert.equal(text([...(await GenEvent.whichHandlers(runtime, events))]), '[{services,2},services]');
      assert.equal(text(await GenEvent.deleteHandler(runtime, events, second, atom('bye'))), '{ended,bye,second}');
      assert.equal(
        text(await GenEvent.deleteHandler(runtime, events, second, atom('bye'))),
        '{error,module_not_found}',
      );
      const answers: Term[] = [];
      runtime.spawn({
        init: async (self) => void answers.push(await GenEvent.call(self, events, services, atom('seen'))),
        handle() {},
      });
      await eventually(() => answers.length === 1, { describe: 'a process’s own call' });
    },
  );
  await t.test(row('5.5', 'us to erl', 'supervisor: which_children and count_children'), async () => {
    const children = await whichChildren(runtime, named('top'));
    assert.deepEqual(
      children.map(({ id, pid, restarting, type, modules }) => [text(id), pid?.node, restarting, type, text(modules)]),
      [
        ['stopped', undefined, false, 'supervisor', 'dynamic'],
        ['child', node, false, 'worker', '[gen_server]'],
      ],
    );
    const [, child] = children;
    assert.equal(await Sys.getState(runtime, child?.pid as Pid), 1);
    assert.deepEqual(await countChildren(runtime, named('top')), { specs: 2, active: 1, supervisors: 1, workers: 1 });
    const [dynamic] = await whichChildren(runtime, named('many'));
    assert.equal(dynamic?.id, undefined);
    assert.deepEqual(await countChildren(runtime, named('many')), { specs: 1, active: 1, supervisors: 0, workers: 1 });
  });
  assert.deepEqual(a.warnings(), []);
  assert.equal(a.events.length, 1);
});

test('the same asked of our own processes, in one node and from another', options, async (t) => {
  const cluster = await testCluster(t);
  const [a, b] = [await cluster.start('a@127.0.0.1'), await cluster.start('b@127.0.0.1')];
  const top = await b.node.runtime.startSupervisor({ strategy: 'one_for_one', children: [] }, { name: 'top' });
  for (const [by, to] of [
    [a.node.runtime, { name: 'top', node: 'b@127.0.0.1' }],
    [b.node.runtime, 'top'],
    [a.node.runtime, top.pid],
  ] as const) {
    assert.equal(text(await Sys.getState(by, to)).includes('one_for_one'), true);
    await Sys.suspend(by, to);
    await assert.rejects(by.call(to, atom('count_children'), { timeout: 50 }), code('timeout'));
    await Sys.resume(by, to);
    assert.deepEqual(await countChildren(by, to), { specs: 0, active: 0, supervisors: 0, workers: 0 });
    assert.deepEqual(await whichChildren(by, to), []);
    await assert.rejects(Sys.replaceState(by, to, new ExportFun('a', 'b', 1)), code('remote_error', /callback_failed/));
  }
});

test(
  row('5.3 5.5', 'us to erl', 'erpc: cast, multicall, a module with types, a call given up is watched no more'),
  options,
  async (t) => {
    const { a, beam } = await both(t);
    const remote = a.node.at(node);
    await beam.eval(`register(keeper, spawn(fun() -> F = fun(F, Kept) -> receive
      {get, From} -> From ! {kept, lists:reverse(Kept)}, F(F, Kept); Other -> F(F, [Other | Kept]) end end, F(F, []) end))`);
    const keeper = (await remote.rpc('erlang', 'whereis', [atom('keeper')])) as Pid;
    remote.cast('erlang', 'send', [keeper, 'by cast']);
    remote.cast('no', 'such', []);
    remote.module<{ send(to: Pid, message: Term): Term }>('erlang').cast.send(keeper, 'by module');
    await eventually(
      async () =>
        (await beam.eval('keeper ! {get, self()}, receive {kept, K} -> lists:sort(K) end')) ===
        '[<<"by cast">>,<<"by module">>]',
    );
    const lists = remote.module<{ sum(numbers: readonly number[]): number; max(numbers: readonly number[]): number }>(
      'lists',
    );
    assert.equal((await lists.sum([1, 2, 3])) + (await lists.max([1, 7])), 13);
    await assert.rejects(lists.max([]), code('remote_error', /lists:max\/1/));
    const outcomes = await a.node.multicall([node, 'none@127.0.0.1'], 'erlang', '+', [1, 2]);
    assert.deepEqual(
      outcomes.map((outcome) => [outcome.node, outcome.error === undefined ? outcome.value : outcome.error.code]),
      [
        [node, 3],
        ['none@127.0.0.1', 'noconnection'],
      ],
    );
    // A call that ran into its time-out leaves no monitor there.
    await assert.rejects(remote.rpc('timer', 'sleep', [30_000], { timeout: 100 }), code('timeout'));
    await eventually(
      async () =>
        (await beam.eval(
          `[P || P <- processes(), {current_function, {timer, sleep, 1}} =:= process_info(P, current_function), {monitored_by, [_ | _]} <- [process_info(P, monitored_by)]]`,
        )) === '[]',
    );
  },
);
