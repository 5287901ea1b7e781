/** Protocols 3.4, 3.5: each control message as a real BEAM sends it, in both forms and with a trace token, and takes it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isBeamishError } from '../../src/error/index.ts';
import { ALIAS, OWN_FLAGS } from '../../src/node/flags.ts';
import type { ProcessHandle, RemoteSpawnOptions } from '../../src/process/index.ts';
import type { Pid, Term, Tuple } from '../../src/term/index.ts';
import { ImproperList, Reference, atom, formatTerm, isTuple, tuple } from '../../src/term/index.ts';
import type { TestNode } from '../node/nodes.ts';
import { eventually } from '../support/eventually.ts';
import { skipUnless } from '../support/peers.ts';
import { row } from '../support/row.ts';
import { type Beam, nodeAndBeam } from './fixtures/beam.ts';
import { RAW, Raw, erlang, startBeam } from './fixtures/raw.ts';

const options = { ...skipUnless('erl', 'epmd'), timeout: 90_000 };
const EXIT_PAYLOAD = 0x400000n;
const SEND_SENDER = 0x80000n;
const UNLINK_ID = 0x2000000n;
const text = (term: Term): string => formatTerm(term);

/** What an `erl` does to processes of `raw`, each in a process of its own; the first is told what to trace. */
async function everything(beam: Beam, raw: Raw, traced: boolean): Promise<void> {
  const begin = traced ? 'seq_trace:set_token(label, 17), ' : '';
  const [pid, alias] = [erlang(raw.pid(1)), erlang(new Reference(RAW, 5, [1, 2, 3]))];
  const run = async (what: string): Promise<void> => void (await beam.eval(`${begin}P = ${pid}, ${what}, ok`));
  await run('P ! to_pid');
  await run(`{sink, '${RAW}'} ! to_name`);
  await run(`${alias} ! to_alias`);
  await run('M = monitor(process, P), demonitor(M)');
  await run(`N = monitor(process, {sink, '${RAW}'}), demonitor(N)`);
  await run('link(P), unlink(P)');
  await run('exit(P, why)');
  await run(`group_leader(whereis(init), P)`);
  await run(`spawn_request('${RAW}', m, f, [a], [monitor, link, {reply, no}])`);
  await run('spawn(fun() -> link(P), exit(over) end)');
}

const TYPES: Readonly<Record<number, string>> = {
  1: 'link',
  2: 'message',
  3: 'linkExit',
  4: 'unlink',
  6: 'message',
  7: 'groupLeader',
  8: 'exit',
  12: 'message',
  13: 'linkExit',
  16: 'message',
  18: 'exit',
  19: 'monitor',
  20: 'demonitor',
  21: 'monitorExit',
  22: 'message',
  23: 'message',
  24: 'linkExit',
  25: 'linkExit',
  26: 'exit',
  27: 'exit',
  28: 'monitorExit',
  29: 'spawnRequest',
  30: 'spawnRequest',
  31: 'spawnReply',
  32: 'spawnReply',
  33: 'message',
  34: 'message',
  35: 'unlink',
  36: 'unlinkAck',
};

const ops = (raw: Raw): number[] => [...new Set(raw.seen.map(({ op }) => op))].toSorted((a, b) => a - b);

test(
  row('3.4', 'erl to us', 'every control message of a BEAM, plain and with a trace token, is the signal that it says'),
  options,
  async (t) => {
    // exit/2 of OTP 25 carries no token.
    for (const [without, traced, expected] of [
      [0n, false, [1, 6, 7, 19, 20, 22, 24, 26, 29, 33, 35]],
      [0n, true, [1, 7, 16, 19, 20, 23, 25, 26, 30, 34, 35]],
      [EXIT_PAYLOAD | SEND_SENDER | UNLINK_ID, false, [1, 2, 3, 4, 6, 7, 8, 19, 20, 29, 33]],
      [EXIT_PAYLOAD | SEND_SENDER | UNLINK_ID, true, [1, 4, 7, 8, 12, 13, 16, 19, 20, 30, 34]],
    ] as const) {
      const { beam, port } = await startBeam(t);
      const raw = await Raw.connect(t, { name: beam.name, port }, OWN_FLAGS & ~without);
      await everything(beam, raw, traced);
      const what = `without 0x${without.toString(16)}${traced ? ', traced' : ''}`;
      await eventually(() => ops(raw).length >= expected.length, { describe: () => `${what}: ${ops(raw).join(' ')}` });
      assert.deepEqual(ops(raw), expected, what);
      for (const { op, signal } of raw.seen) assert.equal(signal.type, TYPES[op], `operation ${op}, ${what}`);
      const messages = raw.seen.filter(({ signal }) => signal.type === 'message').map(({ payload }) => text(payload));
      assert.deepEqual(messages, ['to_pid', 'to_name', 'to_alias'], what);
      const exits = raw.seen.flatMap(({ signal }) =>
        'reason' in signal ? [`${signal.type} ${text(signal.reason)}`] : [],
      );
      assert.deepEqual(exits, ['exit why', 'linkExit over'], what);
      const spawn = raw.seen.find(({ signal }) => signal.type === 'spawnRequest')?.signal;
      assert.ok(spawn?.type === 'spawnRequest' && spawn.options.link && spawn.options.monitor);
      assert.equal(`${text(spawn.module)}:${text(spawn.function)} ${text([...spawn.arguments])}`, 'm:f [a]');
      beam.child.kill();
    }
  },
);

