/** The official client (npm `phoenix`, unmodified), which is the oracle of these tests, and a server for it. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Runtime } from 'beamish/process';
import { createLogger, realWorld } from 'beamish/world';
import { Socket, type Channel as ClientChannel, type Push, type SocketConnectOption } from 'phoenix';
import { WebSocket } from 'ws';
import { ChannelServer, type ChannelServerOptions } from '../src/index.ts';

interface ClientMessage {
  readonly join_ref: string | null;
  readonly ref: string | null;
  readonly topic: string;
  readonly event: string;
  readonly payload: ArrayBuffer;
}

/** Its serializer is not exported: it is reached through a socket, which holds it as `encode` and `decode`. */
const socket = new Socket('ws://127.0.0.1/unused', { transport: class {} }) as unknown as {
  encode(message: ClientMessage, callback: (encoded: ArrayBuffer) => void): void;
  decode(raw: ArrayBuffer, callback: (message: Record<string, unknown>) => void): void;
};

export const clientSerializer = {
  binaryEncode(message: ClientMessage): ArrayBuffer {
    let result: ArrayBuffer | undefined;
    socket.encode(message, (encoded) => (result = encoded));
    return result as ArrayBuffer;
  },
  binaryDecode(buffer: ArrayBuffer): Record<string, unknown> {
    let result: Record<string, unknown> | undefined;
    socket.decode(buffer, (message) => (result = message));
    return result as Record<string, unknown>;
  },
};

export interface TestServer<A extends object> extends AsyncDisposable {
  readonly server: ChannelServer<A>;
  readonly http: Server;
  readonly runtime: Runtime;
  readonly port: number;
  /** Lines of the log. */
  readonly log: readonly { readonly msg: string; readonly [field: string]: unknown }[];
  /** An official client, connected; closed with the server. Its timers of unanswered pushes keep the process for `timeout`. */
  client(options?: Partial<SocketConnectOption>): Socket;
  /** A bare WebSocket, to say what the official client never would. */
  raw(path?: string, options?: { readonly origin?: string }): WebSocket;
}

export async function startServer<A extends object = object>(
  options: Omit<ChannelServerOptions<A>, 'runtime'>,
): Promise<TestServer<A>> {
  const log: { msg: string }[] = [];
  const logger = createLogger({ level: 'debug', pretty: false, write: (line) => void log.push(JSON.parse(line)) });
  const runtime = new Runtime({ world: realWorld({ logger }) });
  const server = new ChannelServer<A>({ runtime, ...options });
  const http = createServer((_request, response) => response.writeHead(404).end());
  server.attach(http);
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const { port } = http.address() as AddressInfo;
  const clients: Socket[] = [];
  const raws: WebSocket[] = [];
  return {
    server,
    http,
    runtime,
    port,
    log,
    client(clientOptions = {}) {
      const client = new Socket(`ws://127.0.0.1:${port}/socket`, {
        reconnectAfterMs: () => 20,
        rejoinAfterMs: () => 20,
        timeout: 2_000,
        ...clientOptions,
      });
      client.connect();
      clients.push(client);
      return client;
    },
    raw(path = '/socket/websocket?vsn=2.0.0', rawOptions = {}) {
      const ws = new WebSocket(`ws://127.0.0.1:${port}${path}`, rawOptions);
      ws.on('error', () => {});
      raws.push(ws);
      return ws;
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.disconnect();
      for (const ws of raws) ws.terminate();
      await server.stop();
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
      await runtime.stop();
    },
  };
}

/** A push of the official client as a promise. */
export function answered(push: Push): Promise<{ readonly status: string; readonly response: unknown }> {
  return new Promise((resolve) => {
    push.receive('ok', (response: unknown) => resolve({ status: 'ok', response }));
    push.receive('error', (response: unknown) => resolve({ status: 'error', response }));
    push.receive('timeout', () => resolve({ status: 'timeout', response: undefined }));
  });
}

/** Collects the events of a channel in their order. */
export function heard(
  channel: ClientChannel,
  ...events: readonly string[]
): { readonly event: string; readonly payload: unknown }[] {
  const list: { event: string; payload: unknown }[] = [];
  for (const event of events) channel.on(event, (payload: unknown) => void list.push({ event, payload }));
  return list;
}

export function closed(ws: WebSocket): Promise<{ readonly code: number; readonly reason: string }> {
  return new Promise((resolve) => ws.on('close', (code, reason) => resolve({ code, reason: reason.toString() })));
}

/** The HTTP status with which an upgrade was refused. */
export function refused(ws: WebSocket): Promise<number> {
  return new Promise((resolve, reject) => {
    ws.on('unexpected-response', (_request, response) => resolve(response.statusCode ?? 0));
    ws.on('open', () => reject(new Error('the connection was let in')));
  });
}

export function opened(ws: WebSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    ws.on('open', resolve);
    ws.on('close', (code) => reject(new Error(`closed with ${code} before it was open`)));
  });
}
