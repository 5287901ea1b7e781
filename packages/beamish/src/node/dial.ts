import { BeamishError } from '../error/index.ts';
import type { Socket, TlsOptions, World } from '../world/index.ts';
import type { Connection } from './connection.ts';
import { HandshakeHost } from './handshake/host.ts';
import type { GivenName, HandshakeConfig, HandshakeFailure, HandshakePeer } from './handshake/machine.ts';
import { splitNodeName } from './names.ts';

export interface DialOptions {
  readonly world: World;
  readonly nodeName: string;
  readonly config: HandshakeConfig;
  readonly tls: TlsOptions | undefined;
  readonly setupTime: number;
  /** Why the other end of the socket cannot be a node of that name. */
  readonly nameFault: (socket: Socket, nodeName: string) => string | undefined;
  /** Where the node listens. @throws BeamishError when that cannot be found out */
  readonly locate: (nodeName: string, signal: AbortSignal) => Promise<{ readonly host: string; readonly port: number }>;
  /** @returns the connection that takes the socket over */
  readonly established: (
    socket: Socket,
    host: HandshakeHost,
    peer: HandshakePeer,
    given: GivenName | undefined,
  ) => Connection | undefined;
  /** The other side keeps its own attempt (protocols 2.3). */
  readonly yielded: () => void;
  readonly refused: (socket: Socket, failure: HandshakeFailure) => void;
  readonly unreachable: (error: BeamishError) => void;
}

export interface Dial {
  /** Gives it up; nothing is told after that. */
  cancel(): void;
}

/** Finds a node, connects to it and shakes hands. Exactly one of the four outcomes is told, in a later turn. */
export function dial(options: DialOptions): Dial {
  const { world, nodeName, config, tls, setupTime } = options;
  const controller = new AbortController();
  let host: HandshakeHost | undefined;
  open(options, controller.signal).then(
    (socket) => {
      if (controller.signal.aborted) {
        socket.handle({ data() {}, close() {} });
        socket.destroy();
        return;
      }
      const message = options.nameFault(socket, nodeName);
      if (message !== undefined) {
        socket.handle({ data() {}, close() {} });
        socket.destroy();
        options.refused(socket, { code: 'tls_failed', cause: 'certificate', message });
        return;
      }
      const own: HandshakeHost = new HandshakeHost({
        socket,
        clock: world.clock,
        config,
        expected: nodeName,
        tls: tls !== undefined,
        setupTime,
        hooks: {
          // Only who is dialled is asked.
          decide: () => ({ status: 'nok' }),
          established: (peer, given) => options.established(socket, own, peer, given),
          yielded: options.yielded,
          failed: (failure) => options.refused(socket, failure),
        },
      });
      host = own;
    },
    (error: unknown) => {
      if (!controller.signal.aborted) options.unreachable(unreachable(nodeName, error));
    },
  );
  return {
    cancel() {
      controller.abort();
      host?.cancel();
    },
  };
}

async function open(options: DialOptions, signal: AbortSignal): Promise<Socket> {
  const { world, tls, setupTime, locate, nodeName } = options;
  const { host, port } = await locate(nodeName, signal);
  const target = { host, port, timeout: setupTime, signal };
  if (tls === undefined) return await world.network.connect(target);
  // The certificate must be that of the host in the node's name, as with a BEAM (protocols 14).
  const serverName = tls.serverName ?? splitNodeName(nodeName)?.host ?? host;
  return await world.network.connect({ ...target, tls: { ...tls, serverName } });
}

function unreachable(nodeName: string, cause: unknown): BeamishError {
  const known = cause instanceof BeamishError;
  return new BeamishError(
    known ? cause.code : 'noconnection',
    `connecting to ${nodeName}: ${cause instanceof Error ? cause.message : String(cause)}`,
    { cause, details: { node: nodeName }, retryable: !known || cause.retryable || cause.code === 'connection_refused' },
  );
}
