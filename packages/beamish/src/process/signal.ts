/**
 * Signals are all that processes can do to one another, inside a node and between nodes (Erlang reference manual,
 * "Processes": signals). A local signal is delivered by the runtime; one for another node is handed, as this very value,
 * to the `Distribution`, which writes it as a control message (protocols 3.4) and delivers what it reads the same way.
 */
import type { Atom, Pid, Reference, Term, Tuple } from '../term/index.ts';

/** A registered name on a node; `node` may be one's own. */
export interface NamedProcess {
  readonly name: string;
  readonly node: string;
}

/** Where a message can be sent: a process, an alias (a reference made by `alias`), or a registered name. */
export type Destination = Pid | Reference | NamedProcess;

/** What a message is on the wire, kept by who encodes it first for who sends it to the next node. */
export interface SharedBytes {
  bytes?: Uint8Array;
}

/** All that one process can do to another, as a value; to another node it is written as a control message (protocols 3.4). */
export type Signal =
  | {
      readonly type: 'message';
      readonly from: Pid | undefined;
      readonly to: Destination;
      readonly message: Term;
      /** The same in all signals that carry this message to several nodes. */
      readonly shared?: SharedBytes | undefined;
      /** Whose alias `to` is, where it is known; not on the wire. */
      readonly owner?: Pid | undefined;
    }
  /**
   * A call in one signal, towards a node that takes it so: who gets it is monitored under the reference, and is sent
   * `{'$gen_call', {From, [alias|Reference]}, Request}`.
   */
  | {
      readonly type: 'call';
      readonly from: Pid;
      readonly to: Pid | NamedProcess;
      readonly reference: Reference;
      readonly request: Term;
    }
  /** The answer to that: the reply, and the monitor is gone. `node` is the one that was asked. */
  | {
      readonly type: 'reply';
      readonly node: string;
      readonly to: Reference;
      readonly reply: Term;
      /** Who answers, and who had asked; not on the wire. */
      readonly by?: Pid | undefined;
      readonly owner?: Pid | undefined;
    }
  | { readonly type: 'link'; readonly from: Pid; readonly to: Pid }
  | { readonly type: 'unlink'; readonly from: Pid; readonly to: Pid; readonly id: bigint }
  | { readonly type: 'unlinkAck'; readonly from: Pid; readonly to: Pid; readonly id: bigint }
  /** A linked process ended. */
  | { readonly type: 'linkExit'; readonly from: Pid; readonly to: Pid; readonly reason: Term }
  /** exit/2. Only OTP 28 and later send one to an alias. */
  | { readonly type: 'exit'; readonly from: Pid; readonly to: Destination; readonly reason: Term }
  | { readonly type: 'monitor'; readonly from: Pid; readonly to: Pid | NamedProcess; readonly reference: Reference }
  | { readonly type: 'demonitor'; readonly from: Pid; readonly to: Pid | NamedProcess; readonly reference: Reference }
  /** The monitored process ended; `from` is exactly what was monitored, pid or name. */
  | {
      readonly type: 'monitorExit';
      readonly from: Pid | NamedProcess;
      /** Who had the name; not on the wire. */
      readonly by?: Pid | undefined;
      readonly to: Pid;
      readonly reference: Reference;
      readonly reason: Term;
    }
  | { readonly type: 'groupLeader'; readonly from: Pid; readonly to: Pid }
  | {
      readonly type: 'spawnRequest';
      readonly reference: Reference;
      readonly from: Pid;
      readonly groupLeader: Pid;
      readonly module: Atom;
      readonly function: Atom;
      readonly arguments: readonly Term[];
      readonly options: { readonly link: boolean; readonly monitor: boolean };
      /** The node that is to spawn. */
      readonly node: string;
    }
  | {
      readonly type: 'spawnReply';
      /** The one that was asked; not on the wire. */
      readonly node: string;
      readonly reference: Reference;
      readonly to: Pid;
      readonly link: boolean;
      readonly monitor: boolean;
      /** The new process, or why there is none (`notsup`, `badopt`, `system_limit`, ...). */
      readonly result: Pid | Atom;
    };

/** `{'$gen_call', From, Request}`, or another of OTP's requests of that shape. */
export type GenRequest = Tuple<readonly [Atom, Tuple<readonly [Pid, Term]>, Term]>;

/** What a runtime hands signals for other nodes to. Set by `node`; without it other nodes are `noconnection`. */
export interface Distribution {
  /**
   * Carries a signal towards `node`, connecting first if need be; order is kept per node. Never throws: if there is no way
   * to the node, it answers by `Runtime.connectionLost(node)` in a later turn.
   */
  route(signal: Signal, node: string): void;
  /** Whether there is a connection to `node` now. No such method: taken as yes. */
  isConnected?(node: string): boolean;
  /** Whether `node` negotiated ALIAS (protocols 2.4). Undefined, or no such method: taken as yes, as every OTP since 24 does. */
  takesAlias?(node: string): boolean | undefined;
  /** Whether `node` is connected and takes the signals `call` and `reply`. No such method: none does. */
  takesCalls?(node: string): boolean;
}
