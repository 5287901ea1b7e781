import { BeamishError } from '../error/index.ts';
import { Runtime } from '../process/index.ts';
import type { GenServer, ServerOptions, ServerRef } from '../process/index.ts';
import type { Callable, Contract } from '../schema/index.ts';
import type { Term } from '../term/index.ts';
import type { Address, Listener, Logger, World } from '../world/index.ts';
import { certificateCheck } from './certified.ts';
import { NODE_DOWN, NODE_UP, type NodeDown, type NodeUp } from './diagnostics.ts';
import type { Registration } from './epmd/registration.ts';
import { CALLS, OWN_FLAGS, PROGRESS, PUBLISHED } from './flags.ts';
import { serveSpawnRequests } from './kernel/erpc.ts';
import { Exposed } from './kernel/exposed.ts';
import { startKernel } from './kernel/start.ts';
import { askForName } from './named.ts';
import { splitNodeName } from './names.ts';
import { settingsOf, type Settings } from './options.ts';
import { Peers } from './peers.ts';
import { listen, locate, register } from './reach.ts';
import { Refusals } from './refusals.ts';
import { RemoteNode } from './remote-node.ts';
import { rpcAll } from './rpc.ts';
import type { RpcOptions, RpcOutcome } from './rpc.ts';
import { TlsMaterial } from './tls-material.ts';
import type {
  Cancellable,
  ExposedFunctions,
  ExposeOptions,
  NodeDownReason,
  NodeEvent,
  NodeInfo,
  NodeOptions,
  NodeStatistics,
} from './types.ts';

/** What `Node.start` has put together. */
interface Parts {
  readonly settings: Settings;
  readonly refusals: Refusals;
  readonly tls: TlsMaterial | undefined;
  readonly listener: Listener | undefined;
  readonly registration: Registration | undefined;
  readonly creation: number;
}

/**
 * A node of a cluster: processes that nodes of any machine can call, monitor and link, over the Erlang distribution
 * protocol. BEAM nodes and Beamish nodes are alike to it. End it with `stop()` or `await using`.
 */
export class Node implements AsyncDisposable {
  readonly name: string;
  readonly world: World;
  readonly runtime: Runtime;
  /** Tells this life of the node from earlier ones with the same name. */
  readonly creation: number;
  readonly hidden: boolean;
  /** Where it listens; port 0 when it does not (`listen: false`). */
  readonly address: Address;
  readonly logger: Logger;
  readonly #parts: Parts;
  readonly #peers: Peers;
  readonly #exposed: Exposed;
  readonly #listeners = new Set<(event: NodeEvent) => void>();
  #stopping: Promise<void> | undefined;

  /**
   * Starts a node: listens, registers with the port mapper (serves it, if nobody does), and accepts connections.
   * @throws BeamishError `option_invalid` (every fault in one message), `name_taken` a node of that name runs on this
   * machine, `address_in_use`, `epmd_failed`, `tls_failed`; with `namedBy` also as `connect`
   */
  static async start(options: NodeOptions): Promise<Node> {
    const settings = settingsOf(options);
    const { world, logger } = settings;
    const refusals = new Refusals(logger, world.clock);
    const tls = settings.tls && (await TlsMaterial.start({ world, logger, tls: settings.tls }));
    let node: Node | undefined;
    let listener: Listener | undefined;
    try {
      if (settings.listen) {
        listener = await listen(settings, refusals, tls, (socket) => {
          if (node !== undefined) {
            node.#peers.accept(socket);
            return;
          }
          // Nobody knows of the port yet.
          socket.handle({ data() {}, close() {} });
          socket.destroy();
        });
      }
      if (settings.namedBy === undefined) {
        const { registration, creation } = await register(settings, refusals, listener);
        node = new Node({ settings, refusals, tls, listener, registration, creation });
      } else {
        node = await Node.#named(settings, settings.namedBy, refusals, tls);
      }
      await node.#startKernel();
    } catch (error) {
      tls?.stop();
      await listener?.close();
      await node?.stop();
      throw error;
    }
    logger.info({ node: node.name, address: node.address, hidden: node.hidden }, `node ${node.name} is up`);
    return node;
  }

