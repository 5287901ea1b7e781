import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BoundedQueue } from '../../src/pubsub/bounded-queue.ts';
import { ListenerSubscription, MessageStream } from '../../src/pubsub/subscription.ts';
import { Topic } from '../../src/pubsub/topic.ts';
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
  readonly topic = new Topic(this);
  readonly #deferred: (() => void)[] = [];
  total = 0;

  defer(callback: () => void): void {
    this.#deferred.push(callback);
  }
  remove(subscription: QueuedSubscription): void {
    this.removed.push(subscription);
    this.topic.delete(subscription);
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
  const subscription = new ListenerSubscription(host, 't', listener, options);
  host.topic.add(subscription);
  return subscription;
}
function streaming(host: Host, options: SubscribeOptions = {}, signal?: AbortSignal): MessageStream {
  const stream = new MessageStream(host, 't', options, signal);
  host.topic.add(stream);
  return stream;
}
const broadcast = ({ topic }: Host, count: number): void => {
  for (let index = 1; index <= count; index++) topic.broadcast(index, undefined);
};
const deliver = ({ topic }: Host, count: number): void => {
  for (let index = 1; index <= count; index++) topic.deliver(index);
};

test('a message broadcast here waits for the next turn, one from elsewhere does not', () => {
  const host = new Host();
  const got: Term[] = [];
  listening(host, (message) => void got.push(message));
  broadcast(host, 2);
  assert.deepEqual(got, []);
  host.topic.deliver('remote');
  host.turn();
  assert.deepEqual(got, [1, 2, 'remote'], 'order stays');
  host.topic.deliver('now');
  assert.equal(got.at(-1), 'now');
});

test('a listener that throws, or rejects, is logged and gets the next message', async () => {
  const host = new Host();
  const got: Term[] = [];
  listening(host, (message) => {
    got.push(message);
    if (message === 1) throw new Error('sync');
    return message === 2 ? Promise.reject(new Error('async')) : undefined;
  });
  deliver(host, 3);
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
  deliver(host, 10);
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
  broadcast(host, 5);
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
  broadcast(host, 5);
  host.turn();
  assert.deepEqual([got, told, subscription.active, subscription.dropped], [[], [3], false, 3]);
  assert.deepEqual(host.removed, [subscription]);
  assert.deepEqual(host.logged, ['a subscriber was disconnected: its queue is full']);
});

test('what one listener does with its queue is nothing to the others', async () => {
  const host = new Host();
  const got: [string, Term][] = [];
  let go: (() => void) | undefined;
  listening(host, (message) => void got.push(['quick', message]));
  const slow = listening(
    host,
    (message) => {
      got.push(['slow', message]);
      return new Promise<void>((resolve) => (go = resolve));
    },
    { queue: 2 },
  );
  listening(host, () => {
    throw new Error('always');
  });
  listening(host, (message) => void got.push(['last', message]));
  const of = (name: string): Term[] => got.filter(([who]) => who === name).map(([, message]) => message);

  broadcast(host, 5);
  assert.deepEqual(got, [], 'also when the queue of one overflows');
  while (host.turn());
  assert.deepEqual(of('quick'), [1, 2, 3, 4, 5]);
  assert.deepEqual(of('last'), [1, 2, 3, 4, 5]);
  assert.deepEqual([of('slow'), slow.queued, slow.dropped], [[4], 1, 3], 'dropped as if it were alone');
  host.topic.deliver(6);
  broadcast(host, 2);
  host.turn();
  assert.deepEqual(of('quick'), [1, 2, 3, 4, 5, 6, 1, 2]);
  assert.deepEqual(of('last'), of('quick'));
  assert.equal(host.logged.filter((line) => line.startsWith('a subscriber failed')).length, 8);
  for (let turn = 0; turn < 4; turn++) {
    go?.();
    await new Promise(setImmediate);
    host.turn();
  }
  assert.deepEqual(of('slow'), [4, 1, 2]);
});

test('who subscribes after a broadcast does not get it, who cancels before its turn neither, nor who is left out', () => {
  const host = new Host();
  const got: string[] = [];
  const first = listening(host, (message) => void got.push(`first ${message as number}`));
  const left = listening(host, (message) => void got.push(`left ${message as number}`));
  host.topic.broadcast(1, left);
  listening(host, (message) => void got.push(`late ${message as number}`));
  host.topic.broadcast(2, undefined);
  first.cancel();
  host.turn();
  assert.deepEqual(got, ['left 2', 'late 2']);
});

test('a message that arrives while a listener is called waits for its next turn', () => {
  const host = new Host();
  const got: Term[] = [];
  let running = 0;
  listening(host, (message) => {
    assert.equal(running++, 0, 'one at a time');
    if (message === 1) host.topic.deliver(2);
    got.push(message);
    running--;
  });
  host.topic.deliver(1);
  assert.deepEqual(got, [1]);
  host.turn();
  assert.deepEqual(got, [1, 2]);
});

test('cancelling from within takes effect at once', () => {
  const host = new Host();
  const got: Term[] = [];
  const subscription: ListenerSubscription = listening(host, (message) => {
    got.push(message);
    subscription.cancel();
    subscription.cancel();
  });
  broadcast(host, 3);
  host.turn();
  assert.deepEqual(got, [1]);
  assert.equal(host.removed.length, 1);
});

test('a listener that feeds itself leaves the others their turn', () => {
  const host = new Host();
  let count = 0;
  listening(host, () => {
    if (count++ < 100) host.topic.deliver('again');
  });
  host.topic.deliver('first');
  assert.equal(count, 1);
  host.turn();
  assert.equal(count, 2);
});

test('a stream gives what was queued, then waits, and ends', async () => {
  const host = new Host();
  const stream = streaming(host);
  broadcast(host, 2);
  assert.deepEqual(await stream.next(), { value: 1, done: false });
  assert.deepEqual(await stream.next(), { value: 2, done: false });
  const waiting = [stream.next(), stream.next(), stream.next()];
  broadcast(host, 2);
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
  const broken = streaming(host);
  broadcast(host, 3);
  for await (const message of broken) if (message === 2) break;
  assert.deepEqual(host.removed, [broken]);

  const controller = new AbortController();
  const aborted = streaming(host, {}, controller.signal);
  const loop = (async () => {
    for await (const message of aborted) assert.fail(`no message: ${typeof message}`);
  })();
  controller.abort();
  await loop;

  const full = streaming(host, { queue: 2, overflow: 'disconnect' });
  broadcast(host, 3);
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
