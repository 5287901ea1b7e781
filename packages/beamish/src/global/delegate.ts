import { BeamishError, isBeamishError } from '../error/index.ts';
import type { Node } from '../node/index.ts';
import type { ServerRef } from '../process/index.ts';
import type { Callable, Contract } from '../schema/index.ts';
import { atom, atomName, formatTerm, isAtom, Pid } from '../term/index.ts';
import type { Term } from '../term/index.ts';
import type { WaitOptions } from './deadline.ts';
import type { RegisterOptions } from './global.ts';
import { acquire, transaction } from './locks.ts';
import type { GlobalLock, LockOptions } from './locks.ts';
import { Methods } from './methods.ts';
import { pidOf } from './owner.ts';
import type { Owner } from './owner.ts';
import { NAME_SERVER } from './wire.ts';

/** Whom a `GlobalDelegate` asks. */
export interface DelegateOptions {
  /** The nodes to ask, the first that can be reached. @default any connected node that runs global */
  readonly through?: readonly string[];
}

/**
 * `global` for a hidden node: it takes no part, and asks a node that does, by rpc (protocols 7.1). So everything that waits there
 * waits here, `whereis` too.
 *
 * A process of this node that has a name is watched by every node of the cluster: each connects here, so this node must listen,
 * where its name says, and know the cluster's cookie.
 */
export class GlobalDelegate implements AsyncDisposable {
  readonly #node: Node;
  readonly #through: readonly string[] | undefined;
  readonly #methods: Methods;
  readonly #exposed: { remove(): void };
  /** Who answered last. */
  #last: string | undefined;

  /** @throws BeamishError `name_taken` when `global:resolve_it` is exposed already: one delegate for each node */
  constructor(node: Node, options: DelegateOptions = {}) {
    this.#node = node;
    this.#through = options.through;
    this.#methods = new Methods(node);
    // A conflict over a process of ours is decided here, even while we are hidden.
    this.#exposed = node.expose('global', {
      resolve_it: (method, name, one, other) => {
        if (one instanceof Pid && other instanceof Pid) return this.#methods.resolve(method, name, one, other);
        throw new BeamishError('option_invalid', 'resolve_it takes two pids');
      },
    });
  }

  /** As `Global.register`. @throws BeamishError also `noconnection` when no node that runs global is connected */
  async register(name: Term, owner: Owner, options: RegisterOptions = {}): Promise<boolean> {
    const pid = this.#owner(owner);
    const { resolve = 'random_exit' } = options;
    const method = this.#methods.termOf(resolve, pid);
    const args = resolve === 'random_exit' ? [name, pid] : [name, pid, method];
    if (isAtom(await this.#ask('register_name', args, options), 'yes')) return true;
    // It may have it since an attempt whose answer was lost.
    return pid.equals(await this.whereis(name, options));
  }

  /** As `Global.reRegister`. */
  async reRegister(name: Term, owner: Owner, options: RegisterOptions = {}): Promise<void> {
    const pid = this.#owner(owner);
    const { resolve = 'random_exit' } = options;
    const method = this.#methods.termOf(resolve, pid);
    await this.#ask('re_register_name', resolve === 'random_exit' ? [name, pid] : [name, pid, method], options);
  }

  /** As `Global.unregister`. */
  async unregister(name: Term, options: WaitOptions = {}): Promise<void> {
    await this.#ask('unregister_name', [name], options);
  }

  /** Who has the name, as far as is known to the node that is asked. */
  async whereis(name: Term, options: WaitOptions = {}): Promise<Pid | undefined> {
    const pid = await this.#ask('whereis_name', [name], options);
    return pid instanceof Pid ? pid : undefined;
  }

  /** All names, as far as is known to the node that is asked. */
  async registeredNames(options: WaitOptions = {}): Promise<readonly Term[]> {
    const names = await this.#ask('registered_names', [], options);
    return Array.isArray(names) ? (names as readonly Term[]) : [];
  }

  /** Looks the name up, then sends. @throws BeamishError `noproc` when nobody has the name */
  async send(name: Term, message: Term, options: WaitOptions = {}): Promise<Pid> {
    const pid = await this.#find(name, options);
    this.#node.runtime.send(pid, message);
    return pid;
  }

  /**
   * A typed reference to the process that has the name now; `contract` as for `Runtime.ref`.
   * @throws BeamishError `noproc` when nobody has it
   */
  ref<C>(name: Term, options?: WaitOptions): Promise<ServerRef<C>>;
  ref<const K extends Contract>(
    name: Term,
    options: WaitOptions & { readonly contract: K },
  ): Promise<ServerRef<Callable<K>>>;
  async ref(
    name: Term,
    { contract = {}, ...options }: WaitOptions & { readonly contract?: Contract } = {},
  ): Promise<ServerRef<unknown>> {
    return this.#node.runtime.ref(await this.#find(name, options), contract);
  }

  /** As `Global.setLock`; by default on the node that is asked and all that it knows. */
  async setLock(resource: Term, options: LockOptions = {}): Promise<GlobalLock | undefined> {
    return acquire(this.#node.runtime, resource, options.nodes ?? (await this.#partition(options)), options);
  }

  /** As `Global.trans`. */
  async trans<T>(resource: Term, work: () => Promise<T> | T, options: LockOptions = {}): Promise<T> {
    return transaction(await this.setLock(resource, options), resource, work);
  }

  /** Names that were registered stay, until their processes end. */
  stop(): Promise<void> {
    this.#exposed.remove();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #owner(owner: Owner): Pid {
    if (this.#node.address.port === 0) {
      const text = `${this.#node.name} does not listen: the nodes that watch a process with a global name could not reach it`;
      throw new BeamishError('option_invalid', text);
    }
    return pidOf(this.#node.runtime, owner);
  }

  async #find(name: Term, options: WaitOptions): Promise<Pid> {
    const pid = await this.whereis(name, options);
    if (pid === undefined) throw new BeamishError('noproc', `nobody has the global name ${formatTerm(name)}`);
    return pid;
  }

  async #partition(options: WaitOptions): Promise<readonly string[]> {
    // Whoever answers this has a name server.
    await this.#ask('whereis_name', [atom('undefined')], options);
    const node = this.#last as string;
    const known = await this.#node.runtime.call({ name: NAME_SERVER, node }, atom('get_known'), options);
    return [node, ...(Array.isArray(known) ? (known as readonly Term[]).flatMap((each) => atomName(each) ?? []) : [])];
  }

  /** Only a node that has not done anything is passed over. */
  async #ask(name: string, args: readonly Term[], options: WaitOptions): Promise<Term> {
    const candidates = this.#through ?? this.#node.nodes('all').map((info) => info.name);
    const last = this.#last;
    const ordered = last === undefined || !candidates.includes(last) ? candidates : [last, ...candidates];
    for (const node of new Set(ordered)) {
      try {
        const answer = await this.#node.at(node).rpc('global', name, args, { timeout: 30_000, ...options });
        this.#last = node;
        return answer;
      } catch (error) {
        if (!isBeamishError(error, 'not_exposed') && !this.#isGone(node, error)) throw error;
      }
    }
    const text =
      candidates.length === 0
        ? `global:${name}: no node is connected`
        : `global:${name}: none of ${candidates.slice(0, 10).join(', ')} can be reached and runs global`;
    throw new BeamishError('noconnection', text, { retryable: true });
  }

  #isGone(node: string, error: unknown): boolean {
    if (!isBeamishError(error, 'noconnection')) return false;
    if (this.#last === node) this.#last = undefined;
    return true;
  }
}
