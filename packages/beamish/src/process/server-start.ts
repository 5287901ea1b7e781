import { BeamishError } from '../error/index.ts';
import type { Pid, Term } from '../term/index.ts';
import type { ProcessBehaviour, SpawnOptions } from './behaviour.ts';
import type { GenServer, ServerClass } from './gen-server.ts';
import type { Kernel } from './kernel.ts';
import type { StartFailure } from './spawn-options.ts';
import { ExitWith, KILL, reasonText } from './reason.ts';
import { Server, methodsOf } from './server-host.ts';
import type { ServerRef } from './server-ref.ts';
import { NotNamed } from './via.ts';

/** How a `GenServer` starts. */
export interface ServerOptions extends SpawnOptions {
  /** Milliseconds for `init`; then the process is killed and the start rejects with `timeout`. @default Infinity, as in OTP */
  readonly startTimeout?: number;
}

export function startServer<C extends GenServer, A extends unknown[]>(
  kernel: Kernel,
  Class: ServerClass<C, A>,
  args: A,
  options: ServerOptions,
): Promise<ServerRef<C>> {
  return new Promise((resolve, reject) => {
    const title = options.name ?? options.label ?? Class.name;
    const methods = methodsOf(Class);
    const server = new Server(kernel, new Class(...args), methods, title);
    const start = { label: Class.name, ...options };
    startProcess(kernel, server, start, title).then((pid) => resolve(kernel.ref<C>(pid, kernel.root)), reject);
  });
}

/**
 * Starts a process and waits for its `init` (OTP proc_lib:start_link/5). When that fails the starter is told by the
 * rejection alone: a link to it is taken away first, so that it does not get an exit signal as well.
 */
export function startProcess(
  kernel: Kernel,
  behaviour: ProcessBehaviour,
  options: ServerOptions,
  title: string,
): Promise<Pid> {
  return new Promise((resolve, reject) => {
    const { startTimeout = Infinity, ...rest } = options;
    let late = false;
    const process = kernel.spawn(behaviour, {
      ...rest,
      onStarted: (failure) => {
        timer?.cancel();
        if (failure === undefined) resolve(process.pid);
        else reject(late ? startTimedOut(title, startTimeout) : startError(title, failure));
      },
    });
    const timer =
      startTimeout === Infinity
        ? undefined
        : kernel.clock.setTimer(startTimeout, () => {
            late = true;
            process.receiveExit(kernel.root.pid, KILL, false);
          });
  });
}

function startTimedOut(title: string, startTimeout: number): BeamishError {
  return new BeamishError('timeout', `${title} could not be started: init did not finish within ${startTimeout} ms`);
}

function startError(title: string, { reason, error }: StartFailure): Error {
  if (error instanceof NotNamed && error.cause instanceof Error) return error.cause;
  const details: { readonly reason: Term } = { reason };
  const why = error instanceof ExitWith ? error.message : reasonText(reason);
  return new BeamishError('process_exited', `${title} could not be started: ${why}`, {
    details,
    ...(error === undefined ? {} : { cause: error }),
  });
}
