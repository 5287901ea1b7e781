/** Several collectors on simulated switches: who polls what, hand-overs, faults of agents. Real nodes, real UDP. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { eventually } from '../../../../packages/beamish/test/support/eventually.ts';
import { devicesTopic, type Sample, type StateMessage } from '../../src/contract.ts';
import type { Device } from '../../src/inventory/device.ts';
import { tags } from '../../src/snmp/decode.ts';
import { columns } from '../../src/snmp/oids.ts';
import { type AgentOptions, startAgent } from '../../src/simulator/agent.ts';
import { startSimulator } from '../../src/simulator/simulator.ts';
import { SimulatedSwitch } from '../../src/simulator/switch.ts';
import { ownersOf } from '../../src/collector/assignment.ts';
import { Cluster, type Collector } from '../support/collectors.ts';

const interval = 400;

/** Owners by what they themselves say; empty while it is not settled. */
async function owners(...collectors: Collector[]): Promise<Map<string, string>> {
  const lists = await Promise.all(collectors.map(({ manager }) => manager.owners()));
  const [first = {}] = lists;
  const same = lists.every((list) => isDeepStrictEqual({ ...list }, { ...first }));
  return new Map(same ? Object.entries(first) : []);
}

const share = (found: ReadonlyMap<string, string>, { node }: Collector): number =>
  [...found.values()].filter((owner) => owner === node.name).length;

/** Waits until all agree, and with the ring. */
async function settledOwners(devices: readonly Device[], ...collectors: Collector[]): Promise<Map<string, string>> {
  const wanted = ownersOf(
    devices.map(({ id }) => id),
    collectors.map(({ node }) => node.name),
  );
  return await eventually(
    async () => {
      const statistics = await Promise.all(collectors.map(({ manager }) => manager.statistics()));
      const found = await owners(...collectors);
      assert.deepEqual(found, wanted);
      assert.deepEqual(
        statistics.map(({ owned }) => owned),
        collectors.map((collector) => share(wanted, collector)),
      );
      return found;
    },
    { timeout: 20_000, describe: 'all collectors agree on the owners' },
  );
}

/** Waits until every device has a sample of this owner map. */
async function polledBy(cluster: Cluster, found: ReadonlyMap<string, string>, since: number): Promise<void> {
  await eventually(
    () =>
      [...found].every(([device, owner]) =>
        cluster.stored.of(device).some((sample) => sample.at > since && sample.owner === owner),
      ),
    { timeout: 20_000, describe: 'every device is polled by its owner' },
  );
}

const shown = (samples: readonly Sample[]): string =>
  samples
    .map(
      ({ at, owner, poll_ms, interfaces }, each) =>
        `${at - (samples[each - 1]?.at ?? at)} ${owner.split('@')[0]} ${poll_ms} ${interfaces[0]?.in_bps}`,
    )
    .join('; ');

function longestGap(samples: readonly Sample[]): number {
  return Math.max(0, ...samples.slice(1).map((sample, at) => sample.at - (samples[at]?.at ?? 0)));
}

/** Owners never take turns: the former one has stopped, at the latest 100 ms into the new one's time. */
function assertOneAtATime(samples: readonly Sample[]): void {
  const last = new Map<string, number>();
  const first = new Map<string, number>();
  for (const { owner, at } of samples) {
    last.set(owner, at);
    if (!first.has(owner)) first.set(owner, at);
  }
  const spans = [...first]
    .map(([owner, from]) => ({ from, to: last.get(owner) ?? from }))
    .sort((a, b) => a.from - b.from);
  for (const [at, span] of spans.entries()) {
    const next = spans[at + 1];
    assert.ok(
      next === undefined || span.to <= next.from + 100,
      JSON.stringify(samples.map(({ owner, at }) => [owner, at])),
    );
  }
}

