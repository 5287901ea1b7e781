import type { Address, Logger, TlsOptions, World } from '../world/index.ts';
import type { Term } from '../term/index.ts';
import type { TlsFiles } from './tls-material.ts';
import type { WhichNodes } from './which-nodes.ts';

/** How a node finds and feeds the port mapper of a machine (protocols 1). */
export interface EpmdOptions {
  /** @default the variable ERL_EPMD_PORT, else 4369 */
  readonly port?: number;
  /** Where this node registers itself. @default '127.0.0.1', as a BEAM does */
  readonly host?: string;
  /**
   * Whether this node serves the port mapper itself.
   * - `auto`: when nothing serves the port, and again when what served it has ended.
   * - `never`: a port mapper must run already.
   * - `always`: this node must serve it; another one on the port is an error.
   * @default 'auto'
   */
  readonly embedded?: 'auto' | 'never' | 'always';
  /**
   * The addresses that the embedded port mapper binds. On 0.0.0.0 by default it answers machines other than this one only when
   * this node itself listens on more than loopback.
   * @default the variable ERL_EPMD_ADDRESS and 127.0.0.1, else '0.0.0.0', as epmd does
   */
  readonly bind?: string | readonly string[];
}

/** Of `Node.start`. They are validated then: every fault is in one error. */
export interface NodeOptions {
  /**
   * `name@host`, e.g. `web1@10.0.0.5`. Other nodes dial `host`, so it must lead here. With `namedBy` it is `undefined@host`,
   * as with `erl -name`.
   */
  readonly name: string;
  /**
   * The node that gives this one its name when it starts, for tools and other clients that come and go (OTP: dynamic node
   * names). Such a node is hidden, does not listen and registers nowhere. @default none
   */
  readonly namedBy?: string;
  /** The shared secret of the cluster; 1 to 255 latin-1 characters. */
  readonly cookie: string;
  /** Another cookie towards some nodes, by their name; used in both directions. */
  readonly cookies?: Readonly<Record<string, string>>;
  /**
   * The only nodes that may connect to this one or be connected to, as with `net_kernel:allow/1`; others are answered
   * `not_allowed`. The cookie proves that a node is one of the cluster, and not which: that takes `tls`, see `verifyNames`.
   * @default all nodes with the cookie
   */
  readonly allow?: WhichNodes;
  /**
   * A hidden node is no member of `nodes()` on a BEAM and takes no part in `global`; everything else works. A
   * visible node must run `global`, or `global:sync()` of the others waits for it (protocols 5.4): `startNode` does so.
   * @default true
   */
  readonly hidden?: boolean;
  /** @default realWorld() */
  readonly world?: World;
  /** The IP address to listen on. @default the host part of `name` if that is an IP address, '127.0.0.1' for localhost, else '0.0.0.0' */
  readonly host?: string;
  /** The port to listen on; 0 for any free one. @default 0 */
  readonly port?: number;
  /** False: accepts no connections and registers nowhere; it can only dial. For tools. @default true */
  readonly listen?: boolean;
  /** False: no port mapper at all; then `resolve` must say where nodes are. */
  readonly epmd?: EpmdOptions | false;
  /** Where a node listens, asked before the port mapper; undefined: ask the port mapper. */
  readonly resolve?: (nodeName: string) => Address | undefined | Promise<Address | undefined>;
  /**
   * Certificates: every connection is then TLS, verified by both sides (protocols 14). From files they are read again when they
   * change; see docs/security.md for how to make them.
   */
  readonly tls?: TlsFiles | TlsOptions;
  /**
   * With `tls`: whether a node's certificate must be for the host of its name, in both directions, and for its name if it holds
   * such (`dirName` with a common name). With false a certificate proves that a node is of the cluster, and not which. With
   * `tls.serverName` all certificates must be for that name, and the host counts for nothing. @default true
   */
  readonly verifyNames?: boolean;
  /**
   * True: listen without TLS where other machines reach it. Whoever is on the way then reads and changes everything, so
   * say it only on a network that is trusted or encrypts by itself. Loopback addresses need no such word. @default false
   */
  readonly plaintext?: boolean;
  /**
   * Milliseconds. A connection that is silent for 1.25 times this is dropped; a tick goes out after a quarter of it.
   * Too low drops nodes that are only busy, too high notices dead machines late. @default 60000, as a BEAM
   */
  readonly tickTime?: number;
  /** Milliseconds allowed for each step of connecting and of the handshake. @default 7000, as a BEAM */
  readonly setupTime?: number;
  /**
   * Bytes that may wait for one peer; await `RemoteNode.drained` to stay below. Above it a peer that takes less than a 64th of it in
   * `stallGrace` is closed as stalled, with nodedown and an error in the log: nothing is dropped silently. Above twice of it
   * a large message (more than 256 KiB) is refused with `queue_full`, and with so many others (or, beside large ones, with as many as this)
   * the connection is closed. A single message of more than twice of it is `term_too_large`. @default 67108864 (64 MiB)
   */
  readonly maxQueuedBytes?: number;
  /** Milliseconds above `maxQueuedBytes` for a peer that takes next to nothing. @default 10000 */
  readonly stallGrace?: number;
  /** The largest frame accepted from a peer, in bytes; a larger message must come in fragments. @default 67108864 (64 MiB) */
  readonly maxFrameBytes?: number;
  /**
   * The largest message accepted from a peer, in bytes. What a peer has begun in fragments and not finished takes twice as much at
   * most; a larger message, or more of them at one time, ends the connection. @default 134217728 (128 MiB)
   */
  readonly maxMessageBytes?: number;
  /** Connections that have not authenticated yet, at one time. For the next the oldest of the address with most is closed. @default 64 */
  readonly maxPending?: number;
  /** @default the world's */
  readonly logger?: Logger;
}

