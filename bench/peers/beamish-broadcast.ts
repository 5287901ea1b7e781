import { fileURLToPath } from 'node:url';
import { freePort } from '../../packages/beamish/test/support/ports.ts';
import { startPair, type Peer } from '../harness/pair.ts';
import { beamish } from './beamish.ts';
import { nodes } from './fan-out.ts';

const worker = fileURLToPath(new URL('beamish-broadcast-worker.ts', import.meta.url));

export const beamishBroadcast: Peer = {
  ...beamish,
  about: 'three Beamish nodes with a PubSub: 1,000 listeners on each',
  workloads: ['broadcast'],
  async start(context) {
    return startPair(worker, context, { epmd: await freePort({ protocol: 'tcp' }) }, nodes - 1);
  },
};
