import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { findExecutable, requirePeer } from '../../packages/beamish/test/support/peers.ts';
import { freePort } from '../../packages/beamish/test/support/ports.ts';
import { meetAt } from '../harness/meeting.ts';
import { installPackages, packageVersion } from '../harness/packages.ts';
import { start, startPair, type Peer } from '../harness/pair.ts';
import { messageWorkloads } from '../harness/workloads.ts';

const worker = fileURLToPath(new URL('nats-worker.ts', import.meta.url));

export const nats: Peer = {
  title: 'NATS',
  about: 'nats-server between two @nats-io/transport-node clients: request/reply for calls, publish for one-way; JSON',
  workloads: messageWorkloads,
  prepare: installPackages,
  missing: () => (findExecutable('nats-server') ? undefined : 'nats-server not found: install nats-server'),
  versions: () => ({
    'nats-server':
      spawnSync(requirePeer('nats-server'), ['--version'], { encoding: 'utf8' }).stdout.trim().split(' ').at(-1) ?? '',
    '@nats-io/transport-node': packageVersion('@nats-io/transport-node'),
  }),
  async start(context) {
    const port = await freePort({ protocol: 'tcp' });
    const server = start(
      requirePeer('nats-server'),
      ['--addr', '127.0.0.1', '--port', String(port)],
      'other',
      context.pin,
    );
    return await meetAt(server, /Server is ready/, () => startPair(worker, context, { port }));
  },
};
