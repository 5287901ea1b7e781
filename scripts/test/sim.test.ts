/** docs/testing.md names every scenario and every planted bug that there is. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { scenario as collectors } from '../../apps/switch-telemetry/test/simulation/collectors.ts';
import { catalogue, withCatalogue } from '../../packages/beamish/test/simulation/catalogue.ts';
import { mutants } from '../../packages/beamish/test/simulation/mutants.ts';
import { scenarios } from '../../packages/beamish/test/simulation/scenarios/index.ts';

test('the tables of scenarios and planted bugs are what there is: npm run sim -- --docs writes them', () => {
  const text = readFileSync(join(import.meta.dirname, '../../docs/testing.md'), 'utf8');
  assert.equal(text, withCatalogue(text, catalogue([...scenarios, collectors], mutants)));
});