test(
  'one joins: about half of the devices move to it, by request, without a gap; it leaves: they come back',
  { timeout: 60_000 },
  async (t) => {
    await using simulator = await startSimulator({ faults: false });
    await using cluster = await Cluster.create(['collector1', 'collector2'], simulator.inventory, interval);
    const one = await cluster.start('collector1');
    const alone = await settledOwners(simulator.inventory, one);
    await polledBy(cluster, alone, 0);
    const from = Date.now();
    const two = await cluster.start('collector2');
    const both = await settledOwners(simulator.inventory, one, two);
    await polledBy(cluster, both, Date.now());
    t.diagnostic(`${share(both, two)} of 24 devices moved to the one that joined`);
    assert.ok(share(both, two) >= 6 && share(both, two) <= 18);
    for (const { id } of simulator.inventory) {
      const samples = cluster.stored.of(id).filter(({ at }) => at >= from);
      assertOneAtATime(samples);
      assert.ok(longestGap(samples) < 2 * interval, `${id}: ${shown(samples)}`);
      // the rates go on where they were
      const handed = samples.filter(({ owner }) => owner === two.node.name)[0];
      assert.ok(
        handed === undefined || handed.interfaces.every((each) => each.in_bps !== null),
        `${id}: ${shown(samples)}`,
      );
    }
    const left = Date.now();
    await two[Symbol.asyncDispose]();
    const after = await settledOwners(simulator.inventory, one);
    await polledBy(cluster, after, Date.now());
    for (const { id } of simulator.inventory) {
      const samples = cluster.stored.of(id).filter(({ at }) => at >= left - 2 * interval);
      assert.ok(longestGap(samples) < 2 * interval, `${id} after leaving: ${shown(samples)}`);
    }
  },
);

test('three collectors, one is gone without a word: the others take over at once', { timeout: 60_000 }, async () => {
  await using simulator = await startSimulator({ faults: false });
  await using cluster = await Cluster.create(['one', 'two', 'three'], simulator.inventory, interval);
  const [one, two, three] = (await Promise.all(['one', 'two', 'three'].map((name) => cluster.start(name)))) as [
    Collector,
    Collector,
    Collector,
  ];
  const all = await settledOwners(simulator.inventory, one, two, three);
  await polledBy(cluster, all, Date.now());
  const from = Date.now();
  await three.kill();
  const left = await settledOwners(simulator.inventory, one, two);
  await polledBy(cluster, left, Date.now());
  for (const { id } of simulator.inventory) {
    const samples = cluster.stored.of(id).filter(({ at }) => at >= from - interval);
    assertOneAtATime(samples);
    assert.ok(longestGap(samples) < 2 * interval, `${id}: ${shown(samples)}`);
    if (all.get(id) !== three.node.name) assert.equal(left.get(id), all.get(id), `${id} moved without need`);
  }
});

test(
  'an agent that is wrong, slow or silent is marked with the reason; the others are not held up',
  { timeout: 60_000 },
  async () => {
    await using simulator = await startSimulator({ switches: 4, faults: false });
    const agent = async (id: string, options: Partial<AgentOptions>) => {
      const started = await startAgent(new SimulatedSwitch(id, 2, Date.now(), Math.random), {
        port: 0,
        access: { version: '2c', community: 'public' },
        now: Date.now,
        ...options,
      });
      const device: Device = {
        id,
        address: `127.0.0.1:${started.port}`,
        access: { version: '2c', community: 'public' },
      };
      return { ...started, device };
    };
    await using wrong = await agent('wrong', {
      falsify: (varbind) =>
        varbind.oid === `${columns.ifHCInOctets}.1` ? { ...varbind, type: tags.Counter32, value: 1 } : varbind,
    });
    await using slow = await agent('slow', { delay: interval });
    await using silent = await agent('silent', { access: { version: '2c', community: 'another' } });
    const inventory = [...simulator.inventory, wrong.device, slow.device, { ...silent.device }];
    await using cluster = await Cluster.create(['one'], inventory, interval);
    const one = await cluster.start('one');
    const states: StateMessage[] = [];
    one.pubsub.subscribe(devicesTopic, (message) => void states.push(message as unknown as StateMessage));
    await eventually(
      async () => {
        const list = new Map((await one.manager.list()).map((device) => [device.id, device]));
        assert.deepEqual(
          [list.get('wrong')?.state, list.get('slow')?.state, list.get('silent')?.state],
          ['error', 'error', 'unreachable'],
        );
        assert.match(list.get('wrong')?.reason ?? '', /ifHCInOctets of interface 1 is Counter32 instead of Counter64/);
        assert.match(list.get('slow')?.reason ?? '', /too slowly/);
        assert.match(list.get('silent')?.reason ?? '', /no answer within/);
        return simulator.inventory.every(({ id }) => list.get(id)?.state === 'up' && cluster.stored.of(id).length >= 8);
      },
      { timeout: 20_000 },
    );
    for (const { id } of simulator.inventory) assert.ok(longestGap(cluster.stored.of(id)) < 1.5 * interval, id);
    assert.ok(states.some(({ device, state }) => device === 'slow' && state === 'error'));
    const statistics = await one.manager.statistics();
    assert.equal(statistics.owned, 7);
    assert.ok(statistics.failures > 0 && statistics.polls > 0 && statistics.poll_ms_median !== null);
  },
);

