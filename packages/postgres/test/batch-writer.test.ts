import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock, settle } from '../../beamish/test/support/fake-world.ts';
import { BatchWriter } from '../src/index.ts';

test('closed in the middle of a try that then fails, it tries no more', async () => {
  const clock = new FakeClock();
  const tries: PromiseWithResolvers<void>[] = [];
  const write = (): Promise<void> => {
    const attempt = Promise.withResolvers<void>();
    tries.push(attempt);
    return attempt.promise;
  };
  const writer = new BatchWriter<number>({ clock, write });
  writer.push([1, 2, 3]);
  const closed = writer.close(300);
  await clock.advance(0);
  await settle();
  await clock.advance(300);
  assert.equal(await closed, 3);
  tries[0]?.reject(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }));
  await settle();
  await clock.advance(60_000);
  await settle();
  assert.deepEqual([tries.length, clock.pendingTimers], [1, 0]);
});
