import { BeamishError, isBeamishError } from '../../error/index.ts';
import type { Socket, World } from '../../world/index.ts';
import { decodeNamesResponse, decodePortResponse, namesRequest, portPleaseRequest, type EpmdName } from './codec.ts';

/** A port mapper to ask. */
export interface EpmdTarget {
  /** The machine, by name or address. */
  readonly host: string;
  readonly port: number;
  /** Milliseconds for the whole question. @default 7000 */
  readonly timeout?: number;
  readonly signal?: AbortSignal;
}

const DEFAULT_TIMEOUT = 7000;
/** An answer longer than this is none. */
const MAX_ANSWER_BYTES = 1024 * 1024;

/**
 * The port on which the node `name` (without host) listens there; undefined when no such node is registered.
 * @throws BeamishError `epmd_failed` when nothing answers, or what answers is no port mapper; `aborted`
 */
export async function portPlease(world: World, target: EpmdTarget, name: string): Promise<number | undefined> {
  const answer = decodePortResponse(await ask(world, target, portPleaseRequest(name)));
  if (answer === undefined) throw failed(target, 'gave no answer of a port mapper');
  return answer?.port;
}

/**
 * Every node registered on that machine, hidden ones too.
 * @throws BeamishError `epmd_failed`, `aborted`
 */
export async function epmdNames(world: World, target: EpmdTarget): Promise<readonly EpmdName[]> {
  const names = decodeNamesResponse(await ask(world, target, namesRequest()));
  if (names === undefined) throw failed(target, 'gave no answer of a port mapper');
  return names;
}

async function ask(world: World, target: EpmdTarget, request: Uint8Array): Promise<Uint8Array> {
  const { host, port, timeout = DEFAULT_TIMEOUT, signal } = target;
  let socket: Socket;
  try {
    socket = await world.network.connect({ host, port, timeout, ...(signal === undefined ? {} : { signal }) });
  } catch (cause) {
    if (isBeamishError(cause, 'aborted') || isBeamishError(cause, 'host_unresolved')) throw cause;
    throw failed(target, cause instanceof Error ? `cannot be reached: ${cause.message}` : 'cannot be reached', cause);
  }
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const parts: Uint8Array[] = [];
  let bytes = 0;
  const stop = (error: BeamishError): void => {
    reject(error);
    socket.destroy();
  };
  socket.handle({
    data(chunk) {
      bytes += chunk.length;
      if (bytes > MAX_ANSWER_BYTES) stop(failed(target, 'gave an answer that is too long'));
      else parts.push(chunk);
    },
    // The port mapper closes after its answer: that is the end of the message.
    close: () => resolve(Buffer.concat(parts)),
  });
  const timer = world.clock.setTimer(timeout, () => stop(failed(target, `did not answer within ${timeout} ms`)));
  const abort = (): void =>
    stop(new BeamishError('aborted', 'the question to the port mapper was aborted', { cause: signal?.reason }));
  signal?.addEventListener('abort', abort, { once: true });
  socket.write(request);
  try {
    return await promise;
  } finally {
    timer.cancel();
    signal?.removeEventListener('abort', abort);
  }
}

function failed(target: EpmdTarget, what: string, cause?: unknown): BeamishError {
  return new BeamishError('epmd_failed', `epmd at ${target.host}:${target.port} ${what}`, {
    retryable: true,
    ...(cause === undefined ? {} : { cause }),
  });
}
