import { BeamishError, isBeamishError } from '../error/index.ts';
import { atom, tuple } from '../term/index.ts';
import type { Pid, Term } from '../term/index.ts';
import type { ProcessContext } from './behaviour.ts';
import type { Kernel } from './kernel.ts';
import { ExitWith, SHUTDOWN, isNormalExit, reasonText } from './reason.ts';
import { startProcess } from './server-start.ts';
import { SupervisorBase, SupervisorHandle } from './supervisor-base.ts';
import type { ChildInfo } from './supervisor-base.ts';
import { decide, initialState } from './supervisor-core.ts';
import type { CoreState, Effect, EndCause, Input } from './supervisor-core.ts';
import { checkChild, checkSpec } from './supervisor-spec.ts';
import type { ChildSpec, SupervisorOptions, SupervisorSpec } from './supervisor-spec.ts';

export type { ChildInfo } from './supervisor-base.ts';
export { child, supervisor } from './supervisor-spec.ts';
export type { ChildOptions, ChildSpec, StartContext, SupervisorOptions, SupervisorSpec } from './supervisor-spec.ts';

/** A running supervisor. `stop` ends its children in reverse order. */
export class SupervisorRef extends SupervisorHandle<SupervisorHost> {
  /** Adds a child after the others and starts it. Rejects with `name_taken` when the id is there; or with what its start failed with. */
  startChild(spec: ChildSpec): Promise<Pid> {
    return this.run((host) => host.startChild(spec));
  }

  /** Stops a child; it stays in the list (a temporary one does not) and is not restarted until `restartChild`, or with the others. */
  terminateChild(id: string): Promise<void> {
    return this.run((host) => host.terminateChild(id));
  }

  /** Starts a stopped child again. */
  restartChild(id: string): Promise<Pid> {
    return this.run((host) => host.restartChild(id));
  }

  /** Takes a stopped child out of the list. */
  deleteChild(id: string): Promise<void> {
    return this.run((host) => host.deleteChild(id));
  }
}

interface Running {
  readonly spec: ChildSpec;
  pid: Pid | undefined;
  /** What its last start failed with. */
  failure: unknown;
}

const FAILED_TO_START_CHILD = atom('failed_to_start_child');

/** Carries out what `supervisor-core` decides: the process of a supervisor. */
class SupervisorHost extends SupervisorBase {
  readonly #children = new Map<string, Running>();
  #state: CoreState;

