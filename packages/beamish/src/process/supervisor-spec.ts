import { BeamishError } from '../error/index.ts';
import type { Pid } from '../term/index.ts';
import type { GenServer, ServerClass } from './gen-server.ts';
import type { Runtime } from './runtime.ts';
import type { ServerOptions } from './server-start.ts';
import type { Startable } from './server-ref.ts';
import type { RestartType, ShutdownTime, Strategy } from './supervisor-core.ts';
import type { SupervisorRef } from './supervisor.ts';

/** What a child's start function is told besides the runtime. */
export interface StartContext {
  /** Link the child to it from its start (`link` and `parent` of `startServer`): then no exit goes unseen. */
  readonly supervisor: Pid;
}

/** How a supervisor starts, restarts and ends one child (OTP `supervisor:child_spec()`). `child(...)` writes that of a server. */
export interface ChildSpec {
  /** Unique in its supervisor. */
  readonly id: string;
  /** Starts the process; the supervisor waits for it, then links to it if it is not yet linked. */
  readonly start: (runtime: Runtime, context: StartContext) => Promise<Pid | { readonly pid: Pid | undefined }>;
  /** @default 'permanent' */
  readonly restart?: RestartType;
  /** @default 5000; for supervisors Infinity, so that their children have their own times */
  readonly shutdown?: ShutdownTime;
  /** @default 'worker' */
  readonly type?: 'worker' | 'supervisor';
}

/** Children, and what happens when one ends (OTP `supervisor:init/1`). */
export interface SupervisorSpec {
  /** Which children are restarted with the one that ended: none, all, or those started after it. */
  readonly strategy: Strategy;
  /** More restarts than this within `maxSeconds` end the supervisor (OTP `intensity`). @default 3 */
  readonly maxRestarts?: number;
  /** OTP `period`. @default 5 */
  readonly maxSeconds?: number;
  /** Started in this order, stopped in reverse. */
  readonly children: readonly ChildSpec[];
}

/** Of a supervisor's own process. */
export interface SupervisorOptions {
  readonly name?: string;
  readonly link?: Pid;
  readonly parent?: Pid;
  readonly label?: string;
  /** As of a process: false hides the supervisor from other nodes. Its children are asked each for itself. @default true */
  readonly remote?: boolean;
}

/** Of a server below a supervisor. */
export interface ChildOptions extends Omit<ServerOptions, 'link' | 'parent'>, Pick<ChildSpec, 'restart' | 'shutdown'> {
  /** @default the name, else the name of the class */
  readonly id?: string;
}

/** The child specification of a server: `child(Counter, [1], { name: 'counter' })`. */
export function child<C extends GenServer, A extends unknown[]>(
  Class: ServerClass<C, A> & Startable<C>,
  args: NoInfer<A>,
  options: ChildOptions = {},
): ChildSpec {
  const { id, restart, shutdown, ...serverOptions } = options;
  return {
    id: id ?? options.name ?? Class.name,
    start: (runtime, context) =>
      runtime.startServer<C, A>(Class, args, {
        ...serverOptions,
        link: context.supervisor,
        parent: context.supervisor,
      }),
    ...(restart === undefined ? {} : { restart }),
    ...(shutdown === undefined ? {} : { shutdown }),
  };
}

/** The child specification of a supervisor below another. */
export function supervisor(
  id: string,
  spec: SupervisorSpec,
  options: Pick<SupervisorOptions, 'name' | 'label' | 'remote'> & Pick<ChildSpec, 'restart' | 'shutdown'> = {},
): ChildSpec {
  const { restart, shutdown, ...rest } = options;
  return {
    id,
    type: 'supervisor',
    start: (runtime, context): Promise<SupervisorRef> =>
      runtime.startSupervisor(spec, { label: id, ...rest, link: context.supervisor, parent: context.supervisor }),
    ...(restart === undefined ? {} : { restart }),
    ...(shutdown === undefined ? {} : { shutdown }),
  };
}

const STRATEGIES: readonly Strategy[] = ['one_for_one', 'one_for_all', 'rest_for_one'];
const RESTARTS: readonly RestartType[] = ['permanent', 'transient', 'temporary'];

/** @throws BeamishError `option_invalid` with every fault of the specification. */
export function checkSpec(spec: SupervisorSpec): void {
  const faults = spec.children.flatMap(childFaults);
  const seen = new Set<string>();
  for (const { id } of spec.children) {
    if (seen.has(id)) faults.push(`two children have the id '${id}'`);
    seen.add(id);
  }
  if (!STRATEGIES.includes(spec.strategy))
    faults.push(`strategy is '${spec.strategy}', not one of ${STRATEGIES.join(', ')}`);
  const { maxRestarts = 3, maxSeconds = 5 } = spec;
  if (!Number.isInteger(maxRestarts) || maxRestarts < 0)
    faults.push(`maxRestarts is ${maxRestarts}, not an integer from 0 up`);
  if (!(maxSeconds > 0)) faults.push(`maxSeconds is ${maxSeconds}, not above 0`);
  throwFaults('supervisor', faults);
}

/** @throws BeamishError `option_invalid` */
export function checkLimits(limits: {
  readonly maxChildren: number;
  readonly maxRestarts: number;
  readonly maxSeconds: number;
}): void {
  const { maxChildren, maxRestarts, maxSeconds } = limits;
  const faults: string[] = [];
  if (maxChildren !== Infinity && (!Number.isInteger(maxChildren) || maxChildren < 0))
    faults.push(`maxChildren is ${maxChildren}, not an integer from 0 up, nor Infinity`);
  if (!Number.isInteger(maxRestarts) || maxRestarts < 0)
    faults.push(`maxRestarts is ${maxRestarts}, not an integer from 0 up`);
  if (!(maxSeconds > 0)) faults.push(`maxSeconds is ${maxSeconds}, not above 0`);
  throwFaults('dynamic supervisor', faults);
}

export function checkChild(spec: ChildSpec): void {
  throwFaults('child', childFaults(spec));
}

function throwFaults(what: string, faults: readonly string[]): void {
  if (faults.length > 0)
    throw new BeamishError('option_invalid', `the ${what} specification is wrong: ${faults.join('; ')}`);
}

function childFaults(spec: ChildSpec): string[] {
  const faults: string[] = [];
  if (typeof spec.id !== 'string' || spec.id === '') faults.push('a child has no id');
  if (typeof spec.start !== 'function') faults.push(`${spec.id}: start is no function`);
  if (spec.restart !== undefined && !RESTARTS.includes(spec.restart)) {
    faults.push(`${spec.id}: restart is '${spec.restart}', not one of ${RESTARTS.join(', ')}`);
  }
  const { shutdown } = spec;
  if (shutdown !== undefined && shutdown !== 'brutalKill' && !(typeof shutdown === 'number' && shutdown >= 0)) {
    faults.push(`${spec.id}: shutdown is ${String(shutdown)}, not milliseconds from 0 up, Infinity or 'brutalKill'`);
  }
  return faults;
}
