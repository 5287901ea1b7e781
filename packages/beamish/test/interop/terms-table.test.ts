/** Protocols 4: the tables of docs/terms.md, line by line, between us and a real Elixir. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Node } from '../../src/node/index.ts';
import * as terms from '../../src/term/index.ts';
import { isTuple, type Term, tuple } from '../../src/term/index.ts';
import { testCluster } from '../node/nodes.ts';
import { eventually } from '../support/eventually.ts';
import { skipUnless } from '../support/peers.ts';
import { row } from '../support/row.ts';
import { Beam } from './fixtures/beam.ts';
import { elixirArguments, evalElixir, loadElixir } from './fixtures/elixir.ts';

const options = { ...skipUnless('erl', 'elixir'), timeout: 90_000 };
const cookie = 'terms';
const document = fileURLToPath(new URL('../../../../docs/terms.md', import.meta.url));
const fixture = fileURLToPath(new URL('./fixtures/terms_echo.ex', import.meta.url));

/** The code in the cells of a table of the document; '' for a cell of words. */
async function table(title: string): Promise<string[][]> {
  const text = await readFile(document, 'utf8');
  const [, body] = new RegExp(`<!-- table: ${title} -->\n(.*?)<!-- end -->`, 's').exec(text) ?? [];
  const lines = (body ?? '').trim().split('\n').slice(2);
  return lines.map((line) =>
    line
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => /^`(.*)`$/.exec(cell.trim())?.[1]?.replaceAll('\\|', '|') ?? ''),
  );
}

/** The value of a JavaScript expression that may use what `beamish/term` exports. */
function evaluate(expression: string): Term {
  const exported: Readonly<Record<string, unknown>> = { ...terms };
  // eslint-disable-next-line no-implied-eval, no-new-func -- the expressions are those of our own document
  const run = new Function(...Object.keys(exported), `return (${expression});`) as (...values: unknown[]) => Term;
  return run(...Object.values(exported));
}

/** A node of ours, connected with an Elixir that has the fixture. */
async function startElixir(t: { after(fn: () => Promise<void>): void }): Promise<{ node: Node; beam: Beam }> {
  const cluster = await testCluster(t);
  const { node } = await cluster.start('a@127.0.0.1', { cookie });
  const { epmdPort } = cluster;
  const beam = await Beam.start({ name: 'ex@127.0.0.1', cookie, epmdPort, t, args: elixirArguments() });
  await loadElixir(beam, fixture);
  await node.connect(beam.name);
  return { node, beam };
}

async function startEcho(t: { after(fn: () => Promise<void>): void }, expected: readonly string[]) {
  const { node, beam } = await startElixir(t);
  assert.equal(await evalElixir(beam, `TermsEcho.start([${expected.join(', ')}])`), 'true');
  const got = new Map<Term, readonly Term[]>();
  const { pid } = node.runtime.spawn({
    handle: (message) => {
      if (isTuple(message)) got.set(message.elements[0], message.elements.slice(1));
    },
  });
  /** What Elixir answers to `{Request, Us, Index, ...}`. */
  return async (request: string, index: number, ...more: readonly Term[]): Promise<readonly Term[]> => {
    got.delete(index);
    node.runtime.send({ name: 'echo', node: beam.name }, tuple(terms.atom(request), pid, index, ...more));
    await eventually(() => got.has(index));
    return got.get(index) ?? [];
  };
}

test(
  row('4', 'us to elixir', 'each value of the table is what Elixir expects, and what it sends back'),
  options,
  async (t) => {
    const rows = await table('from JavaScript');
    assert.ok(rows.length > 30, `${rows.length} lines`);
    const ask = await startEcho(
      t,
      rows.map(([, elixir]) => elixir ?? ''),
    );
    for (const [index, [javascript = '', elixir = '', back = '']] of rows.entries()) {
      const value = evaluate(javascript);
      const [same, echoed] = await ask('same', index, value);
      assert.equal(same, true, `${javascript} is not ${elixir}`);
      assert.deepStrictEqual(echoed, back === '' ? value : evaluate(back), javascript);
      assert.deepStrictEqual(terms.decode(terms.encode(value)), value, `${javascript} between Beamish nodes`);
    }
  },
);

test(
  row('4 A14', 'elixir to us', 'each term of the table is the value said, and goes back the same'),
  options,
  async (t) => {
    const rows = await table('from a BEAM');
    assert.ok(rows.length > 20, `${rows.length} lines`);
    const ask = await startEcho(
      t,
      rows.map(([elixir]) => elixir ?? ''),
    );
    for (const [index, [elixir = '', javascript = '']] of rows.entries()) {
      const [value] = await ask('give', index);
      assert.deepStrictEqual(value, evaluate(javascript), elixir);
      const [same] = await ask('same', index, value);
      assert.equal(same, true, `${elixir} goes back as another`);
    }
  },
);

test(row('4 A14', 'elixir and us', 'a set of either works as a MapSet, a date as a DateTime'), options, async (t) => {
  const { node, beam } = await startElixir(t);
  const remote = node.at(beam.name);
  const call = (module: string, name: string, ...args: Term[]) => remote.rpc(`Elixir.${module}`, name, args);
  const ours = new Set<Term>([1, 'a']);
  const theirs = await call('MapSet', 'new', [1, 'b']);
  assert.deepStrictEqual(theirs, new Set([1, 'b']));
  assert.deepStrictEqual(await call('MapSet', 'put', ours, 2), new Set([1, 'a', 2]));
  assert.deepStrictEqual(await call('MapSet', 'union', ours, theirs), new Set([1, 'a', 'b']));
  assert.deepStrictEqual(await call('MapSet', 'intersection', ours, theirs), new Set([1]));
  assert.deepStrictEqual(await call('MapSet', 'difference', theirs, ours), new Set(['b']));
  assert.equal(await call('MapSet', 'equal?', ours, await call('MapSet', 'new', ['a', 1])), true);
  assert.equal(await call('Enum', 'count', ours), 2);
  assert.equal(await call('Kernel', 'inspect', new Set([1])), 'MapSet.new([1])');

  const date = new Date(1_732_181_100_123);
  assert.equal(await call('DateTime', 'to_iso8601', date), date.toISOString());
  assert.equal(await call('DateTime', 'to_unix', date, terms.atom('millisecond')), date.getTime());
  assert.deepStrictEqual(await call('DateTime', 'add', date, 1, terms.atom('second')), new Date(date.getTime() + 1000));
  const precise = await call('DateTime', 'from_unix!', 1_732_181_100_123_456, terms.atom('microsecond'));
  assert.equal(terms.structName(precise), 'Elixir.DateTime');
  assert.deepStrictEqual(terms.toDate(precise), date);
  const naive = await call('DateTime', 'to_naive', date);
  assert.deepStrictEqual(terms.toDate(naive), date);
});
