import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { OutQueue, type Next } from '../src/out-queue.ts';

function drain(queue: OutQueue): Next[] {
  const all: Next[] = [];
  for (let next = queue.next(); next; next = queue.next()) all.push(next);
  return all;
}

test('in order while there is room', () => {
  const queue = new OutQueue(3);
  for (const frame of ['a', 'b', 'c']) assert.ok(queue.add(frame, 't', true));
  assert.deepEqual(
    drain(queue).map((next) => next.type === 'frame' && next.frame),
    ['a', 'b', 'c'],
  );
  assert.ok(queue.empty);
});

test('the oldest pushes go, replies stay, and the notice says how many of which topic', () => {
  const queue = new OutQueue(3);
  queue.add('reply', 'x', false);
  for (const frame of ['x1', 'x2', 'x3']) queue.add(frame, 'x', true);
  queue.add('y1', 'y', true);
  assert.equal(queue.dropped, 2);
  assert.deepEqual(drain(queue), [
    { type: 'missed', topic: 'x', count: 2 },
    { type: 'frame', frame: 'reply' },
    { type: 'frame', frame: 'x3' },
    { type: 'frame', frame: 'y1' },
  ]);
});

test('full of replies: a push is counted, one more reply is too much', () => {
  const queue = new OutQueue(2);
  assert.ok(queue.add('r1', 't', false));
  assert.ok(queue.add('r2', 't', false));
  assert.ok(queue.add('p', 't', true));
  assert.equal(queue.add('r3', 't', false), false);
  assert.deepEqual(queue.next(), { type: 'missed', topic: 't', count: 1 });
});

test('a topic that was left is not told about', () => {
  const queue = new OutQueue(1);
  queue.add('a', 't', true);
  queue.add('b', 't', true);
  queue.forget('t');
  assert.deepEqual(drain(queue), [{ type: 'frame', frame: 'b' }]);
});

test('nothing vanishes uncounted, and no more waits than allowed', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 8 }),
      fc.array(fc.constantFrom('push', 'reply', 'take'), { maxLength: 300 }),
      (limit, script) => {
        const queue = new OutQueue(limit);
        let pushes = 0;
        let replies = 0;
        let seen = 0;
        let missed = 0;
        const take = (next: Next | undefined): void => {
          if (next?.type === 'missed') missed += next.count;
          else if (next) seen += 1;
        };
        for (const step of script) {
          if (step === 'take') take(queue.next());
          else if (step === 'push') {
            assert.ok(queue.add('p', 't', true));
            pushes += 1;
          } else if (queue.add('r', 't', false)) replies += 1;
          assert.ok(queue.length <= limit);
        }
        drain(queue).forEach(take);
        assert.equal(seen + missed, pushes + replies);
        assert.equal(missed, queue.dropped);
      },
    ),
  );
});
