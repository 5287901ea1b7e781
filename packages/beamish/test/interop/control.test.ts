/** Protocols 3: control messages with a real BEAM: each row acts on the other side, in both directions. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GenServer } from '../../src/process/index.ts';
import type { Pid, Term } from '../../src/term/index.ts';
import { atom, formatTerm, isAtom, tuple } from '../../src/term/index.ts';
import { testCluster, type TestNode } from '../node/nodes.ts';
import { eventually } from '../support/eventually.ts';
import { skipUnless } from '../support/peers.ts';
import { row } from '../support/row.ts';
import { Beam, cookie, nodeAndBeam } from './fixtures/beam.ts';

const options = { ...skipUnless('erl'), timeout: 90_000 };

class Echo extends GenServer {
  echo(term: Term): Term {
    return term;
  }
  crash(): never {
    throw new Error('as it was asked');
  }
}

/** A process of ours that keeps what it gets, exits included. */
function sink(a: TestNode, name: string): { pid: Pid; got: Term[] } {
  const got: Term[] = [];
  const { pid } = a.node.runtime.spawn(
    {
      handle: (message) => void got.push(message),
      exit: (_from, reason) => void got.push(tuple(atom('exit'), reason)),
    },
    { name, trapExit: true },
  );
  return { pid, got };
}

test('what a BEAM tells a process of ours', options, async (t) => {
  const { a, beam } = await nodeAndBeam(t);
  await a.node.spawn(Echo, [], { name: 'echo' });
  const { pid, got } = sink(a, 'sink');
  const at = `'a@127.0.0.1'`;
  await t.test(row('3.4', 'erl to us', 'messages to a name arrive in their order'), async () => {
    assert.equal(
      await beam.eval(`{sink, ${at}} ! {hello, [1,2]}, {sink, ${at}} ! second, erpc:cast(${at}, none, none, []), ok`),
      'ok',
    );
    await eventually(() => got.length === 2);
    assert.equal(formatTerm(got[0]), '{hello,[1,2]}');
  });
  await t.test(
    row('3.4 A2', 'erl to us', 'gen_server:call, whose tag is an alias, and multi_call are answered'),
    async () => {
      assert.equal(await beam.eval(`gen_server:call({echo, ${at}}, {echo, #{a => <<"b">>}})`), '#{a => <<"b">>}');
      assert.equal(await beam.eval(`gen_server:multi_call([${at}], echo, {echo, 7})`), `{[{'a@127.0.0.1',7}],[]}`);
    },
  );
  await t.test(row('3.5', 'erl to us', 'a monitor of a name that nobody has: noproc, at once'), async () => {
    assert.equal(
      await beam.eval(
        `R = monitor(process, {nobody, ${at}}), receive {'DOWN', R, process, What, Why} -> {What, Why} end`,
      ),
      `{{nobody,'a@127.0.0.1'},noproc}`,
    );
  });
  await t.test(
    row(
      '3.4 3.5',
      'erl to us',
      'monitors by pid and by name tell the reason, one taken back is silent; exit/2 is trapped',
    ),
    async () => {
      const down = `
    Sink = rpc:call(${at}, help, sink, []),
    R1 = monitor(process, Sink), R2 = monitor(process, {sink, ${at}}), demonitor(R1),
    exit(Sink, hello), Sink ! stop,
    receive {'DOWN', R, process, W, Why} -> {R =:= R2, W, Why, receive {'DOWN', R1, _, _, _} -> late after 100 -> quiet end} end`;
      a.node.expose('help', { sink: () => pid });
      a.node.runtime.monitor(pid, () => {});
      const answer = beam.eval(down);
      await eventually(
        () => got.some((term) => formatTerm(term) === '{exit,hello}') && got.some((term) => isAtom(term, 'stop')),
      );
      a.node.runtime.exit(pid, atom('kill'));
      assert.equal(await answer, `{true,{sink,'a@127.0.0.1'},killed,quiet}`);
    },
  );
  const second = sink(a, 'second');
  await t.test(
    row('3.4 3.5', 'erl to us', 'a link tells the end of the BEAM’s process; unlink undoes it'),
    async () => {
      a.node.expose('help2', { sink: () => second.pid });
      assert.equal(
        await beam.eval(
          `process_flag(trap_exit, true), S = rpc:call(${at}, help2, sink, []), link(S), S ! linked, {links, L} = process_info(self(), links), lists:member(S, L)`,
        ),
        'true',
      );
      // The evaluating process ended: its link told.
      await eventually(() => second.got.length === 2);
      assert.equal(second.got.map((term) => formatTerm(term)).join(' '), 'linked {exit,normal}');
      assert.equal(
        await beam.eval(
          `S = rpc:call(${at}, help2, sink, []), link(S), unlink(S), S ! unlinked, process_info(self(), links)`,
        ),
        '{links,[]}',
      );
      await eventually(() => second.got.length === 3);
      assert.ok(a.node.runtime.processes().find((info) => info.pid.equals(second.pid))?.links.length === 0);
    },
  );
  await t.test(row('3.5', 'erl to us', 'a link to a dead process: noproc'), async () => {
    a.node.runtime.exit(second.pid, atom('kill'));
    await eventually(() => !a.node.runtime.isAlive(second.pid));
    assert.equal(
      await beam.eval(
        `process_flag(trap_exit, true), S = rpc:call(${at}, help2, sink, []), link(S), receive {'EXIT', S, Why} -> Why end`,
      ),
      'noproc',
    );
  });
  await t.test(
    row('3.4', 'erl to us', 'group_leader/2 for a process of ours is taken, without consequence'),
    async () => {
      const third = sink(a, 'third');
      a.node.expose('help3', { sink: () => third.pid });
      assert.equal(await beam.eval(`group_leader(self(), rpc:call(${at}, help3, sink, []))`), 'true');
    },
  );
  await t.test(row('5.5', 'erl to us', 'a call that throws ends with the error as its reason'), async () => {
    assert.match(
      await beam.eval(`catch gen_server:call({echo, ${at}}, crash)`),
      /js_error,<<"Error">>,<<"as it was asked">>/,
    );
  });
  assert.equal(await beam.eval(`net_adm:ping(${at})`), 'pong');
  assert.equal(a.events.length, 1);
});

