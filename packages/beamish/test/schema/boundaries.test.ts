/** Guards where values come in from other nodes: exposed functions, replies, topics. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as v from 'valibot';
import { z } from 'zod';
import { isBeamishError } from '../../src/error/index.ts';
import { Global } from '../../src/global/index.ts';
import { GenServer } from '../../src/process/index.ts';
import { PubSub } from '../../src/pubsub/index.ts';
import { guarded } from '../../src/schema/index.ts';
import { testCluster } from '../node/nodes.ts';
import { eventually } from '../support/eventually.ts';

const order = z.object({ id: z.number(), note: z.string().default('none') });

test('rpc: a wrong argument is refused by the node that serves, counted in its log; a wrong reply by the caller', async (t) => {
  const cluster = await testCluster(t);
  const a = await cluster.start('a@127.0.0.1');
  const b = await cluster.start('b@127.0.0.1');
  let ran = 0;
  const contract = { total: { args: v.tuple([v.object({ prices: v.array(v.number()) })]), reply: v.number() } };
  const total = ({ prices }: { prices: number[] }): number => {
    ran++;
    return prices.reduce((sum, price) => sum + price, 0);
  };
  b.node.expose('Shop', guarded(contract, { total }));
  const shop = a.node.at('b@127.0.0.1');
  assert.equal(await shop.rpc('Shop', 'total', [{ prices: [1, 2] }], { reply: contract.total.reply }), 3);
  for (let i = 0; i < 20; i++) {
    await assert.rejects(
      shop.rpc('Shop', 'total', [{ prices: [1, 'two'] }]),
      (error) =>
        isBeamishError(error, 'value_invalid') &&
        /^rpc Shop:total\/1 on b@127.0.0.1: total: at \[0\]\.prices\[1\]: Invalid type/.test(error.message),
    );
  }
  assert.equal(ran, 1);
  const warnings = b.warnings().filter(({ msg }) => /refused what does not fit its schema/.test(msg));
  assert.equal(warnings.length, 1);
  assert.equal(await shop.module('Shop', { contract }).total({ prices: [3, 4] }), 7);
  const wrong = shop.module('Shop', { contract: { total: { ...contract.total, reply: v.string() } } });
  await assert.rejects(wrong.total({ prices: [1] }), (error) => isBeamishError(error, 'value_invalid'));
  await assert.rejects(
    shop.rpc('Shop', 'total', [{ prices: [] }], { reply: z.string() }),
    (error) => isBeamishError(error, 'value_invalid') && error.message.startsWith('reply of Shop:total: '),
  );
});

test('a global name: a reference with a contract guards its replies', async (t) => {
  const cluster = await testCluster(t);
  const { node } = await cluster.start('a@127.0.0.1', { hidden: false });
  const global = await Global.start(node);
  t.after(() => global.stop());
  class Shop extends GenServer {
    total(): number {
      return 3;
    }
  }
  const shop = await node.spawn(Shop, []);
  assert.ok(await global.register('shop', shop));
  assert.equal(await global.ref('shop', { total: { reply: v.number() } }).total(), 3);
  const wrong = global.ref('shop', { total: { reply: v.string() } });
  await assert.rejects(wrong.total(), (error) => isBeamishError(error, 'value_invalid'));
});

test('a topic: listeners and streams get what the schema makes of a message, in order; the others are counted', async (t) => {
  const cluster = await testCluster(t);
  const a = await cluster.start('a@127.0.0.1');
  const pubsub = await PubSub.start(a.node);
  const listened: z.output<typeof order>[] = [];
  pubsub.subscribe('orders', (message) => void listened.push(message), { schema: order });
  const stream = pubsub.messages('orders', { schema: order.refine(async ({ id }) => await Promise.resolve(id !== 3)) });
  const raw: unknown[] = [];
  pubsub.subscribe('orders', (message) => void raw.push(message));
  const sent = [{ id: 'x' }, { id: 1 }, { id: 3, note: 'late' }, 'text', { id: 5 }];
  for (const message of sent) pubsub.broadcast('orders', message);
  // asked at once: each gets its own, in order, though the schema is asynchronous
  const read = await Promise.all([stream.next(), stream.next()]);
  assert.deepEqual(
    read.map(({ value }) => value as unknown),
    [
      { id: 1, note: 'none' },
      { id: 5, note: 'none' },
    ],
  );
  await eventually(() => listened.length === 3);
  assert.deepEqual(
    listened.map(({ id, note }) => [id, note]),
    [
      [1, 'none'],
      [3, 'late'],
      [5, 'none'],
    ],
  );
  assert.deepEqual(raw, sent);
  assert.equal(pubsub.statistics().invalid, 5);
  const refused = a.warnings().filter(({ msg }) => /a subscriber of .* refused/.test(msg));
  assert.equal(refused.length, 1);
  assert.match(refused[0]?.msg ?? '', /topic orders: at \.id: /);

  pubsub.broadcastFrom(stream, 'orders', { id: 6 });
  await eventually(() => listened.length === 4);
  assert.equal(stream.queued, 0, 'broadcastFrom leaves a guarded stream out too');
  await stream.return?.();
  assert.equal((await stream.next()).done, true);
  await pubsub.stop();
});
