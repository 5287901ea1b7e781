import type { Resolver } from 'node:dns/promises';
import { connect as connectTcp, createServer, isIP, type Server, type Socket as NodeSocket } from 'node:net';
import { hostname } from 'node:os';
import { BeamishError } from '../../error/index.ts';
import { Crowd } from '../crowd.ts';
import type {
  Address,
  ConnectOptions,
  DatagramOptions,
  DatagramSocket,
  ListenOptions,
  Listener,
  Network,
  ResolveOptions,
  Socket,
  SrvRecord,
  TlsOptions,
} from '../network.ts';
import { failure } from './failure.ts';
import { realClock } from './clock.ts';
import { RealSocket } from './socket.ts';
import { below, checkTls, clientTls, refusal, remoteOf, renewedTls, serverTls } from './tls.ts';
import { nodeDgram, nodeDns, nodeTls } from './seldom.ts';

const DEFAULT_CONNECT_TIMEOUT = 7000;
const DEFAULT_RESOLVE_TIMEOUT = 5000;
/** TLS handshakes that are not finished within this time are refused, as OTP's net_setuptime. Milliseconds. */
const TLS_SETUP_TIME = 7000;
const MAX_TLS_HANDSHAKES = 1000;

async function listen(options: ListenOptions, onConnection: (socket: Socket) => void): Promise<Listener> {
  const accept = (socket: NodeSocket): void => onConnection(new RealSocket(socket));
  /** TCP connections whose TLS handshake is not done: closed with the listener, not handed over after it. */
  const handshaking = new Crowd<NodeSocket>(options.maxHandshakes ?? MAX_TLS_HANDSHAKES);
  // Half-open, so that the owner decides what the end of the peer's bytes means.
  const common = { allowHalfOpen: true, pauseOnConnect: false };
  const { tls, handshakeTimeout = TLS_SETUP_TIME } = options;
  let server: Server;
  let renewTls = (_tls: TlsOptions): void => {};
  if (tls === undefined) server = createServer(common, accept);
  else {
    const secure = nodeTls().createServer(
      // Not half-open: a client that does not trust us just leaves, and only the time-out would tell.
      { ...common, allowHalfOpen: false, ...serverTls(tls), handshakeTimeout },
      (socket) => {
        const tcp = below(socket);
        if (tcp === undefined) handshaking.clear();
        else handshaking.delete(tcp.remoteAddress ?? '', tcp);
        accept(socket);
      },
    );
    secure.on('connection', (socket: NodeSocket) => {
      // asked for now, the address is remembered; asked for after a failure, it is gone
      const { remoteAddress: host = '' } = socket;
      const gone = handshaking.add(host, socket);
      if (gone !== undefined) {
        const remote = { host: gone.remoteAddress ?? '', port: gone.remotePort ?? 0 };
        const message = `more than ${handshaking.limit} TLS handshakes at one time; the oldest of this address is closed`;
        options.onRefused?.(new BeamishError('queue_full', message), remote);
        gone.destroy();
      }
      socket.once('close', () => handshaking.delete(host, socket));
    });
    secure.on('tlsClientError', (error, socket) => {
      const remote = remoteOf(socket);
      const doing = `TLS handshake with ${remote.host}:${remote.port}`;
      const why = refusal(error, socket);
      options.onRefused?.(new BeamishError('tls_failed', `${doing}: ${why.message.trim()}`, { cause: why }), remote);
      socket.destroy();
    });
    renewTls = (renewed) => secure.setSecureContext(renewedTls(renewed));
    server = secure;
  }
  const where = `listen on ${options.host}:${options.port}`;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(failure(error, where, 'address_in_use')));
    server.listen({ host: options.host, port: options.port, exclusive: true }, resolve);
  });
  // After this an error concerns one connection that could not be accepted (no file descriptors left, say).
  server.on('error', (error) => options.onRefused?.(failure(error, where), { host: '', port: 0 }));
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('a TCP server has an address');
  return {
    address: { host: bound.address, port: bound.port },
    renewTls,
    close: () =>
      new Promise((resolve) => {
        // The callback of `close` waits for the connections made, which stay. That it listens no more holds at once.
        server.close();
        for (const socket of handshaking) socket.destroy();
        resolve();
      }),
  };
}

