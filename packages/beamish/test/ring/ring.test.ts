import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isBeamishError } from '../../src/error/index.ts';
import { assign, HashRing, jumpHash, moved } from '../../src/ring/index.ts';
import { atom, formatTerm, tuple } from '../../src/term/index.ts';
import { seed } from '../support/seed.ts';

const optionInvalid = (error: unknown): boolean => isBeamishError(error, 'option_invalid');
const names = fc.uniqueArray(fc.constantFrom(...'a b c d e f g'.split(' ')), { minLength: 1, maxLength: 7 });
const keys = Array.from({ length: 500 }, (_, index) => `device-${index}`);

test('a node that is added only takes keys, one that is removed only gives its own', () => {
  fc.assert(
    fc.property(names, (nodes) => {
      const [added, ...others] = nodes as [string, ...string[]];
      const ring = HashRing.create(others);
      const larger = ring.addNode(added);
      for (const key of keys) {
        const owner = larger.keyToNode(key);
        if (owner !== added) assert.equal(owner, ring.keyToNode(key));
        assert.equal(larger.removeNode(added).keyToNode(key), ring.keyToNode(key));
      }
      assert.deepEqual(larger.nodes, [...others, added]);
    }),
    { seed, numRuns: 20 },
  );
});

test('a ring is a value', () => {
  const ring = HashRing.create(['a', 'b']);
  ring.addNode('c');
  ring.removeNode('a');
  assert.deepEqual(ring.nodes, ['a', 'b']);
  assert.equal(ring.addNode('a'), ring);
  assert.equal(ring.removeNode('x'), ring);
  assert.deepEqual(HashRing.create([atom('a@h')]).removeNode(atom('a@h')).nodes, []);
});

test('a node has 128 positions unless told otherwise, and a key on one belongs to its node', () => {
  const nodes = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
  const ring = HashRing.create(nodes);
  const own = (replica: number): number => nodes.filter((node) => ring.keyToNode(tuple(node, replica)) === node).length;
  for (let replica = 1; replica <= 128; replica++) assert.equal(own(replica), nodes.length, `position ${replica}`);
  assert.ok(own(129) < nodes.length);
});

test('a ring without nodes has no owners', () => {
  const ring = HashRing.create();
  assert.equal(ring.keyToNode('key'), undefined);
  assert.deepEqual(ring.keyToNodes('key', 2), []);
  assert.deepEqual(ring.keyToNodes('key', 2, { wrap: true }), []);
});

test('a share follows the weight', () => {
  const ring = HashRing.create<string>().addNode('light', 64).addNode('heavy', 192);
  const heavy = keys.filter((key) => ring.keyToNode(key) === 'heavy').length / keys.length;
  assert.ok(heavy > 0.6 && heavy < 0.9, `${heavy}`);
  for (const weight of [0, -1, 1.5]) assert.throws(() => ring.addNode('x', weight), optionInvalid);
});

test('several nodes of a key: different ones, its owner first, all of them with wrap', () => {
  const ring = HashRing.create(['a', 'b', 'c', 'd']);
  for (const key of keys) {
    const wrapped = ring.keyToNodes(key, 3, { wrap: true });
    assert.equal(wrapped.length, 3);
    assert.equal(new Set(wrapped).size, 3);
    assert.equal(wrapped[0], ring.keyToNode(key));
    const plain = ring.keyToNodes(key, 3);
    assert.deepEqual(plain, wrapped.slice(0, plain.length));
    assert.equal(ring.keyToNodes(key, 9, { wrap: true }).length, 4);
    assert.deepEqual(ring.keyToNodes(key, 0), []);
  }
});

test('jump hash: the published values, and only the new bucket gains', () => {
  const published: readonly (readonly [key: bigint, buckets: number, bucket: number])[] = [
    [0n, 1, 0],
    [0n, 60, 0],
    [1n, 1, 0],
    [3n, 10, 8],
    [10863919174838991n, 11, 6],
    [2016238256797177309n, 11, 3],
    [1673758223894951030n, 11, 5],
    [2n, 100001, 80343],
  ];
  for (const [key, buckets, bucket] of published) assert.equal(jumpHash(key, buckets), bucket);
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.integer({ min: 1, max: 1000 }), (key, buckets) => {
      const before = jumpHash(key, buckets);
      const after = jumpHash(key, buckets + 1);
      assert.ok(before >= 0 && before < buckets);
      assert.ok(after === before || after === buckets);
      assert.equal(jumpHash(key + 2n ** 64n, buckets), before);
    }),
    { seed },
  );
  for (const buckets of [0, 1.5, 2 ** 31]) assert.throws(() => jumpHash(1n, buckets), optionInvalid);
});

test('assign: the same answer in every order of the nodes; moved: what changed', () => {
  fc.assert(
    fc.property(names, names, (one, other) => {
      const before = assign(keys, one);
      assert.deepEqual(assign(keys, [...one].reverse()), before);
      const after = assign(keys, other);
      const moves = moved(before, after);
      for (const key of keys) {
        const move = moves.get(key);
        if (move === undefined) assert.equal(before.get(key), after.get(key));
        else assert.deepEqual([move.from, move.to], [before.get(key), after.get(key)]);
        // Only keys of a node that left, or for a node that came, move.
        if (move !== undefined) assert.ok(!other.includes(move.from as string) || !one.includes(move.to as string));
      }
    }),
    { seed, numRuns: 15 },
  );
  const nodes = [atom('a@h'), atom('b@h')];
  const owners = assign(['x', 'y'], nodes);
  assert.ok([...owners.values()].every((owner) => nodes.includes(owner)));
  assert.equal(assign(['x'], []).size, 0);
  assert.deepEqual(moved(new Map([['x', 'a']]), new Map()), new Map([['x', { from: 'a', to: undefined }]]));
  assert.deepEqual(moved(new Map(), new Map([['x', 'a']])), new Map([['x', { from: undefined, to: 'a' }]]));
  assert.equal(moved(new Map([['x', tuple(1)]]), new Map([['x', tuple(1)]])).size, 0, formatTerm(tuple(1)));
});
