import type { Pid } from '../term/index.ts';
import type { ProcessContext } from './behaviour.ts';
import type { Kernel } from './kernel.ts';
import { KILL, SHUTDOWN } from './reason.ts';
import type { ShutdownTime } from './supervisor-core.ts';

/**
 * OTP supervisor:shutdown/1: monitor, unlink, ask, wait, kill. Resolves when the child is gone.
 * @param onKill told when it did not end in time
 */
export function shutDownChild(
  kernel: Kernel,
  self: ProcessContext,
  pid: Pid,
  shutdown: ShutdownTime,
  onKill: (waited: number) => void,
): Promise<void> {
  return new Promise((resolve) => {
    const timer =
      shutdown === 'brutalKill' || shutdown === Infinity
        ? undefined
        : kernel.clock.setTimer(shutdown, () => {
            onKill(shutdown);
            kernel.exit(self.pid, pid, KILL);
          });
    kernel.runtime.monitor(pid, () => {
      timer?.cancel();
      resolve();
    });
    self.unlink(pid);
    kernel.exit(self.pid, pid, shutdown === 'brutalKill' ? KILL : SHUTDOWN);
  });
}
