import type { ProcessBehaviour, Runtime } from '../../process/index.ts';
import type { Pid } from '../../term/index.ts';
import type { Exposed } from './exposed.ts';
import { ForeignLog } from './foreign-log.ts';
import { answeringSystem } from './gen.ts';
import { loggerProxy } from './logger-proxy.ts';
import { netKernel } from './net-kernel.ts';
import { rex } from './rex.ts';
import { user } from './user.ts';

/**
 * Starts the processes that every node has (protocols 5.1), under a supervisor.
 * @param onUser told of each process that is `user`: who prints on behalf of this node writes to it
 */
export async function startKernel(runtime: Runtime, exposed: Exposed, onUser: (user: Pid) => void): Promise<void> {
  const foreign = new ForeignLog(runtime.logger, runtime.world.clock);
  const processes: [string, () => ProcessBehaviour][] = [
    ['user', () => user(foreign)],
    ['logger_proxy', () => answeringSystem('logger_olp', loggerProxy(foreign))],
    ['net_kernel', () => answeringSystem('net_kernel', netKernel())],
    ['rex', () => answeringSystem('rpc', rex(exposed))],
  ];
  await runtime.startSupervisor(
    {
      strategy: 'one_for_one',
      children: processes.map(([name, behaviour]) => ({
        id: name,
        start: async (_, { supervisor }) => {
          const { pid } = runtime.spawn(behaviour(), { name, label: name, link: supervisor, parent: supervisor });
          if (name === 'user') onUser(pid);
          return pid;
        },
      })),
    },
    { name: 'kernel_sup', label: 'kernel' },
  );
}
