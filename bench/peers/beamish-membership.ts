import { fileURLToPath } from 'node:url';
import { freePort } from '../../packages/beamish/test/support/ports.ts';
import { startPair, type Peer } from '../harness/pair.ts';
import { beamish } from './beamish.ts';

const worker = fileURLToPath(new URL('beamish-membership-worker.ts', import.meta.url));

export const beamishMembership: Peer = {
  ...beamish,
  about: 'two Beamish nodes with a scope of process groups; others started and killed beside them',
  workloads: ['pgJoin', 'connect', 'together', 'kill'],
  async start(context) {
    return startPair(worker, context, { epmd: await freePort({ protocol: 'tcp' }) });
  },
};
