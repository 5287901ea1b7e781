import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BoundedQueue } from '../../src/pubsub/bounded-queue.ts';
import { ListenerSubscription, MessageStream } from '../../src/pubsub/subscription.ts';
import type {
  Listener,
  QueuedSubscription,
  SubscribeOptions,
  SubscriptionHost,
} from '../../src/pubsub/subscription.ts';
import type { Term } from '../../src/term/index.ts';
import { recordingLogger } from '../groups/mesh.ts';
import type { LogLine } from '../groups/mesh.ts';

class Host implements SubscriptionHost {
  readonly lines: LogLine[] = [];
  readonly logger = recordingLogger(this.lines);
  readonly removed: QueuedSubscription[] = [];
  readonly #deferred: (() => void)[] = [];
  total = 0;

  defer(callback: () => void): void {
    this.#deferred.push(callback);
  }
  remove(subscription: QueuedSubscription): void {
    this.removed.push(subscription);
  }
  dropped(): void {
    this.total++;
  }
  /** The next turn. @returns whether there was something to do. */
  turn(): boolean {
    const callbacks = this.#deferred.splice(0);
    for (const callback of callbacks) callback();
    return callbacks.length > 0;
  }
  get logged(): string[] {
    return this.lines.map(({ message }) => message);
  }
}

function listening(host: Host, listener: Listener, options: SubscribeOptions = {}): ListenerSubscription {
  return new ListenerSubscription(host, 't', listener, options);
}
function offer(subscription: QueuedSubscription, count: number, now = false): void {
  for (let index = 1; index <= count; index++) subscription.offer(index, now);
}

test('a message broadcast here waits for the next turn, one from elsewhere does not', () => {
  const host = new Host();
  const got: Term[] = [];
  const subscription = listening(host, (message) => void got.push(message));
  offer(subscription, 2);
  assert.deepEqual(got, []);
  subscription.offer('remote', true);
  host.turn();
  assert.deepEqual(got, [1, 2, 'remote'], 'order stays');
  subscription.offer('now', true);
  assert.equal(got.at(-1), 'now');
});

test('a listener that throws, or rejects, is logged and gets the next message', async () => {
  const host = new Host();
  const got: Term[] = [];
  const subscription = listening(host, (message) => {
    got.push(message);
    if (message === 1) throw new Error('sync');
    return message === 2 ? Promise.reject(new Error('async')) : undefined;
  });
  offer(subscription, 3, true);
  await new Promise(setImmediate);
  while (host.turn());
  assert.deepEqual(got, [1, 2, 3]);
  assert.equal(host.logged.length, 2);
});

test('an asynchronous listener has one message at a time; its queue is bounded', async () => {
  const host = new Host();
  const told: number[] = [];
  const got: Term[] = [];
  let go: (() => void) | undefined;
  const subscription = listening(
    host,
    (message) => {
      got.push(message);
      return new Promise<void>((resolve) => (go = resolve));
    },
    { queue: 3, onDropped: (count) => told.push(count) },
  );
  offer(subscription, 10, true);
  assert.deepEqual([got, subscription.queued, subscription.dropped], [[1], 3, 6]);
  for (let turn = 0; turn < 4; turn++) {
    go?.();
    await new Promise(setImmediate);
    host.turn();
  }
  assert.deepEqual(got, [1, 8, 9, 10], 'dropOldest keeps the newest');
  assert.deepEqual(told, [6]);
  assert.equal(host.total, 6);
  assert.deepEqual(host.logged, ['a subscriber does not keep up; dropping its messages'], 'one line, not six');
});

test('dropNewest keeps the oldest', () => {
  const host = new Host();
  const got: Term[] = [];
  const subscription = listening(host, (message) => void got.push(message), { queue: 2, overflow: 'dropNewest' });
  offer(subscription, 5);
  host.turn();
  assert.deepEqual(got, [1, 2]);
  assert.equal(subscription.dropped, 3);
});

test('disconnect ends the subscription and says what was lost', () => {
  const host = new Host();
  const told: number[] = [];
  const got: Term[] = [];
  const subscription = listening(host, (message) => void got.push(message), {
    queue: 2,
    overflow: 'disconnect',
    onDropped: (count) => told.push(count),
  });
  offer(subscription, 5);
  host.turn();
  assert.deepEqual([got, told, subscription.active, subscription.dropped], [[], [3], false, 3]);
  assert.deepEqual(host.removed, [subscription]);
  assert.deepEqual(host.logged, ['a subscriber was disconnected: its queue is full']);
});

test('cancelling from within takes effect at once', () => {
  const host = new Host();
  const got: Term[] = [];
  const subscription: ListenerSubscription = listening(host, (message) => {
    got.push(message);
    subscription.cancel();
    subscription.cancel();
  });
  offer(subscription, 3);
  host.turn();
  assert.deepEqual(got, [1]);
  assert.equal(host.removed.length, 1);
});

test('a listener that feeds itself leaves the others their turn', () => {
  const host = new Host();
  let count = 0;
  const subscription: ListenerSubscription = listening(host, () => {
    if (count++ < 100) subscription.offer('again', true);
  });
  subscription.offer('first', true);
  assert.equal(count, 1);
  host.turn();
  assert.equal(count, 2);
});

test('a stream gives what was queued, then waits, and ends', async () => {
  const host = new Host();
  const stream = new MessageStream(host, 't', {}, undefined);
  offer(stream, 2);
  assert.deepEqual(await stream.next(), { value: 1, done: false });
  assert.deepEqual(await stream.next(), { value: 2, done: false });
  const waiting = [stream.next(), stream.next(), stream.next()];
  offer(stream, 2);
  stream.cancel();
  assert.deepEqual(await Promise.all(waiting), [
    { value: 1, done: false },
    { value: 2, done: false },
    { value: undefined, done: true },
  ]);
  assert.deepEqual(await stream.next(), { value: undefined, done: true });
});

test('a loop over a stream ends with break, with the signal, and with queue_full', async () => {
  const host = new Host();
  const broken = new MessageStream(host, 't', {}, undefined);
  offer(broken, 3);
  for await (const message of broken) if (message === 2) break;
  assert.deepEqual(host.removed, [broken]);

  const controller = new AbortController();
  const aborted = new MessageStream(host, 't', {}, controller.signal);
  const loop = (async () => {
    for await (const message of aborted) assert.fail(`no message: ${typeof message}`);
  })();
  controller.abort();
  await loop;

  const full = new MessageStream(host, 't', { queue: 2, overflow: 'disconnect' }, undefined);
  offer(full, 3);
  await assert.rejects(full.next(), { code: 'queue_full' });
  assert.deepEqual(await full.next(), { value: undefined, done: true });
});

test('bad options are refused', () => {
  const host = new Host();
  for (const options of [{ queue: 0 }, { queue: 1.5 }, { queue: NaN }, { overflow: 'explode' as 'dropOldest' }]) {
    assert.throws(() => listening(host, () => {}, options), { code: 'option_invalid' });
  }
});

test('the queue is first in, first out, at any length', () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { size: 'max', maxLength: 2000 }), (operations) => {
      const queue = new BoundedQueue<number>(Infinity);
      const model: number[] = [];
      let next = 0;
      for (const push of operations) {
        if (push) {
          model.push(next);
          queue.push(next++);
        } else assert.equal(queue.shift(), model.shift());
        assert.equal(queue.length, model.length);
      }
    }),
    { numRuns: 50 },
  );
});
