/** Protocols 5: what OTP's behaviours and tools say to any special process, from a real BEAM to us, and multi_call both ways. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GenServer, child } from '../../src/process/index.ts';
import { atom, formatTerm } from '../../src/term/index.ts';
import type { Term } from '../../src/term/index.ts';
import { testCluster, type TestNode } from '../node/nodes.ts';
import { eventually } from '../support/eventually.ts';
import { skipUnless } from '../support/peers.ts';
import { row } from '../support/row.ts';
import { Beam, cookie } from './fixtures/beam.ts';

const options = { ...skipUnless('erl'), timeout: 90_000 };
const at = `'a@127.0.0.1'`;
const counter = `{counter, ${at}}`;

class Counter extends GenServer {
  readonly seen: Term[] = [];
  #count = 0;
  increment(by = 1): number {
    return (this.#count += by);
  }
  protected override handleInfo(message: Term): void {
    this.seen.push(message);
  }
}

async function both(t: Parameters<typeof testCluster>[0]): Promise<{ a: TestNode; beam: Beam }> {
  const cluster = await testCluster(t);
  const a = await cluster.start('a@127.0.0.1', { cookie });
  await a.node.runtime.startSupervisor(
    { strategy: 'one_for_one', children: [child(Counter, [], { name: 'counter' })] },
    { name: 'top' },
  );
  const beam = await Beam.start({ name: 'beam@127.0.0.1', cookie, epmdPort: cluster.epmdPort, t });
  return { a, beam };
}

async function answers(beam: Beam, cases: readonly (readonly [expression: string, answer: string])[]): Promise<void> {
  for (const [expression, answer] of cases) {
    const got = await beam.eval(expression);
    assert.ok(got.startsWith(answer), `${expression}: ${got}`);
  }
}

test(
  row(
    '5.5',
    'erl to us',
    'sys: get_state, get_status, suspend, resume, statistics, log, terminate; replace_state is refused',
  ),
  options,
  async (t) => {
    const { a, beam } = await both(t);
    await answers(beam, [
      [`sys:get_state(${counter})`, '#{<<"seen">> => []}'],
      [
        `{status, P, {module, M}, [D, S, Parent, [], Misc]} = sys:get_status(${counter}), {is_pid(P), M, is_list(D), S, is_pid(Parent), [element(1, X) || X <- Misc]}`,
        '{true,gen_server,true,running,true,[header,data,data]}',
      ],
      [`sys:suspend(${counter})`, 'ok'],
      [`element(2, lists:split(1, element(4, sys:get_status(${counter}))))`, '[suspended,'],
      [`try gen_server:call(${counter}, increment, 200) catch exit:{R, _} -> R end`, 'timeout'],
      [`sys:get_state(${counter}, 1000)`, '#{<<"seen">> => []}'],
      [`sys:resume(${counter})`, 'ok'],
      [`gen_server:call(${counter}, increment)`, '2'],
      [
        `sys:replace_state(${counter}, fun(S) -> S end)`,
        `{caught,error,{callback_failed,'Counter',{error,{unsupported,`,
      ],
      [`sys:statistics(${counter}, get)`, '{ok,no_statistics}'],
      [`sys:log(${counter}, get)`, '{ok,[]}'],
      [`sys:no_debug(${counter})`, 'ok'],
      [`sys:change_code(${counter}, m, v, x)`, '{error,{unknown_system_msg,{change_code,m,v,x}}}'],
      [`maps:get(<<"strategy">>, sys:get_state({top, ${at}}))`, 'one_for_one'],
      [`element(1, sys:get_status({top, ${at}}))`, 'status'],
    ]);
    const before = a.node.runtime.whereis('counter');
    assert.equal(await beam.eval(`sys:terminate(${counter}, enough)`), 'ok');
    await eventually(() => {
      const now = a.node.runtime.whereis('counter');
      return now !== undefined && now !== before;
    });
  },
);

test(row('5.1 5.5', 'erl to us', 'sys: rex and net_kernel answer as gen_servers'), options, async (t) => {
  const { a, beam } = await both(t);
  a.node.expose('shop', { add: (x, y) => (x as number) + (y as number) });
  const [rex, netKernel] = [`{rex, ${at}}`, `{net_kernel, ${at}}`];
  await answers(beam, [
    [`sys:get_state(${rex})`, '#{}'],
    [`sys:get_state(${netKernel})`, '#{}'],
    [`{status, _, M, [_, S | _]} = sys:get_status(${rex}), {M, S}`, '{{module,gen_server},running}'],
    [`sys:suspend(${netKernel})`, 'ok'],
    [`lists:nth(2, element(4, sys:get_status(${netKernel})))`, 'suspended'],
    [`sys:resume(${netKernel})`, 'ok'],
    [`net_adm:ping(${at})`, 'pong'],
    [`sys:suspend(${rex})`, 'ok'],
    [`try gen_server:call(${rex}, {call, shop, add, [1, 2], user}, 200) catch exit:{R, _} -> R end`, 'timeout'],
    [`sys:resume(${rex})`, 'ok'],
    [`rpc:block_call(${at}, shop, add, [1, 2])`, '3'],
  ]);
  assert.deepEqual(a.warnings(), []);
});

test(row('5.5', 'erl to us', 'supervisor:which_children and count_children'), options, async (t) => {
  const { a, beam } = await both(t);
  const dynamic = await a.node.runtime.startDynamicSupervisor({ maxChildren: 5 }, { name: 'dynamic' });
  await dynamic.startChild(child(Counter, []));
  await answers(beam, [
    [
      `[{Id, Pid, Type, Modules}] = supervisor:which_children({top, ${at}}), {Id, is_pid(Pid), Type, Modules}`,
      '{<<"counter">>,true,worker,[]}',
    ],
    [`lists:sort(supervisor:count_children({top, ${at}}))`, '[{active,1},{specs,1},{supervisors,0},{workers,1}]'],
    [
      `[{Id, Pid, Type, Modules}] = supervisor:which_children({dynamic, ${at}}), {Id, is_pid(Pid), Type, Modules}`,
      '{undefined,true,worker,[]}',
    ],
    [`maps:get(<<"max_children">>, sys:get_state({dynamic, ${at}}))`, '5'],
    [`supervisor:terminate_child({top, ${at}}, <<"counter">>)`, '{error,badarg}'],
  ]);
});

test(
  row('5.3 5.5', 'erl to us', 'gen_server:multi_call and abcast, gen_statem:call and cast, requests of gen_event'),
  options,
  async (t) => {
    const { a, beam } = await both(t);
    await answers(beam, [
      [`gen_server:multi_call([${at}, node()], counter, {increment, 2})`, `{[{'a@127.0.0.1',2}],['beam@127.0.0.1']}`],
      [
        `gen_server:multi_call([${at}, 'none@127.0.0.1'], counter, {increment, 1}, 2000)`,
        `{[{'a@127.0.0.1',3}],['none@127.0.0.1']}`,
      ],
      [`gen_server:multi_call([${at}], nobody, x, 2000)`, `{[],['a@127.0.0.1']}`],
      [`gen_server:abcast([${at}], counter, {increment, 10})`, 'abcast'],
      [`gen_statem:cast(${counter}, {increment, 10})`, 'ok'],
      [`gen_statem:call(${counter}, increment)`, '24'],
      [`gen_statem:call(${counter}, increment, {clean_timeout, 2000})`, '25'],
      [`gen_event:call(${counter}, handler, question)`, '{error,bad_module}'],
      [`gen_event:which_handlers(${counter})`, '[]'],
      [`gen_event:add_handler(${counter}, handler, [])`, '{error,not_supported}'],
      [`gen_event:delete_handler(${counter}, handler, [])`, '{error,module_not_found}'],
      [`gen_event:sync_notify(${counter}, one)`, 'ok'],
      [`gen_event:notify(${counter}, two)`, 'ok'],
      [`sys:get_state(${counter})`, '#{<<"seen">> => [{notify,one},{notify,two}]}'],
    ]);
    assert.deepEqual(a.warnings(), []);
  },
);

test(row('5.5', 'us to erl', 'multi_call and abcast, to a BEAM and to ourselves'), options, async (t) => {
  const { a, beam } = await both(t);
  await beam.eval(`register(counter, spawn(fun() -> F = fun(F, N) -> receive
    {'$gen_call', From, {increment, By}} -> gen:reply(From, N + By), F(F, N + By);
    {'$gen_cast', {increment, By}} -> F(F, N + By) end end, F(F, 100) end))`);
  const nodes = ['a@127.0.0.1', 'beam@127.0.0.1', 'none@127.0.0.1'];
  const { runtime } = a.node;
  assert.deepEqual(await runtime.multiCall(nodes, 'counter', 'increment', [1]), {
    replies: [
      { node: 'a@127.0.0.1', reply: 1 },
      { node: 'beam@127.0.0.1', reply: 101 },
    ],
    badNodes: ['none@127.0.0.1'],
  });
  const all = runtime.multiRef<Counter>(nodes.slice(0, 2), 'counter');
  all.cast.increment(5);
  assert.deepEqual(
    (await all.increment(1)).replies.map(({ reply }) => reply),
    [7, 107],
  );
});

test(row('5.5', 'us to erl', 'sys:get_state of a BEAM’s process, through rpc'), options, async (t) => {
  const { a } = await both(t);
  const remote = a.node.at('beam@127.0.0.1');
  const state = await remote.rpc('sys', 'get_state', [atom('kernel_safe_sup')]);
  assert.match(formatTerm(state), /^\{state,/);
});
