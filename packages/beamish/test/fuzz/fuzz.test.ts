// @timeout 180
/** Half a minute of made-up inputs, what was found before, and planted bugs. The long form is `npm run fuzz`. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seed } from '../support/seed.ts';
import { places } from '../support/plant.ts';
import './instrument.ts';
import { attempt, fromHex } from './fuzzer.ts';
import { mutants } from './mutants.ts';
import { fuzz, grows } from './pool.ts';
import { regressions } from './regressions.ts';

const SECONDS = 30;
const { targets } = await import('./targets/index.ts');

test('what broke something once breaks nothing any more', async () => {
  const known = regressions();
  assert.ok(known.length >= 5);
  for (const { target: name, hex, what } of known) {
    const target = targets.find((each) => each.name === name);
    assert.ok(target, `no target ${name}`);
    assert.equal((await attempt(target, fromHex(hex))).failure, undefined, `${name} ${hex}: ${what}`);
  }
});

test(`${SECONDS} s of made-up input: only declared errors, within the budgets, one end for each connection`, async (t) => {
  const { inputs, seconds, findings, coverage } = await fuzz({ seed, seconds: SECONDS });
  t.diagnostic(`seed ${seed}: ${inputs} inputs in ${seconds.toFixed(1)} s, ${Math.round(inputs / seconds)} a second`);
  assert.deepEqual(findings, []);
  // It has gone deep, and not only been refused at the door.
  for (const { name } of targets) assert.ok((coverage[name]?.kept ?? 0) >= 10, name);
  assert.ok((coverage['term']?.branches ?? 0) > 300 && (coverage['connection']?.branches ?? 0) > 300);
});

test('the same seed gives the same inputs, guided by the same coverage', async () => {
  const run = (): ReturnType<typeof fuzz> => fuzz({ seed: 1, inputs: 3000 });
  const [a, b] = [await run(), await run()];
  assert.equal(a.inputs, 3000);
  assert.deepEqual(a.coverage, b.coverage);
});

test('memory that grows with the inputs is told from tables that fill up and from a collection that came late', () => {
  const megabytes = (...all: number[]): number[] => all.map((each) => each * 2 ** 20);
  assert.equal(grows(megabytes(30, 80, 130, 180, 230, 280)), true);
  assert.equal(grows(megabytes(30, 50, 62, 64, 64, 65)), false);
  assert.equal(grows(megabytes(30, 30, 30, 30, 31, 120)), false);
  assert.equal(grows(megabytes(30, 300)), false);
});

test('the place of each planted bug is in the source once', () => {
  for (const mutant of mutants) assert.equal(places(mutant), 1, mutant.name);
});

/** Those that are found soonest; all of them with `npm run fuzz -- --mutant NAME`. */
for (const name of [
  'binary-before-check',
  'empty-list-again-and-again',
  'handshake-timer-left',
  'nodedown-twice',
  'wrong-error-class',
]) {
  test(`a planted bug is found, with a small input: ${name}`, async (t) => {
    const target = mutants.find((mutant) => mutant.name === name)?.target as string;
    const { findings } = await fuzz({ seed: 1, inputs: 200_000, targets: [target], mutant: name, first: true });
    const [finding] = findings;
    assert.ok(finding !== undefined && finding.after > 0, 'not found');
    t.diagnostic(`${name}: after ${finding.after} inputs, by ${finding.input.length / 2} bytes`);
    assert.ok(finding.input.length / 2 < 200);
  });
}
