import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startNode } from '../../src/start-node.ts';
import { simulate } from '../../src/simulation/index.ts';

test('two nodes ping each other, lose each other behind a cut, and meet again', async () => {
  await simulate({ nodes: 2, seed: 1 }, async (world) => {
    const program = world.start((host) =>
      startNode({ name: host.nodeName, cookie: 'c', world: host.world, tickTime: 4000 }),
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
