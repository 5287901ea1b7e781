import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simulate, type CrashKind } from 'beamish/simulation';
import { DEVICES, oneOwnerEach, scenario, startCollectors } from './collectors.ts';

const seed = Number(process.env['SEED'] ?? Date.now() % 0x7fff_ffff);

test(`15 random schedules from seed ${seed}: in the end each device has one owner`, async () => {
  const { nodes, faults, run } = scenario;
  for (let index = 0; index < 15; index++) await simulate({ nodes, seed: seed + index, faults }, run);
});

/** A killed collector is noticed at once; of one without power nothing is heard for 1.25 tick times, seen at the next quarter. */
for (const [kind, bound] of [
  ['kill', 100],
  ['power', 4000 * 1.5 + 100],
] as const satisfies readonly (readonly [CrashKind, number])[]) {
  test(`after a ${kind} of one of four no device is unowned for more than ${bound} ms, and only its own move`, async () => {
    await simulate({ nodes: 4, seed }, async (world) => {
      const program = startCollectors(world);
      await world.until(() => program.complete && program.all().every(({ node }) => node.nodes().length === 3));
      await world.sleep(10_000);
      oneOwnerEach(program.all());
      const before = new Map(program.all().map(({ node, running }) => [node.name, [...running]]));
      const lost = program.on(world.host('n2'))?.running.size ?? 0;
      assert.ok(lost > 0 && lost < DEVICES.length / 2);
      world.crash(world.host('n2'), kind);
      await world.sleep(bound);
      oneOwnerEach(program.all());
      for (const { node, running } of program.all()) {
        for (const device of before.get(node.name) ?? []) assert.ok(running.has(device), `${device} left ${node.name}`);
      }
    });
  });
}
