import { BeamishError } from '../error/index.ts';
import { ArgumentsInvalid, RefusedValues, guardFunction } from '../schema/index.ts';
import type { Contract } from '../schema/index.ts';
import { Atom, Pid, Tuple, atom, isTuple } from '../term/index.ts';
import type { Term } from '../term/index.ts';
import type { ProcessBehaviour, ProcessContext } from './behaviour.ts';
import { errorReply } from './calls.ts';
import { CallRejected, GenServer, MethodUnknown, attach } from './gen-server.ts';
import type { From, ServerHost } from './gen-server.ts';
import type { Kernel } from './kernel.ts';
import type { Process } from './process.ts';
import { CALLBACK_NAMES, NO_REPLY, RESERVED_NAMES } from './server-ref.ts';
import { isThenable } from './thenable.ts';
import { answerGenEvent, handleSystem, isSystemMessage } from './system.ts';

type Method = (...args: Term[]) => unknown;

/** The callbacks of a server, which are protected: the host alone calls them from outside. */
interface Callbacks {
  init(): void | Promise<void>;
  handleInfo(message: Term): void | Promise<void>;
  handleCall(request: Term, from: From): unknown;
  handleCast(request: Term): void | Promise<void>;
  handleContinue(argument: Term): void | Promise<void>;
  terminate(reason: Term): void | Promise<void>;
  formatState(): Term;
}

const SYSTEM = atom('system');
const GEN_CALL = atom('$gen_call');
const GEN_CAST = atom('$gen_cast');
const callbacks: ReadonlySet<string> = new Set(CALLBACK_NAMES);

/** In the mailbox: what `continueWith` asked for. No term, so that nobody can send one. */
class Continue {
  readonly argument: Term;
  constructor(argument: Term) {
    this.argument = argument;
  }
}

/**
 * The methods of a class that are calls, by name. Only what is in this table can be called: a name from the wire never
 * reaches a property of an object.
 *
 * Those of `static contract` stand behind their schemas.
 *
 * @throws BeamishError `option_invalid` when one has a reserved name, or `static calls` or `contract` names what is no method.
 */
export function methodsOf(Class: {
  readonly name: string;
  readonly prototype: GenServer;
}): ReadonlyMap<string, Method> {
  const found = new Map<string, Method>();
  for (
    let layer: object = Class.prototype;
    layer !== GenServer.prototype && layer !== null;
    layer = Object.getPrototypeOf(layer) as object
  ) {
    for (const name of Object.getOwnPropertyNames(layer)) {
      if (name === 'constructor' || name.startsWith('_') || callbacks.has(name) || found.has(name)) continue;
      const value: unknown = Object.getOwnPropertyDescriptor(layer, name)?.value;
      if (typeof value === 'function') found.set(name, value as Method);
    }
  }
  const reserved = RESERVED_NAMES.filter((name) => found.has(name));
  if (reserved.length > 0) {
    throw new BeamishError(
      'option_invalid',
      `${Class.name} has a method named ${reserved.join(', ')}; a reference uses these names itself: ${RESERVED_NAMES.join(', ')}`,
    );
  }
  const { calls = [...found.keys()], contract = {} } = Class as unknown as {
    readonly calls?: readonly string[];
    readonly contract?: Contract;
  };
  for (const [list, names] of Object.entries({ calls, contract: Object.keys(contract) })) {
    const missing = names.filter((name) => !found.has(name));
    if (missing.length > 0)
      throw new BeamishError('option_invalid', `${Class.name}.${list} names no method: ${missing.join(', ')}`);
  }
  return new Map(calls.map((name) => [name, behindSchema(name, found.get(name) as Method, contract)]));
}

function behindSchema(name: string, method: Method, contract: Contract): Method {
  const schemas = Object.hasOwn(contract, name) ? contract[name] : undefined;
  return schemas === undefined ? method : guardFunction(name, schemas.args, method);
}

