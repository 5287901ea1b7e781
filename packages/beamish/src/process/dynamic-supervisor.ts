import { BeamishError } from '../error/index.ts';
import { Pid, Tuple, atom, formatTerm, isAtom, isTuple, tuple } from '../term/index.ts';
import type { Term } from '../term/index.ts';
import type { ProcessBehaviour, ProcessContext } from './behaviour.ts';
import { commandOf, runCommand } from './command.ts';
import type { From } from './gen-server.ts';
import type { Kernel } from './kernel.ts';
import type { Process } from './process.ts';
import { SHUTDOWN, isNormalExit, reasonText } from './reason.ts';
import { startProcess } from './server-start.ts';
import { shutDownChild } from './shut-down.ts';
import { countRestart } from './supervisor-core.ts';
import { checkChild, checkLimits } from './supervisor-spec.ts';
import type { ChildSpec, SupervisorOptions } from './supervisor-spec.ts';
import type { ChildCounts, ChildInfo } from './supervisor.ts';
import { answerGenEvent, handleSystem, isSystemMessage } from './system.ts';
import type { SystemHost } from './system.ts';

export interface DynamicSupervisorSpec {
  /** More children than this are refused; those that are being restarted count. @default Infinity */
  readonly maxChildren?: number;
  /** More restarts than this within `maxSeconds` end the supervisor. @default 3 */
  readonly maxRestarts?: number;
  /** @default 5 */
  readonly maxSeconds?: number;
}

/** A child of a dynamic supervisor: many may have the same id, which is for people only. */
export type DynamicChildSpec = Omit<ChildSpec, 'id'> & Partial<Pick<ChildSpec, 'id'>>;

interface Child {
  readonly spec: DynamicChildSpec;
  /** Undefined while it is being restarted. */
  pid: Pid | undefined;
}

/** A running dynamic supervisor (Elixir `DynamicSupervisor`): children come and go, each on its own. */
export class DynamicSupervisorRef implements AsyncDisposable {
  readonly pid: Pid;
  readonly #kernel: Kernel;

  /** @internal */
  constructor(kernel: Kernel, pid: Pid) {
    this.#kernel = kernel;
    this.pid = pid;
  }

  /**
   * Starts a child and waits for its `init`; one after the other, as in OTP. Rejects with what its start failed with, and
   * with `call_rejected`, its `details.reason` the atom `max_children`, when there are `maxChildren` already.
   */
  startChild(spec: DynamicChildSpec): Promise<Pid> {
    return this.#run((host) => host.startChild(spec));
  }

  /** Stops a child for good. Rejects with `noproc` when it is none (OTP `{error, not_found}`). */
  terminateChild(pid: Pid): Promise<void> {
    return this.#run((host) => host.terminateChild(pid));
  }

  /** In the order of their first start. */
  whichChildren(): Promise<readonly ChildInfo[]> {
    return this.#run((host) => Promise.resolve(host.infos()));
  }

  countChildren(): Promise<ChildCounts> {
    return this.#run((host) => Promise.resolve(host.counts()));
  }

