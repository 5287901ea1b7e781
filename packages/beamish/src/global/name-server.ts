import { BeamishError, isBeamishError } from '../error/index.ts';
import type { Node } from '../node/index.ts';
import { genCall, reply } from '../node/kernel/gen.ts';
import type { GenCall } from '../node/kernel/gen.ts';
import type { ProcessBehaviour, ProcessContext, SupervisorRef } from '../process/index.ts';
import { formatTerm, isAtom, isTuple, type Pid, Reference } from '../term/index.ts';
import type { Term } from '../term/index.ts';
import type { Logger, Timer } from '../world/index.ts';
import { lockOnce, unlock } from './acquire.ts';
import { compare, COMPARER, comparer } from './comparison.ts';
import { Methods } from './methods.ts';
import { exposedFunctions } from './exposed.ts';
import type { Registrar } from './registrar.ts';
import { step } from './server/core.ts';
import { DOUBT_TIME } from './server/doubts.ts';
import type { LockerEffect } from './server/locker.ts';
import { initialServer } from './server/state.ts';
import type { Conflict, ServerEffect, ServerInput, ServerState, Verdict } from './server/state.ts';
import type { TableLimits } from './server/tables.ts';
import { verdictOn } from './verdict.ts';
import { GLOBAL, lockRefused, lockSet, NAME_SERVER, parsePeerMessage, parseRequest } from './wire.ts';
import { worker } from './worker.ts';

export interface NameServerOptions {
  readonly preventOverlappingPartitions: boolean;
  readonly limits: TableLimits;
  /** Milliseconds for the method of a conflict to decide. */
  readonly resolveTimeout: number;
}

/**
 * The processes of global on a node, under a supervisor: `global_name_server`, which feeds the core and carries out its effects, and
 * never waits; and the two in whose names locks are taken, the locker's and the registrar's. They are started again
 * together; the names of this node's processes are kept, and told to the others anew.
 */
export class NameServer {
  readonly methods: Methods;
  readonly #node: Node;
  readonly #options: NameServerOptions;
  readonly #logger: Logger;
  readonly #monitored = new Map<string, Pid>();
  readonly #monitors = new Map<string, Reference>();
  readonly #waiting = new Set<{ readonly nodes: Set<string>; readonly done: () => void }>();
  readonly #warned = new Set<string>();
  #supervisor: SupervisorRef | undefined;
  #nodeEvents: { cancel(): void } | undefined;
  #exposed: { remove(): void } | undefined;
  #server: ProcessContext | undefined;
  #locker: ProcessContext | undefined;
  #registrar: ProcessContext | undefined;
  #call: GenCall | undefined;
  #timer: Timer | undefined;
  #names: Registrar | undefined;
  #comparison: Timer | undefined;
  #state: ServerState | undefined;
  /** Messages of peers that were not understood, or not taken. */
  refused = 0;

  constructor(node: Node, options: NameServerOptions) {
    this.#node = node;
    this.#options = options;
    this.#logger = node.logger.child({ process: NAME_SERVER });
    this.methods = new Methods(node);
  }

