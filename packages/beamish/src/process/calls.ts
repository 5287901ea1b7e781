import { BeamishError, ERROR_CODES } from '../error/index.ts';
import type { BeamishErrorCode } from '../error/index.ts';
import { Atom, Pid, Reference, Tuple, atom, isTermMap, isTuple, mapGet, tuple, formatTerm } from '../term/index.ts';
import type { Term } from '../term/index.ts';
import type { Timer } from '../world/index.ts';
import type { Kernel } from './kernel.ts';
import type { Process } from './process.ts';
import { NOCONNECTION, NOPROC, callError } from './reason.ts';
import { aliasTag, callMessage } from './references.ts';
import type { Entry } from './references.ts';
import type { Destination, NamedProcess } from './signal.ts';

/** Of one call, or of all calls of a reference (`ref.with`). */
export interface CallOptions {
  /** Milliseconds until the call rejects with `timeout`; `Infinity` waits for ever. @default 5000 */
  readonly timeout?: number;
  /** Gives the call up: it rejects with `aborted`. The server may still serve it. */
  readonly signal?: AbortSignal;
}

/** A call of OTP's gen with another label than `$gen_call`; `pid` is that of the caller, as gen_event has it. */
export interface LabelledCallOptions extends CallOptions {
  readonly label?: Atom | 'pid';
}

export const DEFAULT_CALL_TIMEOUT = 5000;

const BEAMISH_ERROR = atom('$beamish_error');

/** The reply that rejects one call and leaves the server alive: `{'$beamish_error', #{code, message, details}}`. */
export function errorReply(error: BeamishError): Tuple {
  return tuple(BEAMISH_ERROR, {
    code: error.code,
    message: error.message,
    details: error.details as { [key: string]: Term },
  });
}

function textOf(term: Term): string {
  return typeof term === 'string' ? term : '';
}

function errorOfReply(reply: Term): BeamishError | undefined {
  if (!isTuple(reply, 2) || reply.at(0) !== BEAMISH_ERROR) return undefined;
  const facts = reply.at(1);
  if (!isTermMap(facts)) return undefined;
  const code = textOf(mapGet(facts, 'code'));
  const details = mapGet(facts, 'details');
  return new BeamishError(
    // a peer must not be able to invent codes that the program's branches do not know
    Object.hasOwn(ERROR_CODES, code) ? (code as BeamishErrorCode) : 'remote_error',
    textOf(mapGet(facts, 'message')) || 'the call was refused',
    { details: isTermMap(details) && !(details instanceof Map) ? (details as Readonly<Record<string, unknown>>) : {} },
  );
}

/** `counter.increment` of `{increment, 2}`: what a person knows the call as. */
function methodOf(request: Term): string {
  const name = request instanceof Tuple ? request.elements[0] : request;
  return name instanceof Atom ? name.name : formatTerm(request, { maxLength: 60 });
}

function checkTimeout(timeout: number): void {
  if (typeof timeout === 'number' && timeout >= 0) return; // NaN is not
  throw new BeamishError('option_invalid', `timeout is ${String(timeout)}: give milliseconds from 0 up, or Infinity`);
}

/**
 * One call that waits for its reply (OTP gen:call/4): the server is monitored first, then sent the request under the same
 * reference; whichever comes first, reply, end of the server, time, abort, takes the entry and so is the only one.
 */
export class PendingCall implements Entry {
  readonly reference: Reference;
  readonly owner: Process;
  readonly to: Pid | NamedProcess;
  readonly watched: Process | undefined;
  readonly #kernel: Kernel;
  readonly #request: Term;
  readonly #options: LabelledCallOptions;
  readonly #resolve: (reply: Term) => void;
  readonly #reject: (error: BeamishError) => void;
  #timer: Timer | undefined;
  #abort: (() => void) | undefined;

  /** Sends the call; throws what is the caller's fault. */
  static start(
    kernel: Kernel,
    owner: Process,
    to: Destination,
    request: Term,
    options: LabelledCallOptions,
    resolve: (reply: Term) => void,
    reject: (error: BeamishError) => void,
  ): void {
    checkTimeout(options.timeout ?? DEFAULT_CALL_TIMEOUT);
    if (to instanceof Reference) {
      throw new BeamishError(
        'option_invalid',
        'an alias cannot be called, for it cannot be monitored: call its process',
      );
    }
    const call = new PendingCall(kernel, owner, to, request, options, resolve, reject);
    if (options.signal?.aborted === true) call.#aborted();
    else if (kernel.stopped) call.#fail('closed', 'the node has stopped');
    else if (call.watched === undefined && kernel.isHere(to.node)) call.down(NOPROC);
    else if (call.watched === owner && !owner.root) {
      call.#fail('call_rejected', 'a process cannot call itself: it would wait for itself'); // OTP: calling_self
    } else {
      try {
        call.#send();
      } catch (error) {
        call.#unsent();
        throw error;
      }
    }
  }

