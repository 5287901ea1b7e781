/** A node as its users have it: the packed JavaScript, connected to those that are named. It ends with its input. */
import { startNode } from '../../packages/beamish/dist/index.js';

const { name, epmd, peers } = JSON.parse(process.argv[2]);
const node = await startNode({ name, cookie: 'bench', epmd: { port: epmd, embedded: 'never' } });
for (const peer of peers) await node.connect(peer);

/** Bytes in and out of all peers. */
const bytes = () => node.statistics().peers.reduce((sum, { bytesIn, bytesOut }) => sum + bytesIn + bytesOut, 0);
process.stdin.on('end', () => process.exit(0));
process.stdin.on('data', (line) => {
  const ms = Number(String(line).split(' ')[2]);
  const before = bytes();
  const start = performance.now();
  setTimeout(() => {
    const rate = (bytes() - before) / ((performance.now() - start) / 1000) / peers.length;
    console.log(`@${JSON.stringify({ figures: { rate } })}`);
  }, 10 * ms);
});
console.log('@{"ready":{}}');
