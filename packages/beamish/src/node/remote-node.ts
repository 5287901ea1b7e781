import type { CallOptions, Runtime, ServerRef } from '../process/index.ts';
import { check } from '../schema/index.ts';
import type { Callable, Contract, OutputOf, StandardSchema } from '../schema/index.ts';
import { atom, isAtom, Pid, tuple } from '../term/index.ts';
import type { Term } from '../term/index.ts';
import type { Peers } from './peers.ts';
import { rpc, rpcCast, rpcModule } from './rpc.ts';
import type { RpcModule, RpcOptions } from './rpc.ts';

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

  /**
   * A typed reference to a process there, by registered name or pid. Does no I/O. With a contract the types are its
   * schemas', and replies that do not fit reject with `value_invalid`.
   */
  ref<C>(process: string | Pid): ServerRef<C>;
  ref<const K extends Contract>(process: string | Pid, contract: K): ServerRef<Callable<K>>;
  ref(process: string | Pid, contract: Contract = {}): ServerRef<unknown> {
    return this.#runtime.ref(process instanceof Pid ? process : { name: process, node: this.name }, contract);
  }

  /**
   * Calls `module:function(...args)` there by erpc (`erpc:call/5`): any function of a BEAM, what is exposed on a Beamish
   * node. The default timeout is 5000 ms. OTP's `rpc:call/5` is the same on the wire.
   * @throws BeamishError `remote_error` when the function failed (its reason in `details.reason`), `not_exposed` when
   * there is no such function for others, `noconnection`, `timeout`, `aborted`; or what a Beamish node's function threw.
   * With `reply`, a schema, the result is what that makes of it, and one that does not fit rejects with `value_invalid`.
   */
  rpc(module: string, functionName: string, args?: readonly Term[], options?: RpcOptions): Promise<Term>;
  rpc<S extends StandardSchema>(
    module: string,
    functionName: string,
    args: readonly Term[],
    options: RpcOptions & { readonly reply: S },
  ): Promise<OutputOf<S>>;
  async rpc(
    module: string,
    functionName: string,
    args: readonly Term[] = [],
    options: RpcOptions & { readonly reply?: StandardSchema } = {},
  ): Promise<unknown> {
    const { reply, ...rest } = options;
    const target = { node: this.name, module, function: functionName, arguments: args };
    const result = await rpc(this.#runtime, target, rest);
    return reply === undefined ? result : await check(reply, result, `reply of ${module}:${functionName}`);
  }

  /** `rpc` without an answer (`erpc:cast/4`): whether it ran is not told. */
  cast(module: string, functionName: string, args: readonly Term[] = []): void {
    rpcCast(this.#runtime, { node: this.name, module, function: functionName, arguments: args });
  }

  /**
   * The functions of a module there as methods: `await node.at('b@h').module<Shop>('Elixir.Shop').price('pear')`. `Shop` is
   * what you say it is: the other node is not asked. With a contract the types are its schemas', and results that do not fit
   * reject with `value_invalid`.
   */
  module<M>(name: string, options?: RpcOptions): RpcModule<M>;
  module<const K extends Contract>(
    name: string,
    options: RpcOptions & { readonly contract: K },
  ): RpcModule<Callable<K>>;
  module(name: string, options: RpcOptions & { readonly contract?: Contract } = {}): RpcModule<unknown> {
    return rpcModule(this.#runtime, this.name, name, options);
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

  /** Bytes that wait for it to take them, or for the connection that is being made. */
  get queuedBytes(): number {
    return this.#peers.queuedBytes(this.name);
  }

  /**
   * Resolves when at most 1 MiB waits for it, or it is not connected and not about to be. A sender of much awaits this, and so never meets
   * `maxQueuedBytes`.
   * @throws BeamishError `aborted`
   */
  async drained(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    await this.#peers.drained(this.name, options.signal);
  }
}
