import { fileURLToPath } from 'node:url';
import { freePorts } from '../../packages/beamish/test/support/ports.ts';
import { installPackages, packageVersion } from '../harness/packages.ts';
import { startPair, type Peer } from '../harness/pair.ts';
import { messageWorkloads } from '../harness/workloads.ts';

const worker = fileURLToPath(new URL('moleculer-worker.ts', import.meta.url));

export const moleculer: Peer = {
  title: 'Moleculer TCP',
  about: 'two brokers with the TCP transporter, no discovery server: an action for calls, an event for one-way; JSON',
  workloads: messageWorkloads,
  prepare: installPackages,
  missing: () => undefined,
  versions: () => ({ moleculer: packageVersion('moleculer') }),
  async start(context) {
    const [server = 0, client = 0] = await freePorts(2, { protocol: 'tcp' });
    return startPair(worker, context, { server, client });
  },
};
