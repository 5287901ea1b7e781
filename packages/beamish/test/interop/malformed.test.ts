/** Protocols 3.6 and A5, A13: what ends a connection of a real BEAM, so that none of it may come from us. */
import assert from 'node:assert/strict';
import { deflateSync } from 'node:zlib';
import { setTimeout } from 'node:timers/promises';
import { test } from 'node:test';
import { isBeamishError } from '../../src/error/index.ts';
import { OWN_FLAGS } from '../../src/node/flags.ts';
import type { Term } from '../../src/term/index.ts';
import { Pid, Reference, atom, charlist, decode, encode, formatTerm, tuple } from '../../src/term/index.ts';
import { testCluster } from '../node/nodes.ts';
import { eventually } from '../support/eventually.ts';
import { skipUnless } from '../support/peers.ts';
import { row } from '../support/row.ts';
import { cookie, nodeAndBeam } from './fixtures/beam.ts';
import { startProxy } from './fixtures/proxy.ts';
import { lies } from './fixtures/lies.ts';
import { RAW, Raw, frame, startBeam } from './fixtures/raw.ts';

const options = { ...skipUnless('erl', 'epmd'), timeout: 90_000 };

const float = (value: number): number[] => {
  const bytes = Buffer.alloc(9, 70);
  bytes.writeDoubleBE(value, 1);
  return [...bytes];
};
const body = (term: Term): number[] => [...encode(term).subarray(1)];

test(
  row(
    '3.6 A5',
    'us to erl',
    'the hazard is real: each malformed payload or control message ends the connection of a BEAM',
  ),
  options,
  async (t) => {
    const { beam, port } = await startBeam(t);
    // The payload is decoded when somebody receives it.
    await beam.eval(`register(sink, spawn(fun() -> F = fun(F) -> receive _ -> F(F) end end, F(F) end))`);
    const self = new Pid(RAW, 1, 0, 5);
    const stranger = new Pid('other@127.0.0.1', 1, 0, 5);
    const reference = new Reference(RAW, 5, [1, 2, 3]);
    const toSink = tuple(6, self, atom(''), atom('sink'));
    const raw = (...bytes: number[]): { bytes: Uint8Array } => ({ bytes: Uint8Array.of(131, ...bytes) });
    const compressed = deflateSync(Uint8Array.from(body(charlist('x'.repeat(100)))));
    const cases: readonly (readonly [what: string, frame: Uint8Array])[] = [
      ['a duplicate key', frame(toSink, raw(116, 0, 0, 0, 2, 97, 1, 97, 1, 97, 1, 97, 2))],
      [
        'the key 1 as a small integer and as an integer',
        frame(toSink, raw(116, 0, 0, 0, 2, 97, 1, 97, 1, 98, 0, 0, 0, 1, 97, 2)),
      ],
      ['NaN', frame(toSink, raw(...float(Number.NaN)))],
      ['an infinity', frame(toSink, raw(...float(Number.POSITIVE_INFINITY)))],
      ['a compressed payload', frame(toSink, raw(80, 0, 0, 0, 103, ...compressed))],
      ['an unknown tag', frame(toSink, raw(1, 2, 3))],
      ['an unknown operation', frame(tuple(99, self))],
      ['a wrong arity', frame(tuple(1, self))],
      ['a link of another’s process', frame(tuple(1, stranger, self))],
      ['a monitor of another’s process', frame(tuple(19, stranger, atom('init'), reference))],
      ['an unlink with the number 0', frame(tuple(35, 0, self, self))],
      ['another form of frame', Uint8Array.of(131, 68, 0, ...body(toSink), ...body(1))],
    ];
    for (const [what, bytes] of cases) {
      const connection = await Raw.connect(t, { name: beam.name, port }, OWN_FLAGS);
      connection.send(toSink, { term: 'well-formed' });
      assert.equal(await beam.eval(`length(nodes(hidden))`), '1', what);
      connection.peer.send(bytes);
      await eventually(() => connection.peer.closed, { describe: `${what} closes it` });
      await eventually(async () => (await beam.eval('nodes(hidden)')) === '[]');
    }
  },
);

