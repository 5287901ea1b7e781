import { BeamishError } from '../error/index.ts';
import type { BeamishErrorCode } from '../error/index.ts';
import { Pid, atom } from '../term/index.ts';
import type { Atom, Reference, Term } from '../term/index.ts';
import type { Timer } from '../world/index.ts';
import type { CallOptions } from './calls.ts';
import type { Kernel } from './kernel.ts';
import type { Entry } from './references.ts';
import { NOCONNECTION } from './reason.ts';

/** What another node is to run: `apply(Module, Function, Arguments)`. */
export interface RemoteSpawn {
  readonly module: string;
  readonly function: string;
  readonly arguments: readonly Term[];
}

export interface RemoteSpawnOptions extends CallOptions {
  /** The new process is monitored from its start; told once how it ended. OTP's erpc answers this way. */
  readonly onDown?: (reason: Term) => void;
}

/** OTP erlang:spawn_request/5: with a monitor, the request's reference is the monitor's. */
export function requestSpawn(
  kernel: Kernel,
  node: string,
  spawn: RemoteSpawn,
  options: RemoteSpawnOptions,
): Promise<Pid> {
  const { timeout = Infinity, signal, onDown } = options;
  return new Promise((resolve, reject) => {
    const what = `spawn of ${spawn.module}:${spawn.function}/${spawn.arguments.length} on ${node}`;
    const reference: Reference = kernel.newReference();
    let waiting = true;
    let timer: Timer | undefined;
    const settle = (): void => {
      waiting = false;
      timer?.cancel();
      signal?.removeEventListener('abort', gaveUp);
    };
    const fail = (code: BeamishErrorCode, why: string, extra: object = {}): void => {
      settle();
      kernel.take(reference);
      reject(new BeamishError(code, `${what}: ${why}`, extra));
    };
    const gaveUp = (): void => fail('aborted', 'the caller gave it up', { cause: signal?.reason });
    if (signal?.aborted === true) {
      gaveUp();
      return;
    }
    const entry: Entry = {
      reference,
      owner: kernel.root,
      to: { name: spawn.module, node },
      watched: undefined,
      spawned: (result: Pid | Atom) => {
        if (!waiting) return;
        if (!(result instanceof Pid)) {
          fail('remote_error', result.name, { details: { reason: result, node } });
          return;
        }
        settle();
        if (onDown === undefined) kernel.take(reference);
        resolve(result);
      },
      down: (reason: Term) => {
        if (!waiting) queueMicrotask(() => onDown?.(reason));
        else if (reason === NOCONNECTION) fail('noconnection', `no connection to node ${node}`, { retryable: true });
        else fail('remote_error', 'it ended before it was there', { details: { reason } });
      },
    };
    kernel.watch(entry);
    const sent = kernel.route(
      {
        type: 'spawnRequest',
        reference,
        from: kernel.root.pid,
        groupLeader: kernel.root.pid,
        module: atom(spawn.module),
        function: atom(spawn.function),
        arguments: spawn.arguments,
        options: { link: false, monitor: onDown !== undefined },
        node,
      },
      node,
    );
    if (!sent) {
      fail('noconnection', `no connection to node ${node}`, { retryable: true });
      return;
    }
    signal?.addEventListener('abort', gaveUp, { once: true });
    if (timeout !== Infinity)
      timer = kernel.clock.setTimer(timeout, () => fail('timeout', `no answer within ${timeout} ms`));
  });
}
