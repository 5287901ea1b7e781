/** How often a node that does not answer is dialled. */
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'node:test';
import { isBeamishError } from '../../src/error/index.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/ports.ts';
import { testCluster } from './nodes.ts';

const options = { timeout: 60_000 };
const away = 'away@127.0.0.1';

test(
  'who sends in a loop to a node that is away does not dial in a loop; connect() is not slowed',
  options,
  async (t) => {
    const cluster = await testCluster(t);
    const port = await freePort();
    const dials: string[] = [];
    const resolve = (nodeName: string): { host: string; port: number } => {
      dials.push(nodeName);
      return { host: '127.0.0.1', port };
    };
    const { node } = await cluster.start('a@127.0.0.1', { resolve });
    const began = performance.now();
    let sent = 0;
    for (; dials.length < 4; sent++) {
      node.runtime.send({ name: 'x', node: away }, sent);
      await turn();
    }
    assert.ok(performance.now() - began >= 3 * 240, `${sent} messages`);
    assert.ok(sent > 20);
    // Ends a rest, and begins with none.
    await eventually(() => node.statistics().pending === 0);
    node.runtime.send({ name: 'x', node: away }, 'one more');
    assert.equal(dials.length, 4);
    for (let expected = 5; expected < 10; expected++) {
      const connecting = node.connect(away);
      assert.equal(dials.length, expected);
      await assert.rejects(connecting, (error) => isBeamishError(error, 'connection_refused'));
    }
  },
);

test('a node that is back is dialled for what was sent meanwhile', options, async (t) => {
  const cluster = await testCluster(t);
  const { node } = await cluster.start('a@127.0.0.1');
  await assert.rejects(node.connect(away));
  const received: unknown[] = [];
  const back = await cluster.start(away);
  back.node.runtime.spawn({ handle: (message) => void received.push(message) }, { name: 'sink' });
  node.runtime.send({ name: 'sink', node: away }, 'hello');
  await eventually(() => received.length === 1);
  // A connection that stood: nothing is held against the node.
  node.disconnect(away);
  node.runtime.send({ name: 'sink', node: away }, 'again');
  await eventually(() => received.length === 2);
});
