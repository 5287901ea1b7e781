import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NumberMap } from '../../src/process/number-map.ts';
import type { Process } from '../../src/process/process.ts';
import { RemoteWatches, type RemoteWatch } from '../../src/process/remote-watches.ts';
import { Pid, Reference } from '../../src/term/index.ts';
import { seededRandom } from '../support/fake-world.ts';

interface Watched {
  readonly watchers: NumberMap<RemoteWatch | undefined>;
}

const some = (): Watched => ({ watchers: new NumberMap() });
const asProcess = (watched: Watched): Process => watched as Process;

test('what was added is found by its whole reference, and nothing else is: against a plain table', () => {
  const random = seededRandom(7);
  const watches = new RemoteWatches();
  const processes = [some(), some(), some()];
  const model = new Map<string, { process: Watched; node: string }>();
  // few words, so that the same references come again; and pairs with one hash, by the inverse of its multiplier
  const inverse = 0x144cbc89;
  const reference = (): Reference => {
    const node = `n${random.below(2)}@h`;
    const words = [random.below(3), random.below(3), random.below(2)];
    if (random.below(3) === 0) words[1] = (Math.imul(words[1] as number, inverse) ^ (random.below(2) << 31)) >>> 0;
    if (random.below(4) === 0) words.pop();
    return new Reference(node, random.below(2), words);
  };
  let present = 0;
  for (let step = 0; step < 20_000; step++) {
    const made = reference();
    const { key, node } = made;
    const action = random.below(100);
    if (action < 50) {
      const process = processes[random.below(3)] as Watched;
      watches.add(asProcess(process), new Pid(node, 1, 0, 1), made, { name: 'x', node: 'here' }, false);
      model.set(key, { process, node });
    } else if (action < 99) {
      if (model.has(key)) present++;
      watches.take(new Reference(made.node, made.creation, [...made.words]), node);
      model.delete(key);
    } else {
      watches.connectionLost(node);
      for (const [other, value] of model) if (value.node === node) model.delete(other);
    }
    for (const process of processes) {
      const keys = process.watchers
        .entries()
        .map(([, watch]) => watch?.reference.key ?? '')
        .toSorted();
      const expected = [...model].filter(([, value]) => value.process === process).map(([wanted]) => wanted);
      assert.deepEqual(keys, expected.toSorted(), `after step ${step}`);
    }
  }
  assert.ok(present > 1000);
});

test('references of one hash are told apart', () => {
  const watches = new RemoteWatches();
  const process = some();
  // same words and creation, other node: the name is not in the hash
  const [a, b, c] = ['a@h', 'b@h', 'c@h'].map((node) => new Reference(node, 1, [1, 2, 3])) as [
    Reference,
    Reference,
    Reference,
  ];
  for (const made of [a, b, c])
    watches.add(asProcess(process), new Pid(made.node, 1, 0, 1), made, new Pid('h@h', 1, 0, 1), false);
  const left = (): string[] => process.watchers.entries().map(([, watch]) => watch?.watcher.node ?? '');
  watches.take(b, b.node);
  assert.deepEqual(left(), ['a@h', 'c@h']);
  watches.take(b, b.node);
  watches.take(c, c.node);
  assert.deepEqual(left(), ['a@h']);
  watches.add(asProcess(process), new Pid('a@h', 2, 0, 1), a, new Pid('h@h', 1, 0, 1), false);
  assert.equal(process.watchers.size, 1, 'a monitor of the same reference takes the place of the first');
  watches.take(a, a.node);
  assert.deepEqual(left(), []);
});

test('a node cannot end what another watches, nor take its place', () => {
  const watches = new RemoteWatches();
  const process = some();
  const made = new Reference('a@h', 1, [1, 2, 3]);
  const target = new Pid('h@h', 1, 0, 1);
  watches.add(asProcess(process), new Pid('a@h', 1, 0, 1), made, target, true);
  watches.take(made, 'b@h');
  watches.add(asProcess(process), new Pid('b@h', 1, 0, 1), made, target, false);
  assert.equal(process.watchers.size, 2);
  assert.ok(watches.takeCall(made));
  assert.ok(!watches.takeCall(made), 'once');
  watches.take(made, 'b@h');
  assert.equal(process.watchers.size, 0);
});
