/** A program that stood still itself for longer than the tick time: nobody is silent for that. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { RawPeer, testCluster, types } from './nodes.ts';

test('after a pause of its own a node reads first, and drops who is silent still', async (t) => {
  const cluster = await testCluster(t);
  const tickTime = 400;
  const { node, events } = await cluster.start('a@127.0.0.1', { tickTime });
  const peer = await RawPeer.connect(t, node, { name: 'b@127.0.0.1' });
  const tick = (): void => void peer.socket.write(new Uint8Array(4));
  const ticking = setInterval(tick, 50);
  t.after(async () => clearInterval(ticking));
  await eventually(() => node.nodes().length === 1);
  const before = node.statistics().peers[0]?.bytesIn ?? 0;
  await eventually(() => (node.statistics().peers[0]?.bytesIn ?? 0) > before);
  for (let pause = 0; pause < 3; pause++) {
    // As a process that handles a message: timers come before sockets then.
    await new Promise((resolve) => setImmediate(resolve));
    // Written before and read after it, as by a peer that was well all the time.
    tick();
    for (const end = performance.now() + 2 * tickTime; performance.now() < end;);
    const read = node.statistics().peers[0]?.bytesIn ?? 0;
    await eventually(() => (node.statistics().peers[0]?.bytesIn ?? 0) > read || node.nodes().length === 0);
    assert.deepEqual(types(events), ['nodeup b@127.0.0.1']);
  }
  clearInterval(ticking);
  // Also while this program stands still again and again.
  for (let pause = 0; pause < 30 && events.length < 2; pause++) {
    await new Promise((resolve) => setImmediate(resolve));
    for (const end = performance.now() + 0.75 * tickTime; performance.now() < end;);
  }
  assert.deepEqual(types(events).at(-1), 'nodedown b@127.0.0.1 tick_timeout');
});
