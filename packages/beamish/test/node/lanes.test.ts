/** Which signals wait for a large one, and which pass it (protocols 3.5: order between two processes). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { Lanes } from '../../src/node/wire/lanes.ts';
import type { Signal } from '../../src/process/index.ts';
import { atom, Pid, Reference } from '../../src/term/index.ts';
import { seed } from '../support/seed.ts';

const own = (id: number): Pid => new Pid('a@h', id, 0, 1);
const theirs = (id: number): Pid => new Pid('b@h', id, 0, 1);
const alias = new Reference('b@h', 1, [1, 2, 3]);
const named = (name: string): { name: string; node: string } => ({ name, node: 'b@h' });
const message = (from: Pid, to: Pid | Reference | { name: string; node: string }, owner?: Pid): Signal => ({
  type: 'message',
  from,
  to,
  message: 1,
  owner,
});

/** Whether the second signal may be of the same pair of processes as the first. */
function mayBeOfOnePair(one: Signal & { type: 'message' }, other: Signal & { type: 'message' }): boolean {
  if (one.from?.key !== other.from?.key) return false;
  const [a, b] = [one, other].map(({ to, owner }) => (to instanceof Reference ? owner : to));
  if (a === undefined || b === undefined) return true;
  if (a instanceof Pid && b instanceof Pid) return a.equals(b);
  return a instanceof Pid || b instanceof Pid || a.name === b.name;
}

test('what may be for the same process keeps its order, whatever is large; everything goes out once', () => {
  const sender = fc.integer({ min: 1, max: 3 }).map(own);
  const target = fc.oneof(
    fc.integer({ min: 1, max: 3 }).map(theirs),
    fc.constantFrom('x', 'y').map(named),
    fc.constant(alias),
  );
  const owner = fc.option(fc.integer({ min: 1, max: 3 }).map(theirs), { nil: undefined });
  const action = fc.oneof(
    fc.constant(undefined),
    fc.record({ from: sender, to: target, owner, parts: fc.integer({ min: 0, max: 3 }) }),
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
      const lanes = new Lanes<{ signal: Signal & { type: 'message' }; parts: number }>();
      const sent: Signal[] = [];
      const out: (Signal & { type: 'message' })[] = [];
      const step = (): void => {
        const { next } = lanes;
        if (next === undefined) return;
        next.parts -= 1;
        if (next.parts <= 0) out.push(next.signal);
        lanes.written(next.parts <= 0);
      };
      for (const each of actions) {
        if (each === undefined) {
          step();
          continue;
        }
        const signal = message(each.from, each.to, each.owner) as Signal & { type: 'message' };
        sent.push(signal);
        if (each.parts === 0 && !lanes.holds(signal)) out.push(signal);
        else lanes.add(signal, { signal, parts: each.parts });
      }
      while (!lanes.empty) step();
      assert.deepEqual(new Set(out), new Set(sent));
      assert.equal(out.length, sent.length);
      for (const [index, later] of out.entries()) {
        for (const earlier of out.slice(0, index)) {
          if (sent.indexOf(earlier) > sent.indexOf(later)) assert.ok(!mayBeOfOnePair(later, earlier));
        }
      }
    }),
    { seed, numRuns: 2000 },
  );
});

test('a small signal passes for another process, and of another process', () => {
  const lanes = new Lanes<string>();
  lanes.add(message(own(1), theirs(1)), 'large');
  const held = (signal: Signal): boolean => lanes.holds(signal);
  assert.ok(held(message(own(1), theirs(1))));
  assert.ok(held({ type: 'linkExit', from: own(1), to: theirs(1), reason: 1 }));
  assert.ok(held({ type: 'demonitor', from: own(1), to: theirs(1), reference: alias }));
  assert.ok(held({ type: 'monitorExit', from: named('x'), by: own(1), to: theirs(1), reference: alias, reason: 1 }));
  assert.ok(held(message(own(1), named('x'))), 'it may be that process');
  assert.ok(held(message(own(1), alias)), 'it may be of that process');
  assert.ok(held({ type: 'reply', node: 'a@h', to: alias, reply: 1, by: own(1), owner: theirs(1) }));
  assert.ok(!held({ type: 'reply', node: 'a@h', to: alias, reply: 1, by: own(1), owner: theirs(2) }));
  assert.ok(!held({ type: 'reply', node: 'a@h', to: alias, reply: 1, by: own(2), owner: theirs(1) }));
  assert.ok(!held(message(own(1), theirs(2))));
  assert.ok(!held(message(own(2), theirs(1))));
  assert.ok(!held(message(own(1), alias, theirs(2))));
  assert.ok(!held({ type: 'monitorExit', from: named('x'), to: theirs(1), reference: alias, reason: atom('noproc') }));
  lanes.written(true);
  assert.ok(lanes.empty && !held(message(own(1), theirs(1))));
});

test('lanes are served in turn', () => {
  const lanes = new Lanes<string>();
  for (let n = 0; n < 3000; n++) lanes.add(message(own(1), theirs(1)), `a${n}`);
  lanes.add(message(own(2), theirs(1)), 'b0');
  const order: (string | undefined)[] = [];
  while (!lanes.empty) {
    order.push(lanes.next);
    lanes.written(true);
  }
  assert.deepEqual(order.slice(0, 4), ['a0', 'b0', 'a1', 'a2']);
  assert.deepEqual(
    order.slice(2),
    Array.from({ length: 2999 }, (_, n) => `a${n + 1}`),
  );
});

test('what was sent is forgotten at once, also in a lane that never empties: it may be a hundred megabytes', async () => {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  const lanes = new Lanes<object>();
  const add = (): WeakRef<object> => {
    const item = { bytes: new Uint8Array(1000) };
    lanes.add(message(own(1), theirs(1)), item);
    return new WeakRef(item);
  };
  const sent = [];
  for (let n = 0; n < 10; n++) {
    sent.push(add());
    if (n > 0) lanes.written(true);
  }
  const last = sent.pop();
  // What a WeakRef was made of or read in this turn stays until its end.
  await new Promise(setImmediate);
  gc();
  assert.deepEqual(
    sent.map((reference) => reference.deref()),
    sent.map(() => undefined),
  );
  assert.ok(lanes.next !== undefined && lanes.next === last?.deref());
});

test('what a lane has sent holds nothing up any more, while it has more to send', () => {
  const lanes = new Lanes<string>();
  const sender = own(1);
  lanes.add(message(sender, named('x')), 'large to a name');
  lanes.add(message(sender, theirs(1)), 'behind it');
  assert.equal(lanes.holds(message(sender, theirs(2))), true, 'the name may be its');
  lanes.written(true);
  assert.equal(lanes.next, 'behind it');
  assert.equal(lanes.holds(message(sender, theirs(2))), false);
  assert.equal(lanes.holds(message(sender, theirs(1))), true);
  assert.equal(lanes.holds(message(sender, named('y'))), true);
  lanes.written(true);
  assert.equal(lanes.empty, true);
  assert.equal(lanes.holds(message(sender, theirs(1))), false);
});
