import type { ProcessBehaviour, Runtime } from '../process/index.ts';
import type { Pid } from '../term/index.ts';

interface Worker {
  readonly id: string;
  readonly type: 'worker';
  readonly restart: 'permanent';
  readonly shutdown: number;
  readonly start: (runtime: Runtime, context: { readonly supervisor: Pid }) => Promise<Pid>;
}

/** A process of global as the child of a supervisor, started when its `init` is done. */
export function worker(label: string, behaviour: ProcessBehaviour, name?: string): Worker {
  return {
    id: label,
    type: 'worker',
    restart: 'permanent',
    shutdown: 1000,
    start: async (runtime, { supervisor }) => {
      const begun = Promise.withResolvers<void>();
      const { pid } = runtime.spawn(
        {
          ...behaviour,
          init: async (self) => {
            await behaviour.init?.(self);
            begun.resolve();
          },
        },
        { label, link: supervisor, parent: supervisor, ...(name === undefined ? {} : { name }) },
      );
      await begun.promise;
      return pid;
    },
  };
}
