import { BeamishError, isBeamishError } from '../error/index.ts';
import { Pid, Tuple, atom, isAtom, isTuple, tuple } from '../term/index.ts';
import type { Term } from '../term/index.ts';
import type { ProcessBehaviour, ProcessContext } from './behaviour.ts';
import { commandOf, runCommand } from './command.ts';
import type { From } from './gen-server.ts';
import type { Kernel } from './kernel.ts';
import type { Process } from './process.ts';
import { ExitWith, SHUTDOWN, isNormalExit, reasonText } from './reason.ts';
import { startProcess } from './server-start.ts';
import { shutDownChild } from './shut-down.ts';
import { decide, initialState } from './supervisor-core.ts';
import type { CoreState, Effect, EndCause, Input } from './supervisor-core.ts';
import { checkChild, checkSpec } from './supervisor-spec.ts';
import { answerGenEvent, handleSystem, isSystemMessage } from './system.ts';
import type { SystemHost } from './system.ts';
import type { ChildSpec, SupervisorOptions, SupervisorSpec } from './supervisor-spec.ts';

export { child, supervisor } from './supervisor-spec.ts';
export type { ChildOptions, ChildSpec, StartContext, SupervisorOptions, SupervisorSpec } from './supervisor-spec.ts';

export interface ChildInfo {
  readonly id: string;
  readonly pid: Pid | undefined;
  readonly status: 'stopped' | 'running' | 'restarting';
  readonly type: 'worker' | 'supervisor';
}

export interface ChildCounts {
  readonly specs: number;
  readonly active: number;
  readonly supervisors: number;
  readonly workers: number;
}

/** A running supervisor. Its methods wait as long as the children take to start and stop (OTP: infinity). */
export class SupervisorRef implements AsyncDisposable {
  readonly pid: Pid;
  readonly #kernel: Kernel;

  /** @internal */
  constructor(kernel: Kernel, pid: Pid) {
    this.#kernel = kernel;
    this.pid = pid;
  }

  /** Adds a child after the others and starts it. Rejects with `name_taken` when the id is there; or with what its start failed with. */
  startChild(spec: ChildSpec): Promise<Pid> {
    return this.#run((host) => host.startChild(spec));
  }

  /** Stops a child; it stays in the list (a temporary one does not) and is not restarted until `restartChild`, or with the others. */
  terminateChild(id: string): Promise<void> {
    return this.#run((host) => host.terminateChild(id));
  }

  /** Starts a stopped child again. */
  restartChild(id: string): Promise<Pid> {
    return this.#run((host) => host.restartChild(id));
  }

  /** Takes a stopped child out of the list. */
  deleteChild(id: string): Promise<void> {
    return this.#run((host) => host.deleteChild(id));
  }

  /** In order of their start. */
  whichChildren(): Promise<readonly ChildInfo[]> {
    return this.#run((host) => Promise.resolve(host.children()));
  }

  countChildren(): Promise<ChildCounts> {
    return this.#run((host) => Promise.resolve(host.counts()));
  }

  /** Ends the supervisor and its children, in order. Resolves when it is gone; idempotent. */
  stop(): Promise<void> {
    return new Promise((resolve) => this.#kernel.shutDown(this.pid, resolve));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #run<T>(run: (host: SupervisorHost) => Promise<T>): Promise<T> {
    return runCommand(this.#kernel, this.pid, run);
  }
}

interface Running {
  readonly spec: ChildSpec;
  pid: Pid | undefined;
  /** What its last start failed with. */
  failure: unknown;
}

const GEN_CALL = atom('$gen_call');
const FAILED_TO_START_CHILD = atom('failed_to_start_child');

/** Carries out what `supervisor-core` decides: the process of a supervisor. */
class SupervisorHost implements ProcessBehaviour, SystemHost {
  readonly #kernel: Kernel;
  readonly #title: string;
  readonly #children = new Map<string, Running>();
  #state: CoreState;
  #self: ProcessContext | undefined;

  constructor(kernel: Kernel, spec: SupervisorSpec, title: string) {
    this.#kernel = kernel;
    this.#title = title;
    for (const childSpec of spec.children)
      this.#children.set(childSpec.id, { spec: childSpec, pid: undefined, failure: undefined });
    this.#state = initialState({
      strategy: spec.strategy,
      maxRestarts: spec.maxRestarts ?? 3,
      window: (spec.maxSeconds ?? 5) * 1000,
      children: spec.children.map(({ id, restart = 'permanent' }) => ({ id, restart })),
    });
  }