test(
  row('3.4 3.5', 'us to erl', 'a BEAM’s answers: 36 to 35, 24 and 28 to the dead, 31 to 29; it takes every form'),
  options,
  async (t) => {
    const { beam, port } = await startBeam(t);
    const raw = await Raw.connect(t, { name: beam.name, port }, OWN_FLAGS);
    const since = (): ((op: number) => Promise<string>) => {
      const from = raw.seen.length;
      return async (op) => {
        const found = await eventually(() => raw.seen.slice(from).find((one) => one.op === op), {
          describe: () =>
            `${op} among ${raw.seen
              .slice(from)
              .map((one) => one.op)
              .join(' ')}`,
        });
        return text(tuple(...found.control.elements.slice(1), found.payload));
      };
    };
    await beam.eval(`register(keeper, spawn(fun() -> process_flag(trap_exit, true),
      F = fun(F, Kept) -> receive {get, From} -> From ! {kept, lists:reverse(Kept)}, F(F, Kept);
        Other -> F(F, [Other | Kept]) end end, F(F, []) end))`);
    const kept = (): Promise<string> => beam.eval('keeper ! {get, self()}, receive {kept, K} -> K end');
    const [self, other] = [raw.pid(1), raw.pid(2)];
    const token = tuple(17, 0, 0, self, 0);
    raw.send(tuple(6, self, atom(''), atom('net_kernel')), {
      term: tuple(atom('$gen_call'), tuple(self, 'tag'), tuple(atom('is_auth'), atom(RAW))),
    });
    await eventually(() => raw.seen.some(({ payload }) => text(payload ?? null).includes('yes')));
    // Whom we speak to: its pid comes by a spawn request (29, 31, 28).
    const asked = new Reference(RAW, 5, [1, 1, 1]);
    let answer = since();
    raw.send(tuple(29, asked, self, self, tuple(atom('erlang'), atom('apply'), 2), [atom('monitor')]), {
      term: [{ none: 1 }, []],
    });
    assert.match(await answer(31), /^\{#Ref\S*<.*>,#PID<raw.*>,2,#PID<beam.*>,undefined\}$/);
    assert.match(await answer(28), /badfun|badarg/);
    answer = since();
    raw.send(
      tuple(30, new Reference(RAW, 5, [1, 1, 2]), self, self, tuple(atom('erlang'), atom('self'), 0), [], token),
      {
        term: [],
      },
    );
    const reply = await eventually(() => raw.seen.findLast(({ signal }) => signal.type === 'spawnReply'));
    const dead = (reply.signal as { result: Term }).result as Pid;
    // Links and monitors of the dead: noproc, by pid and by name.
    await eventually(async () => (await beam.eval(`is_process_alive(${erlang(dead)})`)) === 'false');
    answer = since();
    raw.send(tuple(1, self, dead));
    assert.match(await answer(24), /noproc/);
    answer = since();
    raw.send(tuple(19, self, dead, new Reference(RAW, 5, [1, 1, 3])));
    assert.match(await answer(28), /noproc/);
    answer = since();
    raw.send(tuple(19, self, atom('nobody'), new Reference(RAW, 5, [1, 1, 4])));
    assert.match(await answer(28), /^\{nobody,.*noproc\}$/);
    // UNLINK_ID is acknowledged, whether there is a link or not.
    const keeper = await pidOf(raw, beam, 'keeper');
    raw.send(tuple(1, self, keeper));
    await eventually(async () =>
      /raw|<\d+\.1\.0>/.test(await beam.eval('element(2, process_info(whereis(keeper), links))')),
    );
    for (const id of [77, 2n ** 63n]) {
      answer = since();
      raw.send(tuple(35, id, self, keeper));
      assert.match(await answer(36), new RegExp(`^\\{${id},`));
    }
    assert.equal(await beam.eval('element(2, process_info(whereis(keeper), links))'), '[]');
    // Messages and exits in every form arrive.
    const forms: [control: Term, payload?: { term: Term }][] = [
      [tuple(2, atom(''), keeper), { term: atom('m2') }],
      [tuple(6, self, atom(''), atom('keeper')), { term: atom('m6') }],
      [tuple(12, atom(''), keeper, token), { term: atom('m12') }],
      [tuple(16, self, atom(''), atom('keeper'), token), { term: atom('m16') }],
      [tuple(22, self, keeper), { term: atom('m22') }],
      [tuple(23, self, keeper, token), { term: atom('m23') }],
      [tuple(8, self, keeper, atom('e8'))],
      [tuple(18, self, keeper, token, atom('e18'))],
      [tuple(26, self, keeper), { term: atom('e26') }],
      [tuple(27, self, keeper, token), { term: atom('e27') }],
    ];
    for (const [control, payload] of forms) raw.send(control, payload);
    for (const [op, control] of [
      [3, tuple(3, other, keeper, atom('l3'))],
      [13, tuple(13, other, keeper, token, atom('l13'))],
      [24, tuple(24, other, keeper)],
      [25, tuple(25, other, keeper, token)],
    ] as const) {
      raw.send(tuple(1, other, keeper));
      raw.send(control, op < 20 ? undefined : { term: atom(`l${op}`) });
    }
    const plainPids = async (): Promise<string> => (await kept()).replaceAll(/<\d+\.\d+\.\d+>/g, 'P');
    const expected =
      'm2,m6,m12,m16,m22,m23,' +
      ['e8', 'e18', 'e26', 'e27', 'l3', 'l13', 'l24', 'l25'].map((reason) => `{'EXIT',P,${reason}}`).join(',');
    await eventually(async () => (await plainPids()) === `[${expected}]`, { timeout: 8000 });
    // Group leader; the old unlink, which nobody acknowledges.
    raw.send(tuple(7, self, keeper));
    await eventually(
      async () =>
        (await beam.eval('element(2, process_info(whereis(keeper), group_leader)) =:= group_leader()')) === 'false',
    );
    raw.send(tuple(1, self, keeper));
    raw.send(tuple(4, self, keeper));
    await eventually(async () => (await beam.eval('element(2, process_info(whereis(keeper), links))')) === '[]');
    // An alias of the BEAM, by 33 and 34.
    for (const op of [33, 34]) {
      const from = raw.seen.length;
      const result = beam.eval(`A = alias(), {sink, '${RAW}'} ! {alias, A}, receive X -> X after 5000 -> none end`);
      const told = await eventually(() => raw.seen.slice(from).find(({ payload }) => isTuple(payload, 2)));
      const alias = (told.payload as Tuple).at(1);
      raw.send(op === 33 ? tuple(33, self, alias) : tuple(34, self, alias, token), { term: atom(`by${op}`) });
      assert.equal(await result, `by${op}`);
    }
    assert.equal(raw.peer.closed, false);
    assert.equal(await beam.eval(`lists:member('${RAW}', nodes(hidden))`), 'true');
  },
);

async function pidOf(raw: Raw, beam: Beam, name: string): Promise<Pid> {
  await beam.eval(`{sink, '${RAW}'} ! {pid, whereis(${name})}, ok`);
  const found = await eventually(() => raw.seen.find(({ payload }) => text(payload ?? null).startsWith('{pid,')));
  return (found.payload as Tuple).at(1) as Pid;
}

/** A process of ours that keeps the exits it traps, and ends with what it is sent. */
function trapping({ node }: TestNode): { handle: ProcessHandle; exits: string[] } {
  const exits: string[] = [];
  const handle = node.runtime.spawn(
    { handle: (reason, self) => self.exit(reason), exit: (_from, reason) => void exits.push(text(reason)) },
    { trapExit: true },
  );
  return { handle, exits };
}

test(
  row('3.5 A7', 'us to erl', 'spawn_request with a link and a monitor: both sides’ ends are told; one given up ends'),
  options,
  async (t) => {
    const { a, beam } = await nodeAndBeam(t);
    const { runtime } = a.node;
    const { handle, exits } = trapping(a);
    const downs: string[] = [];
    const onDown = (reason: Term): void => void downs.push(text(reason));
    const request = (functionName: string, args: Term[], more: RemoteSpawnOptions): Promise<Pid> =>
      runtime.requestSpawn(
        beam.name,
        { module: functionName === 'sleep' ? 'timer' : 'erlang', function: functionName, arguments: args },
        more,
      );
    await request('exit', [atom('bye')], { link: handle.pid, onDown });
    await eventually(() => exits.length === 1 && downs.length === 1);
    assert.deepEqual([exits, downs], [['bye'], ['bye']]);
    // Theirs ends with ours.
    const long = await request('sleep', [60_000], { link: handle.pid, onDown });
    const links = `element(2, process_info(${erlang(long)}, links))`;
    assert.match(await beam.eval(links), /^\[<\d+\.\d+\.\d+>\]$/);
    handle.send(atom('over'));
    await eventually(() => downs.length === 2);
    assert.equal(downs[1], 'over');
    // Given up before the answer, and linked with one that has ended: the new process is not left alone.
    const sleepers = `length([P || P <- processes(), process_info(P, current_function) =:= {current_function, {timer, sleep, 1}}])`;
    const other = trapping(a);
    const gaveUp = new AbortController();
    const given = request('sleep', [60_000], { link: other.handle.pid, signal: gaveUp.signal });
    gaveUp.abort();
    await assert.rejects(given, (error) => isBeamishError(error, 'aborted'));
    await assert.rejects(request('sleep', [60_000], { link: handle.pid }), (error) => isBeamishError(error, 'noproc'));
    const late = request('sleep', [60_000], { link: other.handle.pid });
    other.handle.exit(atom('kill'));
    await late;
    await eventually(async () => (await beam.eval(sleepers)) === '0');
    assert.equal(a.events.length, 1);
  },
);

test(
  row('3.5', 'erl to us', 'an alias of ours takes messages until it is cancelled; links made, undone and made again'),
  options,
  async (t) => {
    const { a, beam } = await nodeAndBeam(t);
    const got: string[] = [];
    const alias = a.node.runtime.alias((message) => got.push(text(message)));
    const { handle, exits } = trapping(a);
    a.node.expose('help', { alias: () => alias.reference, pid: () => handle.pid });
    const at = `'a@127.0.0.1'`;
    await beam.eval(`rpc:call(${at}, help, alias, []) ! {hello, 1}, ok`);
    await eventually(() => got.length === 1);
    alias.cancel();
    assert.equal(await beam.eval(`rpc:call(${at}, help, alias, []) ! late, net_adm:ping(${at})`), 'pong');
    assert.deepEqual(got, ['{hello,1}']);
    // What ends is the last link alone: one exit signal, whatever was before.
    await beam.eval(
      `P = rpc:call(${at}, help, pid, []), [begin link(P), unlink(P) end || _ <- lists:seq(1, 50)], link(P), ok`,
    );
    await eventually(() => exits.length === 1);
    await beam.eval(`P = rpc:call(${at}, help, pid, []), [begin link(P), unlink(P) end || _ <- lists:seq(1, 50)], ok`);
    assert.equal(await beam.eval(`net_adm:ping(${at})`), 'pong');
    assert.deepEqual(exits, ['normal']);
    assert.deepEqual(a.node.runtime.processes().find(({ pid }) => pid.equals(handle.pid))?.links, []);
  },
);

test(
  row(
    'A2',
    'us to erl',
    'the hazard is real: without the flag ALIAS the reply to an alias never comes, that to a pid does',
  ),
  options,
  async (t) => {
    const { beam, port } = await startBeam(t);
    await beam.eval(`register(echo, spawn(fun() -> F = fun(F) -> receive
      {'$gen_call', From, Request} -> gen:reply(From, Request), F(F) end end, F(F) end))`);
    for (const [flags, answers] of [
      [OWN_FLAGS, ['alias', 'plain']],
      [OWN_FLAGS & ~ALIAS, ['plain']],
    ] as const) {
      const raw = await Raw.connect(t, { name: beam.name, port }, flags);
      const self = raw.pid(1);
      const reference = new Reference(RAW, 5, [1, 2, 3]);
      const ask = (tag: Term, request: string): void =>
        raw.send(tuple(6, self, atom(''), atom('echo')), {
          term: tuple(atom('$gen_call'), tuple(self, tag), request),
        });
      ask(new ImproperList([atom('alias')], reference), 'alias');
      ask(reference, 'plain');
      await eventually(() => raw.seen.some(({ payload }) => isTuple(payload, 2) && payload.at(1) === 'plain'));
      assert.deepEqual(
        raw.seen.map(({ payload }) => (payload as Tuple).at(1)),
        answers,
      );
      raw.peer.socket.destroy();
      await eventually(async () => (await beam.eval('nodes(hidden)')) === '[]');
    }
  },
);
