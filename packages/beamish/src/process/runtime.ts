import { BeamishError } from '../error/index.ts';
import type { Callable, Contract } from '../schema/index.ts';
import type { Pid, Reference, Term } from '../term/index.ts';
import type { Logger, World } from '../world/index.ts';
import type { Alias, Monitor, ProcessBehaviour, ProcessHandle, ProcessInfo, SpawnOptions } from './behaviour.ts';
import { DEFAULT_CALL_TIMEOUT } from './calls.ts';
import type { CallOptions } from './calls.ts';
import { startDynamicSupervisor } from './dynamic-supervisor.ts';
import type { DynamicSupervisorRef, DynamicSupervisorSpec } from './dynamic-supervisor.ts';
import type { GenServer, ServerClass } from './gen-server.ts';
import { connectionLost, receiveSignal } from './inbound.ts';
import type { SpawnRequestHandler } from './inbound.ts';
import { Kernel } from './kernel.ts';
import { listenAtAlias, listenForEnd } from './listeners.ts';
import { makeMultiRef, multiCall } from './multi-call.ts';
import type { MultiRef, MultiReply } from './multi-call.ts';
import { requestOf } from './server-proxy.ts';
import { startServer } from './server-start.ts';
import type { ServerOptions } from './server-start.ts';
import type { ServerRef, Startable } from './server-ref.ts';
import type { Destination, Distribution, NamedProcess, Signal } from './signal.ts';
import { requestSpawn } from './spawn-request.ts';
import type { RemoteSpawn, RemoteSpawnOptions } from './spawn-request.ts';
import { statisticsOf } from './statistics.ts';
import type { RuntimeStatistics } from './statistics.ts';
import { stopRuntime } from './stop.ts';
import { startSupervisor } from './supervisor.ts';
import type { SupervisorOptions, SupervisorRef, SupervisorSpec } from './supervisor.ts';
import type { Via } from './via.ts';

/** Of `new Runtime`. A node makes its own. */
export interface RuntimeOptions {
  readonly world: World;
  /** @default 'nonode@nohost' */
  readonly nodeName?: string;
  /** Tells this life of the node from earlier ones of the same name. @default 0 */
  readonly creation?: number;
  /** See `Runtime.blockedAfter`. @default 100 */
  readonly blockedAfter?: number;
}

/** Of `Runtime.stop`. */
export interface StopOptions {
  /** Milliseconds for all processes together; what then lives is killed. @default 5000 */
  readonly timeout?: number;
}

/**
 * The processes of one node: pids, names, links, monitors, calls, and the delivery of signals. Several live side by side
 * in one program (a simulated cluster). Messages between its processes are not copied: do not change what you have sent.
 */
export class Runtime implements AsyncDisposable {
  readonly world: World;
  readonly logger: Logger;
  readonly #kernel: Kernel;
  #spawnHandler: SpawnRequestHandler | undefined;
  readonly #singletons = new Map<object, object>();
  #stopping: Promise<void> | undefined;

  constructor(options: RuntimeOptions) {
    this.world = options.world;
    this.logger = options.world.logger;
    this.#kernel = new Kernel(this, options.nodeName ?? 'nonode@nohost', options.creation ?? 0);
    if (options.blockedAfter !== undefined) this.blockedAfter = options.blockedAfter;
  }

  /**
   * Milliseconds that a process may keep the event loop with one message before a warning names it, with the message and the
   * time it took. Too low: a garbage collection is taken for a block; too high: ticks to other nodes come late
   * unexplained. `Infinity` measures nothing.
   * @throws BeamishError `option_invalid` when it is not above 0
   */
  get blockedAfter(): number {
    return this.#kernel.scheduler.watch.limit;
  }

  set blockedAfter(milliseconds: number) {
    if (!(milliseconds > 0))
      throw new BeamishError(
        'option_invalid',
        `blockedAfter is ${milliseconds}: give milliseconds above 0, or Infinity`,
      );
    this.#kernel.scheduler.watch.limit = milliseconds;
  }

