/** Protocols 3.1 to 3.3: what a real BEAM sends in frames with an atom cache and in fragments, and takes from us. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { portPlease } from '../../src/node/epmd/client.ts';
import { DIST_HDR_ATOM_CACHE, FRAGMENTS, OWN_FLAGS } from '../../src/node/flags.ts';
import { PacketReader } from '../../src/node/wire/packets.ts';
import { GenServer } from '../../src/process/index.ts';
import { formatTerm, type Term } from '../../src/term/index.ts';
import { realWorld } from '../../src/world/index.ts';
import { RawPeer, type testCluster } from '../node/nodes.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/ports.ts';
import { skipUnless } from '../support/peers.ts';
import { row } from '../support/row.ts';
import { Beam, cookie, nodeAndBeam, startEpmd } from './fixtures/beam.ts';

const options = { ...skipUnless('erl', 'epmd'), timeout: 90_000 };
type T = Parameters<typeof testCluster>[0];

const text = (term: Term): string => formatTerm(term);

/** A raw connection to an `erl`, so that its very frames are seen, and their messages. */
async function tap(t: T, flags: bigint): Promise<{ beam: Beam; raw: RawPeer; messages: () => Term[] }> {
  const epmdPort = await freePort();
  await startEpmd(epmdPort, t);
  const beam = await Beam.start({ name: 'beam@127.0.0.1', cookie, epmdPort, t });
  const address = { host: '127.0.0.1', port: epmdPort, timeout: 5000 };
  const port = await portPlease(realWorld(), { ...address, signal: AbortSignal.timeout(5000) }, 'beam');
  const to = { name: beam.name, address: { host: '127.0.0.1', port: port as number } };
  const raw = await RawPeer.connect(t, to, { name: 'raw@127.0.0.1', cookie, flags });
  const packets = new PacketReader({ own: 'raw@127.0.0.1', peer: beam.name }, { maxBytes: 100_000_000 });
  let read = 0;
  const got: Term[] = [];
  return {
    beam,
    raw,
    messages() {
      for (; read < raw.received.length; read++) {
        const frame = raw.received[read] as number[];
        const signal = frame.length === 0 ? undefined : packets.read(Uint8Array.from(frame));
        if (signal?.type === 'message' && 'name' in signal.to && signal.to.name === 'sink') got.push(signal.message);
      }
      return got;
    },
  };
}

/** The number of atoms in the list of each distribution header, and how many of them are new. */
function lists(raw: RawPeer): { count: number; fresh: number }[] {
  return raw.received
    .filter((frame) => frame[0] === 131 && (frame[1] === 68 || frame[1] === 69))
    .map((frame) => {
      const at = frame[1] === 68 ? 2 : 18;
      const count = frame[at] as number;
      const nibble = (index: number): number =>
        ((frame[at + 1 + (index >> 1)] as number) >> (index % 2 === 0 ? 0 : 4)) & 15;
      return {
        count,
        fresh: Array.from({ length: count }, (_, index) => nibble(index)).filter((flags) => flags >= 8).length,
      };
    });
}

test(row('3.2', 'erl to us', 'atoms come by the cache, slots are overwritten, names are long'), options, async (t) => {
  const { beam, raw, messages } = await tap(t, OWN_FLAGS);
  const sink = `{sink, 'raw@127.0.0.1'}`;
  await beam.eval(`${sink} ! {hello, world, #{key => value}}, ${sink} ! {hello, world, again}, ok`);
  await eventually(() => messages().length === 2);
  assert.deepEqual(messages().map(text), ['{hello,world,#{key => value}}', '{hello,world,again}']);
  const [first, second] = lists(raw).slice(-2);
  assert.ok(first !== undefined && first.fresh >= 4, JSON.stringify(first));
  assert.ok(second !== undefined && second.count >= 4 && second.fresh <= 1, JSON.stringify(second));

  // More atoms than slots, twice: what was in the cache is pushed out, and comes in again.
  await beam.eval(`
    Send = fun(From) -> ${sink} ! {From, [list_to_atom("number" ++ integer_to_list(N)) || N <- lists:seq(From, From + 99)]} end,
    [Send(From) || _ <- [1, 2], From <- lists:seq(0, 4900, 100)], ok`);
  const expected = Array.from({ length: 50 }, (_, index) => {
    const from = index * 100;
    return `{${from},[${Array.from({ length: 100 }, (_name, n) => `number${from + n}`).join(',')}]}`;
  });
  await eventually(() => messages().length === 102);
  assert.deepEqual(messages().slice(2).map(text), [...expected, ...expected]);
  assert.ok(
    lists(raw)
      .slice(-50)
      .every(({ count }) => count > 50),
  );

  // 255 characters of two bytes: their length needs 16 bits.
  await beam.eval(`${sink} ! {list_to_atom(lists:duplicate(255, 1078)), short, true, nil}, ok`);
  await eventually(() => messages().length === 103);
  assert.equal(text(messages().at(-1)), `{'${'ж'.repeat(255)}',short,true,nil}`);
});

test(
  row(
    '3.1',
    'erl to us',
    'without the flags of fragments and atom cache erl passes through, with one of them it uses that one',
  ),
  options,
  async (t) => {
    const kinds = (raw: RawPeer): Set<string> =>
      new Set(raw.received.filter(({ length }) => length > 0).map(([a, b]) => (a === 112 ? '112' : `${a} ${b}`)));
    for (const [without, expected] of [
      [FRAGMENTS | DIST_HDR_ATOM_CACHE, ['112']],
      [FRAGMENTS, ['131 68']],
      [DIST_HDR_ATOM_CACHE, ['131 68', '131 69', '131 70']],
      [0n, ['131 68', '131 69', '131 70']],
    ] as const) {
      const { beam, raw, messages } = await tap(t, OWN_FLAGS & ~without);
      await beam.eval(`{sink, 'raw@127.0.0.1'} ! small, {sink, 'raw@127.0.0.1'} ! lists:duplicate(100000, ok), ok`);
      await eventually(() => messages().length === 2);
      assert.equal((messages()[1] as Term[]).length, 100_000);
      assert.deepEqual([...kinds(raw)].toSorted(), expected);
      const cached = lists(raw).some(({ count }) => count > 0);
      assert.equal(cached, (without & DIST_HDR_ATOM_CACHE) === 0n);
      beam.child.kill();
    }
  },
);

class Echo extends GenServer {
  echo(term: Term): Term {
    return term;
  }
}

test(
  row('3.2 3.3', 'erl and us', 'large messages of many processes at one time, with atoms, come back as they were'),
  options,
  async (t) => {
    const { a, beam } = await nodeAndBeam(t);
    const { node } = a;
    await node.spawn(Echo, [], { name: 'echo' });
    const answer = await beam.eval(
      `
    Self = self(),
    Term = fun(N) -> {N, [list_to_atom("a" ++ integer_to_list(N rem 97 * 31 + I)) || I <- lists:seq(1, 3000)],
      binary:copy(<<255, N>>, 50000 * (N rem 5)), lists:seq(1, 20000)} end,
    [spawn(fun() -> T = Term(N), Self ! {N, gen_server:call({echo, 'a@127.0.0.1'}, {echo, T}, 30000) =:= T} end)
      || N <- lists:seq(1, 40)],
    lists:usort([receive {N, Same} -> Same after 30000 -> late end || N <- lists:seq(1, 40)])`,
      60_000,
    );
    assert.equal(answer, '[true]');
    const [peer] = node.nodes();
    assert.notEqual((peer?.flags ?? 0n) & DIST_HDR_ATOM_CACHE, 0n);
  },
);