test(
  row(
    '3.4 3.6',
    'us to erl',
    'a signal from a process of a third node, or to one, ends the connection of a BEAM, as ours',
  ),
  options,
  async (t) => {
    const { beam, port } = await startBeam(t);
    const init = await beam.eval('binary_to_list(term_to_binary(whereis(init)))');
    const to = decode(Uint8Array.from(JSON.parse(init) as number[])) as Pid;
    const own = new Pid(RAW, 1, 0, 5);
    for (const { what, control, payload, beam: ends } of lies({
      own,
      to,
      reference: new Reference(beam.name, to.creation, [1, 2, 3]),
    })) {
      if (!ends) continue;
      const connection = await Raw.connect(t, { name: beam.name, port }, OWN_FLAGS);
      connection.send(control, payload);
      await eventually(() => connection.peer.closed, { describe: `${what} closes it` });
      await eventually(async () => (await beam.eval('nodes(hidden)')) === '[]');
    }
  },
);

test(
  row(
    '3.6 A5',
    'erl and us',
    'values that JavaScript has and Erlang has not neither come to a BEAM nor end the connection',
  ),
  options,
  async (t) => {
    const { a, beam } = await nodeAndBeam(t);
    await beam.eval(`register(echo, spawn(fun() -> F = fun(F) -> receive
      {'$gen_call', From, Term} -> gen:reply(From, Term), F(F) end end, F(F) end))`);
    const to = { name: 'echo', node: beam.name };
    const keys = (...all: Term[]): Term => new Map(all.map((key, index) => [key, index]));
    const refused: string[] = [];
    for (const [what, value] of [
      ['NaN', Number.NaN],
      ['Infinity', Number.POSITIVE_INFINITY],
      ['-0', -0],
      ['in a list', [1, Number.NaN, { deep: Number.NEGATIVE_INFINITY }]],
      ['1 and 1n', keys(1, 1n)],
      ['1 and 1.0', keys(1, 1.5, -0, 0)],
      ['a text and its bytes', keys('a', Buffer.from('a'))],
      ['lists that are equal', keys(['a'], ['a'])],
      ['tuples that are equal', keys(tuple(1), tuple(1n))],
      ['a date', new Date(0)],
      ['bytes', new Float64Array([Number.NaN])],
    ] as const) {
      try {
        assert.ok((await a.node.runtime.call(to, value)) !== undefined, what);
      } catch (error) {
        assert.ok(isBeamishError(error, 'term_not_encodable'), `${what}: ${String(error)}`);
        refused.push(what);
      }
      assert.equal(await a.node.at(beam.name).ping(), true, what);
    }
    assert.deepEqual(refused, ['1 and 1n', 'a text and its bytes', 'lists that are equal', 'tuples that are equal']);
    assert.equal(a.events.length, 1);
    // And what a BEAM sends of the kind: a compressed term inside a binary is a binary.
    assert.equal(formatTerm(await a.node.at(beam.name).rpc('erlang', 'float', [1])), '1.0');
  },
);

test(
  row(
    '2.7 A13',
    'us to erl',
    'the hazard is real: a frame that drips in for longer than the tick time ends a BEAM’s connection',
  ),
  options,
  async (t) => {
    const { beam, port } = await startBeam(t, ['-kernel', 'net_ticktime', '4']);
    const raw = await Raw.connect(t, { name: beam.name, port }, OWN_FLAGS);
    const bytes = frame(tuple(6, raw.pid(1), atom(''), atom('sink')), { term: 'x'.repeat(200_000) });
    const head = Buffer.alloc(4);
    head.writeUInt32BE(bytes.length);
    raw.peer.socket.write(head);
    let sent = 0;
    while (!raw.peer.closed && sent < bytes.length) {
      raw.peer.socket.write(bytes.subarray(sent, (sent += 1600)));
      await setTimeout(100);
    }
    assert.ok(raw.peer.closed && sent < bytes.length, `${sent} of ${bytes.length} bytes`);
  },
);

test(
  row(
    '2.7 A13',
    'erl and us',
    'large messages over a slow way, for longer than the tick time: fragments keep both sides up',
  ),
  options,
  async (t) => {
    const { beam, port } = await startBeam(t, ['-kernel', 'net_ticktime', '4']);
    // 128 KiB a second at most, each way: a megabyte takes twice the tick time.
    const slow = await startProxy(t, port, { piece: 4096, pause: 30 });
    const cluster = await testCluster(t);
    const a = await cluster.start('a@127.0.0.1', {
      cookie,
      epmd: false,
      tickTime: 4000,
      resolve: () => ({ host: '127.0.0.1', port: slow }),
    });
    const started = performance.now();
    const text = await a.node.at(beam.name).rpc('binary', 'copy', ['x'.repeat(500_000), 2], { timeout: 60_000 });
    assert.equal((text as string).length, 1_000_000);
    assert.ok(performance.now() - started > 5000, 'it took longer than the tick time');
    assert.equal(a.events.length, 1);
  },
);
