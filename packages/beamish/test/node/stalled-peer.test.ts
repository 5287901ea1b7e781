// @timeout 300
/**
 * A peer that stops (SIGSTOP) while everybody sends it all the time: it costs a bounded amount of memory, and the others go on.
 * `STALL_SECONDS=60` stops it so long, with a node's defaults, and tells the figures of the calls to the others.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { NodeOptions } from '../../src/node/index.ts';
import { startNode } from '../support/children.ts';
import { eventually } from '../support/eventually.ts';
import { cookie, testCluster, types } from './nodes.ts';
import type { Large, Small } from './programs/large-peer.ts';

const SECONDS = Number(process.env['STALL_SECONDS'] ?? 0);
const MIB = 1024 * 1024;
/** Bytes a second for each of the two peers. */
const RATE = 20e6;
const options: Partial<NodeOptions> = SECONDS > 0 ? {} : { maxQueuedBytes: 8 * MIB, stallGrace: 500, setupTime: 1000 };
const maxQueuedBytes = options.maxQueuedBytes ?? 64 * MIB;

test('a peer that stops costs no more than the bound, the others are served', { timeout: 290_000 }, async (t) => {
  const cluster = await testCluster(t);
  const { node, events } = await cluster.start('a@127.0.0.1', options);
  const program = new URL('programs/large-peer.ts', import.meta.url).pathname;
  const start = async (name: string) => {
    const child = startNode(program, [name, String(cluster.epmdPort), cookie], { t });
    await child.waitForOutput(/up/);
    await node.connect(name);
    return child;
  };
  const [stopped] = await Promise.all([start('stopped@127.0.0.1'), start('friend@127.0.0.1')]);

  // The load: the same all the time. A slow machine is no stopped peer: until one is, who has much waiting is left out.
  const message = {
    id: 1,
    kind: 'metrics',
    values: Array.from({ length: 60 }, (_, n) => n * 1.5),
    text: 't'.repeat(400),
  };
  const size = 1024;
  const remotes = ['stopped@127.0.0.1', 'friend@127.0.0.1'].map((name) => node.at(name));
  const sinks = remotes.map((remote) => remote.ref<Large>('large'));
  const most = { queued: 0, rss: 0, used: 0 };
  const rude = [false, false];
  let sent = 0;
  const began = performance.now();
  const load = setInterval(() => {
    const due = ((performance.now() - began) / 1000) * RATE;
    // After a pause of this program it does not catch up at once.
    const taking = sinks.filter((_, index) => (remotes[index]?.queuedBytes ?? 0) < maxQueuedBytes / 2 || rude[index]);
    for (let count = 0; sent < due && count < 200; count++, sent += size)
      for (const sink of taking) sink.cast.swallow(message);
    sent = Math.max(sent, due - RATE / 10);
    const { rss, heapUsed, external } = process.memoryUsage();
    most.rss = Math.max(most.rss, rss);
    most.used = Math.max(most.used, heapUsed + external);
    most.queued = Math.max(most.queued, (remotes[0] as (typeof remotes)[0]).queuedBytes);
  }, 2);
  t.after(() => clearInterval(load));

  const friend = node.at('friend@127.0.0.1').ref<Small>('small');
  const times: number[] = [];
  const state = { over: false };
  const calling = (async () => {
    for (let n = 0; !state.over; n++) {
      const called = performance.now();
      assert.equal(await friend.echo(n), n);
      times.push(performance.now() - called);
      await delay(1);
    }
  })();
  const p99 = (): { p50: string; p99: string; calls: number } => {
    const sorted = times.splice(0).toSorted((a, b) => a - b);
    const at = (share: number): string => (sorted[Math.floor(share * (sorted.length - 1))] as number).toFixed(2);
    return { p50: at(0.5), p99: at(0.99), calls: sorted.length };
  };

  await eventually(() => times.length > 200, { timeout: 30_000 });
  times.length = 0;
  await eventually(() => times.length >= (SECONDS > 0 ? 5000 : 200), { timeout: 60_000 });
  const before = { ...p99(), ...most };
  stopped.kill('SIGSTOP');
  rude[0] = true;
  const stoppedAt = performance.now();
  // It is noticed, the connection is given up; and what is sent from then on, while it is dialled, is given up too.
  await eventually(() => (node.statistics().ended.stalled ?? 0) === 1, { timeout: 60_000 });
  const lost = node.statistics().lostBytes;
  assert.ok(lost >= maxQueuedBytes, `${lost} bytes`);
  await eventually(() => node.statistics().lostBytes > lost, { timeout: 60_000 });
  await delay(Math.max(0, SECONDS * 1000 - (performance.now() - stoppedAt)));
  const during = { ...p99(), ...most };
  stopped.kill('SIGCONT');
  rude[0] = false;
  const back = node.at('stopped@127.0.0.1').ref<Small>('small').with({ timeout: 5000 });
  await eventually(async () => (await back.echo(1)) === 1, { timeout: 30_000 });
  state.over = true;
  await calling;
  clearInterval(load);

  const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;
  t.diagnostic(
    `calls to the other, ms: p50 ${before.p50}, p99 ${before.p99} (${before.calls} calls) before, ` +
      `p50 ${during.p50}, p99 ${during.p99} (${during.calls} calls) during ${((performance.now() - stoppedAt) / 1000).toFixed(0)} s`,
  );
  t.diagnostic(
    `memory: RSS ${mb(before.rss)} before, ${mb(during.rss)} at most during; heap and buffers ${mb(before.used)}, ${mb(during.used)}; ` +
      `queued ${mb(during.queued)} at most; bound ${mb(2 * maxQueuedBytes)}`,
  );
  assert.ok(during.queued <= 2 * maxQueuedBytes + 64 * 1024, `${during.queued} bytes queued`);
  // As much again, for what is garbage already and not collected yet.
  assert.ok(during.used - before.used < 4 * maxQueuedBytes + 32 * MIB, `${during.used - before.used} bytes more`);
  assert.deepEqual(
    types(events).filter((event) => /friend/.test(event)),
    ['nodeup friend@127.0.0.1'],
  );
  assert.equal(
    types(events).find((event) => /nodedown/.test(event)),
    'nodedown stopped@127.0.0.1 stalled',
  );
});
