import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Mailbox } from '../../src/process/mailbox.ts';

test('a mailbox keeps the order of any sequence of operations, as an array does', () => {
  const operation = fc.oneof(
    fc.record({ type: fc.constant('push' as const), count: fc.integer({ min: 1, max: 40 }) }),
    fc.record({ type: fc.constant('unshift' as const), count: fc.integer({ min: 1, max: 5 }) }),
    fc.record({ type: fc.constant('shift' as const), count: fc.integer({ min: 1, max: 40 }) }),
    fc.record({ type: fc.constant('remove' as const), count: fc.integer({ min: 1, max: 7 }) }),
  );
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
      const mailbox = new Mailbox<number>();
      const model: number[] = [];
      let next = 0;
      for (const { type, count } of operations) {
        for (let i = 0; i < count; i++) {
          if (type === 'push') {
            model.push(next);
            mailbox.push(next++);
          } else if (type === 'unshift') {
            model.unshift(next);
            mailbox.unshift(next++);
          } else if (type === 'shift' && model.length > 0) assert.equal(mailbox.shift(), model.shift());
        }
        if (type === 'remove') {
          const index = model.findIndex((item) => item % 7 === count);
          assert.equal(
            mailbox.removeFirst((item) => item % 7 === count),
            index !== -1,
          );
          if (index !== -1) model.splice(index, 1);
        }
        assert.equal(mailbox.length, model.length);
      }
      while (model.length > 0) assert.equal(mailbox.shift(), model.shift());
    }),
  );
});

test('a mailbox that held a burst gives its memory back, and stays in order while it does', () => {
  const mailbox = new Mailbox<number>();
  for (let i = 0; i < 100_000; i++) mailbox.push(i);
  for (let i = 0; i < 100_000; i++) assert.equal(mailbox.shift(), i);
  assert.equal(mailbox.length, 0);
});
