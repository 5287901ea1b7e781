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

/** Of a process that another node starts for this one (OTP `spawn_request/5`). */
export interface RemoteSpawnOptions extends CallOptions {
  /** The new process is monitored from its start; told once how it ended. OTP's erpc answers this way. */
  readonly onDown?: (reason: Term) => void;
  /** The group leader of the new process: to whom it prints. By default the log of this node. */
  readonly groupLeader?: Pid;
  /** A process of this node: the new process is linked with it from its start. */
  readonly link?: Pid;
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
    const from = options.link ?? kernel.root.pid;
    let waiting = true;
    let spawned: Pid | undefined;
    let timer: Timer | undefined;
    const settle = (): void => {
      waiting = false;
      timer?.cancel();
      signal?.removeEventListener('abort', gaveUp);
    };
    /** What runs there is not stopped; how it ends is not wanted any more. */
    const forget = (): void => {
      kernel.take(reference);
      if (spawned !== undefined) kernel.route({ type: 'demonitor', from, to: spawned, reference }, node);
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
    if (options.link !== undefined && kernel.find(options.link) === undefined) {
      fail('noproc', `${options.link.toString()}, which is to be linked, is not alive on this node`);
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
        else {
          spawned = result;
          signal?.addEventListener('abort', forget, { once: true });
        }
        resolve(result);
      },
      down: (reason: Term) => {
        signal?.removeEventListener('abort', forget);
        if (!waiting) queueMicrotask(() => onDown?.(reason));
        else if (reason === NOCONNECTION) fail('noconnection', `no connection to node ${node}`, { retryable: true });
        else fail('remote_error', 'it ended before it was there', { details: { reason } });
      },
    };
    kernel.watch(entry);
    let sent: boolean;
    try {
      sent = kernel.route(
        {
          type: 'spawnRequest',
          reference,
          from,
          groupLeader: options.groupLeader ?? kernel.root.pid,
          module: atom(spawn.module),
          function: atom(spawn.function),
          arguments: spawn.arguments,
          options: { link: options.link !== undefined, monitor: onDown !== undefined },
          node,
        },
        node,
      );
    } catch (error) {
      kernel.take(reference);
      throw error;
    }
    if (!sent) {
      fail('noconnection', `no connection to node ${node}`, { retryable: true });
      return;
    }
    signal?.addEventListener('abort', gaveUp, { once: true });
    if (timeout !== Infinity)
      timer = kernel.clock.setTimer(timeout, () => fail('timeout', `no answer within ${timeout} ms`));
  });
}
