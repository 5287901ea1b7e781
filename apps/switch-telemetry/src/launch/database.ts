/** The process of the embedded PostgreSQL: DATA_DIR says where, DATABASE_PORT which port. */
import { join } from 'node:path';
import { type EmbeddedPostgres, startEmbedded } from '@beamish/postgres';
import { realWorld } from 'beamish/world';
import { die, onEnd, sayReady } from '../child-protocol.ts';

const { logger } = realWorld({ log: { pretty: false } });
let server: EmbeddedPostgres | undefined;
let ending = false;
const end = onEnd(async () => {
  ending = true;
  // When the launcher was killed the collectors end at the same time, and still write what they have.
  await server?.stop(2500);
}, 4000);
try {
  server = await startEmbedded({
    directory: join(process.env['DATA_DIR'] ?? '.data', 'postgres'),
    port: Number(process.env['DATABASE_PORT'] ?? 0),
    database: 'switch_telemetry',
    logger,
  });
} catch (error) {
  die((error as Error).message);
}
void server.exited.then(({ code, signal }) => {
  if (ending) return;
  logger.error({ code, signal }, 'PostgreSQL has ended');
  process.exitCode = 1;
  end('PostgreSQL has ended');
});
sayReady(`127.0.0.1:${server.port} (server ${server.pid})`, { url: server.url, port: String(server.port) });
