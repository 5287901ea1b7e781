/** How a large signal is written: so much in each turn of the event loop, and only while the system and the peer take it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Feed } from '../../src/node/feed.ts';
import { FrameWriter, type EncodedSignal } from '../../src/node/wire/packets.ts';
import { Window } from '../../src/node/wire/window.ts';
import type { Signal } from '../../src/process/index.ts';
import { Pid } from '../../src/term/index.ts';
import type { Clock, Socket } from '../../src/world/index.ts';

const FRAGMENT = 64 * 1024;
const pid = (node: string, id: number): Pid => new Pid(node, id, 0, 1);
/** From a process of its own, so that no signal waits for another. */
const signal = (from: number): Signal => ({
  type: 'message',
  from: pid('a@h', from),
  to: pid('b@h', from),
  message: 1,
  owner: undefined,
});

const encoded = (bytes: number, large: boolean): EncodedSignal => ({
  bytes: Buffer.alloc(large ? 100 : bytes),
  rest: large ? [Buffer.alloc(bytes - 100)] : undefined,
  length: bytes,
  split: 20,
  needs: 0n,
});

function start(window?: Window) {
  const deferred: (() => void)[] = [];
  let turns = 0;
  let written = 0;
  /** What the operating system has not taken. */
  const socket = { bufferedBytes: 0 };
  const clock = { defer: (callback: () => void) => void deferred.push(callback), monotonicTime: () => 0 };
  const put = (bytes: Uint8Array): void => void (written += bytes.length);
  const feed = new Feed({
    clock: clock as Partial<Clock> as Clock,
    socket: socket as Partial<Socket> as Socket,
    writer: new FrameWriter(true, true),
    sink: { append: put, give: put },
    window,
    onFed: () => void (turns += 1),
  });
  /** One turn of the event loop. @returns bytes written in it */
  const turn = (): number => {
    const before = written;
    for (const callback of deferred.splice(0)) callback();
    return written - before;
  };
  return { feed, socket, turn, deferred, turns: () => turns };
}

test('a turn of the event loop writes 256 KiB and no more: then others have theirs', () => {
  const { feed, turn, deferred, turns } = start();
  const bytes = 2_000_000;
  feed.send(encoded(bytes, true), signal(1));
  let most = 0;
  let all = 0;
  for (let n = 1; !feed.idle; n++) {
    assert.equal(deferred.length, 1, 'one turn is under way');
    const size = turn();
    most = Math.max(most, size);
    all += size;
    assert.ok(size > 0 && turns() === n);
  }
  assert.ok(most >= 4 * FRAGMENT && most < 5 * FRAGMENT + 1000, `${most} bytes in a turn`);
  assert.ok(all > bytes && all < bytes + 1500, `${all} bytes in all`);
  assert.equal(feed.bytes, 0);
  assert.equal(deferred.length, 0);
});

test('nothing is written while 128 KiB wait for the operating system; a small signal of another passes', () => {
  const { feed, socket, turn, deferred, turns } = start();
  feed.send(encoded(1_000_000, true), signal(1));
  socket.bufferedBytes = 128 * 1024;
  assert.equal(turn(), 0);
  assert.equal(turns(), 0, 'nothing was fed');
  assert.equal(deferred.length, 0, 'nor does it ask again in every turn');
  feed.send(encoded(100, false), signal(2));
  assert.equal(feed.bytes, 1_000_000 + 256, 'it does not wait');
  feed.send(encoded(100, false), signal(1));
  assert.equal(feed.bytes, 1_000_000 + 256 + 100 + 256, 'one of the same sender does');
  socket.bufferedBytes = 128 * 1024 - 1;
  feed.relieved();
  feed.relieved();
  assert.equal(deferred.length, 1);
  assert.ok(turn() >= FRAGMENT);
});

test('nothing is written beyond what the peer takes, until it tells that it has read', () => {
  const window = new Window();
  const { feed, turn, deferred } = start(window);
  feed.send(encoded(3_000_000, true), signal(1));
  let all = 0;
  while (deferred.length > 0) all += turn();
  assert.ok(all >= 512 * 1024 && all < 512 * 1024 + FRAGMENT + 1000, `${all} bytes are under way`);
  assert.ok(!window.open && !feed.idle);
  feed.relieved();
  assert.equal(turn(), 0, 'the system may take more: the peer does not');
  window.read(1, 1);
  feed.relieved();
  assert.ok(turn() >= FRAGMENT);
});

test('a feed that was closed writes nothing more, one that is flushed everything', () => {
  const closed = start();
  closed.feed.send(encoded(1_000_000, true), signal(1));
  closed.feed.close();
  assert.ok(closed.feed.idle && closed.feed.bytes === 0);
  assert.equal(closed.turn(), 0);
  const flushed = start();
  flushed.socket.bufferedBytes = 1_000_000;
  flushed.feed.send(encoded(1_000_000, true), signal(1));
  flushed.feed.flush();
  assert.ok(flushed.feed.idle && flushed.feed.bytes === 0);
});
