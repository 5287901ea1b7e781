/**
 * PubSub beside Phoenix.PubSub on a real Elixir node. By default its part is played by a stand-in (fixtures/pubsub_stand_in.ex
 * says why and what it is); with PHOENIX_PUBSUB=<directory of phoenix_pubsub's source> by the real one.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Node } from '../../src/node/index.ts';
import { PubSub, socketBroadcast } from '../../src/pubsub/index.ts';
import type { PubSubOptions } from '../../src/pubsub/index.ts';
import { atom, tuple } from '../../src/term/index.ts';
import type { Term } from '../../src/term/index.ts';
import { realWorld } from '../../src/world/index.ts';
import { eventually } from '../support/eventually.ts';
import { collectLogs } from '../support/logs.ts';
import { skipUnless } from '../support/peers.ts';
import { freePort } from '../support/ports.ts';
import { row } from '../support/row.ts';
import { Beam } from './fixtures/beam.ts';
import { elixirArguments, evalElixir, loadElixir } from './fixtures/elixir.ts';

const options = { ...skipUnless('erl', 'elixir'), timeout: 90_000 };
const cookie = 'pubsubtest';
const ADAPTER = 'MyApp.PubSub.Adapter';
const real = process.env['PHOENIX_PUBSUB'];
const fixture = (name: string): string => fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url));
const sources =
  real === undefined
    ? [fixture('pubsub_stand_in.ex')]
    : ['adapter', 'pg2', 'supervisor', 'application']
        .map((name) => join(real, `lib/phoenix/pubsub/${name}.ex`))
        .concat(join(real, 'lib/phoenix/pubsub.ex'));

interface Side {
  readonly node: Node;
  readonly pubsub: PubSub;
  readonly logs: ReturnType<typeof collectLogs>;
}

async function ours(t: TestContext, name: string, port: number, pool: PubSubOptions = {}): Promise<Side> {
  const logs = collectLogs();
  const node = await Node.start({ name, cookie, epmd: { port }, world: realWorld({ logger: logs.logger }) });
  t.after(() => node.stop());
  return { node, pubsub: await PubSub.start(node, 'MyApp.PubSub', pool), logs };
}

async function setup(t: TestContext, pool: PubSubOptions = {}): Promise<Side & { beam: Beam; port: number }> {
  const port = await freePort();
  const side = await ours(t, 'ts@127.0.0.1', port, pool);
  const beam = await Beam.start({ name: 'ex@127.0.0.1', cookie, epmdPort: port, t, args: elixirArguments() });
  await loadElixir(beam, ...sources, fixture('pubsub_peer.ex'));
  assert.equal(await evalElixir(beam, `Peer.start(name: MyApp.PubSub, pool_size: ${pool.poolSize ?? 1})`), ':ok');
  await side.node.connect(beam.name);
  await meet(side, beam);
  return { ...side, beam, port };
}

/** Until a message comes through in both directions. */
async function meet({ pubsub }: Side, beam: Beam): Promise<void> {
  let seen = false;
  const probe = pubsub.subscribe('probe', () => void (seen = true));
  await eventually(async () => (await evalElixir(beam, 'Peer.broadcast("probe", :probe)'), seen));
  probe.cancel();
  await evalElixir(beam, 'Peer.subscribe("probe")');
  await eventually(
    async () => (pubsub.broadcast('probe', atom('probe')), (await evalElixir(beam, 'Peer.got()')) !== '[]'),
  );
}

function collect(pubsub: PubSub, topic: string): Term[] {
  const got: Term[] = [];
  pubsub.subscribe(topic, (message) => void got.push(message), { queue: 10_000 });
  return got;
}

/** What the Elixir process got, without probes. */
async function theirs(beam: Beam): Promise<string> {
  return evalElixir(beam, 'Peer.got() |> Enum.reject(& &1 == :probe)');
}

test(row('8', 'elixir and us', 'broadcasts reach the other side as they are'), options, async (t) => {
  const { pubsub, beam, logs } = await setup(t);
  const got = collect(pubsub, 'orders:new');
  await evalElixir(beam, 'Peer.subscribe("orders:new")');
  await evalElixir(beam, 'Peer.broadcast("orders:new", %{"id" => 1, "tags" => ["a", nil, 1.5], at: {:ok, <<255>>}})');
  await eventually(() => got.length === 1);
  const message = got[0] as ReadonlyMap<Term, Term>;
  assert.equal(message.get('id'), 1);
  assert.deepEqual(message.get('tags'), ['a', null, 1.5]);
  assert.deepEqual(message.get(atom('at')), tuple(atom('ok'), Uint8Array.of(255)));
  pubsub.broadcast('orders:new', { id: 2, by: 'ts' });
  pubsub.broadcast('orders:old', { id: 3 });
  // It is subscribed to what it broadcast itself, too.
  await eventually(
    async () => (await evalElixir(beam, 'Peer.got() |> Enum.filter(&is_map/1) |> Enum.map(& &1["id"])')) === '[1, 2]',
  );
  assert.equal(await evalElixir(beam, 'List.last(Peer.got())'), '%{"by" => "ts", "id" => 2}');
  assert.equal(got.length, 2, 'and the subscriber here got its own');
  assert.deepEqual(logs.warnings(), []);
});

test(row('8', 'elixir and us', 'a thousand messages each way keep their order'), options, async (t) => {
  const { pubsub, beam } = await setup(t);
  const got = collect(pubsub, 'there');
  await evalElixir(beam, 'Peer.subscribe("here")');
  const numbers = Array.from({ length: 1000 }, (_, index) => index + 1);
  await evalElixir(beam, 'Peer.many("there", 1000)');
  for (const number of numbers) pubsub.broadcast('here', number);
  await eventually(() => got.length === 1000);
  assert.deepEqual(got, numbers);
  await eventually(
    async () =>
      (await evalElixir(beam, '(Peer.got() |> Enum.reject(& &1 == :probe)) == Enum.to_list(1..1000)')) === 'true',
  );
});

