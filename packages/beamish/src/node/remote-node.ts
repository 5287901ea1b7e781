import type { CallOptions, Runtime, ServerRef } from '../process/index.ts';
import { atom, isAtom, Pid, tuple } from '../term/index.ts';
import type { Term } from '../term/index.ts';
import type { Peers } from './peers.ts';
import { rpc } from './rpc.ts';

/** Another node, connected or not; a connection is made on first use. Made by `node.at(name)`. */
export class RemoteNode {
  readonly name: string;
  readonly #runtime: Runtime;
  readonly #peers: Peers;

  /** @internal */
  constructor(name: string, runtime: Runtime, peers: Peers) {
    this.name = name;
    this.#runtime = runtime;
    this.#peers = peers;
  }

  /** A typed reference to a process there, by registered name or pid. Does no I/O. */
  ref<C>(process: string | Pid): ServerRef<C> {
    return this.#runtime.ref<C>(process instanceof Pid ? process : { name: process, node: this.name });
  }

  /**
   * Calls `module:function(...args)` there by erpc (`erpc:call/5`): any function of a BEAM, what is exposed on a Beamish
   * node. The default timeout is 5000 ms.
   * @throws BeamishError `remote_error` when the function failed (its reason in `details.reason`), `not_exposed` when
   * there is no such function for others, `noconnection`, `timeout`, `aborted`; or what a Beamish node's function threw
   */
  rpc(module: string, functionName: string, args: readonly Term[] = [], options: CallOptions = {}): Promise<Term> {
    return rpc(this.#runtime, { node: this.name, module, function: functionName, arguments: args }, options);
  }

  /** Whether the node can be reached and answers (`net_adm:ping/1`). Never rejects. */
  async ping(options: CallOptions = {}): Promise<boolean> {
    const request = tuple(atom('is_auth'), atom(this.#runtime.nodeName));
    try {
      return isAtom(await this.#runtime.call({ name: 'net_kernel', node: this.name }, request, options), 'yes');
    } catch {
      return false;
    }
  }

  /** Bytes that wait for it to take them; 0 when not connected. */
  get queuedBytes(): number {
    return this.#peers.get(this.name)?.queuedBytes ?? 0;
  }

  /**
   * Resolves when at most 1 MiB waits for it, or it is not connected. A sender of much awaits this, and so never meets
   * `maxQueuedBytes`.
   * @throws BeamishError `aborted`
   */
  async drained(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    await this.#peers.get(this.name)?.drained(options.signal);
  }
}