  constructor(kernel: Kernel, spec: SupervisorSpec, title: string) {
    super(kernel, title);
    for (const childSpec of spec.children)
      this.#children.set(childSpec.id, { spec: childSpec, pid: undefined, failure: undefined });
    this.#state = initialState({
      strategy: spec.strategy,
      maxRestarts: spec.maxRestarts ?? 3,
      window: (spec.maxSeconds ?? 5) * 1000,
      children: spec.children.map(({ id, restart = 'permanent' }) => ({ id, restart })),
    });
  }

  override async init(self: ProcessContext): Promise<void> {
    await super.init(self);
    const cause = await this.#feed({ type: 'start' });
    if (cause?.type !== 'startFailed') return;
    const error = this.#children.get(cause.id)?.failure;
    const why = isBeamishError(error) ? (error.details['reason'] as Term) : undefined;
    throw new ExitWith(
      tuple(SHUTDOWN, tuple(FAILED_TO_START_CHILD, cause.id, why ?? this.kernel.reasonFor(error))),
      `child ${cause.id} could not be started: ${messageOf(error)}`,
      error,
    );
  }

  state(): Term {
    const { strategy, maxRestarts, window, restarts } = this.#state;
    const children = this.childrenTerm();
    return {
      strategy: atom(strategy),
      intensity: maxRestarts,
      period: window / 1000,
      restarts: restarts.length,
      children,
    };
  }

  async exit(from: Pid, reason: Term): Promise<void> {
    const ended = [...this.#children.values()].find((child) => child.pid?.equals(from) === true);
    if (ended === undefined) return;
    ended.pid = undefined;
    const normal = isNormalExit(reason);
    const { restart = 'permanent', id } = ended.spec;
    if (!normal || restart === 'permanent') {
      const next = restart === 'temporary' ? 'not restarting it' : 'restarting';
      this.context.logger.warn(
        { child: id, reason: reasonText(reason) },
        `${this.title}: child ${id} ended (${reasonText(reason)}), ${next}`,
      );
    }
    const cause = await this.#feed({ type: 'exited', key: from.key, normal, now: this.#now() });
    if (cause?.type === 'intensity') this.giveUp(cause.id, this.#state.maxRestarts, this.#state.window);
  }

  async terminate(): Promise<void> {
    await this.#feed({ type: 'shutdown' });
  }

  // --- commands ---

  async startChild(spec: ChildSpec): Promise<Pid> {
    checkChild(spec);
    if (this.#children.has(spec.id)) {
      throw new BeamishError('name_taken', `${this.title} already has a child '${spec.id}'`, {
        details: { id: spec.id },
      });
    }
    const running: Running = { spec, pid: undefined, failure: undefined };
    this.#children.set(spec.id, running);
    await this.#feed({ type: 'add', id: spec.id, restart: spec.restart ?? 'permanent' });
    return startedPid(running);
  }

  async restartChild(id: string): Promise<Pid> {
    const running = this.#known(id);
    if (this.#statusOf(id) !== 'stopped')
      throw new BeamishError('option_invalid', `${this.title}: child '${id}' is not stopped`);
    await this.#feed({ type: 'restartChild', id });
    return startedPid(running);
  }

  async terminateChild(id: string): Promise<void> {
    this.#known(id);
    await this.#feed({ type: 'terminateChild', id });
  }

  async deleteChild(id: string): Promise<void> {
    this.#known(id);
    if (this.#statusOf(id) !== 'stopped')
      throw new BeamishError('option_invalid', `${this.title}: stop child '${id}' first`);
    await this.#feed({ type: 'deleteChild', id });
  }

  children(): ChildInfo[] {
    return this.#state.children.map(({ id, status }) => {
      const running = this.#known(id);
      return { id, status, pid: running.pid, type: running.spec.type ?? 'worker' };
    });
  }

  /** The last started first. */
  protected childrenTerm(): Term {
    return this.children()
      .toReversed()
      .map(({ id, pid, status, type }) =>
        tuple(id, status === 'restarting' ? atom('restarting') : pid, atom(type), []),
      );
  }

  #known(id: string): Running {
    const running = this.#children.get(id);
    if (running !== undefined) return running;
    throw new BeamishError(
      'option_invalid',
      `${this.title} has no child '${id}'; it has: ${[...this.#children.keys()].join(', ')}`,
    );
  }

  #statusOf(id: string): string | undefined {
    return this.#state.children.find((candidate) => candidate.id === id)?.status;
  }

  // --- effects ---

  /** Feeds the core until it is at rest. @returns why the supervisor is to end, if it is. */
  async #feed(first: Input): Promise<EndCause | undefined> {
    let cause: EndCause | undefined;
    const inputs: Input[] = [first];
    for (let input = inputs.shift(); input !== undefined; input = inputs.shift()) {
      const { state, effects } = decide(this.#state, input);
      this.#state = state;
      for (const effect of effects) {
        if (effect.type === 'end') cause = effect.cause;
        const outcome = await this.#perform(effect);
        if (outcome !== undefined) inputs.push(outcome);
      }
    }
    return cause;
  }

  async #perform(effect: Effect): Promise<Input | undefined> {
    switch (effect.type) {
      case 'start':
        return this.#start(effect.id);
      case 'terminate':
        await this.#terminate(effect.id);
        return { type: 'terminated', id: effect.id };
      case 'forget':
        this.#children.delete(effect.id);
        return undefined;
      case 'ready':
      case 'end':
        return undefined;
    }
  }

  async #start(id: string): Promise<Input> {
    const running = this.#known(id);
    running.failure = undefined;
    try {
      const pid = await this.startLinked(id, running.spec);
      running.pid = pid;
      return { type: 'started', id, key: pid.key };
    } catch (error) {
      running.failure = error;
      this.context.logger.error(
        { child: id, err: error },
        `${this.title}: child ${id} could not be started: ${messageOf(error)}`,
      );
      return { type: 'startFailed', id, now: this.#now() };
    }
  }

  async #terminate(id: string): Promise<void> {
    const running = this.#known(id);
    if (running.pid === undefined) return;
    await this.shutDown(id, running.pid, running.spec);
    running.pid = undefined;
  }

  #now(): number {
    return this.kernel.clock.monotonicTime();
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function startedPid(running: Running): Pid {
  if (running.pid !== undefined) return running.pid;
  if (running.failure instanceof Error) throw running.failure;
  throw new BeamishError('process_exited', `child ${running.spec.id} could not be started`, { cause: running.failure });
}

export async function startSupervisor(
  kernel: Kernel,
  spec: SupervisorSpec,
  options: SupervisorOptions,
): Promise<SupervisorRef> {
  checkSpec(spec);
  const title = options.name ?? options.label ?? 'supervisor';
  const pid = await startProcess(
    kernel,
    new SupervisorHost(kernel, spec, title),
    { label: 'Supervisor', ...options, trapExit: true },
    title,
  );
  return new SupervisorRef(kernel, pid);
}
