/** Monitors and aliases of code that is no process: callbacks, each called in a later turn. */
import type { Pid, Term } from '../term/index.ts';
import type { Alias, Monitor } from './behaviour.ts';
import type { Kernel } from './kernel.ts';
import type { NamedProcess } from './signal.ts';
import type { Via } from './via.ts';

export function listenForEnd(
  kernel: Kernel,
  to: Pid | NamedProcess | string | Via,
  onDown: (reason: Term) => void,
): Monitor {
  const reference = kernel.newReference();
  let wanted = true;
  kernel.monitor(kernel.root, kernel.destination(to), reference, (reason) => {
    queueMicrotask(() => {
      if (!wanted) return;
      wanted = false;
      guarded(kernel, 'a monitor', () => onDown(reason));
    });
  });
  return {
    reference,
    cancel: () => {
      wanted = false;
      kernel.demonitor(reference, kernel.root);
    },
  };
}

export function listenAtAlias(kernel: Kernel, onMessage: (message: Term) => void): Alias {
  const reference = kernel.newReference();
  let wanted = true;
  kernel.watch({
    reference,
    owner: kernel.root,
    to: undefined,
    watched: undefined,
    message: (message) => {
      queueMicrotask(() => {
        if (wanted) guarded(kernel, 'an alias', () => onMessage(message));
      });
    },
  });
  return {
    reference,
    cancel: () => {
      wanted = false;
      kernel.take(reference);
    },
  };
}

/** The program's callback threw: it must not end what called it. */
function guarded(kernel: Kernel, what: string, action: () => void): void {
  try {
    action();
  } catch (error) {
    kernel.logger.error({ err: error }, `the listener of ${what} threw`);
  }
}
