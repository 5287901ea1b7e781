/**
 * The OTP rules that people rely on: each case runs on a real BEAM (fixtures/otp_rules.exs) and here, and both must say the
 * same, term for term. Ours run in a world whose clock the test moves.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { formatTerm } from '../../src/term/index.ts';
import { startChild } from '../support/children.ts';
import { requirePeer, skipUnless } from '../support/peers.ts';
import { type Rules, runtime } from './otp-rules/cast.ts';
import { exits } from './otp-rules/exits.ts';
import { registries } from './otp-rules/registries.ts';
import { servers } from './otp-rules/servers.ts';
import { supervisors } from './otp-rules/supervisors.ts';
import { tables } from './otp-rules/tables.ts';
import { tasks } from './otp-rules/tasks.ts';

/** In the order of the fixture. */
const rules: Rules = { ...exits, ...servers, ...supervisors, ...tasks, ...registries, ...tables };

test('OTP rules: a BEAM and Beamish say the same of each', { ...skipUnless('elixir'), timeout: 110_000 }, async (t) => {
  const fixture = join(import.meta.dirname, 'fixtures/otp_rules.exs');
  const elixir = startChild(requirePeer('elixir'), [fixture], { name: 'elixir', t });
  await elixir.waitForOutput(/^end$/m, 100_000);
  const theirs = new Map(
    elixir.output
      .split('\n')
      .filter((line) => line.includes(' = '))
      .map((line) => line.split(' = ') as [string, string]),
  );
  await t.test('both have the same rules', () => assert.deepEqual(Object.keys(rules), [...theirs.keys()]));
  await t.test('docs/otp-rules.md has them all', () => {
    const page = readFileSync(join(import.meta.dirname, '../../../../docs/otp-rules.md'), 'utf8');
    const missing = Object.keys(rules).filter((name) => !page.includes(`| ${name} `));
    assert.deepEqual(missing, []);
  });
  for (const [name, run] of Object.entries(rules)) {
    await t.test(name, async () => assert.equal(formatTerm(await run()), theirs.get(name)));
  }
  await runtime.stop();
});
