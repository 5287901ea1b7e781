import { BeamishError } from '../error/index.ts';
import type { ProcessContext, Runtime } from '../process/index.ts';
import { formatTerm } from '../term/index.ts';
import type { Term } from '../term/index.ts';
import { lock, unlock } from './acquire.ts';
import { within } from './deadline.ts';
import type { WaitOptions } from './deadline.ts';
import { pidOf } from './owner.ts';
import type { Owner } from './owner.ts';
import type { LockId } from './wire.ts';

/** Of `setLock` and `trans`. */
export interface LockOptions extends WaitOptions {
  /** Attempts after the first, with pauses that grow to 8 s. @default Infinity */
  readonly retries?: number;
  /** Where the lock is taken. Programs exclude each other when they have a node in common. @default this node and all visible ones */
  readonly nodes?: readonly string[];
  /**
   * Who asks (OTP: `LockRequesterId`). Two with the same requester hold the lock together. @default one of its own for each lock
   */
  readonly requester?: Term;
  /** A process of this node: when it ends, the lock is released. @default the node */
  readonly owner?: Owner;
}

/** A lock that is held, on some nodes, by a process of its own: wherever that cannot be seen any more, the lock is free. */
export class GlobalLock implements AsyncDisposable {
  readonly resource: Term;
  /** The nodes that were asked; one that is lost, or runs no global, has not taken part. */
  readonly nodes: readonly string[];
  readonly #release: () => Promise<void>;
  #released: Promise<void> | undefined;

  /** @internal */
  constructor(resource: Term, nodes: readonly string[], release: () => Promise<void>) {
    this.resource = resource;
    this.nodes = nodes;
    this.#release = release;
  }

  /** Resolves when it is free on all its nodes. Idempotent. */
  release(): Promise<void> {
    return (this.#released ??= this.#release());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }
}

/** @returns undefined when another requester has it, and the attempts are used up. */
export async function acquire(
  runtime: Runtime,
  resource: Term,
  nodes: readonly string[],
  options: LockOptions,
): Promise<GlobalLock | undefined> {
  const { retries = Infinity, owner } = options;
  if (!(retries >= 0)) throw new BeamishError('option_invalid', `retries is ${String(retries)}: give 0 or more`);
  const what = (): string => `the lock ${formatTerm(resource, { maxLength: 100 })}`;
  const holder = await spawnHolder(runtime, what());
  const watch = owner === undefined ? undefined : runtime.monitor(pidOf(runtime, owner), () => holder.exit('owner'));
  // Its end frees what it holds, everywhere.
  const end = (): void => {
    watch?.cancel();
    holder.exit('released');
  };
  const id: LockId = { resource, requester: 'requester' in options ? options.requester : holder.pid };
  try {
    const taken = await within(runtime.world.clock, options, what, (signal) =>
      lock(holder, id, nodes, { retries, signal }),
    );
    if (!taken) {
      end();
      return undefined;
    }
    return new GlobalLock(resource, nodes, async () => {
      await unlock(holder, id, nodes).finally(end);
    });
  } catch (error) {
    end();
    throw error;
  }
}

/** The work under the lock. @throws BeamishError `timeout` when the lock was not free in as many attempts as were allowed */
export async function transaction<T>(
  held: GlobalLock | undefined,
  resource: Term,
  work: () => Promise<T> | T,
): Promise<T> {
  if (held === undefined) {
    const text = `the lock ${formatTerm(resource, { maxLength: 100 })} was not free in the attempts allowed`;
    throw new BeamishError('timeout', text, { retryable: true });
  }
  try {
    return await work();
  } finally {
    await held.release();
  }
}

async function spawnHolder(runtime: Runtime, label: string): Promise<ProcessContext> {
  const { promise, resolve } = Promise.withResolvers<ProcessContext>();
  runtime.spawn({ init: resolve, handle() {} }, { label });
  return promise;
}
