/**
 * Many lives and deaths of nodes beside one node that stays: it tells each nodeup and nodedown once, ends each monitor, link
 * and call once, and is at the end what it was at the beginning. `CYCLES=1000 npm test -- torture` is the long form.
 */
// @timeout 1500
import assert from 'node:assert/strict';
import { suite, test, type TestContext } from 'node:test';
import { findExecutable, skipUnless } from '../support/peers.ts';
import { seed } from '../support/seed.ts';
import { hasNamespaces } from './line.ts';
import { mutants } from './mutants.ts';
import { ENDS, torture, type End, type TortureOptions, type TortureResult } from './run.ts';
import { lineThrough } from './slope.ts';

const CYCLES = Number(process.env['CYCLES'] ?? 40);
/** Of them by TLS. */
const SECURE = Math.floor(CYCLES / 4);
/** Of them with global names and locks, one after the other: to agree takes nodes that meet again seconds. */
const GLOBAL = 2 + Math.floor(CYCLES / 100);
/** From so many cycles on the slope of the heap means something: before, it is the engine that gets warm. */
const LONG = 300;
/**
 * Bytes per cycle. What the engine learns of the program (shapes, feedback) adds some hundred at first and ever less: 430 from cycle 48
 * to 120, 115 from 108 to 120. A connection that is kept (`bytes-kept`), which nothing counts, costs 26,500.
 */
const SLOPE = 1000;

/** Numerical Recipes' linear congruential generator: the same choices for the same SEED, though the times differ. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
}

const common: TortureOptions = {
  cycles: CYCLES,
  lanes: CYCLES >= LONG ? 6 : 4,
  nodes: 3,
  segment: CYCLES >= LONG ? 36 : 20,
  ends: ENDS,
  beams: findExecutable('erl') !== undefined,
  far: hasNamespaces(),
  annoyance: 0.2,
  random: randomOf(seed),
  patience: 30_000,
};

async function check(t: TestContext, options: TortureOptions): Promise<TortureResult> {
  const result = await torture(options);
  const { cycles, samples, leaks, failed, report } = result;
  const { nodeups, nodedowns, tickTimeouts, violations } = report;
  t.diagnostic(
    `ends: ${Object.entries(cycles)
      .map(([what, count]) => `${what} ${count}`)
      .join(', ')}`,
  );
  t.diagnostic(`${nodeups} nodeup, ${nodedowns} nodedown, ${tickTimeouts} of them by silence`);
  assert.deepEqual(violations, []);
  assert.deepEqual(leaks, []);
  assert.deepEqual(failed, []);
  assert.ok(nodeups >= options.cycles && nodeups === nodedowns, `${nodeups} nodeup, ${nodedowns} nodedown`);
  t.diagnostic(`heap: ${samples.map(({ heap }) => (heap / 1e6).toFixed(2)).join(' ')} MB`);
  return result;
}

suite(
  `${CYCLES} nodes come and go in every way: nothing is lost, told twice or left behind`,
  { concurrency: true },
  () => {
    test('hidden nodes, and lines that are cut', async (t) => {
      if (!common.far) t.diagnostic('no network namespaces here: no line was cut');
      const { samples } = await check(t, { ...common, cycles: CYCLES - SECURE - GLOBAL });
      if (CYCLES < LONG) return;
      const late = samples.slice(Math.ceil(samples.length / 5));
      const { slope, error } = lineThrough(late.map(({ cycles: x, heap: y }) => ({ x, y })));
      t.diagnostic(`slope of the last 80 %: ${slope.toFixed(0)} ± ${error.toFixed(0)} bytes a cycle`);
      assert.ok(slope < SLOPE + 2 * error, `the heap grows by ${slope.toFixed(0)} bytes a cycle`);
    });

    test('by TLS', skipUnless('openssl'), async (t) => {
      const ends = ENDS.filter((end) => end !== 'reset');
      const random = randomOf(seed + 1);
      await check(t, { ...common, cycles: SECURE, lanes: 2, far: false, tls: true, ends, random });
    });

    test('visible nodes, each with a global name and a lock', async (t) => {
      const random = randomOf(seed + 2);
      const one = { lanes: 1, nodes: 1, segment: GLOBAL, beams: false, far: false };
      await check(t, { ...common, ...one, cycles: GLOBAL, global: true, random });
    });
  },
);

const found: Readonly<Record<string, { readonly ends: readonly End[]; readonly by: RegExp }>> = {
  'timer-kept': { ends: ['kill'], by: /timer process\/calls/ },
  'monitor-kept': { ends: ['kill'], by: /remoteWatches/ },
  'socket-kept': { ends: ['stop'], by: /socket to node/ },
  'nodedown-twice': { ends: ['disconnect'], by: /nodedown .* without nodeup/ },
  'nodedown-lost': { ends: ['reset'], by: /no nodedown|nodeup .* while it is up/ },
};

suite('planted bugs', { concurrency: true }, () => {
  for (const { name, what } of mutants) {
    const expected = found[name];
    if (expected === undefined) continue;
    test(`it is found when ${what}`, async () => {
      const { leaks, report } = await torture({
        ...common,
        cycles: 4,
        lanes: 2,
        nodes: 2,
        segment: 4,
        beams: false,
        far: false,
        ends: expected.ends,
        annoyance: name === 'socket-kept' ? 1 : 0,
        patience: 6000,
        mutant: name,
      });
      assert.match([...leaks, ...report.violations].join('\n'), expected.by);
    });
  }
});

test('a slope is what the points have, and so is its error', () => {
  const points = Array.from({ length: 20 }, (_, x) => ({ x, y: 5 + 3 * x + (x % 2 === 0 ? 1 : -1) }));
  const { slope, error } = lineThrough(points);
  assert.ok(Math.abs(slope - 3) < 0.05 && error > 0.01 && error < 0.1, `${slope} ± ${error}`);
});