test('a device that was silent is up again when it answers', { timeout: 60_000 }, async () => {
  const device = new SimulatedSwitch('sw', 2, Date.now(), Math.random);
  const options: AgentOptions = { port: 0, access: { version: '2c', community: 'public' }, now: Date.now };
  const first = await startAgent(device, options);
  await using cluster = await Cluster.create(
    ['one'],
    [{ id: 'sw', address: `127.0.0.1:${first.port}`, access: { version: '2c', community: 'public' } }],
    200,
  );
  const one = await cluster.start('one');
  const state = async (wanted: string) =>
    eventually(async () => (await one.manager.get('sw'))?.state === wanted, {
      timeout: 20_000,
      describe: `the device is ${wanted}`,
    });
  await state('up');
  await first[Symbol.asyncDispose]();
  await state('unreachable');
  await using _again = await startAgent(device, { ...options, port: first.port });
  await state('up');
});

test('the manager crashes: its supervisor starts it anew, the devices are polled on', { timeout: 60_000 }, async () => {
  await using simulator = await startSimulator({ switches: 6, faults: false });
  await using cluster = await Cluster.create(['one', 'two'], simulator.inventory, interval);
  const [one, two] = (await Promise.all(['one', 'two'].map((name) => cluster.start(name)))) as [Collector, Collector];
  await eventually(async () => (await owners(one, two)).size === 6, { timeout: 20_000 });
  const pid = one.node.runtime.whereis('device_manager');
  assert.ok(pid !== undefined);
  one.node.runtime.exit(pid, 'crash');
  const from = Date.now();
  await eventually(() => {
    const now = one.node.runtime.whereis('device_manager');
    return now !== undefined && !now.equals(pid);
  });
  await eventually(
    () =>
      simulator.inventory.every(
        ({ id }) => cluster.stored.of(id).filter(({ at }) => at > from + 2 * interval).length >= 3,
      ),
    { timeout: 20_000 },
  );
  for (const { id } of simulator.inventory)
    assert.ok(longestGap(cluster.stored.of(id).filter(({ at }) => at >= from - interval)) < 2 * interval, id);
});

test('an inventory that changes is followed', { timeout: 60_000 }, async () => {
  await using simulator = await startSimulator({ switches: 3, faults: false });
  await using cluster = await Cluster.create(['one'], simulator.inventory.slice(0, 2), 200);
  const one = await cluster.start('one');
  await settledOwners(simulator.inventory.slice(0, 2), one);
  cluster.inventory = simulator.inventory.slice(1);
  await eventually(async () => (await one.manager.list()).map(({ id }) => id).join() === 'sw-02,sw-03', {
    timeout: 10_000,
  });
  await eventually(() => cluster.stored.of('sw-03').length > 2, { timeout: 10_000 });
  assert.equal((await one.manager.statistics()).owned, 2);
  assert.equal(await one.manager.get('sw-01'), null);
});
