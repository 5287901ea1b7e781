import { BeamishError } from '../error/index.ts';
import type { Contract } from '../schema/index.ts';
import { Tuple, formatTerm } from '../term/index.ts';
import type { Pid, Term } from '../term/index.ts';
import type { ProcessContext } from './behaviour.ts';
import { NORMAL } from './reason.ts';
import { visibleState } from './system.ts';

/** Who called: `{CallerPid, Tag}`. Opaque; keep it to reply later. */
export type From = Tuple<readonly [Pid, Term]>;

/**
 * Throw it in a method to refuse this one call: the caller's promise rejects with `call_rejected`, the server lives on.
 * Anything else that is thrown ends the server.
 */
export class CallRejected extends BeamishError {
  /** @param details terms, for they travel to callers on other nodes. */
  constructor(message: string, details: { readonly [key: string]: Term } = {}) {
    super('call_rejected', message, { details });
  }
}

/** The default answer to a call that no method serves. */
export class MethodUnknown extends BeamishError {
  constructor(message: string, details: { readonly [key: string]: Term }) {
    super('method_unknown', message, { details });
  }
}

/** What the host gives to its server; set before `init`. */
export interface ServerHost {
  readonly context: ProcessContext;
  readonly from: From | undefined;
  readonly title: string;
  readonly methods: readonly string[];
  reply(from: From, reply: Term): void;
  continueWith(argument: Term): void;
}

/** Gives `server` its host. Only `server-host.ts` calls it. */
export let attach: (server: GenServer, host: ServerHost) => void;

/**
 * A server process (OTP gen_server). Extend it: every public method of the class is a call, and calls are handled one at
 * a time, also when they are asynchronous.
 *
 * ```ts
 * class Counter extends GenServer {
 *   #count = 0;
 *   increment(by = 1) { return (this.#count += by); }
 * }
 * const counter = await runtime.startServer(Counter, [], { name: 'counter' });
 * await counter.increment(2);
 * ```
 *
 * TypeScript's `private` is gone when the program runs, so a `private` method can be called from outside: use `#name`,
 * or a leading `_`, or list the calls in `static readonly calls`.
 *
 * A method that throws ends the server with the reason of `reasonOf`, and its callers get `process_exited`; to refuse one
 * call only, throw `CallRejected`.
 */
export abstract class GenServer {
  /** When given, only these methods are calls. */
  static readonly calls?: readonly string[];

  /**
   * When given, the arguments of these methods are checked by their schemas before they run, whoever calls; a call that does not
   * fit is refused with `value_invalid`. The compiler compares the two with `implements Handlers<typeof contract>`.
   */
  static readonly contract?: Contract;

  #host: ServerHost | undefined;

  static {
    attach = (server, host) => {
      server.#host = host;
    };
  }

  /** Runs before the first message; the start waits for it, and fails with what it throws (OTP `init/1`). */
  protected init(): void | Promise<void> {}

  /** Any message that is neither a call nor a cast: `{'DOWN', ...}`, `{'EXIT', ...}`, timers, sends (OTP `handle_info/2`). */
  protected handleInfo(message: Term): void | Promise<void> {
    this.process.logger.warn(
      { message: formatTerm(message, { maxLength: 200 }) },
      `${this.#hosted.title} received a message it does not handle`,
    );
  }

  /**
   * A call that no method serves, as the raw request (OTP `handle_call/3`). Return the reply, or `NO_REPLY` to give it later.
   * By default the call is refused with `method_unknown` and the names of the methods.
   */
  protected handleCall(request: Term, _from: From): unknown {
    const { title, methods } = this.#hosted;
    const name = formatTerm(request instanceof Tuple ? request.elements[0] : request, { maxLength: 100 });
    const known = methods.length === 0 ? 'it has none' : `it has: ${methods.join(', ')}`;
    throw new MethodUnknown(`${title} has no method ${name}; ${known}`, { method: name, methods });
  }

  /** A cast that no method serves (OTP `handle_cast/2`). By default it is logged. */
  protected handleCast(request: Term): void | Promise<void> {
    this.process.logger.warn(
      { request: formatTerm(request, { maxLength: 200 }) },
      `${this.#hosted.title} received a cast it does not handle`,
    );
  }

  /** What `continueWith` asked for; runs before the next message (OTP `handle_continue/2`). */
  protected handleContinue(_argument: Term): void | Promise<void> {}

  /**
   * Runs last: after `stop`, after a crash, and when the parent shuts the server down. Not when it is killed. The supervisor's
   * `shutdown` time bounds it (OTP `terminate/2`; unlike there it also runs when exits are not trapped).
   */
  protected terminate(_reason: Term): void | Promise<void> {}

  /**
   * What `sys:get_state` and `sys:get_status` show, also to other nodes: by default the fields of the object, `#private` ones
   * and those that start with `_` left out, as a map (OTP `format_status/1`). Override it to show more, or less.
   * What it throws ends the server.
   */
  protected formatState(): Term {
    return visibleState(this);
  }

  /** Its process: pid, timers, monitors, links, sends, calls of others. From `init` on, not in the constructor. */
  protected get process(): ProcessContext {
    return this.#hosted.context;
  }

  /** Who made the call that is being handled; undefined in all else. Read it before the first `await`, or keep it. */
  protected get from(): From | undefined {
    return this.#hosted.from;
  }

  /** Answers a call whose method returned `NO_REPLY`, now or any time later (OTP `gen_server:reply/2`). */
  protected reply(from: From, reply: Term): void {
    this.#hosted.reply(from, reply);
  }

  /** Ends the server once the current message is handled; its reply still goes out. @param reason Default `normal`. */
  protected stop(reason: Term = NORMAL): void {
    this.process.exit(reason);
  }

  /** Calls `handleContinue(argument)` before the next message: for work after `init` that its starter need not wait for. */
  protected continueWith(argument: Term): void {
    this.#hosted.continueWith(argument);
  }

  get #hosted(): ServerHost {
    if (this.#host !== undefined) return this.#host;
    throw new BeamishError(
      'option_invalid',
      `${this.constructor.name} has no process yet: use init() in place of the constructor`,
    );
  }
}

/** Any class that makes a server: what `startServer` takes. */
export type ServerClass<C extends GenServer, A extends unknown[]> = new (...args: A) => C;