  /** Ends the supervisor and its children, all at once. Resolves when it is gone; idempotent. */
  stop(): Promise<void> {
    return new Promise((resolve) => this.#kernel.shutDown(this.pid, resolve));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #run<T>(run: (host: DynamicHost) => Promise<T>): Promise<T> {
    return runCommand(this.#kernel, this.pid, run);
  }
}

/** In the mailbox: a restart failed and is tried again, behind the messages that came meanwhile. */
class Retry {
  readonly child: Child;
  constructor(child: Child) {
    this.child = child;
  }
}

const GEN_CALL = atom('$gen_call');

class DynamicHost implements ProcessBehaviour, SystemHost {
  readonly moduleName = 'supervisor';
  readonly title: string;
  readonly #kernel: Kernel;
  readonly #spec: Required<DynamicSupervisorSpec>;
  readonly #children = new Set<Child>();
  readonly #byPid = new Map<string, Child>();
  #restarts: readonly number[] = [];
  #self: ProcessContext | undefined;

  constructor(kernel: Kernel, spec: Required<DynamicSupervisorSpec>, title: string) {
    this.#kernel = kernel;
    this.#spec = spec;
    this.title = title;
  }

  init(self: ProcessContext): void {
    this.#self = self;
  }

  async handle(message: Term): Promise<void> {
    const self = this.#context as Process;
    if ((message as unknown) instanceof Retry) await this.#restart((message as unknown as Retry).child);
    else if (isTuple(message, 3) && message.at(0) === GEN_CALL && isTuple(message.at(1), 2)) {
      const from = message.at(1) as From;
      const command = commandOf<DynamicHost>(message.at(2));
      await command?.carryOut(this);
      this.#kernel.reply(from, command === undefined ? this.#answer(message.at(2)) : atom('ok'), self);
    } else if (isSystemMessage(message)) handleSystem(this.#kernel, self, this, message);
    else {
      const asked = message instanceof Tuple ? answerGenEvent(message) : undefined;
      if (asked !== undefined) this.#kernel.reply(asked.from, asked.reply, self);
      else self.logger.warn({ message: formatTerm(message, { maxLength: 200 }) }, `${this.title}: message not handled`);
    }
  }

  async exit(from: Pid, reason: Term): Promise<void> {
    const child = this.#byPid.get(from.key);
    if (child === undefined) return;
    this.#byPid.delete(from.key);
    child.pid = undefined;
    const { restart = 'permanent' } = child.spec;
    const normal = isNormalExit(reason);
    if (!normal || restart === 'permanent') {
      this.#context.logger.warn(
        { child: child.spec.id, pid: from.toString(), reason: reasonText(reason) },
        `${this.title}: child ${titleOf(child)} ended (${reasonText(reason)})${restart === 'temporary' ? '' : ', restarting'}`,
      );
    }
    if (restart === 'temporary' || (restart === 'transient' && normal)) this.#children.delete(child);
    else await this.#restart(child);
  }

  /** All at once, each within its own time (Elixir DynamicSupervisor: terminate_children). */
  async terminate(): Promise<void> {
    await Promise.all([...this.#byPid.values()].map((child) => this.#shutDown(child)));
  }

  state(): Term {
    const { maxChildren, maxRestarts, maxSeconds } = this.#spec;
    const max = maxChildren === Infinity ? atom('infinity') : maxChildren;
    return { max_children: max, intensity: maxRestarts, period: maxSeconds, children: this.#whichTerm() };
  }

  // --- commands ---

  async startChild(spec: DynamicChildSpec): Promise<Pid> {
    checkChild({ id: 'child', ...spec });
    if (this.#children.size >= this.#spec.maxChildren) {
      throw new BeamishError('call_rejected', `${this.title} has ${this.#children.size} children, its maxChildren`, {
        details: { reason: atom('max_children') },
        retryable: true,
      });
    }
    const child: Child = { spec, pid: undefined };
    const pid = await this.#start(child);
    this.#children.add(child);
    return pid;
  }

  async terminateChild(pid: Pid): Promise<void> {
    const child = this.#byPid.get(pid.key);
    if (child === undefined) throw new BeamishError('noproc', `${this.title} has no child ${pid.toString()}`);
    await this.#shutDown(child);
    this.#byPid.delete(pid.key);
    this.#children.delete(child);
  }

  infos(): ChildInfo[] {
    return Array.from(this.#children, ({ spec, pid }) => ({
      id: spec.id ?? 'undefined',
      pid,
      status: pid === undefined ? 'restarting' : 'running',
      type: spec.type ?? 'worker',
    }));
  }

  counts(): ChildCounts {
    const specs = this.#children.size;
    const supervisors = [...this.#children].filter(({ spec }) => spec.type === 'supervisor').length;
    return { specs, active: this.#byPid.size, supervisors, workers: specs - supervisors };
  }

  #answer(request: Term): Term {
    if (isAtom(request, 'which_children')) return this.#whichTerm();
    if (isAtom(request, 'count_children')) {
      return Object.entries(this.counts()).map(([key, count]) => tuple(atom(key), count as number));
    }
    return tuple(atom('error'), atom('badarg'));
  }

  /** `{undefined, Pid | restarting, Type, Modules}`, as for `simple_one_for_one`. */
  #whichTerm(): Term {
    return this.infos().map(({ pid, type }) => tuple(undefined, pid ?? atom('restarting'), atom(type), []));
  }

  // --- children ---

  async #start(child: Child): Promise<Pid> {
    const result = await child.spec.start(this.#kernel.runtime, { supervisor: this.#context.pid });
    const pid = result instanceof Pid ? result : result.pid;
    if (pid === undefined)
      throw new BeamishError(
        'option_invalid',
        `${titleOf(child)}: start gave no pid: return the process that it started`,
      );
    child.pid = pid;
    this.#byPid.set(pid.key, child);
    const process = this.#kernel.find(pid);
    if (process !== undefined) process.parent ??= this.#context.pid;
    this.#context.link(pid);
    return pid;
  }

  async #restart(child: Child): Promise<void> {
    const { maxRestarts, maxSeconds } = this.#spec;
    this.#restarts = countRestart(this.#restarts, this.#kernel.clock.monotonicTime(), maxSeconds * 1000);
    if (this.#restarts.length > maxRestarts) {
      this.#context.logger.error(
        { child: child.spec.id },
        `supervisor ${this.title} gives up: more than ${maxRestarts} restarts within ${maxSeconds} s`,
      );
      this.#context.exit(SHUTDOWN);
      return;
    }
    try {
      await this.#start(child);
    } catch (error) {
      this.#context.logger.error({ err: error }, `${this.title}: child ${titleOf(child)} could not be restarted`);
      this.#context.send(this.#context.pid, new Retry(child) as unknown as Term);
    }
  }

  async #shutDown(child: Child): Promise<void> {
    if (child.pid === undefined) return;
    const { type, shutdown = type === 'supervisor' ? Infinity : 5000 } = child.spec;
    await shutDownChild(this.#kernel, this.#context, child.pid, shutdown, (waited) => {
      this.#context.logger.warn(`${this.title}: child ${titleOf(child)} did not end within ${waited} ms and is killed`);
    });
  }

  get #context(): ProcessContext {
    if (this.#self === undefined) throw new BeamishError('closed', `supervisor ${this.title} has not started`);
    return this.#self;
  }
}

