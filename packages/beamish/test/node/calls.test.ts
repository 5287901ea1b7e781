import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GenServer } from '../../src/process/index.ts';
import type { Term } from '../../src/term/index.ts';
import { testCluster } from './nodes.ts';

class Echo extends GenServer {
  echo(term: Term): Term {
    return term;
  }
}

test('once two nodes are connected, a call is one message each way', async (t) => {
  const cluster = await testCluster(t);
  const [a, b] = [await cluster.start('a@127.0.0.1'), await cluster.start('b@127.0.0.1')];
  await b.node.spawn(Echo, [], { name: 'echo' });
  const echo = a.node.at('b@127.0.0.1').ref<Echo>('echo');
  assert.equal(await echo.echo(0), 0, 'connects; as any node is called, for the other is not known yet');
  const messages = (): (number | undefined)[] => {
    const peer = a.node.statistics().peers.find(({ name }) => name === 'b@127.0.0.1');
    return [peer?.messagesOut, peer?.messagesIn];
  };
  const before = messages() as [number, number];
  assert.deepEqual(await Promise.all([1, 'two', [3]].map((term) => echo.echo(term))), [1, 'two', [3]]);
  assert.deepEqual(messages(), [before[0] + 3, before[1] + 3]);
});
