/** Many Beamish nodes in one process: the peers of the node whose cost is measured. The first serves the port mapper. */
import { startNode, type Node } from '../../packages/beamish/src/index.ts';
import { serve } from '../harness/serve.ts';

const running: Node[] = [];

await serve({
  server: async () => ({}),
  async client(given) {
    for (let n = 1; n <= Number(given['count']); n++) {
      const epmd = { port: Number(given['epmd']), bind: '127.0.0.1', embedded: n === 1 ? 'always' : 'never' } as const;
      running.push(await startNode({ name: `bench_peer${n}@127.0.0.1`, cookie: 'bench', epmd }));
    }
    return {};
  },
  stop: () => Promise.all(running.map((node) => node.stop())),
});
