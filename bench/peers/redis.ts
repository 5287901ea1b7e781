import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { findExecutable, requirePeer } from '../../packages/beamish/test/support/peers.ts';
import { freePort } from '../../packages/beamish/test/support/ports.ts';
import { meetAt } from '../harness/meeting.ts';
import { installPackages, packageVersion } from '../harness/packages.ts';
import { start, startPair, type Peer } from '../harness/pair.ts';
import { nodes, subscribers } from './fan-out.ts';

const worker = fileURLToPath(new URL('redis-worker.ts', import.meta.url));

const peer = (title: string, about: string, connections: number): Peer => ({
  title,
  about,
  workloads: ['broadcast'],
  prepare: installPackages,
  missing: () => (findExecutable('redis-server') ? undefined : 'redis-server not found: install redis-server'),
  versions: () => ({
    'redis-server':
      /v=(\S+)/.exec(spawnSync(requirePeer('redis-server'), ['--version'], { encoding: 'utf8' }).stdout)?.[1] ?? '',
    ioredis: packageVersion('ioredis'),
  }),
  async start(context) {
    const port = await freePort({ protocol: 'tcp' });
    const options = ['--bind', '127.0.0.1', '--port', String(port), '--save', '', '--appendonly', 'no'];
    const server = start(requirePeer('redis-server'), options, 'other', context.pin);
    return await meetAt(server, /Ready to accept connections/, () =>
      startPair(worker, context, { port, connections }, nodes - 1),
    );
  },
});

export const redis = {
  redis: peer(
    'ioredis',
    'three processes with one subscribed connection each: parsed once, emitted to 1,000 listeners',
    1,
  ),
  redisEach: peer(
    'ioredis, a connection each',
    'the same with a connection for each of the 1,000 subscribers',
    subscribers,
  ),
};
