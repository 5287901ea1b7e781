/** Protocols 5.6: what a BEAM process asks of a group leader of ours, and the log events that OTP sends us. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isBeamishError } from '../../src/error/index.ts';
import { ImproperList, atom, charlist, formatTerm } from '../../src/term/index.ts';
import { testCluster, type TestNode } from '../node/nodes.ts';
import { startChild } from '../support/children.ts';
import { eventually } from '../support/eventually.ts';
import { requirePeer, skipUnless } from '../support/peers.ts';
import { row } from '../support/row.ts';
import { type Beam, cookie, nodeAndBeam } from './fixtures/beam.ts';

const options = { ...skipUnless('erl'), timeout: 90_000 };

async function both(t: Parameters<typeof testCluster>[0]): Promise<{ a: TestNode; beam: Beam }> {
  const { a, beam } = await nodeAndBeam(t);
  a.node.expose('help', { user: () => a.node.runtime.whereis('user') ?? null });
  return { a, beam };
}

/** What was printed, as the log has it. */
const printed = (a: TestNode): unknown[] =>
  a.lines.filter(({ msg }) => msg === 'printed on beam@127.0.0.1').map((line) => line['text']);

test(
  row('5.6', 'erl to us', 'every request of the I/O protocol is answered; what is printed is text in the log'),
  options,
  async (t) => {
    const { a, beam } = await both(t);
    const io = (call: string): Promise<string> =>
      beam.eval(`U = rpc:call('a@127.0.0.1', help, user, []), ${call.replaceAll('$', 'U')}`);
    const request = (term: string): Promise<string> =>
      io(`R = make_ref(), $ ! {io_request, self(), R, ${term}}, receive {io_reply, R, X} -> X after 5000 -> none end`);
    for (const [call, answer, text] of [
      [`io:format($, "~p ~w ~s ~ts~n", ["list", [1,2], <<"bin">>, [1078]])`, 'ok', '"list" [1,2] bin ж\n'],
      [
        `io:format($, "~5.2f|~-4w|~3..0B|~.16B|~c~c|~~|~i~e", [3.14159, ab, 7, 255, $x, 1046, gone, 12.5])`.replaceAll(
          '$x',
          '120',
        ),
        'ok',
        ' 3.14|ab  |007|FF|xЖ|~|1.25000e+1',
      ],
      [`io:format($, "~p~n", [#{k => {"text", [a | b], <<255>>}}])`, 'ok', '#{k => {"text",[a|b],<<255>>}}\n'],
      [`io:put_chars($, "plain")`, 'ok', 'plain'],
      [`io:put_chars($, [<<"a">>, [[$b, "c"]], 1078])`.replaceAll('$b', '98'), 'ok', 'abcж'],
      [`io:write($, {a, "b"})`, 'ok', '{a,[98]}'],
      [`io:nl($)`, 'ok', '\n'],
    ] as const) {
      assert.equal(await io(call), answer, call);
      assert.equal(printed(a).at(-1), text, call);
    }
    const lines = printed(a).length;
    for (const [call, answer] of [
      [`io:format($, "~p", [])`, '{caught,error,badarg}'],
      [`io:format($, "~Q", [1])`, '{caught,error,badarg}'],
      [`io:get_line($, "name? ")`, 'eof'],
      [`io:get_chars($, "", 3)`, 'eof'],
      [`io:read($, "> ")`, 'eof'],
      [`io:fread($, "> ", "~d")`, 'eof'],
      [`io:getopts($)`, '[{encoding,unicode}]'],
      [`io:setopts($, [binary, {encoding, latin1}])`, 'ok'],
      [`io:setopts($, [{echo, false}])`, '{error,enotsup}'],
      [`io:columns($)`, '{error,enotsup}'],
    ] as const)
      assert.equal(await io(call), answer, call);
    for (const [term, answer] of [
      ['nonsense', '{error,request}'],
      ['{unknown, 1}', '{error,request}'],
      ['{put_chars, utf7, "x"}', '{error,request}'],
      ['{put_chars, unicode, [a]}', '{error,put_chars}'],
      ['{put_chars, unicode, os, cmd, ["id"]}', '{error,cmd}'],
      ['{put_chars, unicode, io_lib, format, ["~s", [1]]}', '{error,format}'],
    ] as const)
      assert.equal(await request(term), answer, term);
    assert.equal(printed(a).length, lines);
    const several =
      '{requests, [{put_chars, unicode, "one "}, {put_chars, "two"}, nonsense, {put_chars, unicode, "3"}]}';
    assert.equal(await request(several), '{error,request}');
    assert.equal(printed(a).at(-1), 'one two');
    assert.equal(
      await request('{requests, [{put_chars, latin1, io_lib, format, ["~w", [x]]}, getopts]}'),
      '[{encoding,unicode}]',
    );
    assert.equal(printed(a).at(-1), 'x');
    assert.equal(await request('{put_chars, latin1, [<<228>>, 246]}'), 'ok');
    assert.equal(printed(a).at(-1), 'äö');
    assert.deepEqual(a.warnings(), []);
  },
);

