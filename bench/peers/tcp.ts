import { fileURLToPath } from 'node:url';
import { startPair, type Peer } from '../harness/pair.ts';
import { workloadNames } from '../harness/workloads.ts';

const worker = fileURLToPath(new URL('tcp-worker.ts', import.meta.url));

export const tcp: Peer = {
  title: 'raw Node TCP',
  about:
    'the floor: an echo of 64 bytes for calls; for one-way messages JSON behind a length, written 64 KiB at a time',
  workloads: workloadNames,
  missing: () => undefined,
  versions: () => ({}),
  start: (context) => startPair(worker, context),
};
