import type { Kernel } from './kernel.ts';
import type { Process } from './process.ts';
import { KILL, SHUTDOWN } from './reason.ts';

/**
 * Ends all processes of a node: those that have no parent here, the youngest first, each waited for; supervisors end their
 * own children in their order. What lives when the time is up is killed.
 */
export async function stopRuntime(kernel: Kernel, timeout: number): Promise<void> {
  const end = kernel.clock.monotonicTime() + timeout;
  // starting one is still possible meanwhile, and one whose parent has ended is at the top: look again until none is left
  for (let all = atTheTop(kernel); all.length > 0; all = atTheTop(kernel)) {
    for (const process of all) if (!process.ended) await stopProcess(kernel, process, end);
  }
  kernel.stopped = true;
  for (const [, entry] of kernel.references.all()) {
    kernel.take(entry.reference);
    entry.abandoned?.();
  }
}

/** Those that have no parent here, the youngest first. */
function atTheTop(kernel: Kernel): Process[] {
  const isTop = ({ root, parent }: Process): boolean =>
    !root && (parent === undefined || kernel.find(parent) === undefined);
  return [...kernel.processes.values()].filter(isTop).toReversed();
}

async function stopProcess(kernel: Kernel, process: Process, end: number): Promise<void> {
  process.receiveOrder(kernel.root.pid, SHUTDOWN);
  const left = end - kernel.clock.monotonicTime();
  if (!process.ended && left > 0) await ended(kernel, process, left);
  if (process.ended) return;
  kernel.logger.warn(
    { pid: process.pid.toString(), name: process.name, label: process.label },
    'killed: it did not end in time',
  );
  process.receiveExit(kernel.root.pid, KILL, false);
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
