import assert from 'node:assert/strict';
import { test } from 'node:test';
import { epmdHosts } from '../../src/discovery/index.ts';
import { startNode } from '../../src/start-node.ts';
import { formatTerm, isTuple } from '../../src/term/index.ts';
import { simulate, SimulationFailure, type Simulation } from '../../src/simulation/index.ts';

test('two nodes ping each other, lose each other behind a cut, and meet again', async () => {
  await simulate({ nodes: 2, seed: 1 }, async (world) => {
    const program = world.start((host) =>
      startNode({ name: host.nodeName, cookie: 'c', plaintext: true, world: host.world, tickTime: 4000 }),
    );
    await world.until(() => program.complete);
    const [a, b] = program.all();
    assert.ok(a && b);
    assert.equal(await a.at(b.name).ping(), true);
    const repair = world.cut(world.host('n1'), world.host('n2'));
    await world.until(() => a.nodes().length === 0 && b.nodes().length === 0, { what: 'both notice the cut' });
    assert.equal(await a.at(b.name).ping(), false);
    repair();
    await world.until(() => a.at(b.name).ping());
  });
});

test('five nodes: a partition and its end in less than a second', async () => {
  const { realTime } = await simulate({ nodes: 5, seed: 1 }, async (world) => {
    const program = world.start((host) =>
      startNode({
        name: host.nodeName,
        cookie: 'c',
        plaintext: true,
        epmd: { port: 4369 },
        world: host.world,
        tickTime: 4000,
        discovery: epmdHosts({ hosts: world.hosts.map(({ nodeName }) => nodeName) }),
      }),
    );
    const mesh = (): boolean => program.complete && program.all().every((node) => node.nodes().length === 4);
    await world.until(mesh);
    const heal = world.partition(world.hosts.slice(0, 2), world.hosts.slice(2));
    await world.until(() => program.all().every((node) => node.nodes().length < 3));
    heal();
    await world.until(mesh);
  });
  assert.ok(realTime < 1000, `${realTime} ms`);
});

test('five idle nodes: more than a thousand virtual seconds in a real one', async () => {
  const { realTime, virtualTime } = await simulate({ nodes: 5, seed: 1 }, async (world) => {
    world.start((host) =>
      startNode({
        name: host.nodeName,
        cookie: 'c',
        plaintext: true,
        epmd: { port: 4369 },
        world: host.world,
        discovery: epmdHosts({ hosts: world.hosts.map(({ nodeName }) => nodeName) }),
      }),
    );
    await world.sleep(500_000);
  });
  assert.ok(virtualTime / realTime > 1000, `${virtualTime / realTime}`);
});

test('a failure tells the seed, the faults that are needed and a chart; given back, they fail again', async () => {
  const faults = { types: ['jump', 'delay', 'pause', 'crash'] as const, count: 20, until: 20_000 };
  const body = async (world: Simulation): Promise<void> => {
    world.always('n2 never starts twice', () => world.host('n2').life.number === 1);
    await world.sleep(1);
  };
  const failure = await simulate({ nodes: 3, seed: 11, faults }, body).then(
    () => undefined,
    (error: unknown) => error,
  );
  assert.ok(failure instanceof SimulationFailure);
  assert.deepEqual(
    failure.faults.map((fault) => [fault.type, 'host' in fault && fault.host]),
    [['crash', 'n2']],
  );
  assert.match(
    failure.message,
    /invariant at .*n2 never starts twice\nseed 11, trace [0-9a-f]{16}; replay it with SEED=11/,
  );
  assert.match(failure.trace, /crash/);
  await assert.rejects(simulate({ nodes: 3, seed: 11, faults: failure.faults }, body), SimulationFailure);
});

test('an exit reason names no file of this machine: it travels, and the run would be another elsewhere', async () => {
  await simulate({ nodes: 1, seed: 1 }, async (world) => {
    const { runtime } = await startNode({
      name: world.host('n1').nodeName,
      cookie: 'c',
      world: world.host('n1').world,
      plaintext: true,
    });
    const reason = await new Promise((resolve) => {
      const { pid } = runtime.spawn({
        handle() {
          throw new Error('here');
        },
      });
      runtime.monitor(pid, resolve);
      runtime.send(pid, 'go');
    });
    assert.ok(isTuple(reason, 2));
    assert.equal(formatTerm(reason), '{{js_error,<<"Error">>,<<"here">>},[]}');
  });
});
