/** Serves Phoenix Channels (protocols 13.1) on any Node HTTP server. @module */
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { BeamishError } from 'beamish/error';
import type { Runtime } from 'beamish/process';
import { WebSocketServer, type WebSocket } from 'ws';
import type { ChannelFactory } from './channel.ts';
import { Connection, type ConnectionOwner, type TopicListener } from './connection.ts';
import { admit, type ConnectParams } from './handshake.ts';
import type { OutPayload } from './message.ts';
import { Refusals } from './refusals.ts';
import { createRouter, type Router } from './router.ts';
import { encodePush } from './serializer.ts';

/** What is known of a client that wants to connect. */
export interface ConnectRequest {
  readonly headers: IncomingMessage['headers'];
  readonly host: string;
  readonly port: number;
  /** The client's `authToken`, unverified. */
  readonly authToken: string | undefined;
}

/** The answer of `connect` that turns a client away. Make one with `refuse()`. */
export class Refusal {
  readonly status: number;
  readonly reason: string;

  constructor(status: number, reason: string) {
    this.status = status;
    this.reason = reason;
  }
}

/** Turns a client away. @param reason for the log; the client sees only the HTTP status, by default 403. */
export function refuse(reason: string, status = 403): Refusal {
  return new Refusal(status, reason);
}

/** Of `new ChannelServer`. */
export interface ChannelServerOptions<Assigns extends object = object> {
  /** The node's process table (`node.runtime`); its world gives time, randomness and logger. */
  readonly runtime: Runtime;
  /** Where the endpoint is mounted; clients are given this path and add `/websocket`. @default '/socket' */
  readonly path?: string;
  /** Who may connect, and what its channels know of it. A throw is answered 500. @default everyone, `{}` */
  readonly connect?: (params: ConnectParams, request: ConnectRequest) => Assigns | Refusal | Promise<Assigns | Refusal>;
  /** Topics and what serves them: exact names, or a prefix with `*` at its end. */
  readonly channels: Readonly<Record<string, ChannelFactory<Assigns>>>;
  /**
   * Pages that may connect: a host name, `host:port` or `scheme://host:port`. Clients that send no Origin are no
   * pages of another site, and are let in. `'any'` lets every page that the user visits read with the user's cookies.
   * @default ['localhost', '127.0.0.1', '[::1]']
   */
  readonly origins?: readonly string[] | 'any';
  /**
   * Frames that wait for one slow client. When it is full the oldest pushes go, counted, and the client is told by the
   * event `missed` `{ count }` on the topic. Small: a short stall loses pushes; large: a stalled client holds memory and sees old news.
   * @default 256
   */
  readonly maxQueued?: number;
  /** Bytes handed to a client's TCP connection before frames are queued. @default 262144 */
  readonly maxBufferedBytes?: number;
  /** ms without a frame of the client until it is closed; the official client sends a heartbeat every 30 s. @default 60000 */
  readonly idleTimeout?: number;
  /** The largest frame a client may send, bytes; a larger one closes its connection with 1009. @default 65536 */
  readonly maxFrameBytes?: number;
  /** Channels one client may have joined. @default 100 */
  readonly maxChannels?: number;
  /** Clients at the same time; one more is answered 503. @default 10000 */
  readonly maxConnections?: number;
}

/** What the server holds now, and has counted since its start. */
export interface ChannelServerStatistics {
  readonly connections: number;
  readonly channels: number;
  /** Frames waiting for slow clients now. */
  readonly queued: number;
  /** Pushes given up for slow clients since the start. */
  readonly dropped: number;
  /** Connections refused or broken off since the start, by cause. */
  readonly refused: Readonly<Record<string, number>>;
}

/** RFC 6455 (IANA registry) 1012 "Service Restart": what Phoenix sends while it drains. The official client reconnects. */
const RESTART = 1012;

