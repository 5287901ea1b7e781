import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Child } from '../../packages/beamish/test/support/children.ts';
import { freePort } from '../../packages/beamish/test/support/ports.ts';
import { Pair, ready, start, startWorker, type Peer } from '../harness/pair.ts';
import type { Figures } from '../harness/loops.ts';
import { beamish } from './beamish.ts';

const path = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
const crowd = 9;
/** ms after which processes that were started and connected have come to rest. */
const settled = 2000;

/** Resident memory of a process, in MB (of a million bytes). */
function resident({ pid }: Child): number {
  const [, kibibytes] = /^VmRSS:\s*(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return (Number(kibibytes) * 1024) / 1e6;
}

export const beamishFootprint: Peer = {
  ...beamish,
  about: 'a node of the packed JavaScript, beside 1 and 9 others in another process',
  workloads: ['memory', 'idle'],
  prepare() {
    const { status, stderr } = spawnSync(process.execPath, [path('../../scripts/pack.ts')], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`npm run pack failed: ${stderr}`);
  },
  async start(context) {
    const epmd = await freePort({ protocol: 'tcp' });
    const peers = await startWorker(path('crowd-worker.ts'), context, { epmd, count: crowd });
    const children: Child[] = [];
    const end = async (): Promise<void> => {
      for (const child of children) await child.stop();
      await peers[Symbol.asyncDispose]();
    };
    const node = async (count: number): Promise<Child> => {
      const names = Array.from({ length: count }, (_, n) => `bench_peer${n + 1}@127.0.0.1`);
      const given = JSON.stringify({ name: `bench_of${count}@127.0.0.1`, epmd, peers: names });
      const child = start(process.execPath, [path('packed-node.js'), given], 'client', context.pin);
      children.push(child);
      await ready(child);
      return child;
    };
    try {
      const bare = start(process.execPath, [path('bare-node.js')], 'server', context.pin);
      children.push(bare);
      await ready(bare);
      const one = await node(1);
      const nine = await node(crowd);
      const memory = (): Figures => {
        const floor = resident(bare);
        return { bare: floor, one: resident(one) - floor, nine: resident(nine) - floor };
      };
      await delay(settled);
      const measured = new Pair(nine, []);
      return {
        run: async (workload, time) => (workload === 'memory' ? memory() : await measured.run(workload, time)),
        [Symbol.asyncDispose]: end,
      };
    } catch (error) {
      await end();
      throw error;
    }
  },
};