test(
  row('5.6', 'us to erl', 'what a function called there prints comes back to the caller, else to the log'),
  options,
  async (t) => {
    const { a } = await both(t);
    const remote = a.node.at('beam@127.0.0.1');
    const got: string[] = [];
    const onOutput = (text: string): void => void got.push(text);
    const before = a.node.runtime.processes().length;
    const ok = await remote.rpc('io', 'format', [charlist('hello ~p~n'), [1]], { onOutput });
    assert.equal(formatTerm(ok), 'ok');
    await remote.module<{ format(text: string): void }>('io', { onOutput }).format('again');
    assert.deepEqual(got, ['hello 1\n', 'again']);
    assert.deepEqual(printed(a), []);
    await eventually(() => a.node.runtime.processes().length === before);
    await remote.rpc('io', 'put_chars', ['to the log']);
    assert.deepEqual(printed(a), ['to the log']);
    const broken = remote.rpc('io', 'put_chars', ['x'], {
      onOutput: () => {
        throw new Error('the listener is broken');
      },
    });
    assert.equal(formatTerm(await broken), 'ok');
    assert.equal(a.lines.filter(({ msg }) => msg === 'the listener of output threw').length, 1);
    await assert.rejects(remote.rpc('timer', 'sleep', [60_000], { onOutput, timeout: 50 }), (error) =>
      isBeamishError(error, 'timeout'),
    );
    await eventually(() => a.node.runtime.processes().length === before);
  },
);

test(
  row('5.1 5.6', 'erl to us', 'logger_proxy: what a process logs whose group leader is here is in our log too'),
  options,
  async (t) => {
    const { a, beam } = await both(t);
    const remote = a.node.at('beam@127.0.0.1');
    const logged = (): string[] =>
      a.lines
        .filter(({ msg }) => msg === 'logged on beam@127.0.0.1')
        .map((line) => `${line.level} ${String(line['severity'])}: ${String(line['text'])}`);
    await remote.rpc('logger', 'log', [atom('error'), charlist('format ~p ~ts'), [charlist('text'), 'bin']]);
    await remote.rpc('logger', 'warning', [charlist('a string')]);
    await remote.rpc('logger', 'notice', [new Map([[atom('what'), charlist('report')]])]);
    await remote.rpc('logger', 'log', [atom('debug'), charlist('below the level of the BEAM')]);
    await eventually(() => logged().length === 3);
    // A crash report: of a process that our call started.
    const crash = remote.rpc('proc_lib', 'spawn', [atom('erlang'), atom('error'), [atom('oops')]]);
    await crash;
    await eventually(() => logged().length === 4);
    assert.deepEqual(logged().slice(0, 3), [
      '50 error: format "text" bin',
      '40 warning: a string',
      '30 notice: #{what => "report"}',
    ]);
    assert.match(logged()[3] ?? '', /oops/);
    // Nonsense does no harm.
    await beam.eval(
      `L = {logger_proxy, 'a@127.0.0.1'}, L ! {log, nonsense, "x", #{}}, L ! {log, error}, L ! {log, error, a, b, c, d}, L ! x, ok`,
    );
    assert.equal(await beam.eval(`sys:get_state({logger_proxy, 'a@127.0.0.1'})`), '#{}');
    assert.equal(logged().length, 4);
  },
);

test(
  row('5.6', 'elixir to us', 'IO.puts, inspect, write, gets and stream of Elixir with a device of ours'),
  { ...skipUnless('erl', 'elixir'), timeout: 90_000 },
  async (t) => {
    const cluster = await testCluster(t);
    const a = await cluster.start('a@127.0.0.1', { cookie });
    a.node.expose('help', { user: () => a.node.runtime.whereis('user') ?? null });
    const script = `
      u = :erpc.call(:"a@127.0.0.1", :help, :user, [])
      IO.puts(u, "puts ж")
      IO.inspect(u, %{a: [1, "b"]}, label: "inspect")
      IO.write(u, ["write", ?x])
      IO.binwrite(u, <<"bytes">>)
      IO.inspect {IO.gets(u, "name? "), IO.read(u, :line), Enum.to_list(IO.stream(u, :line))}
      Process.group_leader(self(), u)
      IO.puts("by the group leader")
    `;
    const elixir = startChild(requirePeer('elixir'), ['--name', 'beam@127.0.0.1', '--cookie', cookie, '-e', script], {
      t,
      // The script is in UTF-8, whatever the locale is.
      env: { ERL_EPMD_PORT: String(cluster.epmdPort), ELIXIR_ERL_OPTIONS: '-start_epmd false', LC_ALL: 'C.UTF-8' },
    });
    await elixir.waitForOutput(/\{:eof, :eof, \[\]\}/, 30_000);
    await eventually(() => printed(a).length === 5, { describe: () => JSON.stringify(printed(a)) });
    assert.deepEqual(printed(a), ['puts ж\n', 'inspect: %{a: [1, "b"]}\n', 'writex', 'bytes', 'by the group leader\n']);
  },
);

test('an improper list is printed up to its end', options, async (t) => {
  const { a } = await both(t);
  const remote = a.node.at('beam@127.0.0.1');
  assert.equal(formatTerm(await remote.rpc('io', 'put_chars', [new ImproperList(['a'], 'b')])), 'ok');
  assert.deepEqual(printed(a), ['ab']);
});
