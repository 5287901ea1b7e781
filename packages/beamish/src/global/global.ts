import { BeamishError } from '../error/index.ts';
import type { Node } from '../node/index.ts';
import { Via } from '../process/index.ts';
import type { ServerRef } from '../process/index.ts';
import type { Callable, Contract } from '../schema/index.ts';
import { formatTerm, type Pid } from '../term/index.ts';
import type { Term } from '../term/index.ts';
import { within } from './deadline.ts';
import type { WaitOptions } from './deadline.ts';
import { acquire, transaction } from './locks.ts';
import type { GlobalLock, LockOptions } from './locks.ts';
import type { ResolveMethod } from './methods.ts';
import { NameServer } from './name-server.ts';
import { pidOf } from './owner.ts';
import type { Owner } from './owner.ts';
import { Registrar } from './registrar.ts';

/** How a node takes part in `global`. */
export interface GlobalOptions {
  /**
   * Whether a node that one node lost is left by all (OTP: the kernel parameter `prevent_overlapping_partitions`): a broken
   * connection then isolates a node, until it is connected again, instead of leaving two nodes that see the same
   * third but not each other. All nodes of a cluster must agree. @default true, as from OTP 25 on
   */
  readonly preventOverlappingPartitions?: boolean;
  /** Names of all nodes that are recorded here; further ones are refused, and logged. @default 100000 */
  readonly maxNames?: number;
  /** Locks of all nodes that are recorded here; further ones are not given. @default 100000 */
  readonly maxLocks?: number;
  /** Milliseconds for a resolve function; meanwhile no name can be registered anywhere. @default 10000 */
  readonly resolveTimeout?: number;
}

/** Of `Global.register` and `reRegister`. */
export interface RegisterOptions extends WaitOptions {
  /** What happens when two partitions meet that gave the name to two processes. @default 'random_exit' */
  readonly resolve?: ResolveMethod;
}

/** What is recorded on this node now. */
export interface GlobalStatistics {
  readonly names: number;
  readonly locks: number;
  /** The nodes of the own partition, without this one. */
  readonly known: readonly string[];
  /** Those of them that are known to have the same names. */
  readonly synced: readonly string[];
  /** Nodes that are being met: their names are not compared yet. */
  readonly sessions: number;
  /** Messages of other nodes that were refused. */
  readonly refused: number;
}

interface Shared {
  readonly server: NameServer;
  readonly registrar: Registrar;
  readonly started: Promise<void>;
  handles: number;
  stopping?: Promise<void>;
}

/** By node, so that nothing outlives it. */
const services = new WeakMap<Node, Shared>();

/**
 * Names for processes that are the same on every node of the cluster, and locks that exclude over all of them: OTP's `global`, on
 * its wire, so Erlang and Elixir nodes take part (protocols 7). Every node has the whole table: `whereis` asks nobody.
 *
 * Available, not consistent: in a partition each side has names of its own, and a conflict is resolved when they meet.
 */
export class Global implements AsyncDisposable {
  readonly #node: Node;
  readonly #shared: Shared;
  #stopped: Promise<void> | undefined;

  private constructor(node: Node, shared: Shared) {
    this.#node = node;
    this.#shared = shared;
  }

  /**
   * A handle on the node's global, which is started with the first and ends with the last. Start it before the node meets others.
   * Options count for the handle that starts it.
   * @throws BeamishError `option_invalid` on a hidden node, which takes no part in global: use `GlobalDelegate`; `name_taken` when
   * another process is called `global_name_server`
   */
  static async start(node: Node, options: GlobalOptions = {}): Promise<Global> {
    const {
      preventOverlappingPartitions = true,
      maxNames = 100_000,
      maxLocks = 100_000,
      resolveTimeout = 10_000,
    } = options;
    for (const [name, limit] of Object.entries({ maxNames, maxLocks, resolveTimeout })) {
      if (!(limit > 0)) throw new BeamishError('option_invalid', `${name} is ${String(limit)}: give a number above 0`);
    }
    if (node.hidden) {
      const text = `${node.name} is hidden, and no other node asks it: start it with \`hidden: false\`, or use GlobalDelegate`;
      throw new BeamishError('option_invalid', text);
    }
    let shared = services.get(node);
    while (shared?.stopping !== undefined) {
      await shared.stopping;
      shared = services.get(node);
    }
    if (shared === undefined) {
      const limits = { names: maxNames, locks: maxLocks };
      const server = new NameServer(node, { preventOverlappingPartitions, limits, resolveTimeout });
      const registrar = new Registrar(server);
      shared = { server, registrar, started: server.start(registrar), handles: 0 };
      services.set(node, shared);
    }
    shared.handles++;
    try {
      await shared.started;
    } catch (error) {
      await release(node, shared);
      throw error;
    }
    return new Global(node, shared);
  }

  /**
   * Gives a name to a process, until it ends or the name is taken away. In Erlang `leader` is `atom('leader')`; a string is a binary.
   * @returns whether it has the name now; false: another process has it
   * @throws BeamishError `option_invalid` when the process has another global name: it may have one, as in OTP; `noproc`, `timeout`
   * (the name may be given all the same), `aborted`, `closed`
   */
  register(name: Term, owner: Owner, options: RegisterOptions = {}): Promise<boolean> {
    const pid = this.#pidOf(owner);
    const { resolve = 'random_exit' } = options;
    return this.#wait(options, name, (signal) => this.#open.registrar.register(name, pid, resolve, signal));
  }

