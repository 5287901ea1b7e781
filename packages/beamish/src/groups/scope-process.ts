import { BeamishError } from '../error/index.ts';
import type { Node } from '../node/index.ts';
import type { ProcessBehaviour, ProcessContext, Runtime, SupervisorRef } from '../process/index.ts';
import { isAtom, isTuple, Reference } from '../term/index.ts';
import type { Pid, Term } from '../term/index.ts';
import type { Logger, Timer } from '../world/index.ts';
import { initialScope, step } from './groups-core.ts';
import type { GroupEvent, ScopeEffect, ScopeInput, ScopeOptions, ScopeState } from './groups-core.ts';

export type ScopeLimits = Omit<ScopeOptions, 'scope' | 'self'>;

/**
 * The process registered under a scope's name, and its supervisor: feeds the core and carries out its effects. When the
 * process is ended from outside (`exit(Pid, kill)` by another node, say) the supervisor starts it anew and the local
 * memberships are announced again; pg itself would have lost them (protocols 6, "Danger").
 */
export class ScopeProcess {
  readonly scope: string;
  readonly #node: Node;
  readonly #limits: ScopeLimits;
  readonly #logger: Logger;
  readonly #listeners = new Set<(event: GroupEvent) => void>();
  readonly #timers = new Map<string, Timer>();
  readonly #events: GroupEvent[] = [];
  #delivering = false;
  #supervisor: SupervisorRef | undefined;
  #nodeEvents: { cancel(): void } | undefined;
  #context: ProcessContext | undefined;
  /** By reference key, and by pid key. */
  #monitored = new Map<string, Pid>();
  #monitors = new Map<string, Reference>();
  #state: ScopeState | undefined;

  constructor(node: Node, scope: string, limits: ScopeLimits) {
    this.scope = scope;
    this.#node = node;
    this.#limits = limits;
    this.#logger = node.logger.child({ scope });
  }

