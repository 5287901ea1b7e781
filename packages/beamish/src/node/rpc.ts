import { BeamishError, ERROR_CODES, type BeamishErrorCode } from '../error/index.ts';
import type { CallOptions, ProcessHandle, Runtime } from '../process/index.ts';
import { methodProxy } from '../process/server-proxy.ts';
import { guardReply } from '../schema/index.ts';
import type { Contract } from '../schema/index.ts';
import { atom, formatTerm, isAtom, isTermMap, isTuple, mapGet } from '../term/index.ts';
import type { Reference, Term } from '../term/index.ts';
import { groupLeader } from './kernel/io.ts';

const DEFAULT_TIMEOUT = 5000;
const SHUTDOWN = atom('shutdown');

/** Of one call of a function on another node. */
export interface RpcOptions extends CallOptions {
  /**
   * Gets what the function prints on a BEAM (`io:format`, `IO.puts`), until the call is over; what it does not get goes to
   * the log of this node. Of a Beamish node nothing comes.
   */
  readonly onOutput?: (text: string) => void;
}

/** What one node answered to a call of many. */
export type RpcOutcome =
  | { readonly node: string; readonly value: Term; readonly error?: undefined }
  | { readonly node: string; readonly error: BeamishError };

/** The functions of a module on another node, typed by `M`: `{ add(x: number, y: number): number }`. */
export type RpcModule<M> = {
  readonly [K in keyof M]: M[K] extends (...args: infer A) => infer R ? (...args: A) => Promise<Awaited<R>> : never;
} & {
  /** The same without an answer: nobody learns whether they failed (`erpc:cast/4`). */
  readonly cast: { readonly [K in keyof M]: M[K] extends (...args: infer A) => unknown ? (...args: A) => void : never };
};

interface Target {
  readonly node: string;
  readonly module: string;
  readonly function: string;
  readonly arguments: readonly Term[];
}

/**
 * `erpc:call/5`: asks the node to spawn `erpc:execute_call(Res, M, F, Args)`; the reason with which that process ends is the
 * answer (protocols 5.5).
 */
export function rpc(runtime: Runtime, target: Target, options: RpcOptions = {}): Promise<Term> {
  const { timeout = DEFAULT_TIMEOUT, signal } = options;
  const { node } = target;
  const what = `rpc ${target.module}:${target.function}/${target.arguments.length} on ${node}`;
  const result: Reference = runtime.newReference();
  return new Promise((resolve, reject) => {
    const leader = options.onOutput && outputTo(runtime, options.onOutput);
    const settle = (): void => {
      leader?.exit(SHUTDOWN);
      timer?.cancel();
      signal?.removeEventListener('abort', gaveUp);
      controller.abort();
    };
    const fail = (error: BeamishError): void => {
      reject(error);
      settle();
    };
    const gaveUp = (): void =>
      fail(new BeamishError('aborted', `${what}: the caller gave it up`, { cause: signal?.reason }));
    // Ends the spawn request when this call is over, whatever ended it.
    const controller = new AbortController();
    const timer =
      timeout === Infinity
        ? undefined
        : runtime.world.clock.setTimer(timeout, () =>
            fail(
              new BeamishError('timeout', `${what}: no answer within ${timeout} ms`, {
                details: { node, module: target.module, function: target.function },
                retryable: true,
              }),
            ),
          );
    if (signal?.aborted === true) {
      gaveUp();
      return;
    }
    signal?.addEventListener('abort', gaveUp, { once: true });
    const spawn = {
      module: 'erpc',
      function: 'execute_call',
      arguments: [result, atom(target.module), atom(target.function), target.arguments],
    };
    const onDown = (reason: Term): void => {
      const answer = answerOf(reason, result, what, target);
      if (answer instanceof BeamishError) fail(answer);
      else {
        resolve(answer.value);
        settle();
      }
    };
    runtime
      .requestSpawn(node, spawn, {
        timeout: Infinity,
        signal: controller.signal,
        onDown,
        ...(leader === undefined ? {} : { groupLeader: leader.pid }),
      })
      .catch((error: unknown) => {
        fail(explained(error, what));
      });
  });
}

function outputTo(runtime: Runtime, listener: (text: string) => void): ProcessHandle {
  const print = (text: string): void => {
    try {
      listener(text);
    } catch (error) {
      runtime.logger.error({ err: error }, 'the listener of output threw');
    }
  };
  return runtime.spawn(groupLeader(print), { label: 'output' });
}

