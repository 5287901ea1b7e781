import { fileURLToPath } from 'node:url';
import { buildAddon, packageVersion } from '../harness/packages.ts';
import { startWorker, type Context, type Pair, type Peer } from '../harness/pair.ts';
import { beamish } from './beamish.ts';

const worker = fileURLToPath(new URL('codecs-worker.ts', import.meta.url));

/** The one process of all formats, as long as one of them uses it. */
let shared: { readonly pair: Promise<Pair>; users: number } | undefined;

async function share(context: Context): Promise<Pair> {
  shared ??= { pair: startWorker(worker, context), users: 0 };
  shared.users++;
  return await shared.pair;
}

async function giveBack(pair: Pair): Promise<void> {
  if (shared === undefined || --shared.users > 0) return;
  shared = undefined;
  await pair[Symbol.asyncDispose]();
}

const codec = (name: string): Pick<Peer, 'workloads' | 'start'> => ({
  workloads: ['encode', 'decode'],
  async start(context) {
    const pair = await share(context);
    return {
      run: (workload, time) => pair.run(`${workload}.${name}`, time),
      [Symbol.asyncDispose]: () => giveBack(pair),
    };
  },
});

export const codecs: Readonly<Record<string, Peer>> = {
  beamish: { ...beamish, about: '`encode` and `decode` of beamish/term', ...codec('beamish') },
  json: {
    title: 'JSON',
    about: '`JSON.stringify` and `JSON.parse`',
    missing: () => undefined,
    versions: () => ({}),
    ...codec('json'),
  },
  erlpack: {
    title: 'erlpack',
    about: 'the npm package, a native addon',
    prepare: () => buildAddon('erlpack'),
    missing: () => undefined,
    versions: () => ({ erlpack: packageVersion('erlpack') }),
    ...codec('erlpack'),
  },
};