function titleOf({ spec, pid }: Child): string {
  return spec.id ?? pid?.toString() ?? 'without id';
}

export async function startDynamicSupervisor(
  kernel: Kernel,
  spec: DynamicSupervisorSpec,
  options: SupervisorOptions,
): Promise<DynamicSupervisorRef> {
  const { maxChildren = Infinity, maxRestarts = 3, maxSeconds = 5 } = spec;
  checkLimits({ maxChildren, maxRestarts, maxSeconds });
  const title = options.name ?? options.label ?? 'dynamic supervisor';
  const host = new DynamicHost(kernel, { maxChildren, maxRestarts, maxSeconds }, title);
  const pid = await startProcess(kernel, host, { label: 'DynamicSupervisor', ...options, trapExit: true }, title);
  return new DynamicSupervisorRef(kernel, pid);
}

/**
 * The child specification of a dynamic supervisor below another. `onStart` is told its reference, at every restart anew.
 */
export function dynamicSupervisor(
  id: string,
  spec: DynamicSupervisorSpec = {},
  options: Pick<SupervisorOptions, 'name' | 'label'> &
    Pick<ChildSpec, 'restart' | 'shutdown'> & { readonly onStart?: (ref: DynamicSupervisorRef) => void } = {},
): ChildSpec {
  const { restart, shutdown, onStart, ...rest } = options;
  return {
    id,
    type: 'supervisor',
    start: async (runtime, { supervisor }) => {
      const ref = await runtime.startDynamicSupervisor(spec, {
        label: id,
        ...rest,
        link: supervisor,
        parent: supervisor,
      });
      onStart?.(ref);
      return ref;
    },
    ...(restart === undefined ? {} : { restart }),
    ...(shutdown === undefined ? {} : { shutdown }),
  };
}