  async start(): Promise<void> {
    const { runtime } = this.#node;
    if (runtime.whereis(this.scope) !== undefined) {
      throw new BeamishError(
        'name_taken',
        `a process is registered as ${this.scope}; a scope needs the name for itself`,
      );
    }
    this.#supervisor = await runtime.startSupervisor({
      strategy: 'one_for_one',
      // What ends it comes from outside; giving up would cost every membership of this node.
      maxRestarts: 20,
      children: [
        {
          id: this.scope,
          type: 'worker',
          restart: 'permanent',
          shutdown: 1000,
          start: (runtime, { supervisor }) => this.#spawn(runtime, supervisor),
        },
      ],
    });
    this.#nodeEvents = this.#node.monitorNodes(({ type, node }) => this.input({ type, node }));
    for (const { name } of this.#node.nodes('all')) this.input({ type: 'nodeup', node: name });
  }

  async stop(): Promise<void> {
    this.#nodeEvents?.cancel();
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
    this.#listeners.clear();
    await this.#supervisor?.stop();
  }

  get state(): ScopeState {
    if (this.#state === undefined) throw new Error('the scope has not started');
    return this.#state;
  }

  input(input: ScopeInput): void {
    this.#perform(step(this.state, input));
  }

  listen(listener: (event: GroupEvent) => void): { cancel(): void } {
    // A function of its own, so that one listener given twice is two.
    const own = (event: GroupEvent): void => listener(event);
    this.#listeners.add(own);
    return { cancel: () => void this.#listeners.delete(own) };
  }

  async #spawn(runtime: Runtime, supervisor: Pid): Promise<Pid> {
    const begun = Promise.withResolvers<void>();
    const behaviour: ProcessBehaviour = {
      init: (self) => {
        this.#begin(self);
        begun.resolve();
      },
      handle: (message) => this.#handle(message),
    };
    const options = { name: this.scope, label: 'pg scope', link: supervisor, parent: supervisor };
    const { pid } = runtime.spawn(behaviour, options);
    await begun.promise;
    return pid;
  }

  #begin(self: ProcessContext): void {
    const before = this.#state;
    this.#context = self;
    this.#monitors = new Map();
    this.#monitored = new Map();
    if (before !== undefined) {
      this.#logger.warn({ pid: self.pid.toString() }, 'the scope was started again; announcing its members anew');
      // The members of the other nodes go, and come back with their syncs.
      for (const node of [...before.peers.keys()]) this.#perform(step(before, { type: 'nodedown', node }));
    }
    this.#state = initialScope({ ...this.#limits, scope: this.scope, self: self.pid });
    if (before === undefined) return;
    for (const { group, pids } of before.local.list()) {
      // No events: for the listeners they never left.
      this.#perform(step(this.#state, { type: 'join', group, pids }).filter(({ type }) => type !== 'event'));
    }
    for (const { name } of this.#node.nodes('all')) this.input({ type: 'nodeup', node: name });
  }

  #handle(message: Term): void {
    const reference = isTuple(message, 5) && isAtom(message.at(0), 'DOWN') ? message.at(1) : undefined;
    const pid = reference instanceof Reference ? this.#monitored.get(reference.key) : undefined;
    if (pid === undefined) {
      this.input({ type: 'message', message });
      return;
    }
    this.#forgetMonitor(pid);
    this.input({ type: 'down', pid });
  }

  #perform(effects: readonly ScopeEffect[]): void {
    for (const effect of effects) {
      switch (effect.type) {
        case 'send':
          this.#context?.send(effect.to, effect.message);
          break;
        case 'monitor':
          this.#monitor(effect.pid);
          break;
        case 'demonitor':
          this.#demonitor(effect.pid);
          break;
        case 'retryLater':
          this.#retryLater(effect.node, effect.attempt, effect.delay);
          break;
        case 'retryNot':
          this.#timers.get(effect.node)?.cancel();
          this.#timers.delete(effect.node);
          break;
        case 'refused':
          this.#logRefusal(effect);
          break;
        case 'event':
          this.#events.push(effect.event);
          break;
      }
    }
    this.#deliver();
  }

  /** After everything else: a listener may join or leave, and its messages must not overtake those of this step. */
  #deliver(): void {
    if (this.#delivering) return;
    this.#delivering = true;
    for (let event = this.#events.shift(); event !== undefined; event = this.#events.shift()) {
      for (const listener of [...this.#listeners]) {
        try {
          listener(event);
        } catch (error) {
          this.#logger.error({ err: error }, 'a listener of a group failed');
        }
      }
    }
    this.#delivering = false;
  }

  #monitor(pid: Pid): void {
    if (this.#context === undefined || this.#monitors.has(pid.key)) return;
    const reference = this.#context.monitor(pid);
    this.#monitors.set(pid.key, reference);
    this.#monitored.set(reference.key, pid);
  }

  #demonitor(pid: Pid): void {
    const reference = this.#forgetMonitor(pid);
    if (reference !== undefined) this.#context?.demonitor(reference, { flush: true });
  }

  #forgetMonitor(pid: Pid): Reference | undefined {
    const reference = this.#monitors.get(pid.key);
    this.#monitors.delete(pid.key);
    if (reference !== undefined) this.#monitored.delete(reference.key);
    return reference;
  }

  #retryLater(node: string, attempt: number, delay: number): void {
    this.#timers.get(node)?.cancel();
    const run = (): void => {
      this.#timers.delete(node);
      this.input({ type: 'retry', node, attempt });
    };
    this.#timers.set(node, this.#node.world.clock.setTimer(delay, run, { background: true }));
  }

  #logRefusal({ node, reason, first }: Extract<ScopeEffect, { type: 'refused' }>): void {
    const level = first ? 'warn' : 'debug';
    this.#logger[level]({ peer: node }, `refused a message to the scope: ${reason}`);
  }
}