/** Phoenix Channels v2 over WebSocket: what the `phoenix` client of a browser connects to. */
export class ChannelServer<Assigns extends object = object> implements AsyncDisposable {
  readonly #options: ChannelServerOptions<Assigns>;
  readonly #endpoint: string;
  readonly #runtime: Runtime;
  readonly #refusals: Refusals;
  readonly #router: Router<ChannelFactory<Assigns>>;
  readonly #sockets: WebSocketServer;
  readonly #connections = new Set<Connection<Assigns>>();
  readonly #topics = new Map<string, Set<TopicListener>>();
  readonly #attached: (() => void)[] = [];
  readonly #owner: ConnectionOwner<Assigns>;
  #dropped = 0;
  #nextId = 1;
  #draining: Promise<void> | undefined;
  #onEmpty: (() => void) | undefined;

  /** @throws BeamishError `option_invalid` */
  constructor(options: ChannelServerOptions<Assigns>) {
    this.#options = options;
    const number = (
      name: 'maxQueued' | 'maxBufferedBytes' | 'idleTimeout' | 'maxFrameBytes' | 'maxChannels',
      byDefault: number,
    ): number => {
      const value = options[name] ?? byDefault;
      if (Number.isInteger(value) && value > 0) return value;
      throw new BeamishError('option_invalid', `${name} must be a positive integer, not ${value}`);
    };
    const path = options.path ?? '/socket';
    if (!path.startsWith('/'))
      throw new BeamishError('option_invalid', `path must start with "/", not ${JSON.stringify(path)}`);
    this.#endpoint = `${path.replace(/\/+$/, '')}/websocket`;
    this.#runtime = options.runtime;
    this.#router = createRouter(options.channels);
    this.#refusals = new Refusals(this.#runtime.world.clock, this.#runtime.logger);
    this.#sockets = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      maxPayload: number('maxFrameBytes', 65_536),
      handleProtocols: (offered) => (offered.has('phoenix') ? 'phoenix' : false),
    });
    // What is no WebSocket handshake (RFC 6455 section 4.2.1).
    this.#sockets.on('wsClientError', (cause, socket, request) => {
      const { remoteAddress: host = 'unknown', remotePort: port = 0 } = request.socket;
      this.noteRefusal('handshake', host, port, cause.message);
      answer(socket, 400);
    });
    this.#owner = {
      runtime: this.#runtime,
      config: { maxChannels: number('maxChannels', 100), serves: (topic) => this.#router.find(topic) !== undefined },
      limits: {
        maxQueued: number('maxQueued', 256),
        maxBufferedBytes: number('maxBufferedBytes', 262_144),
        idleTimeout: number('idleTimeout', 60_000),
      },
      open: (topic) => {
        const route = this.#router.find(topic);
        if (route === undefined) throw new BeamishError('option_invalid', `no channel serves ${topic}`);
        return { channel: route.target(), rest: route.rest };
      },
      subscribe: (topic, listener) =>
        void this.#topics.set(topic, (this.#topics.get(topic) ?? new Set()).add(listener)),
      unsubscribe: (topic, listener) => {
        const listeners = this.#topics.get(topic);
        listeners?.delete(listener);
        if (listeners?.size === 0) this.#topics.delete(topic);
      },
      broadcast: (topic, event, payload, except) => this.#broadcast(topic, event, payload, except),
      misbehaved: (connection, cause, reason) => this.#refusals.note(cause, connection.host, connection.peer, reason),
      gone: (connection) => {
        this.#dropped += connection.dropped;
        this.#connections.delete(connection);
        if (this.#connections.size === 0) this.#onEmpty?.();
      },
    };
  }

  /**
   * Serves the WebSocket upgrades of an HTTP server under `path`. Upgrades of other paths are left to the server's other
   * `upgrade` listeners, and answered 404 when it has none.
   */
  attach(server: Server): void {
    const listener = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
      const path = (request.url ?? '').split('?', 1)[0];
      if (path === this.#endpoint) void this.#upgrade(request, socket, head);
      else if (server.listenerCount('upgrade') === 1) answer(socket, 404);
    };
    server.on('upgrade', listener);
    this.#attached.push(() => server.off('upgrade', listener));
  }

  /** Sends to every client of the topic on this server. Encoded once, however many there are. */
  broadcast(topic: string, event: string, payload: OutPayload): void {
    this.#broadcast(topic, event, payload);
  }

  /** Whether any client on this server has joined, or is joining, the topic. */
  hasListeners(topic: string): boolean {
    return this.#topics.has(topic);
  }

  /** Counts a refusal that happened before the channels, such as bytes that are no HTTP, and logs it by the same rule. */
  noteRefusal(cause: string, host: string, port: number, reason: string): void {
    this.#refusals.note(cause, host, `${host}:${port}`, reason);
  }

  /** What the server holds now, and has counted since its start. */
  statistics(): ChannelServerStatistics {
    const all = [...this.#connections];
    const sum = (of: (connection: Connection<Assigns>) => number): number =>
      all.reduce((total, one) => total + of(one), 0);
    return {
      connections: all.length,
      channels: sum((one) => one.channels),
      queued: sum((one) => one.queued),
      dropped: this.#dropped + sum((one) => one.dropped),
      refused: this.#refusals.counts,
    };
  }

  /**
   * Sends every client away with 1012, at which the official client reconnects (to another node, behind a load balancer);
   * new ones are answered 503. Resolves when all are gone; those that do not answer are cut after `grace` ms, by default 1000.
   */
  drain(grace = 1_000): Promise<void> {
    return (this.#draining ??= this.#drain(grace));
  }

  async #drain(grace: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onEmpty = resolve;
    if (this.#connections.size === 0) resolve();
    for (const connection of this.#connections) connection.close(RESTART, 'phx_drain');
    const timer = this.#runtime.world.clock.setTimer(grace, () => {
      for (const connection of this.#connections) connection.terminate();
    });
    await promise;
    timer.cancel();
  }

  /** Drains, and lets go of the HTTP servers. Idempotent. */
  async stop(): Promise<void> {
    await this.drain();
    for (const detach of this.#attached.splice(0)) detach();
    this.#sockets.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #broadcast(topic: string, event: string, payload: OutPayload, except?: TopicListener): void {
    const listeners = this.#topics.get(topic);
    if (listeners === undefined) return;
    const frame = encodePush(null, topic, event, payload);
    for (const listener of [...listeners]) if (listener !== except) listener.hear(frame);
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const host = request.socket.remoteAddress ?? 'unknown';
    const port = request.socket.remotePort ?? 0;
    const turnAway = (status: number, cause: string, reason: string): void => {
      this.#refusals.note(cause, host, `${host}:${port}`, reason);
      answer(socket, status);
    };
    const ignore = (): void => {}; // a client that goes away before it was let in
    socket.on('error', ignore);
    if (this.#draining) return turnAway(503, 'draining', 'the server is shutting down');
    if (this.#connections.size >= (this.#options.maxConnections ?? 10_000))
      return turnAway(503, 'full', 'too many clients');
    const admitted = admit(
      request.url ?? '',
      request.headers,
      this.#options.origins ?? ['localhost', '127.0.0.1', '[::1]'],
    );
    if ('status' in admitted) return turnAway(admitted.status, admitted.cause, admitted.reason);
    let assigns: Assigns | Refusal;
    try {
      const { params, authToken } = admitted;
      // Without `connect` there is nothing to know of a client: Assigns is its default then.
      assigns =
        (await this.#options.connect?.(params, { headers: request.headers, host, port, authToken })) ?? ({} as Assigns);
    } catch (cause) {
      this.#runtime.logger.error({ err: cause, peer: `${host}:${port}` }, 'connect failed');
      return answer(socket, 500);
    }
    if (assigns instanceof Refusal) return turnAway(assigns.status, 'connect', assigns.reason);
    if (this.#draining) return turnAway(503, 'draining', 'the server is shutting down');
    socket.off('error', ignore);
    if (socket.destroyed) return;
    this.#sockets.handleUpgrade(request, socket, head, (ws) => this.#opened(ws, host, port, assigns));
  }

  #opened(ws: WebSocket, host: string, port: number, assigns: Assigns): void {
    this.#connections.add(new Connection(this.#owner, ws, this.#nextId++, { host, port }, assigns));
  }
}

const STATUS_TEXT: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
};

function answer(socket: Duplex, status: number): void {
  socket.on('error', () => {});
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_TEXT[status] ?? 'Refused'}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
    () => socket.destroy(),
  );
}