  get nodeName(): string {
    return this.#kernel.nodeName;
  }

  get creation(): number {
    return this.#kernel.creation;
  }

  /** The pid that calls and sends from outside any process come from. A process that nothing but `stop` ends. */
  get pid(): Pid {
    return this.#kernel.root.pid;
  }

  /**
   * The node got its name and creation. Before any pid left the node: pids made earlier keep the former name, and stay
   * valid inside this runtime only.
   */
  become(nodeName: string, creation: number): void {
    this.#kernel.become(nodeName, creation);
  }

  // --- starting ---

  /**
   * Starts a raw process; its `init` runs in a later turn.
   * @throws BeamishError `name_taken`, `option_invalid`, `closed`.
   */
  spawn(behaviour: ProcessBehaviour, options: SpawnOptions = {}): ProcessHandle {
    const process = this.#kernel.spawn(behaviour, options);
    return {
      pid: process.pid,
      get alive() {
        return !process.ended;
      },
      send: (message) => process.receive(message),
      exit: (reason) => this.exit(process.pid, reason),
    };
  }

  /**
   * Starts a server and resolves when its `init` is done (OTP `gen_server:start/3`, with `link` `start_link`).
   * Rejects with `process_exited`, its `cause` what `init` threw; `timeout` after `startTimeout`; `name_taken`.
   */
  startServer<C extends GenServer, A extends unknown[]>(
    Class: ServerClass<C, A> & Startable<C>,
    args: NoInfer<A>,
    options: ServerOptions = {},
  ): Promise<ServerRef<C>> {
    return startServer<C, A>(this.#kernel, Class, args, options);
  }

  /** Starts a supervisor and its children, in order; rejects when one fails, after the others were stopped. */
  startSupervisor(spec: SupervisorSpec, options: SupervisorOptions = {}): Promise<SupervisorRef> {
    return startSupervisor(this.#kernel, spec, options);
  }

  /** Starts a supervisor of children that come and go (Elixir `DynamicSupervisor`). @throws BeamishError `option_invalid` */
  startDynamicSupervisor(
    spec: DynamicSupervisorSpec = {},
    options: SupervisorOptions = {},
  ): Promise<DynamicSupervisorRef> {
    return startDynamicSupervisor(this.#kernel, spec, options);
  }

  // --- messages ---

  /**
   * A typed reference. A string is a name of this node; the process need not exist yet. With a contract the types are
   * its schemas', and replies that do not fit reject with `value_invalid`.
   */
  ref<C>(to: Destination | string | Via): ServerRef<C>;
  ref<const K extends Contract>(to: Destination | string | Via, contract: K): ServerRef<Callable<K>>;
  ref(to: Destination | string | Via, contract?: Contract): ServerRef<unknown> {
    return this.#kernel.ref(to, this.#kernel.root, contract);
  }

  /** A raw `$gen_call` (OTP `gen_server:call/3`). Rejects as a `ServerRef`'s calls do. */
  call(to: Destination | string | Via, request: Term, options: CallOptions = {}): Promise<Term> {
    return this.#kernel.call(to, request, options, this.#kernel.root);
  }

  /** A raw `$gen_cast`. */
  cast(to: Destination | string | Via, request: Term): void {
    this.#kernel.cast(to, request, this.#kernel.root);
  }

  /**
   * Calls the processes of one name on several nodes, this one may be among them, all at once (OTP
   * `gen_server:multi_call/4`). A node that does not answer within the timeout (default 5000 ms, OTP: infinity) is a bad one.
   * `multiRef` is the same with types. Rejects with `aborted` and `option_invalid` only.
   */
  multiCall(
    nodes: readonly string[],
    name: string,
    method: string,
    args: readonly Term[] = [],
    options: CallOptions = {},
  ): Promise<MultiReply> {
    return multiCall(this.#kernel, this.#kernel.root, nodes, name, requestOf(method, args), options);
  }

  /**
   * `multiCall` with types: `await runtime.multiRef<Counter>(nodes, 'counter').increment(2)`; `cast` is OTP's `abcast`. With a
   * contract the types are its schemas', and one reply that does not fit rejects the call with `value_invalid`.
   */
  multiRef<C>(nodes: readonly string[], name: string, options?: CallOptions): MultiRef<C>;
  multiRef<const K extends Contract>(
    nodes: readonly string[],
    name: string,
    options: CallOptions & { readonly contract: K },
  ): MultiRef<Callable<K>>;
  multiRef(
    nodes: readonly string[],
    name: string,
    options: CallOptions & { readonly contract?: Contract } = {},
  ): MultiRef<unknown> {
    return makeMultiRef(this.#kernel, this.#kernel.root, nodes, name, options);
  }

  /**
   * What nobody owns is dropped. @param from the sender that other nodes are told. Default `pid`.
   * @throws BeamishError for another node only: `term_not_encodable`, `term_too_large`, `queue_full` for a large message
   * beside too many that wait for it (`RemoteNode.drained`)
   */
  send(to: Destination | string | Via, message: Term, from?: Pid): void {
    const sender = from === undefined ? undefined : this.#kernel.find(from);
    this.#kernel.send(to, message, sender ?? this.#kernel.root);
  }

  /** As `send` to each of them, but the message is encoded once for all other nodes. `queue_full` comes after the others have it. */
  sendAll(to: readonly Pid[], message: Term, from?: Pid): void {
    const sender = from === undefined ? undefined : this.#kernel.find(from);
    this.#kernel.sendAll(to, message, sender ?? this.#kernel.root);
  }

  // --- names ---

  /** @throws BeamishError `name_taken`; `noproc` when `pid` is not alive here; `option_invalid` when it has a name. */
  register(name: string, pid: Pid): void {
    this.#kernel.register(name, pid);
  }

  /** The name is free, and its process without one. Nothing happens when nobody has it (in OTP `badarg`). */
  unregister(name: string): void {
    this.#kernel.names.unregister(name);
  }

  /** Who has the name on this node. */
  whereis(name: string): Pid | undefined {
    return this.#kernel.names.get(name)?.pid;
  }

  /** The names of this node, in the order of their registration. */
  registered(): string[] {
    return this.#kernel.names.all();
  }

  // --- links, monitors, exits ---

  /**
   * Watches a process from code that is none. `onDown` is called exactly once, in a later turn: with `noproc` when there is
   * no such process, `noconnection` when its node is out of reach.
   */
  monitor(to: Pid | NamedProcess | string | Via, onDown: (reason: Term) => void): Monitor {
    return listenForEnd(this.#kernel, to, onDown);
  }

  /**
   * Calls back when a process of this node ends, within its end: before its links and monitors are told, so that whoever
   * hears of the end finds what it owned released. `callback` must not throw.
   * @returns takes the callback away; undefined when no such process is alive
   * @internal
   */
  atEnd(pid: Pid, callback: () => void): (() => void) | undefined {
    const process = this.#kernel.find(pid);
    if (process === undefined) return undefined;
    const own = (): void => callback();
    const endings = (process.endings ??= new Set());
    endings.add(own);
    return () => void endings.delete(own);
  }

  /** The one object of a class that this runtime has; made on first use. For what is kept per node without module state. */
  singleton<T extends object>(Class: new (runtime: Runtime) => T): T {
    const known = this.#singletons.get(Class);
    if (known !== undefined) return known as T;
    const made = new Class(this);
    this.#singletons.set(Class, made);
    return made;
  }

  /** Links a process of this node with another (OTP `link/1`, for a process that does not ask itself). */
  link(from: Pid, to: Pid): void {
    this.#kernel.find(from)?.links.link(to);
  }

  /** Takes such a link away (OTP `unlink/1`): from then on nothing of the end of the other arrives. */
  unlink(from: Pid, to: Pid): void {
    this.#kernel.find(from)?.links.unlink(to);
  }

  /** exit/2: `kill` ends any process; one that traps exits gets a message; `normal` ends none, other reasons all, after `terminate`. */
  exit(pid: Pid, reason: Term): void {
    this.#kernel.exit(this.#kernel.root.pid, pid, reason);
  }

  /** An address for messages to code that is no process. `onMessage` is called in a later turn, in order. */
  alias(onMessage: (message: Term) => void): Alias {
    return listenAtAlias(this.#kernel, onMessage);
  }

  // --- identities ---

  /** A pid that no process of this node has or gets. */
  newPid(): Pid {
    return this.#kernel.newPid();
  }

  /** A reference that is like no other (OTP `make_ref/0`). */
  newReference(): Reference {
    return this.#kernel.newReference();
  }

  /** Whether a process of this node is alive. */
  isAlive(pid: Pid): boolean {
    return this.#kernel.find(pid) !== undefined;
  }

  /** All processes in order of their start. */
  processes(): ProcessInfo[] {
    return Array.from(this.#kernel.processes.values(), (process) => process.info());
  }

  /** What it holds now. Goes through all processes: for tests and a watcher that asks every few seconds. */
  statistics(): RuntimeStatistics {
    return statisticsOf(this.#kernel);
  }

  // --- other nodes ---

  /** Who carries signals to other nodes; `Node` attaches itself. */
  attachDistribution(distribution: Distribution): void {
    this.#kernel.distribution = distribution;
  }

  /**
   * A signal that came from another node. Where the sender must be one of that node's (a link, say, or a spawn request), the
   * distribution has checked it.
   * @param node the one at the other end of the connection
   */
  receive(signal: Signal, node?: string): void {
    receiveSignal(this.#kernel, signal, node, this.#spawnHandler);
  }

  /**
   * Whether more messages wait for processes than can soon be handled: a distribution then reads no more, until
   * `onRelief` calls back. It always does, if not for relief then after a time: what comes may be what somebody waits for.
   */
  get overloaded(): boolean {
    return this.#kernel.scheduler.overloaded;
  }

  /** Calls back once. Only while `overloaded`. */
  onRelief(callback: () => void): void {
    this.#kernel.scheduler.onRelief(callback);
  }

  /**
   * Whether a node is connected now, or is this one. A process may handle a message after its sender's nodedown; to answer, link or monitor
   * it then dials that node again (as in OTP). Who does not want that asks first: `runtime.isConnected(pid.node)`.
   */
  isConnected(nodeName: string): boolean {
    return this.#kernel.isConnected(nodeName);
  }

  /** The connection to a node ended, or none could be made: links break, monitors fire, calls reject, with `noconnection`. */
  connectionLost(nodeName: string): void {
    connectionLost(this.#kernel, nodeName);
  }

  /** Who serves spawn requests of other nodes; the runtime sends the reply. Without one every request gets `notsup`. */
  onSpawnRequest(handler: SpawnRequestHandler): void {
    this.#spawnHandler = handler;
  }

  /**
   * Asks another node to spawn (OTP `spawn_request/5`). Resolves with the pid; rejects with `remote_error` (its
   * `details.reason` the node's error atom), `noconnection`, `timeout`, `aborted`.
   */
  requestSpawn(node: string, spawn: RemoteSpawn, options: RemoteSpawnOptions = {}): Promise<Pid> {
    return requestSpawn(this.#kernel, node, spawn, { timeout: DEFAULT_CALL_TIMEOUT, ...options });
  }

  // --- end ---

  /** Ends all processes, the youngest first, and waits for them; idempotent. Calls that wait are rejected. */
  stop(options: StopOptions = {}): Promise<void> {
    return (this.#stopping ??= stopRuntime(this.#kernel, options.timeout ?? 5000));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
