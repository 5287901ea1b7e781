/**
 * For looking at the page while one works on it, without simulator and database:
 *   npm run build:page && npm run demo:page -- 4500     in apps/switch-telemetry
 * Type `kill` and `back` for the second collector, `db` to take the store away and back, `end` to stop.
 */
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { FakeCluster, fakeSample, type FakeCollector } from './support.ts';

await using cluster = await FakeCluster.start(24);
const collectors: FakeCollector[] = [await cluster.collector('collector1'), await cluster.collector('collector2')];
const ownerOf = (index: number): FakeCollector | undefined =>
  collectors[(index * 7 + (index >> 2)) % collectors.length];
for (const [index, id] of cluster.store.ids.entries()) {
  const owner = ownerOf(index)?.node.name ?? '';
  for (let at = Date.now() - 300_000; at < Date.now(); at += 1000) cluster.store.keep(fakeSample(id, at, owner));
}
const pageDirectory = fileURLToPath(new URL('../../dist/page', import.meta.url));
const web = await cluster.web('web1', { port: Number(process.argv[2] ?? 0), pageDirectory });
await cluster.web('web2');
console.log(`page at ${web.url}`);

const troubled = new Map([
  ['sw-07', 'no answer within 900 ms'],
  ['sw-19', 'ifHCInOctets is not a Counter64'],
]);
let tick = 0;
const timer = setInterval(() => {
  tick += 1;
  for (const [index, id] of cluster.store.ids.entries()) {
    const reason = troubled.get(id);
    const owner = ownerOf(index);
    if (reason === undefined || tick < 3) owner?.poll(id);
    else if (tick % 5 === 3) owner?.say(id, id === 'sw-07' ? 'unreachable' : 'error', reason);
  }
}, 1000);

for await (const line of createInterface(process.stdin)) {
  if (line === 'kill') await collectors.pop()?.[Symbol.asyncDispose]();
  else if (line === 'back') collectors.push(await cluster.collector('collector2'));
  else if (line === 'db') cluster.store.up = !cluster.store.up;
  else if (line === 'end') break;
}
clearInterval(timer);