  private constructor(
    kernel: Kernel,
    owner: Process,
    to: Pid | NamedProcess,
    request: Term,
    options: LabelledCallOptions,
    resolve: (reply: Term) => void,
    reject: (error: BeamishError) => void,
  ) {
    this.#kernel = kernel;
    this.owner = owner;
    this.to = to;
    this.watched = kernel.isHere(to.node) ? kernel.findHere(to) : undefined;
    this.reference = kernel.newReference(true);
    this.#request = request;
    this.#options = options;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  #send(): void {
    const { to, owner, reference } = this;
    const kernel = this.#kernel;
    const { timeout = DEFAULT_CALL_TIMEOUT, signal } = this.#options;
    kernel.watch(this);
    if (timeout !== Infinity) this.#timer = kernel.clock.setTimer(timeout, () => this.#timedOut());
    if (signal !== undefined) {
      this.#abort = () => this.#gaveUp();
      signal.addEventListener('abort', this.#abort, { once: true });
    }
    if (this.watched !== undefined) {
      this.watched.receive(callMessage(owner.pid, aliasTag(reference), this.#request, this.#label));
      return;
    }
    if (this.#label === undefined && kernel.takesCalls(to.node)) {
      kernel.route({ type: 'call', from: owner.pid, to, reference, request: this.#request }, to.node);
      return;
    }
    if (!kernel.route({ type: 'monitor', from: owner.pid, to, reference }, to.node)) {
      if (kernel.take(reference) !== undefined) this.down(NOCONNECTION);
      return;
    }
    const tag = kernel.takesAlias(to.node) ? aliasTag(reference) : reference;
    const message = callMessage(owner.pid, tag, this.#request, this.#label);
    kernel.route({ type: 'message', from: owner.pid, to, message }, to.node);
  }

  get #label(): Atom | Pid | undefined {
    const { label } = this.#options;
    return label === 'pid' ? this.owner.pid : label;
  }

  /** The request has no form on the wire: nothing of it is left. */
  #unsent(): void {
    if (this.#kernel.take(this.reference) === undefined) return;
    this.#close();
    this.#kernel.unwatch(this);
  }

  message(reply: Term): void {
    this.#kernel.unwatch(this);
    this.replied(reply);
  }

  replied(reply: Term): void {
    this.#close();
    const error = errorOfReply(reply);
    if (error === undefined) this.#resolve(reply);
    else this.#reject(error);
  }

  down(reason: Term): void {
    this.#close();
    this.#reject(callError(this.#text(), reason, this.#facts(), this.#kernel.causeOf(reason)));
  }

  abandoned(): void {
    this.#close();
    this.#fail('aborted', 'the calling process ended');
  }

  #timedOut(): void {
    if (this.#kernel.take(this.reference) === undefined) return;
    this.#close();
    this.#kernel.unwatch(this);
    this.#fail('timeout', `no answer within ${this.#options.timeout ?? DEFAULT_CALL_TIMEOUT} ms`);
  }

  #gaveUp(): void {
    if (this.#kernel.take(this.reference) === undefined) return;
    this.#close();
    this.#kernel.unwatch(this);
    this.#aborted();
  }

  #aborted(): void {
    this.#fail('aborted', 'the caller gave it up', this.#options.signal?.reason);
  }

  #fail(code: BeamishErrorCode, why: string, cause?: unknown): void {
    this.#reject(
      new BeamishError(code, `${this.#text()}: ${why}`, {
        details: this.#facts(),
        retryable: code === 'timeout',
        ...(cause === undefined ? {} : { cause }),
      }),
    );
  }

  /** Releases timer and listener; the entry has been taken. */
  #close(): void {
    this.#timer?.cancel();
    if (this.#abort !== undefined) this.#options.signal?.removeEventListener('abort', this.#abort);
  }

  #processText(): string {
    return this.to instanceof Pid ? (this.watched?.name ?? this.to.toString()) : this.to.name;
  }

  #text(): string {
    return `call of ${this.#processText()}.${methodOf(this.#request)} on ${this.to.node}`;
  }

  #facts(): Readonly<Record<string, unknown>> {
    return { node: this.to.node, process: this.#processText(), method: methodOf(this.#request) };
  }
}