function connect(options: ConnectOptions): Promise<Socket> {
  const { host, port, signal } = options;
  const timeout = options.timeout ?? DEFAULT_CONNECT_TIMEOUT;
  const doing = `connect to ${host}:${port}`;
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(new BeamishError('aborted', `${doing} was aborted`, { cause: signal.reason }));
      return;
    }
    const target = {
      host,
      port,
      allowHalfOpen: true,
      ...(options.localHost === undefined ? {} : { localAddress: options.localHost }),
    };
    const socket =
      options.tls === undefined
        ? connectTcp(target)
        : nodeTls().connect({ ...target, ...clientTls(options.tls, host) });
    // once TCP stands, what fails is the TLS handshake, whatever the error is called
    let connected = false;
    if (options.tls !== undefined) socket.once('connect', () => (connected = true));
    const fail = (error: BeamishError): void => {
      settle();
      socket.on('error', () => {});
      socket.destroy();
      reject(error);
    };
    const onError = (error: Error): void =>
      fail(
        connected
          ? new BeamishError('tls_failed', `TLS handshake with ${host}:${port}: ${error.message.trim()}`, {
              cause: error,
            })
          : failure(error, doing),
      );
    const onClose = (): void => onError(new Error('closed by the other side'));
    const onAbort = (): void => fail(new BeamishError('aborted', `${doing} was aborted`, { cause: signal?.reason }));
    const timer = realClock.setTimer(timeout, () =>
      fail(new BeamishError('timeout', `${doing}: no answer within ${timeout} ms`, { retryable: true })),
    );
    const settle = (): void => {
      timer.cancel();
      signal?.removeEventListener('abort', onAbort);
      socket.off('error', onError).off('close', onClose);
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    socket.once('error', onError).once('close', onClose);
    socket.once(options.tls === undefined ? 'connect' : 'secureConnect', () => {
      settle();
      resolve(new RealSocket(socket));
    });
  });
}

async function bindDatagram(options: DatagramOptions): Promise<DatagramSocket> {
  const type = isIP(options.host) === 6 ? 'udp6' : 'udp4';
  const socket = nodeDgram().createSocket({ type, reuseAddr: options.reuseAddress ?? false });
  const doing = `bind UDP ${options.host}:${options.port}`;
  await new Promise<void>((resolve, reject) => {
    socket.once('error', (error) => {
      socket.close();
      reject(failure(error, doing, 'address_in_use'));
    });
    socket.bind({ address: options.host, port: options.port, exclusive: true }, () => {
      socket.removeAllListeners('error');
      resolve();
    });
  });
  const report = (error: Error): void => options.onError?.(failure(error, doing));
  socket.on('error', report);
  socket.on('message', (message, from) =>
    options.onMessage(new Uint8Array(message), { host: from.address, port: from.port }),
  );
  try {
    if (options.broadcast === true) socket.setBroadcast(true);
    if (options.multicast !== undefined) {
      const { group, ttl, loopback } = options.multicast;
      const local = options.multicast.interface;
      socket.addMembership(group, local);
      if (local !== undefined) socket.setMulticastInterface(local);
      socket.setMulticastTTL(ttl ?? 1);
      socket.setMulticastLoopback(loopback ?? true);
    }
  } catch (error) {
    socket.close();
    throw failure(error as Error, doing);
  }
  const bound = socket.address();
  let closed: Promise<void> | undefined;
  return {
    address: { host: bound.address, port: bound.port },
    send(message: Uint8Array, to: Address): void {
      if (closed !== undefined) return;
      socket.send(message, to.port, to.host, (error) => error !== null && report(error));
    },
    close: () => (closed ??= new Promise((resolve) => socket.close(() => resolve()))),
  };
}

function resolver(options: ResolveOptions | undefined): Resolver {
  const made = new (nodeDns().Resolver)({ timeout: options?.timeout ?? DEFAULT_RESOLVE_TIMEOUT, tries: 1 });
  if (options?.servers === undefined) return made;
  try {
    made.setServers(options.servers);
  } catch (error) {
    throw new BeamishError('option_invalid', `DNS servers ${options.servers.join(', ')}: ${(error as Error).message}`, {
      cause: error,
    });
  }
  return made;
}

/** No record of that kind, or no such name: an answer, and its meaning is "none". */
function none(error: unknown): never[] {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENODATA' || code === 'ENOTFOUND') return [];
  throw failure(error as Error, 'ask the DNS', 'host_unresolved');
}

async function resolveAddresses(name: string, options?: ResolveOptions): Promise<readonly string[]> {
  if (isIP(name) !== 0) return [name];
  const dns = resolver(options);
  const answers = await Promise.allSettled([dns.resolve4(name).catch(none), dns.resolve6(name).catch(none)]);
  const addresses = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
  // many servers answer for one family and fail for the other: that is an answer
  const failed = answers.find((answer) => answer.status === 'rejected');
  if (addresses.length === 0 && failed !== undefined) throw failed.reason;
  return [...new Set(addresses)];
}

async function resolveServices(name: string, options?: ResolveOptions): Promise<readonly SrvRecord[]> {
  return resolver(options).resolveSrv(name).catch(none);
}

export const realNetwork: Network = {
  hostName: hostname().split('.')[0] ?? 'localhost',
  listen,
  connect,
  checkTls,
  bindDatagram,
  resolveAddresses,
  resolveServices,
};
