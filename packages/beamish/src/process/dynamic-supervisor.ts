import { BeamishError } from '../error/index.ts';
import { atom, tuple } from '../term/index.ts';
import type { Pid, Term } from '../term/index.ts';
import type { Kernel } from './kernel.ts';
import { isNormalExit, reasonText } from './reason.ts';
import { startProcess } from './server-start.ts';
import { SupervisorBase, SupervisorHandle } from './supervisor-base.ts';
import type { ChildInfo } from './supervisor-base.ts';
import { countRestart } from './supervisor-core.ts';
import { checkChild, checkLimits } from './supervisor-spec.ts';
import type { ChildSpec, SupervisorOptions } from './supervisor-spec.ts';

/** What a dynamic supervisor allows (Elixir `DynamicSupervisor.init/1`). */
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

/** A running dynamic supervisor (Elixir `DynamicSupervisor`): children come and go, each on its own. `stop` ends them all at once. */
export class DynamicSupervisorRef extends SupervisorHandle<DynamicHost> {
  /**
   * Starts a child and waits for its `init`; one after the other, as in OTP. Rejects with what its start failed with, and
   * with `call_rejected`, its `details.reason` the atom `max_children`, when there are `maxChildren` already.
   */
  startChild(spec: DynamicChildSpec): Promise<Pid> {
    return this.run((host) => host.startChild(spec));
  }

  /** Stops a child for good. Rejects with `noproc` when it is none (OTP `{error, not_found}`). */
  terminateChild(pid: Pid): Promise<void> {
    return this.run((host) => host.terminateChild(pid));
  }
}

/** In the mailbox: a restart failed and is tried again, behind the messages that came meanwhile. */
class Retry {
  readonly child: Child;
  constructor(child: Child) {
    this.child = child;
  }
}

class DynamicHost extends SupervisorBase {
  readonly #spec: Required<DynamicSupervisorSpec>;
  readonly #children = new Set<Child>();
  readonly #byPid = new Map<string, Child>();
  #restarts: readonly number[] = [];

  constructor(kernel: Kernel, spec: Required<DynamicSupervisorSpec>, title: string) {
    super(kernel, title);
    this.#spec = spec;
  }

  override handle(message: Term): void | Promise<void> {
    const own: unknown = message;
    return own instanceof Retry ? this.#restart(own.child) : super.handle(message);
  }

  async exit(from: Pid, reason: Term): Promise<void> {
    const child = this.#byPid.get(from.key);
    if (child === undefined) return;
    this.#byPid.delete(from.key);
    child.pid = undefined;
    const { restart = 'permanent' } = child.spec;
    const normal = isNormalExit(reason);
    if (!normal || restart === 'permanent') {
      this.context.logger.warn(
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
    return { max_children: max, intensity: maxRestarts, period: maxSeconds, children: this.childrenTerm() };
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

  children(): ChildInfo[] {
    return Array.from(this.#children, ({ spec, pid }) => ({
      id: spec.id ?? 'undefined',
      pid,
      status: pid === undefined ? 'restarting' : 'running',
      type: spec.type ?? 'worker',
    }));
  }

  /** `{undefined, Pid | restarting, Type, Modules}`, as for `simple_one_for_one`. */
  protected childrenTerm(): Term {
    return this.children().map(({ pid, type }) => tuple(undefined, pid ?? atom('restarting'), atom(type), []));
  }

  // --- children ---

  async #start(child: Child): Promise<Pid> {
    const pid = await this.startLinked(titleOf(child), child.spec);
    child.pid = pid;
    this.#byPid.set(pid.key, child);
    return pid;
  }

  async #restart(child: Child): Promise<void> {
    const { maxRestarts, maxSeconds } = this.#spec;
    this.#restarts = countRestart(this.#restarts, this.kernel.clock.monotonicTime(), maxSeconds * 1000);
    if (this.#restarts.length > maxRestarts) {
      this.giveUp(titleOf(child), maxRestarts, maxSeconds * 1000);
      return;
    }
    try {
      await this.#start(child);
    } catch (error) {
      this.context.logger.error({ err: error }, `${this.title}: child ${titleOf(child)} could not be restarted`);
      this.context.send(this.context.pid, new Retry(child) as unknown as Term);
    }
  }

  async #shutDown(child: Child): Promise<void> {
    if (child.pid !== undefined) await this.shutDown(titleOf(child), child.pid, child.spec);
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