/** A node that is connected now. */
export interface NodeInfo {
  readonly name: string;
  /** Tells this life of the node from earlier ones with the same name. */
  readonly creation: number;
  /** Whether the connection is hidden: either side is a hidden node. */
  readonly hidden: boolean;
  /** The other end of the connection. */
  readonly address: Address;
  /** Which side dialled. */
  readonly direction: 'in' | 'out';
  /** Milliseconds since the Unix epoch. */
  readonly connectedAt: number;
  /** The distribution flags both sides have (protocols 2.4). */
  readonly flags: bigint;
}

/** What `Node.monitorNodes` tells (OTP `net_kernel:monitor_nodes/2`). */
export type NodeEvent =
  | { readonly type: 'nodeup'; readonly node: string; readonly info: NodeInfo }
  | { readonly type: 'nodedown'; readonly node: string; readonly reason: NodeDownReason; readonly info: NodeInfo };

/**
 * Why a connection ended: `closed` by the other side, `tick_timeout` silent for too long, `disconnected` by
 * `disconnect()`, `replaced` by a newer connection of the restarted peer, `stalled` it did not read, `frame_malformed` it
 * broke the protocol, `stopped` this node stops, `network` the connection broke.
 */
export type NodeDownReason =
  | 'closed'
  | 'tick_timeout'
  | 'disconnected'
  | 'replaced'
  | 'stalled'
  | 'frame_malformed'
  | 'stopped'
  | 'network';

/** Undoes what returned it. Idempotent. */
export interface Cancellable {
  cancel(): void;
}

/** Functions that other nodes may call by `rpc`, `erpc` and `spawn`. One that returns nothing answers the atom `undefined`. */
export type ExposedFunctions = Readonly<Record<string, (...args: Term[]) => Term | void | Promise<Term | void>>>;

/** Of the functions that one `Node.expose` lets others call. */
export interface ExposeOptions {
  /** Who may call them; to others they are as if not exposed. @default every node that is connected */
  readonly allow?: WhichNodes;
}

/** One connection, since it was made. */
export interface PeerStatistics {
  readonly name: string;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Frames that carried a signal; ticks are not counted. */
  readonly messagesIn: number;
  readonly messagesOut: number;
  /** Bytes waiting to be taken by the operating system; of a large message also what is held back so that others may pass. */
  readonly queuedBytes: number;
  /** How often more than `maxQueuedBytes` came to wait. */
  readonly congestions: number;
  /** Signals that were not sent because the node does not know their kind (protocols 2.4). */
  readonly notSent: number;
}

/**
 * Why something was refused: a connection (`certificate`: it is not for the name of the node), or a call by a connected node of
 * what is `not_exposed`, or is exposed to others (`not_permitted`).
 */
export type RefusalCause =
  | 'cookie'
  | 'garbage'
  | 'bad_name'
  | 'not_allowed'
  | 'timeout'
  | 'limit'
  | 'tls'
  | 'certificate'
  | 'closed'
  | 'simultaneous'
  | 'alive'
  | 'not_exposed'
  | 'not_permitted'
  | 'epmd_garbage'
  | 'epmd_limit';

/** What a node holds now, and has counted since its start. */
export interface NodeStatistics {
  readonly peers: readonly PeerStatistics[];
  /** Connections that ended since the start, by the reason of their `nodedown`. */
  readonly ended: Readonly<Partial<Record<NodeDownReason, number>>>;
  /** Bytes that waited for nodes whose connection was lost, or never made, and were dropped; their senders were told `noconnection`. */
  readonly lostBytes: number;
  /** What was refused since the start, by cause. */
  readonly refused: Readonly<Partial<Record<RefusalCause, number>>>;
  /** Connections whose handshake is going on. */
  readonly pending: number;
  /** Whether this node serves the port mapper of this machine. */
  readonly servesEpmd: boolean;
}