  /** Begins with the connection on which its name came. */
  static async #named(settings: Settings, of: string, refusals: Refusals, tls: Parts['tls']): Promise<Node> {
    let node: Node | undefined;
    await askForName({
      settings,
      of,
      refusals,
      tls,
      nameFault: certificateCheck(settings.verifyNames, tls),
      locate: (nodeName, signal) => locate(settings, nodeName, signal),
      take: ({ name, creation }, socket, host, peer) => {
        const own = { ...settings, name };
        node = new Node({ settings: own, refusals, tls, listener: undefined, registration: undefined, creation });
        return node.#peers.adopt(socket, host, peer);
      },
    });
    if (node === undefined) throw new BeamishError('handshake_failed', `${of} gave no name`);
    return node;
  }

  private constructor(parts: Parts) {
    const { settings, tls, listener, creation, refusals } = parts;
    const { name, world, logger, hidden } = settings;
    this.#parts = parts;
    this.name = name;
    this.world = world;
    this.logger = logger;
    this.creation = creation;
    this.hidden = hidden;
    this.address = listener?.address ?? { host: settings.host, port: 0 };
    this.runtime = new Runtime({ world, nodeName: name, creation });
    this.#exposed = new Exposed(world.clock, logger, refusals);
    this.#peers = new Peers({
      world,
      logger,
      refusals,
      name,
      creation,
      flags: OWN_FLAGS | CALLS | PROGRESS | (hidden ? 0n : PUBLISHED),
      cookieFor: settings.cookieFor,
      tls: () => tls?.current,
      tickTime: settings.tickTime,
      setupTime: settings.setupTime,
      maxFrameBytes: settings.maxFrameBytes,
      maxMessageBytes: settings.maxMessageBytes,
      maxQueuedBytes: settings.maxQueuedBytes,
      stallGrace: settings.stallGrace,
      maxPending: settings.maxPending,
      allows: (nodeName) => allows(settings, nodeName, refusals),
      nameFault: certificateCheck(settings.verifyNames, tls),
      anyone: this.runtime.pid,
      locate: (nodeName, signal) => locate(settings, nodeName, signal),
      receiver: this.runtime,
      connectionLost: (nodeName) => this.runtime.connectionLost(nodeName),
      onUp: (info) => this.#up(info),
      onDown: (info, reason) => this.#down(info, reason),
    });
    this.runtime.attachDistribution(this.#peers);
    this.runtime.onSpawnRequest(serveSpawnRequests(this.runtime, this.#exposed));
  }

  #startKernel(): Promise<void> {
    return startKernel(this.runtime, this.#exposed, (user) => (this.#peers.groupLeader = user));
  }

  /**
   * Starts a server on this node and resolves when its `init` is done.
   * @throws BeamishError `process_exited` when `init` failed, `name_taken`, `timeout`
   */
  spawn<C extends GenServer, A extends unknown[]>(
    Class: new (...args: A) => C,
    args: NoInfer<A>,
    options: ServerOptions = {},
  ): Promise<ServerRef<C>> {
    type Startable = Parameters<typeof this.runtime.startServer<C, A>>[0];
    return this.runtime.startServer<C, A>(Class as Startable, args, options);
  }

  /** A typed reference to a process of this node; it need not exist yet. */
  ref<C>(name: string): ServerRef<C>;
  ref<const K extends Contract>(name: string, contract: K): ServerRef<Callable<K>>;
  ref(name: string, contract: Contract = {}): ServerRef<unknown> {
    return this.runtime.ref(name, contract);
  }

  /** Another node. Does no I/O. @throws BeamishError `option_invalid` when it is no name of a node */
  at(nodeName: string): RemoteNode {
    if (splitNodeName(nodeName) === undefined) {
      throw new BeamishError('option_invalid', `${JSON.stringify(nodeName)} is no node name: give NAME@HOST`);
    }
    return new RemoteNode(nodeName, this.runtime, this.#peers);
  }

  /**
   * Calls `module:function(...args)` on several nodes at once (`erpc:multicall/5`); the outcomes in the order of the nodes, each a
   * value or what `RemoteNode.rpc` would have rejected with.
   */
  multicall(
    nodes: readonly string[],
    module: string,
    functionName: string,
    args: readonly Term[] = [],
    options: RpcOptions = {},
  ): Promise<readonly RpcOutcome[]> {
    return rpcAll(this.runtime, nodes, { module, function: functionName, arguments: args }, options);
  }

  /**
   * Connects to a node; resolves at once when it is connected. Using a node connects too: this is for who wants to know.
   * @throws BeamishError `cookie_mismatch`, `handshake_failed`, `noconnection` no such node, `connection_refused`,
   * `epmd_failed`, `host_unresolved`, `tls_failed`, `timeout`, `aborted`, `closed`
   */
  connect(nodeName: string, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    return this.#peers.connect(nodeName, options.signal);
  }

  /** Ends the connection to a node. It comes back when either side uses it again. @returns whether there was one */
  disconnect(nodeName: string): boolean {
    return this.#peers.disconnect(nodeName);
  }

  /** Whether a node is connected now, or is this one: see `Runtime.isConnected`. */
  isConnected(nodeName: string): boolean {
    return this.runtime.isConnected(nodeName);
  }

  /** The nodes that are connected now. `visible`: neither side is hidden. */
  nodes(filter: 'all' | 'visible' | 'hidden' = 'all'): readonly NodeInfo[] {
    const infos = this.#peers.all().map((connection) => connection.info);
    return filter === 'all' ? infos : infos.filter((info) => info.hidden === (filter === 'hidden'));
  }

  /**
   * Tells when nodes connect and disconnect: `nodeup` before the first message from a node, `nodedown` after its last, each
   * exactly once. What is connected already is not told.
   */
  monitorNodes(listener: (event: NodeEvent) => void): Cancellable {
    const own = (event: NodeEvent): void => listener(event);
    this.#listeners.add(own);
    return { cancel: () => void this.#listeners.delete(own) };
  }

  /**
   * Lets other nodes call functions by `rpc`, `erpc` and `spawn`; nothing else can be called that way.
   *
   * ```ts
   * node.expose('shop', { price: (id) => prices.get(id) ?? null });
   * node.expose('shop_admin', { close: () => shop.close() }, { allow: 'admin@10.0.0.*' });
   * ```
   * @param module the name of the module to others; `Elixir.Shop` is Elixir's `Shop`
   * @throws BeamishError `name_taken` when such a function is exposed already, `option_invalid`
   */
  expose(module: string, functions: ExposedFunctions, options: ExposeOptions = {}): { remove(): void } {
    return this.#exposed.expose(module, functions, options);
  }

  /** What the node holds now, and has counted since its start. */
  statistics(): NodeStatistics {
    const { refusals, registration } = this.#parts;
    return {
      peers: this.#peers.all().map((connection) => connection.statistics),
      ended: { ...this.#peers.ended },
      lostBytes: this.#peers.lostBytes,
      refused: { ...refusals.counts },
      pending: this.#peers.pending,
      servesEpmd: registration?.serves === true,
    };
  }

  /** Ends all processes, sends what is queued, closes the connections, unregisters. Idempotent; never rejects. */
  stop(): Promise<void> {
    return (this.#stopping ??= this.#stop());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #stop(): Promise<void> {
    const { tls, listener, registration } = this.#parts;
    const steps: (() => void | Promise<void>)[] = [
      () => tls?.stop(),
      () => listener?.close(),
      // Exit signals of these processes still go out.
      () => this.runtime.stop(),
      () => this.#peers.stop(),
      () => registration?.stop(),
    ];
    for (const step of steps) {
      try {
        await step();
      } catch (error) {
        this.logger.error({ node: this.name, err: error }, 'a step of stopping the node failed');
      }
    }
    this.#listeners.clear();
    this.logger.info({ node: this.name }, `node ${this.name} has stopped`);
  }

  #up(info: NodeInfo): void {
    const { name: node, address, direction, hidden } = info;
    this.logger.info({ node, address: `${address.host}:${address.port}`, direction, hidden }, `nodeup ${node}`);
    if (NODE_UP.hasSubscribers) NODE_UP.publish({ self: this.name, node, info } satisfies NodeUp);
    this.#tell({ type: 'nodeup', node, info });
  }

  #down(info: NodeInfo, reason: NodeDownReason): void {
    this.logger.info({ node: info.name, reason }, `nodedown ${info.name}`);
    if (NODE_DOWN.hasSubscribers)
      NODE_DOWN.publish({ self: this.name, node: info.name, reason, info } satisfies NodeDown);
    this.#tell({ type: 'nodedown', node: info.name, reason, info });
  }

  #tell(event: NodeEvent): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(event);
      } catch (error) {
        this.logger.error({ err: error, event: event.type, node: event.node }, 'a listener of monitorNodes threw');
      }
    }
  }
}

function allows({ name, allows }: Settings, nodeName: string, refusals: Refusals): boolean {
  try {
    return allows(nodeName);
  } catch (error) {
    // Under one name of all, since strangers choose theirs.
    refusals.refuse('not_allowed', name, `\`allow\` threw: ${error instanceof Error ? error.message : String(error)}`);
    return false;
  }
}
