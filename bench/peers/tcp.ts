import { fileURLToPath } from 'node:url';
import { startPair, type Peer } from '../harness/pair.ts';
import { messageWorkloads } from '../harness/workloads.ts';

const worker = fileURLToPath(new URL('tcp-worker.ts', import.meta.url));

export const tcp: Peer = {
  title: 'raw Node TCP',
  about:
    'the floor: an echo of 64 bytes for calls; for one-way messages JSON behind a length, written 64 KiB at a time',
  workloads: messageWorkloads,
  missing: () => undefined,
  versions: () => ({}),
  start: (context) => startPair(worker, context),
};