  /** Gives a name to a process, whoever has it now; that one is not told. Throws as `register`. */
  reRegister(name: Term, owner: Owner, options: RegisterOptions = {}): Promise<void> {
    const pid = this.#pidOf(owner);
    const { resolve = 'random_exit' } = options;
    return this.#wait(options, name, (signal) => this.#open.registrar.reRegister(name, pid, resolve, signal));
  }

  /** Takes a name away, whoever has it. */
  unregister(name: Term, options: WaitOptions = {}): Promise<void> {
    return this.#wait(options, name, (signal) => this.#open.registrar.unregister(name, signal));
  }

  /** Who has the name, as far as is known here. */
  whereis(name: Term): Pid | undefined {
    return this.#open.server.whereis(name);
  }

  /** All names, as far as is known here. */
  registeredNames(): Term[] {
    return this.#open.server.state.tables.entries().map((entry) => entry.name);
  }

  /** @returns who was sent it. @throws BeamishError `noproc` when nobody has the name */
  send(name: Term, message: Term): Pid {
    const pid = this.whereis(name);
    if (pid === undefined) throw new BeamishError('noproc', `nobody has the global name ${formatTerm(name)}`);
    this.#node.runtime.send(pid, message);
    return pid;
  }

  /**
   * The name as a destination of calls, sends and monitors, looked up each time (Elixir: `{:global, Name}`), and for starts:
   * `node.spawn(Leader, [], { via: global.via(atom('leader')) })`. The process has the name before its `init`; where another has it
   * the start rejects with `name_taken`.
   */
  via(name: Term, options: RegisterOptions = {}): Via {
    const via: Via = new Via({
      title: `global/${formatTerm(name, { maxLength: 100 })}`,
      whereis: () => this.whereis(name),
      register: async (pid, { signal }) => {
        if (!(await this.register(name, pid, { signal, ...options }))) throw via.taken(this.whereis(name));
      },
    });
    return via;
  }

  /** A typed reference to whoever has the name when it is used; `contract` as for `Runtime.ref`. */
  ref<C>(name: Term): ServerRef<C>;
  ref<const K extends Contract>(name: Term, contract: K): ServerRef<Callable<K>>;
  ref(name: Term, contract: Contract = {}): ServerRef<unknown> {
    return this.#node.runtime.ref(this.via(name), contract);
  }

  /**
   * Locks a resource on all nodes (OTP: `set_lock/3`). Whoever cannot be reached has no say: in a partition each side can have it.
   * @returns undefined when another requester has it, and `retries` are used up
   * @throws BeamishError `timeout`, `aborted`, `option_invalid`, `closed`
   */
  setLock(resource: Term, options: LockOptions = {}): Promise<GlobalLock | undefined> {
    this.#check();
    const nodes = options.nodes ?? [this.#node.name, ...this.#node.nodes('visible').map(({ name }) => name)];
    return acquire(this.#node.runtime, resource, nodes, options);
  }

  /**
   * Does some work under a lock (OTP: `trans/4`). The work is not stopped when the connection to other nodes is lost.
   * @throws BeamishError `timeout` when the lock was not free in time (OTP: `aborted`); what `work` throws
   */
  async trans<T>(resource: Term, work: () => Promise<T> | T, options: LockOptions = {}): Promise<T> {
    return transaction(await this.setLock(resource, options), resource, work);
  }

  /** Resolves when all visible nodes that are connected have the same names as this one (OTP: `sync/0`). */
  sync(options: WaitOptions = {}): Promise<void> {
    const nodes = this.#node.nodes('visible').map(({ name }) => name);
    return within(
      this.#node.world.clock,
      options,
      () => 'global.sync',
      (signal) => this.#open.server.synced(nodes, signal),
    );
  }

  /** What is recorded on this node now. */
  statistics(): GlobalStatistics {
    const { state, refused } = this.#open.server;
    const { tables, known, synced, sessions } = state;
    return {
      names: tables.nameCount,
      locks: tables.lockCount,
      known: [...known.keys()].toSorted(),
      synced: [...synced].toSorted(),
      sessions: sessions.size,
      refused,
    };
  }

  /** Gives the handle back. With the last one the node leaves its partition, disconnecting. Idempotent. */
  stop(): Promise<void> {
    return (this.#stopped ??= release(this.#node, this.#shared));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  get #open(): Shared {
    this.#check();
    return this.#shared;
  }

  #check(): void {
    if (this.#stopped !== undefined) throw new BeamishError('closed', 'this handle of global was stopped');
  }

  #pidOf(owner: Owner): Pid {
    this.#check();
    return pidOf(this.#node.runtime, owner);
  }

  #wait<T>(options: WaitOptions, name: Term, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return within(this.#node.world.clock, options, () => `the global name ${formatTerm(name)}`, work);
  }
}

async function release(node: Node, shared: Shared): Promise<void> {
  if (--shared.handles > 0) return;
  shared.stopping = shared.server.stop().finally(() => services.delete(node));
  await shared.stopping;
}