test(row('8', 'elixir and us', 'direct broadcasts go to one node'), options, async (t) => {
  const { node, pubsub, beam, port } = await setup(t);
  const third = await ours(t, 'ts3@127.0.0.1', port);
  await third.node.connect(beam.name);
  await third.node.connect(node.name);
  const [got, ofThird] = [collect(pubsub, 't'), collect(third.pubsub, 't')];
  await evalElixir(beam, 'Peer.subscribe("t")');
  await evalElixir(beam, `Peer.direct(:"${node.name}", "t", 1)`);
  pubsub.directBroadcast(beam.name, 't', 2);
  third.pubsub.directBroadcast(node.name, 't', 3);
  await eventually(async () => got.length === 2 && (await theirs(beam)) === '[2]');
  assert.deepEqual(new Set(got), new Set([1, 3]));
  assert.deepEqual(ofThird, []);
});

test(row('8', 'elixir and us', 'each of three nodes gets a broadcast exactly once'), options, async (t) => {
  const first = await setup(t);
  const { beam } = first;
  const second = await ours(t, 'ts2@127.0.0.1', first.port);
  await second.node.connect(beam.name);
  await second.node.connect(first.node.name);
  await meet(second, beam);
  const got = [collect(first.pubsub, 't'), collect(second.pubsub, 't')];
  await evalElixir(beam, 'Peer.subscribe("t")');
  let between = false;
  second.pubsub.subscribe('ready', () => void (between = true));
  await eventually(() => (first.pubsub.broadcast('ready', 1), between));
  first.pubsub.broadcast('t', 1);
  second.pubsub.broadcast('t', 2);
  await evalElixir(beam, 'Peer.broadcast("t", 3)');
  // From each sender something follows that shows all before it has come.
  first.pubsub.broadcast('t', atom('end'));
  second.pubsub.broadcast('t', atom('end'));
  await eventually(
    async () =>
      got.every((each) => each.length === 5) &&
      (await evalElixir(beam, 'Enum.count(Peer.got(), & &1 == :end)')) === '2',
  );
  for (const each of got) {
    const numbers = each.filter((message) => typeof message === 'number');
    assert.deepEqual(
      numbers.toSorted((a, b) => a - b),
      [1, 2, 3],
    );
  }
  assert.equal(await evalElixir(beam, 'Enum.sort(Enum.filter(Peer.got(), &is_integer/1))'), '[1, 2, 3]');
});

test(
  row('8', 'elixir to us', 'a channel broadcast of Phoenix arrives as its struct, and is read'),
  options,
  async (t) => {
    const { pubsub, beam } = await setup(t);
    const got = collect(pubsub, 'room:1');
    await evalElixir(beam, 'Peer.channel("room:1", "new_msg", %{"body" => "hi"})');
    await evalElixir(beam, 'Peer.channel("room:1", "bytes", {:binary, <<1, 2, 255>>})');
    await eventually(() => got.length === 2);
    assert.deepEqual(got.map(socketBroadcast), [
      { topic: 'room:1', event: 'new_msg', payload: { body: 'hi' }, binary: false },
      { topic: 'room:1', event: 'bytes', payload: Uint8Array.of(1, 2, 255), binary: true },
    ]);
  },
);

test(
  row('8', 'elixir and us', 'pools: the workers have the same names, and any topic comes through'),
  options,
  async (t) => {
    const { pubsub, beam, node } = await setup(t, { poolSize: 3, broadcastPoolSize: 2 });
    const groups = [ADAPTER, `${ADAPTER}_2`, `${ADAPTER}_3`];
    for (const group of groups) {
      await eventually(
        async () => (await evalElixir(beam, `length(:pg.get_members(Phoenix.PubSub, :"Elixir.${group}"))`)) === '2',
      );
      assert(node.runtime.whereis(`Elixir.${group}`));
    }
    const topics = ['a', 'b', 'c', 'd', 'e', 'f'];
    const got = topics.map((topic) => collect(pubsub, topic));
    for (const topic of topics) {
      await evalElixir(beam, `Peer.subscribe("${topic}")`);
      pubsub.broadcast(topic, topic);
    }
    await eventually(
      async () =>
        (await evalElixir(beam, 'Enum.sort(Peer.got() -- [:probe]) |> Enum.reject(& &1 == :probe)')) ===
        '["a", "b", "c", "d", "e", "f"]',
    );
    // The index depends on the sender's pid: each of many processes broadcasts once.
    await evalElixir(
      beam,
      'for i <- 1..30, t <- ["a", "f"], do: spawn(fn -> Phoenix.PubSub.broadcast(MyApp.PubSub, t, i) end)',
    );
    await eventually(() => got[0]?.length === 31 && got[5]?.length === 31);
  },
);

test(
  row('8 A4', 'elixir and us', 'after cut connections messages flow again, and the processes of the BEAM are the same'),
  options,
  async (t) => {
    const side = await setup(t);
    const { node, beam } = side;
    const processes = (): Promise<string> => evalElixir(beam, `Peer.workers([${ADAPTER}, Phoenix.PubSub])`);
    const before = await processes();
    for (let round = 0; round < 5; round++) {
      node.disconnect(beam.name);
      await node.connect(beam.name);
      await meet(side, beam);
    }
    assert.equal(await processes(), before);
  },
);
