/** The web side of a node: the page, the JSON API, health, metrics, and channels for the browsers. */
import { ChannelServer } from '@beamish/phoenix';
import { BeamishError } from 'beamish/error';
import type { PubSub } from 'beamish/pubsub';
import type { Address, Logger } from 'beamish/world';
import Fastify, { type FastifyError, type FastifyInstance } from 'fastify';
import type { Config, StoreReader } from '../contract.ts';
import { addApi } from './api.ts';
import { channels } from './channels.ts';
import type { WebGroups, WebNode } from './cluster-nodes.ts';
import { createMetrics } from './metrics.ts';
import { addPage } from './page.ts';
import type { Push } from './telemetry-view.ts';
import { Telemetry } from './telemetry.ts';

export interface WebOptions {
  readonly node: WebNode;
  /** Of the scope `beamish`, which holds the role groups. */
  readonly groups: WebGroups;
  readonly pubsub: Pick<PubSub, 'subscribe'>;
  readonly store: Pick<StoreReader, 'devices' | 'samples' | 'ready' | 'statistics'>;
  readonly config: Pick<Config, 'port' | 'httpHost' | 'publicHost' | 'pageDirectory' | 'pollInterval'>;
  readonly logger: Logger;
}

export interface Web extends AsyncDisposable {
  /** Where it listens. */
  readonly address: Address;
  /** From now on `/readyz` says 503, so that a load balancer sends nobody any more. What is connected stays. Idempotent. */
  drain(): void;
  /** Drains, sends the browsers away with 1012 (they reconnect elsewhere), lets requests finish, closes. Idempotent. */
  stop(): Promise<void>;
}

/** ms that requests under way may take when the server stops. */
const GRACE = 2_000;

/** @throws BeamishError `address_in_use`, and what else listening can fail with */
export async function startWeb(options: WebOptions): Promise<Web> {
  const { node, groups, pubsub, store, config, logger } = options;
  const { clock } = node.world;
  const push = ({ topic, event, payload }: Push): void => channelServer.broadcast(topic, event, payload);
  // Nobody can join before it is attached to the HTTP server, and by then there is telemetry.
  const channelServer: ChannelServer = new ChannelServer({
    runtime: node.runtime,
    origins: ['localhost', '127.0.0.1', '[::1]', config.publicHost],
    channels: channels({ world: node.world, nodeName: node.name, telemetry: () => telemetry, push }),
  });
  const metrics = createMetrics(() => ({ telemetry, channels: channelServer, store }));
  const telemetry: Telemetry = await Telemetry.start({
    node,
    groups,
    pubsub,
    store,
    pollInterval: config.pollInterval,
    logger,
    push,
    onSample: (sample) => metrics.observe(sample),
  });

  let draining = false;
  const app = createApp(channelServer, logger);
  app.get('/healthz', () => ({ ok: true, node: node.name }));
  app.get('/readyz', async (_request, reply) => {
    const reasons = [
      ...(draining ? ['draining'] : []),
      ...((await store.ready()) ? [] : ['the database does not answer']),
    ];
    return reply
      .code(reasons.length === 0 ? 200 : 503)
      .header('cache-control', 'no-store')
      .send({ ready: reasons.length === 0, reasons });
  });
  app.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.text()));
  addApi(app, { telemetry, store, logger, now: () => clock.wallTime() });

  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    draining = true;
    await channelServer.stop();
    telemetry[Symbol.dispose]();
    const timer = clock.setTimer(GRACE, () => app.server.closeAllConnections());
    await app.close();
    timer.cancel();
  };
  try {
    await addPage(app, config.pageDirectory, node.world.disk);
    channelServer.attach(app.server);
    await app.listen({ port: config.port, host: config.httpHost });
  } catch (error) {
    await stop();
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new BeamishError(
      'address_in_use',
      `port ${config.port} of ${config.httpHost} is in use: set PORT to another one`,
      { cause: error },
    );
  }
  const bound = app.server.address();
  const address = {
    host: config.httpHost,
    port: typeof bound === 'object' && bound !== null ? bound.port : config.port,
  };
  logger.info({ ...address }, 'the page is served');
  return {
    address,
    drain() {
      draining = true;
    },
    stop: () => (stopping ??= stop()),
    [Symbol.asyncDispose]: () => (stopping ??= stop()),
  };
}

function createApp(channelServer: ChannelServer, logger: Logger): FastifyInstance {
  const app = Fastify({
    logger: false,
    // A browser keeps its connection for the next request: without this `close` would wait for it.
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 256 },
    clientErrorHandler(error, socket) {
      if (error.code === 'ECONNRESET' || socket.destroyed) return;
      channelServer.noteRefusal('http', socket.remoteAddress ?? 'unknown', socket.remotePort ?? 0, error.message);
      socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n', () => socket.destroy());
    },
  });
  // A plain GET where only an upgrade makes sense, as Phoenix answers it.
  app.get('/socket/websocket', (_request, reply) =>
    reply.code(400).send({ error: 'bad_request', message: 'This address speaks WebSocket only.' }),
  );
  app.setNotFoundHandler((request, reply) =>
    reply
      .code(404)
      .send({ error: 'not_found', message: `There is nothing at ${request.method} ${request.url.split('?', 1)[0]}.` }),
  );
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const status = error.statusCode ?? 500;
    if (status < 500) return reply.code(status).send({ error: 'bad_request', message: error.message });
    logger.error({ err: error, url: request.url }, 'a request failed');
    return reply.code(500).send({ error: 'internal', message: 'The server failed on this request; its log says why.' });
  });
  return app;
}
