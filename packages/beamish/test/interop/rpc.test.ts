/** Protocols 5: calls, rpc and erpc between a real BEAM (and Elixir) and us, both ways. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GenServer } from '../../src/process/index.ts';
import type { Pid, Term } from '../../src/term/index.ts';
import { atom, formatTerm, tuple } from '../../src/term/index.ts';
import { testCluster, types, type TestNode } from '../node/nodes.ts';
import { code } from '../support/code.ts';
import { startChild } from '../support/children.ts';
import { eventually } from '../support/eventually.ts';
import { requirePeer, skipUnless } from '../support/peers.ts';
import { row } from '../support/row.ts';
import { Beam, cookie } from './fixtures/beam.ts';

const options = { ...skipUnless('erl'), timeout: 90_000 };
const at = `'a@127.0.0.1'`;

class Devices extends GenServer {
  readonly #pings: Term[] = [];
  listDevices(): Term {
    return [{ id: 'sw-01' }];
  }
  get(id: string): Term {
    return tuple(atom('ok'), id);
  }
  note(what: Term): void {
    this.#pings.push(what);
  }
  notes(): Term {
    return this.#pings;
  }
  protected override handleInfo(message: Term): void {
    this.#pings.push(message);
  }
}

test(
  row('5.3', 'erl to us', 'who may call what goes by the connection, not by the pid in a request'),
  options,
  async (t) => {
    const cluster = await testCluster(t);
    const a = await cluster.start('a@127.0.0.1', { cookie });
    const ran: Term[] = [];
    a.node.expose('shop', { close: (how) => ran.push(how) }, { allow: 'admin@127.0.0.1' });
    const admin = await Beam.start({ name: 'admin@127.0.0.1', cookie, epmdPort: cluster.epmdPort, t });
    const evil = await Beam.start({ name: 'evil@127.0.0.1', cookie, epmdPort: cluster.epmdPort, t });
    assert.equal(await admin.eval(`rpc:call(${at}, shop, close, [rpc])`), '1');
    assert.equal(await admin.eval(`erpc:call(${at}, shop, close, [erpc])`), '2');
    assert.match(await evil.eval(`rpc:call(${at}, shop, close, [rpc])`), /^\{badrpc,\{'EXIT',\{undef,/);
    assert.match(await evil.eval(`erpc:call(${at}, shop, close, [erpc])`), /^\{caught,error,/);
    assert.equal(
      await evil.eval(`
        Id = spawn_request(${at}, shop, close, [spawn], []),
        receive {spawn_reply, Id, error, Why} -> Why after 5000 -> nothing end
      `),
      'notsup',
    );
    // As if a process of admin had asked.
    await evil.eval(`
      Admin = rpc:call('admin@127.0.0.1', erlang, whereis, [init]),
      {rex, ${at}} ! {'$gen_call', {Admin, make_ref()}, {call, shop, close, [gen], user}},
      {rex, ${at}} ! {'$gen_cast', {cast, shop, close, [cast], user}},
      {rex, ${at}} ! {Admin, {call, shop, close, [raw], user}}
    `);
    await eventually(() => a.node.statistics().refused.not_permitted === 6);
    assert.equal(ran.length, 2);
  },
);

async function both(t: Parameters<typeof testCluster>[0]): Promise<{ a: TestNode; beam: Beam; epmdPort: number }> {
  const cluster = await testCluster(t);
  const a = await cluster.start('a@127.0.0.1', { cookie });
  a.node.expose('shop', {
    add: (x, y) => (x as number) + (y as number),
    later: async (x) => await Promise.resolve(x),
    fail: () => {
      throw new Error('sold out');
    },
    pid: () => a.node.runtime.whereis('device_manager') ?? null,
    sleep: () => new Promise(() => {}),
  });
  a.node.expose('Elixir.Shop', { name: () => 'Shop' });
  await a.node.spawn(Devices, [], { name: 'device_manager' });
  const beam = await Beam.start({ name: 'beam@127.0.0.1', cookie, epmdPort: cluster.epmdPort, t });
  return { a, beam, epmdPort: cluster.epmdPort };
}

test('what a BEAM asks of a node of ours', options, async (t) => {
  const { a, beam } = await both(t);
  const rows: [name: string, cases: [expression: string, answer: string][]][] = [
    [row('5.1 5.3', 'erl to us', 'net_adm:ping'), [[`net_adm:ping(${at})`, 'pong']]],
    [
      row('5.3 5.5', 'erl to us', 'gen_server:call by name and by pid, multi_call'),
      [
        [`gen_server:call({device_manager, ${at}}, list_devices)`, '[#{<<"id">> => <<"sw-01">>}]'],
        [`gen_server:call({device_manager, ${at}}, {get, <<"sw-01">>})`, '{ok,<<"sw-01">>}'],
        [`gen_server:call(rpc:call(${at}, shop, pid, []), {get, x})`, '{ok,x}'],
        [`gen_server:multi_call([${at}], device_manager, {get, 1})`, `{[{'a@127.0.0.1',{ok,1}}],[]}`],
        [
          `gen_server:call({device_manager, ${at}}, none_such)`,
          `{'$beamish_error',#{<<"code">> => <<"method_unknown">>`,
        ],
      ],
    ],
    [
      row('5.3 5.5', 'erl to us', 'erpc: what is exposed, what is not, a time-out, a fun'),
      [
        [`erpc:call(${at}, shop, add, [1, 2])`, '3'],
        [`erpc:call(${at}, shop, later, [<<"x">>], 5000)`, '<<"x">>'],
        [`erpc:call(${at}, 'Elixir.Shop', name, [])`, '<<"Shop">>'],
        [`erpc:call(${at}, os, cmd, ["id"])`, '{caught,error,{exception,undef,[{os,cmd,["id"],[]}]}}'],
        [`erpc:call(${at}, shop, sleep, [], 100)`, '{caught,error,{erpc,timeout}}'],
        [`erpc:call(${at}, fun() -> 1 end)`, '{caught,error,{exception,undef,[{erlang,apply,'],
        [
          `erpc:multicall([${at}, node()], lists, seq, [1, 2])`,
          '[{error,{exception,undef,[{lists,seq,[1,2],[]}]}},{ok,[1,2]}]',
        ],
      ],
    ],
    [
      row('5.1 5.3', 'erl to us', 'rex: block_call, calls in their old forms, features_request'),
      [
        [`rpc:block_call(${at}, shop, add, [3, 4])`, '7'],
        [`rpc:block_call(${at}, os, cmd, ["id"])`, `{badrpc,{'EXIT',{undef,[{os,cmd,["id"],[]}]}}}`],
        [`gen_server:call({rex, ${at}}, {call, shop, add, [5, 6], group_leader()})`, '11'],
        [`{rex, ${at}} ! {self(), {call, shop, add, [7, 8], user}}, receive {rex, X} -> X end`, '15'],
        [
          `{rex, ${at}} ! {self(), features_request}, receive {features_reply, N, F} -> {N, F} end`,
          `{'a@127.0.0.1',[erpc]}`,
        ],
      ],
    ],
    [
      row('5.3 5.5', 'erl to us', 'rpc: call, multicall, async_call'),
      [
        [`rpc:call(${at}, shop, add, [1, 2])`, '3'],
        [`rpc:call(${at}, os, cmd, ["id"])`, `{badrpc,{'EXIT',{undef,[{os,cmd,["id"],[]}]}}}`],
        [`rpc:multicall([${at}, node()], erlang, whereis, [none])`, `{[{badrpc,`],
        [`K = rpc:async_call(${at}, shop, add, [1, 1]), rpc:yield(K)`, '2'],
      ],
    ],
  ];
  for (const [name, cases] of rows) {
    await t.test(name, async () => {
      for (const [expression, expected] of cases) {
        const answer = await beam.eval(expression);
        assert.ok(answer.startsWith(expected), `${expression}: ${answer}`);
      }
    });
  }
  await t.test(row('5.5', 'erl to us', 'what an exposed function throws, for rpc and erpc'), async () => {
    assert.match(
      await beam.eval(`rpc:call(${at}, shop, fail, [])`),
      /^\{badrpc,\{'EXIT',\{\{js_error,<<"Error">>,<<"sold out">>\},\[/,
    );
    assert.match(
      await beam.eval(`try erpc:call(${at}, shop, fail, []) catch C:R -> {C, R} end`),
      /^\{error,\{exception,\{js_error,<<"Error">>,<<"sold out">>\}/,
    );
  });
  await t.test(
    row('5.3', 'erl to us', 'gen_server:cast and a plain message arrive; casts by rpc and erpc do no harm'),
    async () => {
      assert.equal(
        await beam.eval(
          `gen_server:cast({device_manager, ${at}}, {note, 1}), {device_manager, ${at}} ! raw, rpc:cast(${at}, shop, add, [1,2]), erpc:cast(${at}, os, cmd, ["id"]), rpc:eval_everywhere([${at}], shop, add, [1,2])`,
        ),
        'abcast',
      );
      await eventually(
        async () => formatTerm(await a.node.runtime.call('device_manager', atom('notes'))) === '[1,raw]',
      );
    },
  );
  assert.equal(a.events.length, 1);
});

test(
  row('5.5 A8', 'us to erl', 'ping; erpc with results, error, exit, throw, undef, a time-out, a BEAM that halts'),
  options,
  async (t) => {
    const { a } = await both(t);
    const remote = a.node.at('beam@127.0.0.1');
    assert.equal(await remote.ping(), true);
    assert.equal(await remote.rpc('erlang', '+', [1, 2]), 3);
    assert.equal(formatTerm(await remote.rpc('lists', 'seq', [1, 3])), '[1,2,3]');
    await assert.rejects(
      remote.rpc('erlang', 'error', [atom('bad')]),
      code('remote_error', /erlang:error\/1 on beam@127\.0\.0\.1: bad/),
    );
    await assert.rejects(remote.rpc('erlang', 'exit', [tuple(atom('gone'), 1)]), code('remote_error', /\{gone,1\}/));
    await assert.rejects(remote.rpc('erlang', 'throw', [atom('ball')]), code('remote_error', /ball/));
    await assert.rejects(remote.rpc('no_such', 'function', []), code('not_exposed'));
    await assert.rejects(remote.rpc('timer', 'sleep', [60_000], { timeout: 100 }), code('timeout'));
    await assert.rejects(remote.rpc('erlang', 'halt', []), code('noconnection'));
    assert.deepEqual(types(a.events).at(-1), 'nodedown beam@127.0.0.1 closed');
  },
);

test(
  row('5.5', 'us to erl', 'calls by name and pid, to nobody, with a time-out and a late reply, to one that dies'),
  options,
  async (t) => {
    const { a, beam } = await both(t);
    await beam.eval(`register(server, spawn(fun() -> F = fun(F) -> receive
    {'$gen_call', {P, T}, {late, Ms}} -> erlang:send_after(Ms, self(), {reply, P, T}), F(F);
    {reply, P, T} -> gen:reply({P, T}, late), F(F);
    {'$gen_call', {P, T}, by_pid} -> P ! {T, answered}, F(F);
    {'$gen_call', From, die} -> exit(asked);
    {'$gen_call', From, Request} -> gen:reply(From, {got, Request}), F(F) end end, F(F) end))`);
    const { runtime } = a.node;
    const to = { name: 'server', node: 'beam@127.0.0.1' };
    assert.equal(formatTerm(await runtime.call(to, tuple(atom('x'), 1))), '{got,{x,1}}');
    assert.equal(formatTerm(await runtime.call(to, atom('by_pid'))), 'answered');
    const pid = (await a.node.at('beam@127.0.0.1').rpc('erlang', 'whereis', [atom('server')])) as Pid;
    assert.equal(formatTerm(await runtime.call(pid, 'y')), '{got,<<"y">>}');
    await assert.rejects(runtime.call({ name: 'nobody', node: 'beam@127.0.0.1' }, 1), code('noproc'));
    await assert.rejects(
      runtime.call(to, tuple(atom('late'), 200), { timeout: 50 }),
      code('timeout', /server\.late on beam@127\.0\.0\.1/),
    );
    assert.equal(formatTerm(await runtime.call(to, 'after')), '{got,<<"after">>}');
    await assert.rejects(runtime.call(to, atom('die')), code('process_exited', /asked/));
  },
);

test(
  row('5.3', 'elixir to us', 'Node.ping, GenServer.call and cast, :erpc.call, Process.monitor'),
  { ...skipUnless('erl', 'elixir'), timeout: 90_000 },
  async (t) => {
    const { epmdPort } = await both(t);
    const script = `
    n = :"a@127.0.0.1"
    IO.inspect Node.ping(n)
    IO.inspect GenServer.call({:device_manager, n}, {:get, "sw-01"})
    IO.inspect GenServer.call({:device_manager, n}, :list_devices)
    IO.inspect GenServer.cast({:device_manager, n}, {:note, "from elixir"})
    IO.inspect :erpc.call(n, Shop, :name, [])
    IO.inspect GenServer.call({:device_manager, n}, :notes)
    IO.inspect catch_exit.(fn -> GenServer.call({:nobody, n}, :x) end)
    IO.inspect Process.monitor({:device_manager, n}) |> is_reference()
    IO.puts "done"
  `.replace(
      'IO.inspect Node.ping(n)',
      `catch_exit = fn f -> try do f.() catch :exit, {r, _} -> r end end\n IO.inspect Node.ping(n)`,
    );
    const elixir = startChild(requirePeer('elixir'), ['--name', 'ex@127.0.0.1', '--cookie', cookie, '-e', script], {
      t,
      env: { ERL_EPMD_PORT: String(epmdPort), ELIXIR_ERL_OPTIONS: '-start_epmd false' },
    });
    await elixir.waitForOutput(/done/, 30_000);
    assert.deepEqual(elixir.stdout.trim().split('\n'), [
      ':pong',
      '{:ok, "sw-01"}',
      '[%{"id" => "sw-01"}]',
      ':ok',
      '"Shop"',
      '["from elixir"]',
      ':noproc',
      'true',
      'done',
    ]);
  },
);
