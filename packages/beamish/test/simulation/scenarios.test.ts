/** A few schedules of every scenario, the seeds that once found something, and what the same seed means. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { simulate } from '../../src/simulation/index.ts';
import { seed } from '../support/seed.ts';
import { scenarios, type Scenario } from './scenarios/index.ts';

/** Of each scenario; `npm run sim` is for thousands. */
const SCHEDULES = 8;

const run = ({ nodes, faults, network, run }: Scenario, seed: number): ReturnType<typeof simulate> =>
  simulate({ nodes, seed, faults, ...(network === undefined ? {} : { network }) }, run);

for (const scenario of scenarios) {
  test(`${scenario.name}: ${SCHEDULES} random schedules from seed ${seed}`, async () => {
    for (let index = 0; index < SCHEDULES; index++) await run(scenario, seed + index);
  });
}

/** Each found what is told of it. */
const REGRESSIONS: readonly { readonly scenario: string; readonly seed: number; readonly found: string }[] = [
  { scenario: 'global', seed: 1_125_856_837, found: 'a name that one node has and its partition has not, for ever' },
  { scenario: 'global', seed: 77_000_272, found: 'a name that only some nodes of a partition have, for ever' },
  { scenario: 'global', seed: 771_316_728, found: 'locks believed in the instant in which a connection is lost' },
];

for (const { scenario, seed, found } of REGRESSIONS) {
  test(`${scenario}, seed ${seed}: not again ${found}`, async () => {
    const again = scenarios.find(({ name }) => name === scenario);
    assert.ok(again !== undefined, `there is no scenario ${scenario}`);
    await run(again, seed);
  });
}

test('the same seed is the same run, in this process and in another', async () => {
  const hashes = async (): Promise<string[]> => {
    const found: string[] = [];
    for (const scenario of scenarios) found.push((await run(scenario, 7)).hash);
    return found;
  };
  const here = await hashes();
  assert.deepEqual(await hashes(), here);
  assert.equal(new Set(here).size, scenarios.length);
  const script = new URL('./hashes.ts', import.meta.url).pathname;
  const { stdout } = await promisify(execFile)(process.execPath, [script]);
  assert.deepEqual(JSON.parse(stdout), here);
});
