import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { GenServer } from '../../src/process/index.ts';
import type { Term } from '../../src/term/index.ts';
import { seed } from '../support/seed.ts';
import { arbitraryValue } from '../term/arbitrary.ts';
import { testCluster } from './nodes.ts';

class Echo extends GenServer {
  readonly #got: Term[] = [];
  echo(value: Term): Term {
    this.#got.push(value);
    return value;
  }
  /** What arrived, by reference: read on its own node. */
  got(): readonly Term[] {
    return this.#got;
  }
}

test('a value of any kind is equal on another node, and equal when it comes back', { timeout: 60_000 }, async (t) => {
  const cluster = await testCluster(t);
  const a = await cluster.start('a@127.0.0.1');
  const b = await cluster.start('b@127.0.0.1');
  const local = await a.node.spawn(Echo, [], { name: 'echo' });
  const remote = b.node.at('a@127.0.0.1').ref<Echo>('echo');
  const values = fc.sample(arbitraryValue, { numRuns: 400, seed });
  const replies = await Promise.all(values.map((value) => remote.echo(value)));
  assert.deepStrictEqual(replies, values);
  assert.deepStrictEqual(await local.got(), values);
});
