import { BeamishError } from '../error/index.ts';
import { Pid, Tuple, atom, formatTerm, isAtom, isTuple, tuple } from '../term/index.ts';
import type { Term } from '../term/index.ts';
import type { ProcessBehaviour, ProcessContext } from './behaviour.ts';
import { commandOf, runCommand } from './command.ts';
import type { From } from './gen-server.ts';
import type { Kernel } from './kernel.ts';
import type { Process } from './process.ts';
import { SHUTDOWN } from './reason.ts';
import { shutDownChild } from './shut-down.ts';
import type { ChildSpec } from './supervisor-spec.ts';
import { answerGenEvent, handleSystem, isSystemMessage } from './system.ts';
import type { SystemHost } from './system.ts';

/** One child, as its supervisor has it now (OTP `supervisor:which_children/1`). */
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

const GEN_CALL = atom('$gen_call');

/** A running supervisor of any kind. Its methods wait as long as the children take to start and stop (OTP: infinity). */
export abstract class SupervisorHandle<H extends SupervisorBase> implements AsyncDisposable {
  readonly pid: Pid;
  readonly #kernel: Kernel;

  /** @internal */
  constructor(kernel: Kernel, pid: Pid) {
    this.#kernel = kernel;
    this.pid = pid;
  }

  /** In order of their first start. */
  whichChildren(): Promise<readonly ChildInfo[]> {
    return this.run((host) => Promise.resolve(host.children()));
  }

  countChildren(): Promise<ChildCounts> {
    return this.run((host) => Promise.resolve(host.counts()));
  }

  /** Ends the supervisor and its children. Resolves when it is gone; idempotent. */
  stop(): Promise<void> {
    return new Promise((resolve) => this.#kernel.shutDown(this.pid, resolve));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  protected run<T>(run: (host: H) => Promise<T>): Promise<T> {
    return runCommand(this.#kernel, this.pid, run);
  }
}

/** What the processes of all supervisors do alike: answer, take children in, shut them down. */
export abstract class SupervisorBase implements ProcessBehaviour, SystemHost {
  readonly moduleName = 'supervisor';
  readonly title: string;
  protected readonly kernel: Kernel;
  #self: ProcessContext | undefined;

  constructor(kernel: Kernel, title: string) {
    this.kernel = kernel;
    this.title = title;
  }

  init(self: ProcessContext): void | Promise<void> {
    this.#self = self;
  }

  /** A linked process ended: a child, or one that linked itself to the supervisor. */
  abstract exit(from: Pid, reason: Term): Promise<void>;
  abstract terminate(): Promise<void>;
  /** What `sys:get_state` shows. */
  abstract state(): Term;
  abstract children(): ChildInfo[];
  /** As OTP's `supervisor:which_children/1` answers. */
  protected abstract childrenTerm(): Term;

  counts(): ChildCounts {
    const all = this.children();
    const supervisors = all.filter(({ type }) => type === 'supervisor').length;
    const active = all.filter(({ pid }) => pid !== undefined).length;
    return { specs: all.length, active, supervisors, workers: all.length - supervisors };
  }

  handle(message: Term): void | Promise<void> {
    if (isTuple(message, 3) && message.at(0) === GEN_CALL && isTuple(message.at(1), 2)) {
      return this.#call(message.at(1) as From, message.at(2));
    }
    if (isSystemMessage(message)) {
      handleSystem(this.kernel, this.context as Process, this, message);
      return undefined;
    }
    const asked = message instanceof Tuple ? answerGenEvent(message) : undefined;
    if (asked !== undefined) this.#reply(asked.from, asked.reply);
    else {
      const shown = formatTerm(message, { maxLength: 200 });
      this.context.logger.warn({ message: shown }, `supervisor ${this.title} received a message it does not handle`);
    }
    return undefined;
  }

  async #call(from: From, request: Term): Promise<void> {
    const command = commandOf<this>(request);
    await command?.carryOut(this);
    this.#reply(from, command === undefined ? this.#answer(request) : atom('ok'));
  }

  #reply(from: From, reply: Term): void {
    this.kernel.reply(from, reply, this.context as Process);
  }

  /** What others may ask; starting and stopping children is for this node alone. */
  #answer(request: Term): Term {
    if (isAtom(request, 'which_children')) return this.childrenTerm();
    if (isAtom(request, 'count_children')) {
      return Object.entries(this.counts()).map(([key, count]) => tuple(atom(key), count as number));
    }
    return tuple(atom('error'), atom('badarg'));
  }

  /** Starts a process by its specification, and links with it. Rejects with what its start failed with. */
  protected async startLinked(who: string, spec: Pick<ChildSpec, 'start'>): Promise<Pid> {
    const result = await spec.start(this.kernel.runtime, { supervisor: this.context.pid });
    const pid = result instanceof Pid ? result : result.pid;
    if (pid === undefined)
      throw new BeamishError('option_invalid', `${who}: start gave no pid: return the process that it started`);
    const process = this.kernel.find(pid);
    if (process !== undefined) process.parent ??= this.context.pid;
    this.context.link(pid);
    return pid;
  }

  /** Resolves when the process is gone: by itself within its time, else killed. */
  protected async shutDown(who: string, pid: Pid, spec: Pick<ChildSpec, 'type' | 'shutdown'>): Promise<void> {
    const { type, shutdown = type === 'supervisor' ? Infinity : 5000 } = spec;
    await shutDownChild(this.kernel, this.context, pid, shutdown, (waited) => {
      this.context.logger.warn(
        { child: who },
        `${this.title}: child ${who} did not end within ${waited} ms and is killed`,
      );
    });
  }

  /** Too many restarts: it ends, which the supervisor above sees. */
  protected giveUp(who: string, maxRestarts: number, milliseconds: number): void {
    const limit = `more than ${maxRestarts} restarts within ${milliseconds / 1000} s`;
    this.context.logger.error({ child: who }, `supervisor ${this.title} gives up on child ${who}: ${limit}`);
    this.context.exit(SHUTDOWN);
  }

  protected get context(): ProcessContext {
    if (this.#self === undefined) throw new BeamishError('closed', `supervisor ${this.title} has not started`);
    return this.#self;
  }
}
