/**
 * A node in a process of its own: on the line `go` it starts and searches for its seeds, and says `@seen` when it is connected
 * to all of them; on `stop` it ends; the process ends with its input.
 */
import { createInterface } from 'node:readline';
import { epmdHosts } from '../../packages/beamish/src/discovery/index.ts';
import { startNode, type ClusterNode } from '../../packages/beamish/src/index.ts';

interface Given {
  readonly name: string;
  readonly seeds: readonly string[];
  readonly epmd: number;
  /** Starts without waiting for the word. */
  readonly go: boolean;
}

const { name, seeds, epmd, go } = JSON.parse(process.argv[2] ?? '') as Given;
let running: ClusterNode | undefined;

async function start(): Promise<void> {
  const missing = new Set(seeds.filter((seed) => seed !== name));
  running = await startNode({
    name,
    cookie: 'bench',
    epmd: { port: epmd, embedded: 'never' },
    discovery: epmdHosts({ hosts: seeds }),
  });
  const saw = (node: string): void => {
    if (missing.delete(node) && missing.size === 0) console.log('@seen');
  };
  running.monitorNodes(({ type, node }) => type === 'nodeup' && saw(node));
  for (const node of running.nodes()) saw(node.name);
}

const input = createInterface({ input: process.stdin });
input.on('close', () => process.exit(0));
input.on('line', (line) => {
  if (line === 'go') void start();
  else void running?.stop().then(() => console.log('@stopped'));
});
console.log('@ready');
if (go) void start();
