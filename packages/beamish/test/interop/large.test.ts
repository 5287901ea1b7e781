/** Protocols 3.3 with a real BEAM: large messages in both directions, and what goes on beside them. `LARGE_MB=100` gives the figures. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GenServer } from '../../src/process/index.ts';
import { formatTerm, isTuple, tuple, type Term } from '../../src/term/index.ts';
import { type testCluster, types, type TestNode } from '../node/nodes.ts';
import { eventually } from '../support/eventually.ts';
import { skipUnless } from '../support/peers.ts';
import { row } from '../support/row.ts';
import { type Beam, nodeAndBeam } from './fixtures/beam.ts';

const options = { ...skipUnless('erl'), timeout: 110_000 };
const SIZE = Number(process.env['LARGE_MB'] ?? 16) * 1_000_000;
/** Of a large term: so many tuples with a binary of 1000 bytes. */
const ITEMS = SIZE / 1000;
const at = `'a@127.0.0.1'`;
type T = Parameters<typeof testCluster>[0] & { diagnostic(message: string): void };

class Sink extends GenServer {
  readonly got: Term[] = [];
  echo(value: Term): Term {
    return value;
  }
  received(): boolean {
    return this.got.length > 0;
  }
  protected override handleInfo(message: Term): void {
    this.got.push(message);
  }
}

async function both(t: T): Promise<{ a: TestNode; beam: Beam; sink: Sink }> {
  const { a, beam } = await nodeAndBeam(t);
  const sink = new Sink();
  await a.node.spawn(
    class extends Sink {
      constructor() {
        super();
        return sink;
      }
    },
    [],
    { name: 'sink' },
  );
  await a.node.connect(beam.name);
  return { a, beam, sink };
}

/** How long something beside took each time, in milliseconds, and how much more memory there was. */
class Beside {
  readonly #times: number[] = [];
  readonly #before = process.memoryUsage.rss();
  readonly #began = performance.now();
  #most = 0;

  add(time: number): void {
    this.#times.push(time);
    this.#most = Math.max(this.#most, process.memoryUsage.rss() - this.#before);
  }
  get count(): number {
    return this.#times.length;
  }
  text(what: string): string {
    const sorted = this.#times.toSorted((one, other) => one - other);
    const share = (part: number): string => (sorted[Math.floor(part * (sorted.length - 1))] ?? 0).toFixed(1);
    const took = (performance.now() - this.#began).toFixed(0);
    return `${what}: ${took} ms; ${sorted.length} calls beside it, ms: p50 ${share(0.5)}, p99 ${share(0.99)}, longest ${share(1)}; RSS +${(this.#most / 1e6).toFixed(0)} MB`;
  }
}

async function until(done: () => boolean, each: () => Promise<number>): Promise<Beside> {
  const beside = new Beside();
  while (!done()) {
    beside.add(await each());
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return beside;
}

test(
  row('3.3', 'us to erl', 'a large message goes in parts: calls pass it, what is for the same process waits for it'),
  options,
  async (t) => {
    const { a, beam, sink } = await both(t);
    // Tells us what it gets, in order, by its size.
    await beam.eval(`
      Loop = fun(Loop) -> receive
        B when is_binary(B) -> {sink, ${at}} ! {large, byte_size(B), erlang:crc32(B)};
        L when is_list(L) -> {sink, ${at}} ! {list, length(L), erlang:phash2(lists:last(L))};
        Other -> {sink, ${at}} ! {small, Other} end, Loop(Loop) end,
      register(taker, spawn(fun() -> Loop(Loop) end)), ok`);
    const taker = { name: 'taker', node: beam.name };
    const ping = async (): Promise<number> => {
      const sent = performance.now();
      assert.equal(await a.node.at(beam.name).ping(), true);
      return performance.now() - sent;
    };
    const bytes = new Uint8Array(SIZE).fill(0xfe);
    a.node.runtime.send(taker, bytes);
    a.node.runtime.send(taker, tuple('behind'));
    const binary = await until(() => sink.got.length >= 2, ping);
    t.diagnostic(binary.text(`a binary of ${SIZE / 1e6} MB to erl`));
    assert.ok(binary.count >= 2, 'a ping went past it');
    const [first, second] = sink.got as [Term, Term];
    assert.ok(isTuple(first, 3) && isTuple(second, 2));
    assert.equal(first.at(1), SIZE);
    assert.equal(formatTerm(first.at(2)), await beam.eval(`erlang:crc32(binary:copy(<<254>>, ${SIZE}))`, 30_000));
    assert.deepEqual(second.at(1), tuple('behind'));
    const list = Array.from({ length: ITEMS }, (_, n) => tuple(n, 'x'.repeat(1000)));
    a.node.runtime.send(taker, list);
    const terms = await until(() => sink.got.length >= 3, ping);
    t.diagnostic(terms.text(`a list of ${ITEMS} tuples with 1000 bytes each to erl`));
    const third = sink.got[2];
    assert.ok(isTuple(third, 3));
    assert.equal(third.at(1), ITEMS);
    assert.equal(formatTerm(third.at(2)), await beam.eval(`erlang:phash2({${ITEMS - 1}, binary:copy(<<"x">>, 1000)})`));
    assert.deepEqual(types(a.events), [`nodeup ${beam.name}`]);
  },
);

test(row('3.3', 'erl to us', 'a large message of a process: calls of others go past it'), options, async (t) => {
  const { a, beam, sink } = await both(t);
  // Calls one after the other, and tells the microseconds of each, until it is told to stop.
  const pinging = `
    Ping = fun(Ping, Times) -> receive {stop, From} -> From ! {times, Times} after 1 ->
      {Time, _} = timer:tc(fun() -> gen_server:call({sink, ${at}}, {echo, 1}, 60000) end), Ping(Ping, [Time | Times]) end end,
    P = spawn(fun() -> Ping(Ping, []) end),`;
  for (const [what, term, check] of [
    [
      `a binary of ${SIZE / 1e6} MB from erl`,
      `binary:copy(<<254>>, ${SIZE})`,
      (got: Term): void => {
        assert.ok(got instanceof Uint8Array);
        assert.ok(got.length === SIZE && got.every((byte) => byte === 254));
        // Not a copy of the message that it came in.
        assert.ok(got.buffer.byteLength < SIZE + 200_000);
      },
    ],
    [
      `a list of ${ITEMS} tuples with 1000 bytes each from erl`,
      `[{N, binary:copy(<<"x">>, 1000)} || N <- lists:seq(0, ${ITEMS - 1})]`,
      (got: Term): void => {
        assert.ok(Array.isArray(got) && got.length === ITEMS);
        assert.deepEqual(got.at(-1), tuple(ITEMS - 1, 'x'.repeat(1000)));
      },
    ],
  ] as const) {
    const beside = new Beside();
    sink.got.length = 0;
    const running = beam.eval(
      `${pinging} T = ${term}, spawn(fun() -> {sink, ${at}} ! T end),
      (fun Wait() -> case gen_server:call({sink, ${at}}, received, 60000) of true -> ok; false -> timer:sleep(5), Wait() end end)(),
      P ! {stop, self()}, receive {times, Times} -> Times end`,
      60_000,
    );
    const times = JSON.parse(await running) as number[];
    for (const time of times) beside.add(time / 1000);
    t.diagnostic(beside.text(what));
    check(sink.got[0]);
    assert.ok(times.length >= 2, 'calls went past it');
  }
  await eventually(() => sink.got.length === 1);
  assert.deepEqual(types(a.events), [`nodeup ${beam.name}`]);
});
