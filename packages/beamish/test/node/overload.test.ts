import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GenServer } from '../../src/process/index.ts';
import { testCluster } from './nodes.ts';

class Slow extends GenServer {
  handled = 0;
  work(): void {
    this.handled++;
    for (const end = performance.now() + 0.005; performance.now() < end;);
  }
  count(): number {
    return this.handled;
  }
}

test('a flood from another node waits in the stream, not in a mailbox', async (t) => {
  const cluster = await testCluster(t);
  const { node: a, lines } = await cluster.start('flood_a@127.0.0.1');
  const { node: b } = await cluster.start('flood_b@127.0.0.1');
  await b.spawn(Slow, [], { name: 'slow' });
  await a.connect(b.name);
  const slow = a.at(b.name).ref<Slow>('slow').with({ timeout: 60_000 });
  let longest = 0;
  let over = false;
  const look = (): void => {
    for (const { mailbox } of b.runtime.processes()) longest = Math.max(longest, mailbox);
    if (!over) setImmediate(look);
  };
  look();
  const sent = 250_000;
  for (let i = 0; i < sent; i++) slow.cast.work();
  assert.equal(await slow.count(), sent);
  over = true;
  // the bound, and what one piece of the stream (64 KiB) holds
  assert.ok(longest > 50_000 && longest < 65_536 + 4096, `${longest} messages in a mailbox`);
  assert.deepEqual(
    lines.filter((line) => (line as { level?: unknown }).level === 'error'),
    [],
  );
});