  async init(self: ProcessContext): Promise<void> {
    this.#self = self;
    const cause = await this.#feed({ type: 'start' });
    if (cause?.type !== 'startFailed') return;
    const error = this.#children.get(cause.id)?.failure;
    const why = isBeamishError(error) ? (error.details['reason'] as Term) : undefined;
    throw new ExitWith(
      tuple(SHUTDOWN, tuple(FAILED_TO_START_CHILD, cause.id, why ?? this.#kernel.reasonFor(error))),
      `child ${cause.id} could not be started: ${messageOf(error)}`,
      error,
    );
  }

  handle(message: Term): void | Promise<void> {
    if (isTuple(message, 3) && message.at(0) === GEN_CALL && isTuple(message.at(1), 2)) {
      return this.#call(message.at(1) as From, message.at(2));
    }
    if (isSystemMessage(message)) {
      handleSystem(this.#kernel, this.#context as Process, this, message);
      return undefined;
    }
    const asked = message instanceof Tuple ? answerGenEvent(message) : undefined;
    if (asked !== undefined) {
      this.#kernel.reply(asked.from, asked.reply, this.#context as Process);
      return undefined;
    }
    this.#context.logger.warn(`supervisor ${this.#title} received a message it does not handle`);
    return undefined;
  }

  get title(): string {
    return this.#title;
  }

  readonly moduleName = 'supervisor';

  /** What `sys:get_state` shows. */
  state(): Term {
    const { strategy, maxRestarts, window, restarts } = this.#state;
    const children = this.#whichChildrenTerm();
    return {
      strategy: atom(strategy),
      intensity: maxRestarts,
      period: window / 1000,
      restarts: restarts.length,
      children,
    };
  }

  /** A linked process ended: a child, or one that linked itself to the supervisor. */
  async exit(from: Pid, reason: Term): Promise<void> {
    const ended = [...this.#children.values()].find((child) => child.pid?.equals(from) === true);
    if (ended === undefined) return;
    ended.pid = undefined;
    const normal = isNormalExit(reason);
    const { restart = 'permanent', id } = ended.spec;
    if (!normal || restart === 'permanent') {
      const next = restart === 'temporary' ? 'not restarting it' : 'restarting';
      this.#context.logger.warn(
        { child: id, reason: reasonText(reason) },
        `${this.#title}: child ${id} ended (${reasonText(reason)}), ${next}`,
      );
    }
    const cause = await this.#feed({ type: 'exited', key: from.key, normal, now: this.#now() });
    if (cause?.type === 'intensity') this.#giveUp(cause.id);
  }

  #giveUp(id: string): void {
    const { maxRestarts, window } = this.#state;
    const limit = `more than ${maxRestarts} restarts within ${window / 1000} s`;
    this.#context.logger.error({ child: id }, `supervisor ${this.#title} gives up on child ${id}: ${limit}`);
    this.#context.exit(SHUTDOWN);
  }

  async terminate(): Promise<void> {
    await this.#feed({ type: 'shutdown' });
  }

  // --- commands ---

  async #call(from: From, request: Term): Promise<void> {
    const by = this.#context as Process;
    const command = commandOf<SupervisorHost>(request);
    await command?.carryOut(this);
    this.#kernel.reply(from, command === undefined ? this.#answer(request) : atom('ok'), by);
  }

  /** What others may ask; starting and stopping children is for this node alone. */
  #answer(request: Term): Term {
    if (isAtom(request, 'which_children')) return this.#whichChildrenTerm();
    if (isAtom(request, 'count_children')) return this.#countsTerm();
    return tuple(atom('error'), atom('badarg'));
  }

  async startChild(spec: ChildSpec): Promise<Pid> {
    checkChild(spec);
    if (this.#children.has(spec.id)) {
      throw new BeamishError('name_taken', `${this.#title} already has a child '${spec.id}'`, {
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
      throw new BeamishError('option_invalid', `${this.#title}: child '${id}' is not stopped`);
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
      throw new BeamishError('option_invalid', `${this.#title}: stop child '${id}' first`);
    await this.#feed({ type: 'deleteChild', id });
  }

  children(): ChildInfo[] {
    return this.#state.children.map(({ id, status }) => {
      const running = this.#known(id);
      return { id, status, pid: running.pid, type: running.spec.type ?? 'worker' };
    });
  }

  counts(): ChildCounts {
    const all = this.children();
    const supervisors = all.filter(({ type }) => type === 'supervisor').length;
    const active = all.filter(({ pid }) => pid !== undefined).length;
    return { specs: all.length, active, supervisors, workers: all.length - supervisors };
  }

  /** As OTP's `supervisor:which_children/1` answers, the last started first. */
  #whichChildrenTerm(): Term {
    return this.children()
      .toReversed()
      .map(({ id, pid, status, type }) =>
        tuple(id, status === 'restarting' ? atom('restarting') : pid, atom(type), []),
      );
  }

  #countsTerm(): Term {
    return Object.entries(this.counts()).map(([key, count]) => tuple(atom(key), count as number));
  }

  #known(id: string): Running {
    const running = this.#children.get(id);
    if (running !== undefined) return running;
    throw new BeamishError(
      'option_invalid',
      `${this.#title} has no child '${id}'; it has: ${[...this.#children.keys()].join(', ')}`,
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
      const result = await running.spec.start(this.#kernel.runtime, { supervisor: this.#context.pid });
      const pid = result instanceof Pid ? result : result.pid;
      if (pid === undefined)
        throw new BeamishError('option_invalid', `${id}: start gave no pid: return the process that it started`);
      running.pid = pid;
      const process = this.#kernel.find(pid);
      if (process !== undefined) process.parent ??= this.#context.pid;
      this.#context.link(pid);
      return { type: 'started', id, key: pid.key };
    } catch (error) {
      running.failure = error;
      this.#context.logger.error(
        { child: id, err: error },
        `${this.#title}: child ${id} could not be started: ${messageOf(error)}`,
      );
      return { type: 'startFailed', id, now: this.#now() };
    }
  }

  async #terminate(id: string): Promise<void> {
    const running = this.#known(id);
    const { pid } = running;
    if (pid === undefined) return;
    const { type, shutdown = type === 'supervisor' ? Infinity : 5000 } = running.spec;
    await shutDownChild(this.#kernel, this.#context, pid, shutdown, (waited) => {
      this.#context.logger.warn(
        { child: id },
        `${this.#title}: child ${id} did not end within ${waited} ms and is killed`,
      );
    });
    running.pid = undefined;
  }

  #now(): number {
    return this.#kernel.clock.monotonicTime();
  }

  get #context(): ProcessContext {
    if (this.#self === undefined) throw new BeamishError('closed', `supervisor ${this.#title} has not started`);
    return this.#self;
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
