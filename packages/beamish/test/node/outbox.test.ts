import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Outbox } from '../../src/node/outbox.ts';
import type { Clock, Socket } from '../../src/world/index.ts';

test('while the operating system takes nothing, small messages of many turns wait in few pieces of memory, in order', () => {
  const written: Uint8Array[] = [];
  const deferred: (() => void)[] = [];
  const state = { stuck: false };
  const socket = {
    write: (chunk: Uint8Array) => written.push(chunk) > 0,
    get bufferedBytes() {
      return state.stuck ? 200_000 : 0;
    },
  } as Partial<Socket> as Socket;
  const outbox = new Outbox(socket, { defer: (callback) => void deferred.push(callback) } as Partial<Clock> as Clock);
  const expected: number[] = [];
  const turn = (byte: number): void => {
    outbox.append(new Uint8Array(100).fill(byte));
    expected.push(byte);
    for (const callback of deferred.splice(0)) callback();
  };
  turn(1);
  assert.equal(written.length, 1, 'at once when it is free');
  state.stuck = true;
  for (let n = 0; n < 3000; n++) turn(n % 250);
  const memory = written.reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
  assert.ok(written.length < 10, `${written.length} pieces`);
  assert.ok(memory < 500_000, `${memory} bytes for 300,000`);
  assert.equal(outbox.queuedBytes, 200_000 + 100 * 3001 - written.reduce((sum, { length }) => sum + length, 0));
  state.stuck = false;
  outbox.drained();
  const all = Buffer.concat(written);
  assert.deepEqual(
    expected,
    Array.from({ length: all.length / 100 }, (_, index) => all[index * 100]),
  );
});