/** `erpc:cast/4`: whether it runs, and how it ends, is not told. */
export function rpcCast(runtime: Runtime, { node, module, function: name, arguments: args }: Target): void {
  const spawn = { module: 'erpc', function: 'execute_cast', arguments: [atom(module), atom(name), args] };
  runtime.requestSpawn(node, spawn, { timeout: Infinity }).catch((error: unknown) => {
    runtime.logger.debug({ err: error, node }, `a cast of ${module}:${name} was not taken`);
  });
}

/** `erpc:multicall/5`: all at once; the outcomes in the order of the nodes. */
export function rpcAll(
  runtime: Runtime,
  nodes: readonly string[],
  target: Omit<Target, 'node'>,
  options: RpcOptions,
): Promise<readonly RpcOutcome[]> {
  return Promise.all(
    nodes.map(async (node): Promise<RpcOutcome> => {
      try {
        return { node, value: await rpc(runtime, { node, ...target }, options) };
      } catch (error) {
        return { node, error: error as BeamishError }; // a call rejects with nothing else
      }
    }),
  );
}

/** The functions of a module as methods. */
export function rpcModule<M>(
  runtime: Runtime,
  node: string,
  module: string,
  { contract, ...options }: RpcOptions & { readonly contract?: Contract },
): RpcModule<M> {
  const target = (name: string, args: readonly Term[]): Target => ({ node, module, function: name, arguments: args });
  const cast = methodProxy(
    {},
    (name) =>
      (...args) =>
        rpcCast(runtime, target(name, args)),
  );
  return methodProxy({ cast, [Symbol.toStringTag]: 'RpcModule' }, (name) =>
    guardReply(name, contract, (...args) => rpc(runtime, target(name, args), options)),
  ) as RpcModule<M>;
}

function explained(error: unknown, what: string): BeamishError {
  if (!(error instanceof BeamishError)) return new BeamishError('remote_error', what, { cause: error });
  const { code, retryable, details } = error;
  return new BeamishError(code, `${what}: ${error.message}`, { cause: error, retryable, details });
}

function answerOf(
  reason: Term,
  result: Reference,
  what: string,
  target: Target,
): { readonly value: Term } | BeamishError {
  const { node } = target;
  if (isAtom(reason, 'noconnection')) {
    return new BeamishError('noconnection', `${what}: the connection was lost before the answer`, {
      details: { node },
      retryable: true,
    });
  }
  if (!isTuple(reason) || !result.equals(reason.at(0))) return failed(what, reason, node);
  const [, kind, detail, stack] = reason.elements;
  if (isAtom(kind, 'return')) return { value: detail };
  if (isAtom(kind, 'error') && isAtom(detail, 'undef') && isMissing(stack, target)) {
    const message = `${what}: the node has no such function, or does not expose it`;
    return new BeamishError('not_exposed', message, { details: { node, reason: detail } });
  }
  return (isAtom(kind, 'error') ? ownError(detail, what, node) : undefined) ?? failed(what, detail, node);
}

/** What a Beamish node's function threw as a `BeamishError`. */
function ownError(reason: Term, what: string, node: string): BeamishError | undefined {
  if (!isTuple(reason, 2) || !isAtom(reason.at(0), '$beamish_error')) return undefined;
  const facts = reason.at(1);
  if (!isTermMap(facts)) return undefined;
  const code = mapGet(facts, 'code');
  const message = mapGet(facts, 'message');
  // A peer must not be able to invent codes.
  const known =
    typeof code === 'string' && Object.hasOwn(ERROR_CODES, code) ? (code as BeamishErrorCode) : 'remote_error';
  return new BeamishError(known, `${what}: ${typeof message === 'string' ? message : formatTerm(message)}`, {
    details: { node, reason },
  });
}

/** Whether it is the called function itself that is not there, and not one that it called. */
function isMissing(stack: Term, target: Target): boolean {
  const first = Array.isArray(stack) ? (stack as readonly Term[])[0] : undefined;
  return isTuple(first) && isAtom(first.at(0), target.module) && isAtom(first.at(1), target.function);
}

function failed(what: string, reason: Term, node: string): BeamishError {
  return new BeamishError('remote_error', `${what}: ${formatTerm(reason).slice(0, 2000)}`, {
    details: { node, reason },
  });
}
