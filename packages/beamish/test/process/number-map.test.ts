import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NumberMap } from '../../src/process/number-map.ts';
import { seededRandom } from '../support/fake-world.ts';

test('a NumberMap holds what a Map would, at any time, over growing, shrinking and keys that collide', () => {
  const random = seededRandom(11);
  const map = new NumberMap<number | undefined>();
  const model = new Map<number, number | undefined>();
  const key = (): number => {
    const small = random.below(400) + 1;
    // large keys, negative ones, and such as differ in the high half only
    return [small, -small, small * 2 ** 32, 2 ** 50 - small][random.below(4)] as number;
  };
  let mostly = 0;
  for (let step = 0; step < 60_000; step++) {
    if (step % 3000 === 0) mostly = 20 + random.below(60);
    const at = key();
    if (random.below(100) < mostly) {
      const value = random.below(3) === 0 ? undefined : step;
      map.set(at, value);
      model.set(at, value);
    } else {
      assert.equal(map.take(at), model.get(at));
      model.delete(at);
    }
    assert.equal(map.size, model.size);
    const other = key();
    assert.equal(map.get(other), model.get(other));
    if (step % 500 !== 0) continue;
    const byAmount = [...model].toSorted(([a], [b]) => Math.abs(a) - Math.abs(b) || b - a);
    assert.deepEqual(
      map.entries().toSorted(([a], [b]) => Math.abs(a) - Math.abs(b) || b - a),
      byAmount,
    );
  }
  map.clear();
  assert.deepEqual([map.size, map.get(1), map.entries()], [0, undefined, []]);
});

test('entries come in the order of keys that count up, and are those of the moment', () => {
  const map = new NumberMap<string>();
  for (let key = 1; key <= 1000; key++) map.set(key, String(key));
  for (let key = 2; key <= 1000; key += 2) map.take(key);
  const seen: number[] = [];
  for (const [key] of map.entries()) {
    seen.push(key);
    map.take(key + 2);
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 500 }, (_, n) => 2 * n + 1),
  );
});
