import type { Kernel } from './kernel.ts';
import type { Process } from './process.ts';
import { KILL, SHUTDOWN } from './reason.ts';

/**
 * Ends all processes of a node: those that have no parent here, the youngest first, each waited for; supervisors end their
 * own children in their order. What lives when the time is up is killed.
 */
export async function stopRuntime(kernel: Kernel, timeout: number): Promise<void> {
  const end = kernel.clock.monotonicTime() + timeout;
  const isTop = (process: Process): boolean =>
    process.parent === undefined || kernel.find(process.parent) === undefined;
  // starting one is still possible meanwhile: look again until none is left
  for (let process = youngest(kernel, isTop); process !== undefined; process = youngest(kernel, isTop)) {
    process.receiveOrder(kernel.root.pid, SHUTDOWN);
    const left = end - kernel.clock.monotonicTime();
    if (!process.ended && left > 0) await ended(kernel, process, left);
    if (!process.ended) {
      kernel.logger.warn(
        { pid: process.pid.toString(), name: process.name, label: process.label },
        'killed: it did not end in time',
      );
      process.receiveExit(kernel.root.pid, KILL, false);
    }
  }
  kernel.stopped = true;
  for (const [, entry] of kernel.references.all()) {
    kernel.take(entry.reference);
    entry.abandoned?.();
  }
}

function youngest(kernel: Kernel, fits: (process: Process) => boolean): Process | undefined {
  let found: Process | undefined;
  for (const process of kernel.processes.values()) if (!process.root && fits(process)) found = process;
  return found;
}

function ended(kernel: Kernel, process: Process, within: number): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      timer.cancel();
      monitor.cancel();
      resolve();
    };
    const monitor = kernel.runtime.monitor(process.pid, done);
    const timer = kernel.clock.setTimer(within, done);
  });
}