test(
  row(
    '3.5 A7',
    'erl to us',
    'spawn, spawn_link, spawn_monitor, spawn_request are answered: what is exposed runs, else notsup',
  ),
  options,
  async (t) => {
    const { a, beam } = await nodeAndBeam(t);
    const ran: Term[] = [];
    a.node.expose('work', {
      run: (what) => {
        ran.push(what);
        if (isAtom(what, 'fail')) throw new Error('it failed');
        return 1;
      },
    });
    const at = `'a@127.0.0.1'`;
    assert.equal(await beam.eval(`is_pid(spawn(${at}, work, run, [one]))`), 'true');
    await eventually(() => ran.length === 1);
    assert.equal(
      await beam.eval(
        `{P, R} = spawn_monitor(${at}, work, run, [two]), receive {'DOWN', R, process, P, Why} -> Why end`,
      ),
      'normal',
    );
    assert.match(
      await beam.eval(
        `{P, R} = spawn_monitor(${at}, work, run, [fail]), receive {'DOWN', R, process, P, Why} -> Why end`,
      ),
      /\{\{js_error,<<"Error">>,<<"it failed">>\}/,
    );
    assert.match(
      await beam.eval(
        `process_flag(trap_exit, true), P = spawn_link(${at}, work, run, [fail]), receive {'EXIT', P, Why} -> element(1, Why) end`,
      ),
      /js_error/,
    );
    assert.equal(
      await beam.eval(
        `Id = spawn_request(${at}, os, cmd, ["id"], [monitor]), receive {spawn_reply, Id, error, Why} -> Why end`,
      ),
      'notsup',
    );
    assert.equal(
      await beam.eval(
        `{P, R} = spawn_monitor(${at}, fun() -> ok end), receive {'DOWN', R, process, P, Why} -> Why end`,
      ),
      '{caught,error,notsup}',
    );
    assert.equal(ran.length, 4);
  },
);

test(
  row('3.4 3.5', 'us to erl', 'send, monitor, demonitor, link, unlink, exit, exit/2, spawn; a message of a megabyte'),
  options,
  async (t) => {
    const { a, beam } = await nodeAndBeam(t);
    await beam.eval(`register(keeper, spawn(fun() -> process_flag(trap_exit, true),
    F = fun(F, Kept) -> receive {get, From} -> From ! {kept, lists:reverse(Kept)}, F(F, []); {die, Why} -> exit(Why); Other -> F(F, [Other | Kept]) end end,
    F(F, []) end))`);
    const kept = (): Promise<string> => beam.eval(`keeper ! {get, self()}, receive {kept, K} -> K end`);
    const remote = a.node.at('beam@127.0.0.1');
    const keeper = (await remote.rpc('erlang', 'whereis', [atom('keeper')])) as Pid;
    const { runtime } = a.node;
    runtime.send({ name: 'keeper', node: 'beam@127.0.0.1' }, tuple('by name', 1.5));
    runtime.send(keeper, ['by pid', atom('x')]);
    await eventually(async () => (await kept()) === '[{<<"by name">>,1.5},[<<"by pid">>,x]]');
    // a large message, in fragments
    runtime.send(keeper, 'x'.repeat(1_000_000));
    await eventually(
      async () =>
        (await beam.eval(`keeper ! {get, self()}, receive {kept, K} -> [byte_size(B) || B <- K] end`)) === '[1000000]',
    );
    const told: string[] = [];
    runtime.monitor({ name: 'nobody', node: 'beam@127.0.0.1' }, (reason) => told.push(`nobody ${formatTerm(reason)}`));
    runtime.monitor(keeper, () => told.push('cancelled')).cancel();
    runtime.monitor({ name: 'keeper', node: 'beam@127.0.0.1' }, (reason) => told.push(`keeper ${formatTerm(reason)}`));
    await eventually(() => told.length === 1);
    assert.deepEqual(told, ['nobody noproc']);
    assert.match(await beam.eval(`length(element(2, process_info(whereis(keeper), monitored_by)))`), /^1$/);
    // exit2, trapped there
    runtime.exit(keeper, tuple(atom('please'), 1));
    await eventually(async () => /\[\{'EXIT',<.*>,\{please,1\}\}\]/.test(await kept()));
    // links: of one that ends, of one that unlinked
    const exits: Term[] = [];
    const linked = runtime.spawn(
      {
        init: (self) => self.link(keeper),
        handle: (message, self) => (isAtom(message, 'unlink') ? self.unlink(keeper) : self.exit(message)),
        exit: (_from, reason) => void exits.push(reason),
      },
      { trapExit: true },
    );
    await eventually(async () => (await beam.eval(`length(element(2, process_info(whereis(keeper), links)))`)) === '1');
    linked.send(atom('unlink'));
    await eventually(async () => (await beam.eval(`element(2, process_info(whereis(keeper), links))`)) === '[]');
    const other = runtime.spawn({ init: (self) => self.link(keeper), handle: (message, self) => self.exit(message) });
    await eventually(async () => (await beam.eval(`length(element(2, process_info(whereis(keeper), links)))`)) === '1');
    other.send(tuple(atom('over'), 'x'));
    await eventually(async () => /\{'EXIT',<.*>,\{over,<<"x">>\}\}/.test(await kept()));
    const third = runtime.spawn(
      { init: (self) => self.link(keeper), handle: () => {}, exit: (_from, reason) => void exits.push(reason) },
      { trapExit: true },
    );
    await eventually(async () => (await beam.eval(`length(element(2, process_info(whereis(keeper), links)))`)) === '1');
    runtime.send(keeper, tuple(atom('die'), atom('done')));
    await eventually(() => told.length === 2 && exits.length === 1);
    assert.equal(told[1], 'keeper done');
    assert.equal(formatTerm(exits[0]), 'done');
    assert.ok(third.alive && linked.alive);
    // link to the dead
    const late = runtime.spawn(
      { init: (self) => self.link(keeper), handle: () => {}, exit: (_from, reason) => void exits.push(reason) },
      { trapExit: true },
    );
    await eventually(() => exits.length === 2);
    assert.ok(isAtom(exits[1], 'noproc') && late.alive);
    // 29, 31, 28
    const downs: Term[] = [];
    const spawned = await runtime.requestSpawn(
      'beam@127.0.0.1',
      { module: 'erlang', function: 'exit', arguments: [tuple(atom('bye'), 7)] },
      { onDown: (reason) => downs.push(reason) },
    );
    assert.equal(spawned.node, 'beam@127.0.0.1');
    await eventually(() => downs.length === 1);
    assert.equal(formatTerm(downs[0]), '{bye,7}');
    assert.equal(a.events.length, 1);
  },
);

test(
  row('3.1 3.3', 'erl to us', 'large messages in fragments, of several processes at once, small ones between'),
  options,
  async (t) => {
    const { a, beam } = await nodeAndBeam(t);
    const { got } = sink(a, 'sink');
    const at = `'a@127.0.0.1'`;
    assert.equal(
      await beam.eval(`
      Self = self(),
      [spawn(fun() -> {sink, ${at}} ! {N, binary:copy(<<N>>, 3000000)}, {sink, ${at}} ! {N, small}, Self ! done end) || N <- lists:seq(1, 8)],
      [receive done -> ok end || _ <- lists:seq(1, 8)], ok`),
      'ok',
    );
    await eventually(() => got.length === 16, { timeout: 20_000 });
    for (let sender = 1; sender <= 8; sender++) {
      const sent = got.map((term) => (term as ReturnType<typeof tuple>).elements).filter(([from]) => from === sender);
      const large = sent[0]?.[1];
      assert.equal(Buffer.from(large as string | Uint8Array).length, 3_000_000);
      assert.ok(isAtom(sent[1]?.[1], 'small'));
    }
    assert.equal(a.events.length, 1);
  },
);

test(
  row('4 A14', 'erl to us', 'terms of every kind come back =:=, also -0.0, a map with keys 1 and 1.0, a fun, a port'),
  options,
  async (t) => {
    const { a, beam } = await nodeAndBeam(t);
    await a.node.spawn(Echo, [], { name: 'echo' });
    const at = `'a@127.0.0.1'`;
    const terms = [
      '[]',
      '"text"',
      '<<1:3>>',
      '{}',
      '#{}',
      '#{1 => a, 1.0 => b, <<"k">> => c, {t} => d}',
      '[a | b]',
      '1 bsl 70',
      '-(1 bsl 70)',
      '1.0',
      '-0.0',
      `''`,
      `'ÄÖ'`,
      'self()',
      'make_ref()',
      'fun lists:map/2',
      'lists:seq(1, 300)',
      '[1,2,3|x]',
      'nil',
      'undefined',
      'list_to_atom(lists:duplicate(255, $x))',
      'hd(erlang:ports())',
      'fun(X) -> X end',
    ];
    for (const term of terms)
      assert.equal(await beam.eval(`T = ${term}, T =:= gen_server:call({echo, ${at}}, {echo, T})`), 'true', term);
    assert.equal(a.events.length, 1);
  },
);

test(
  row('5.4', 'erl and us', 'two BEAMs with our hidden node: global:sync, names and locks do not hang'),
  options,
  async (t) => {
    const cluster = await testCluster(t);
    const a = await cluster.start('a@127.0.0.1', { cookie });
    const one = await Beam.start({ name: 'one@127.0.0.1', cookie, epmdPort: cluster.epmdPort, t });
    const two = await Beam.start({ name: 'two@127.0.0.1', cookie, epmdPort: cluster.epmdPort, t });
    await a.node.connect('one@127.0.0.1');
    assert.equal(await two.eval(`net_adm:ping('a@127.0.0.1')`), 'pong');
    assert.equal(await one.eval(`net_adm:ping('two@127.0.0.1')`), 'pong');
    assert.equal(await one.eval('global:sync()'), 'ok');
    assert.equal(await two.eval('global:sync()'), 'ok');
    assert.equal(await one.eval('global:register_name(x, whereis(init))'), 'yes');
    assert.equal(await two.eval('is_pid(global:whereis_name(x))'), 'true');
    assert.equal(await two.eval('global:trans({lock, self()}, fun() -> done end)'), 'done');
    assert.equal(await one.eval('nodes()'), `['two@127.0.0.1']`);
    // The severing of our link concerns nobody else.
    a.node.disconnect('one@127.0.0.1');
    assert.equal(await one.eval('global:sync()'), 'ok');
    assert.equal(await one.eval('nodes()'), `['two@127.0.0.1']`);
  },
);

test(
  row('5.4 A3', 'erl and us', 'a BEAM with our visible node: names are registered and locks taken'),
  options,
  async (t) => {
    const cluster = await testCluster(t);
    const a = await cluster.start('a@127.0.0.1', { cookie, hidden: false });
    const one = await Beam.start({ name: 'one@127.0.0.1', cookie, epmdPort: cluster.epmdPort, t });
    await a.node.connect('one@127.0.0.1');
    assert.equal(await one.eval('nodes()'), `['a@127.0.0.1']`);
    assert.equal(await one.eval('global:register_name(x, whereis(init))'), 'yes');
    assert.equal(await one.eval('global:trans({lock, self()}, fun() -> done end)'), 'done');
    assert.equal(await one.eval(`net_adm:ping('a@127.0.0.1')`), 'pong');
    assert.equal(a.events.length, 1);
  },
);