function camelCase(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** Turns the messages of a process into method calls of a `GenServer`, and their results into replies. */
export class Server implements ProcessBehaviour, ServerHost {
  readonly title: string;
  readonly terminate?: (reason: Term) => void | Promise<void>;
  readonly #kernel: Kernel;
  readonly #server: GenServer;
  readonly #callbacks: Callbacks;
  readonly #methods: ReadonlyMap<string, Method>;
  #process: Process | undefined;
  #from: From | undefined;
  #refused: RefusedValues | undefined;

  constructor(kernel: Kernel, server: GenServer, methods: ReadonlyMap<string, Method>, title: string) {
    this.#kernel = kernel;
    this.#server = server;
    this.#callbacks = server as unknown as Callbacks;
    this.#methods = methods;
    this.title = title;
    // only a server that has something to do at its end is asked; others end at once (see Process.receiveExit)
    if (Reflect.get(server, 'terminate') !== Reflect.get(GenServer.prototype, 'terminate')) {
      this.terminate = (reason) => this.#callbacks.terminate(reason);
    }
    attach(server, this);
  }

  get context(): ProcessContext {
    if (this.#process === undefined) {
      throw new BeamishError(
        'option_invalid',
        `${this.title} has no process yet: use init() in place of the constructor`,
      );
    }
    return this.#process;
  }

  get from(): From | undefined {
    return this.#from;
  }

  get methods(): readonly string[] {
    return [...this.#methods.keys()];
  }

  reply(from: From, reply: Term): void {
    this.#kernel.reply(from, reply, this.#process as Process);
  }

  continueWith(argument: Term): void {
    this.#process?.receiveFirst(new Continue(argument) as unknown as Term);
  }

  init(self: ProcessContext): void | Promise<void> {
    this.#process = self as Process;
    return this.#callbacks.init();
  }

  handle(message: Term): void | Promise<void> {
    if (message instanceof Tuple) {
      const elements: readonly Term[] = message.elements;
      if (elements[0] === GEN_CALL && elements.length === 3 && isTuple(elements[1], 2)) {
        return this.#call(elements[1] as From, elements[2]);
      }
      if (elements[0] === GEN_CAST && elements.length === 2) return this.#cast(elements[1]);
      if (elements[0] === SYSTEM && isSystemMessage(message)) {
        handleSystem(this.#kernel, this.#process as Process, this, message);
        return undefined;
      }
      if (elements[0] instanceof Pid && elements.length === 3) {
        const asked = answerGenEvent(message);
        if (asked !== undefined) return this.#genEvent(asked);
      }
    } else if (message instanceof Continue) return this.#callbacks.handleContinue(message.argument);
    return this.#callbacks.handleInfo(message);
  }

  get moduleName(): string {
    return this.#server.constructor.name;
  }

  state(): Term {
    return this.#callbacks.formatState();
  }

  async #genEvent({ from, reply, event }: NonNullable<ReturnType<typeof answerGenEvent>>): Promise<void> {
    if (event !== undefined) await this.#callbacks.handleInfo(event); // sync_notify: answered when it is handled
    this.reply(from, reply);
  }

  /** `method` or `{method, Arg...}`; the exact name first, then Elixir's spelling of it. */
  #methodOf(request: Term): Method | undefined {
    const name = request instanceof Tuple ? request.elements[0] : request;
    if (!(name instanceof Atom)) return undefined;
    return (
      this.#methods.get(name.name) ?? (name.name.includes('_') ? this.#methods.get(camelCase(name.name)) : undefined)
    );
  }

  #invoke(method: Method, request: Term): unknown {
    return Reflect.apply(method, this.#server, request instanceof Tuple ? request.elements.slice(1) : []);
  }

  #call(from: From, request: Term): void | Promise<void> {
    this.#from = from;
    try {
      const method = this.#methodOf(request);
      const result = method === undefined ? this.#callbacks.handleCall(request, from) : this.#invoke(method, request);
      if (isThenable(result)) return this.#answerLater(from, result);
      this.#answer(from, result);
    } catch (error) {
      this.#refuse(from, error);
    }
    this.#from = undefined;
    return undefined;
  }

  async #answerLater(from: From, result: PromiseLike<unknown>): Promise<void> {
    try {
      this.#answer(from, await result);
    } catch (error) {
      this.#refuse(from, error);
    }
    this.#from = undefined;
  }

  #answer(from: From, result: unknown): void {
    if (result !== NO_REPLY) this.reply(from, result as Term);
  }

  /** A refusal is an answer; anything else is a crash. */
  #refuse(from: From, error: unknown): void {
    if (error instanceof ArgumentsInvalid) this.#countRefusal(error);
    else if (!(error instanceof CallRejected) && !(error instanceof MethodUnknown)) throw error;
    this.reply(from, errorReply(error));
  }

  #countRefusal(error: ArgumentsInvalid): void {
    this.#refused ??= new RefusedValues(this.#kernel.clock, this.context.logger, this.title);
    this.#refused.refused(error);
  }

  #cast(request: Term): void | Promise<void> {
    const method = this.#methodOf(request);
    if (method === undefined) return this.#callbacks.handleCast(request);
    try {
      const result = this.#invoke(method, request);
      return isThenable(result) ? Promise.resolve(result).then(() => {}, this.#castFailed) : undefined;
    } catch (error) {
      return this.#castFailed(error);
    }
  }

  readonly #castFailed = (error: unknown): void => {
    if (error instanceof ArgumentsInvalid) {
      this.#countRefusal(error);
      return;
    }
    if (!(error instanceof CallRejected)) throw error;
    this.context.logger.warn({ err: error }, `${this.title} refused a cast: ${error.message}`);
  };
}
