import type { CallOptions, ServerRef } from '../process/index.ts';
import type { Pid, Term } from '../term/index.ts';

/** Another node, connected or not; a connection is made on first use. Made by `node.at(name)`. */
export interface RemoteNode {
  readonly name: string;
  /** A typed reference to a process there, by registered name or pid. Does no I/O. */
  ref<C>(process: string | Pid): ServerRef<C>;
  /**
   * Calls `module:function(...args)` there by erpc (`erpc:call/4`): any function of a BEAM, what is exposed on a Beamish node.
   * @throws BeamishError `remote_error` when the function failed, `not_exposed` when a Beamish node does not have it,
   * `noconnection`, `timeout`, `aborted`
   */
  rpc(module: string, functionName: string, args?: readonly Term[], options?: CallOptions): Promise<Term>;
  /** Whether the node can be reached and answers (`net_adm:ping`). Does not reject. */
  ping(options?: CallOptions): Promise<boolean>;
  /** Bytes waiting to be sent to it; 0 when not connected. */
  readonly queuedBytes: number;
  /** Resolves when at most 1 MiB waits for it, or it is not connected any more. */
  drained(options?: { readonly signal?: AbortSignal }): Promise<void>;
}
