/** Planted bugs are found, and their places are still there. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { places } from '../support/plant.ts';
import { mutants } from './mutants.ts';

test('there are ten or more, and the place of each is in the source once', () => {
  assert.ok(mutants.length >= 10);
  for (const mutant of mutants) assert.equal(places(mutant), 1, mutant.name);
});

const sim = join(import.meta.dirname, '../../../../scripts/sim.ts');

/** Those that are found soonest; all of them with `npm run sim -- --mutant NAME`. */
for (const [name, scenario] of [
  ['groups-lost-sync', 'groups'],
  ['broadcast-to-oneself', 'pubsub'],
  ['global-locks-of-the-dead', 'global'],
] as const) {
  test(`${name} is found within 20 schedules`, async () => {
    const env = { ...process.env };
    delete env['SEED'];
    const args = [sim, '--mutant', name, '--scenario', scenario, '--schedules', '20', '--jobs', '1'];
    const { code, stdout } = await new Promise<{ code: unknown; stdout: string }>((resolve) => {
      execFile(process.execPath, args, { env }, (error, stdout) => resolve({ code: error?.code, stdout }));
    });
    assert.equal(code, 1, stdout);
    assert.match(stdout, new RegExp(`SEED=\\d+ SCENARIO=${scenario} npm run sim`));
  });
}
