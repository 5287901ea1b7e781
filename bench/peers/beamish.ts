import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../packages/beamish/test/support/ports.ts';
import { startPair, type Peer } from '../harness/pair.ts';
import { messageWorkloads } from '../harness/workloads.ts';

const worker = fileURLToPath(new URL('beamish-worker.ts', import.meta.url));
const manifest = new URL('../../packages/beamish/package.json', import.meta.url);

export const beamish: Peer = {
  title: 'Beamish',
  about: 'two Beamish nodes: a GenServer called and cast to over the distribution',
  workloads: messageWorkloads,
  missing: () => undefined,
  versions: () => ({ beamish: (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version }),
  async start(context) {
    return startPair(worker, context, { epmd: await freePort({ protocol: 'tcp' }) });
  },
};