  async start(registrar: Registrar): Promise<void> {
    this.#names = registrar;
    const { runtime } = this.#node;
    if (runtime.whereis(NAME_SERVER) !== undefined)
      throw new BeamishError(
        'name_taken',
        `a process is registered as ${NAME_SERVER}; global needs the name for itself`,
      );
    const server: ProcessBehaviour = {
      init: (self) => this.#begin(self),
      handle: (message) => this.#handle(message),
    };
    const locker: ProcessBehaviour = {
      init: (self) => void (this.#locker = self),
      // A refusal comes to the process itself.
      handle: (message) => this.#handle(message),
    };
    const registering: ProcessBehaviour = {
      init: (self) => void (this.#registrar = self),
      handle() {},
    };
    this.#supervisor = await runtime.startSupervisor({
      strategy: 'one_for_all',
      // What ends them comes from outside; giving up would cost every name of this node.
      maxRestarts: 20,
      children: [
        worker('global registrar', registering),
        worker('global locker', locker),
        worker(NAME_SERVER, server, NAME_SERVER),
        worker(
          COMPARER,
          comparer(() => this.state.tables),
          COMPARER,
        ),
      ],
    });
    this.#exposed = this.#node.expose('global', exposedFunctions(this, registrar));
    this.#nodeEvents = this.#node.monitorNodes(({ type, node, info }) => {
      if (!info.hidden) this.#input({ type, node });
    });
    for (const { name } of this.#node.nodes('visible')) this.#input({ type: 'nodeup', node: name });
  }

  /** Leaves the partition: who stays would otherwise count on an answer. */
  async stop(): Promise<void> {
    this.#nodeEvents?.cancel();
    this.#exposed?.remove();
    this.#timer?.cancel();
    this.#comparison?.cancel();
    for (const node of [...(this.#state?.known.keys() ?? [])]) this.#node.disconnect(node);
    for (const { done } of this.#waiting) done();
    this.#waiting.clear();
    await this.#supervisor?.stop();
  }

  get state(): ServerState {
    if (this.#state === undefined) throw new Error('global has not started');
    return this.#state;
  }

  /** In whose name the lock `global` is taken to change names. */
  get registrar(): ProcessContext {
    if (this.#registrar === undefined) throw new Error('global has not started');
    return this.#registrar;
  }

  /** OTP: `where`. The end of a process of this node counts before it is told. */
  whereis(name: Term): Pid | undefined {
    const pid = this.state.tables.get(name)?.pid;
    return pid?.node === this.#node.name && !this.#node.runtime.isAlive(pid) ? undefined : pid;
  }

  /** Resolves when each of these nodes has the same names, or is gone. */
  async synced(nodes: readonly string[], signal: AbortSignal): Promise<void> {
    const missing = new Set(nodes.filter((node) => !this.state.synced.has(node)));
    if (missing.size === 0) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiting = { nodes: missing, done: resolve };
    const abort = (): void => {
      const text = `global: not synchronised with ${[...missing].join(', ')}`;
      reject(new BeamishError('timeout', text, { retryable: true, cause: signal.reason }));
    };
    this.#waiting.add(waiting);
    signal.addEventListener('abort', abort, { once: true });
    try {
      await promise;
    } finally {
      this.#waiting.delete(waiting);
      signal.removeEventListener('abort', abort);
    }
  }

  #begin(self: ProcessContext): void {
    const before = this.#state;
    const kept = before?.tables.entries().filter(({ pid }) => this.#node.runtime.isAlive(pid)) ?? [];
    // To them the session goes on, and only a lost connection ends it.
    for (const node of [...(before?.connected ?? [])]) this.#node.disconnect(node);
    this.#timer?.cancel();
    this.#monitored.clear();
    this.#monitors.clear();
    this.#server = self;
    const { random } = self.world;
    const { preventOverlappingPartitions, limits } = this.#options;
    this.#state = initialServer({
      self: self.pid,
      locker: (this.#locker as ProcessContext).pid,
      firstTag: random.uint32(),
      lifeId: (BigInt(random.uint32() & 0x07ff_ffff) << 32n) + BigInt(this.#node.creation),
      preventOverlappingPartitions,
      limits,
    });
    if (before === undefined) return;
    this.#logger.warn({ pid: self.pid.toString() }, 'global was started again; its nodes are left and met anew');
    for (const entry of kept) this.#state.tables.insert(entry, undefined);
    for (const { name } of this.#node.nodes('visible')) this.#input({ type: 'nodeup', node: name });
  }

  #handle(message: Term): void {
    if (isTuple(message, 5) && isAtom(message.at(0), 'DOWN')) {
      const reference = message.at(1);
      const pid = reference instanceof Reference ? this.#monitored.get(reference.key) : undefined;
      if (pid === undefined) return;
      this.#forgetMonitor(pid);
      this.#input({ type: 'down', pid });
      return;
    }
    const call = genCall(message);
    if (call !== undefined) {
      // Its connection was lost before this was handled: nobody waits for an answer, and nobody would give a lock back.
      if (!this.#node.isConnected(call.pid.node)) return;
      const request = parseRequest(call.request);
      this.#call = call;
      if (request === undefined)
        this.#refuse(call.pid.node, `the request ${formatTerm(call.request, { maxLength: 100 })}`);
      else this.#input({ type: 'request', request, from: call.pid });
      return;
    }
    const parsed = parsePeerMessage(message);
    if (parsed === undefined) this.#refuse(undefined, `a message that is none of global's`);
    else this.#input({ type: 'message', message: parsed });
  }

  #input(input: ServerInput): void {
    for (const effect of step(this.state, input)) this.#perform(effect);
    if (input.type === 'nodedown') this.#settled(input.node);
  }

  #perform(effect: ServerEffect): void {
    switch (effect.type) {
      case 'send':
        if (this.state.connected.has(effect.node))
          this.#server?.send({ name: NAME_SERVER, node: effect.node }, effect.message);
        break;
      case 'join':
        void this.#join(effect.node, effect.message);
        break;
      case 'disconnect':
        this.#logger.warn({ peer: effect.node }, `disconnecting, to prevent overlapping partitions: ${effect.reason}`);
        this.#node.disconnect(effect.node);
        break;
      case 'reconnect':
        void this.#reconnect(effect.node, effect.reason);
        break;
      case 'doubt': {
        const { state } = this;
        const check = (): void => {
          if (this.#state === state) this.#input({ type: 'doubt', doubt: effect.doubt });
        };
        this.#node.world.clock.setTimer(DOUBT_TIME, check, { background: true });
        break;
      }
      case 'left':
        this.#logger.warn(
          { peer: effect.node },
          `asked to disconnect, to prevent overlapping partitions: ${effect.reason}`,
        );
        break;
      case 'watch':
        if (effect.wanted) this.#monitor(effect.pid);
        else this.#demonitor(effect.pid);
        break;
      case 'reply':
        if (this.#server !== undefined && this.#call !== undefined) reply(this.#server, this.#call, effect.value);
        break;
      case 'resolve':
        void this.#resolve(effect.node, effect.tag, effect.conflicts);
        break;
      case 'synced':
        this.#settled(effect.node);
        break;
      case 'changed':
        this.#comparison?.cancel();
        this.#comparison = this.#node.world.clock.setTimer(DOUBT_TIME, this.#compare, { background: true });
        break;
      case 'refused':
        this.#refuse(effect.node, effect.reason);
        break;
      case 'locker':
        this.#performLocker(effect.effect);
        break;
    }
  }

  #performLocker(effect: Exclude<LockerEffect, { type: 'lock_is_set' }>): void {
    const locker = this.#locker;
    const { state } = this;
    if (locker === undefined) return;
    /** What was under way when the processes ended is over with them. */
    const answer = (input: Extract<ServerInput, { type: 'locker' }>['input']): void => {
      if (this.#state === state) this.#input({ type: 'locker', input });
    };
    const ended = (error: unknown): void => {
      if (!isBeamishError(error, 'aborted')) this.#logger.error({ err: error }, 'global: the locker failed');
    };
    switch (effect.type) {
      case 'lock':
        lockOnce(locker, effect.id, effect.nodes).then((success) => answer({ type: 'locked', success }), ended);
        break;
      case 'unlock': {
        // The same sender as of the unlocking: what is announced arrives first.
        for (const node of effect.announce?.nodes ?? []) {
          if (state.connected.has(node)) locker.send({ name: NAME_SERVER, node }, effect.announce?.message);
        }
        const all = async (): Promise<void> => {
          for (const nodes of effect.groups) await unlock(locker, effect.id, nodes);
        };
        all().then(() => answer({ type: 'unlocked' }), ended);
        break;
      }
      case 'tell': {
        const { candidate, set, hisTag } = effect;
        const known = state.locker.known;
        if (!state.connected.has(candidate.node)) break;
        if (hisTag === undefined) locker.send(candidate, lockRefused(locker.pid, known));
        else locker.send({ name: NAME_SERVER, node: candidate.node }, lockSet(locker.pid, set, known, hisTag));
        break;
      }
      case 'timer': {
        const { clock, random } = locker.world;
        const fire = (): void => {
          const namesLocked = state.tables.isLocked(GLOBAL);
          answer({ type: 'timer', random: random.uint32(), namesLocked });
        };
        this.#timer = clock.setTimer(effect.delay, fire, { background: true });
        break;
      }
    }
  }

  async #join(node: string, message: Term): Promise<void> {
    const { state } = this;
    try {
      await this.#node.connect(node);
      if (this.#state === state) this.#perform({ type: 'send', node, message });
    } catch (error) {
      if (this.#state !== state) return;
      this.#logger.warn({ peer: node, err: error }, 'global: a node that others know cannot be connected');
      this.#input({ type: 'unreachable', node });
      this.#settled(node);
    }
  }

  async #reconnect(node: string, reason: string): Promise<void> {
    this.#logger.warn({ peer: node }, `disconnecting and connecting again: ${reason}`);
    this.#node.disconnect(node);
    try {
      await this.#node.connect(node);
    } catch (error) {
      this.#logger.warn({ peer: node, err: error }, 'global: a node that was left could not be connected again');
    }
  }

  async #resolve(node: string, tag: Term, conflicts: readonly Conflict[]): Promise<void> {
    const { state } = this;
    const verdicts: Verdict[] = [];
    for (const conflict of conflicts)
      verdicts.push(await verdictOn(conflict, this.#node, this.methods, this.#options.resolveTimeout));
    if (this.#state === state) this.#input({ type: 'verdicts', node, tag, verdicts });
  }

  readonly #compare = (): void => {
    const { resolveTimeout } = this.#options;
    if (this.#names !== undefined)
      void compare({ server: this, names: this.#names, node: this.#node, logger: this.#logger, resolveTimeout });
  };

  #settled(node: string): void {
    for (const waiting of [...this.#waiting]) {
      waiting.nodes.delete(node);
      if (waiting.nodes.size === 0) waiting.done();
    }
  }

  #monitor(pid: Pid): void {
    const reference = this.#server?.monitor(pid);
    if (reference === undefined) return;
    this.#monitors.set(pid.key, reference);
    this.#monitored.set(reference.key, pid);
  }

  #demonitor(pid: Pid): void {
    const reference = this.#forgetMonitor(pid);
    if (reference !== undefined) this.#server?.demonitor(reference, { flush: true });
  }

  #forgetMonitor(pid: Pid): Reference | undefined {
    const reference = this.#monitors.get(pid.key);
    this.#monitors.delete(pid.key);
    if (reference !== undefined) this.#monitored.delete(reference.key);
    return reference;
  }

  #refuse(node: string | undefined, reason: string): void {
    this.refused++;
    const key = node ?? '';
    const level = this.#warned.has(key) || this.#warned.size > 100 ? 'debug' : 'warn';
    this.#warned.add(key);
    this.#logger[level]({ peer: node }, `global refused ${reason}`);
  }
}
