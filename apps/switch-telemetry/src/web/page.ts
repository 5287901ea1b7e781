/** The page's files, with the headers that keep a browser from doing what the page never needs. */
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { Disk } from 'beamish/world';
import type { FastifyInstance } from 'fastify';

/** No host but this one, no inline script, no frame. Styles that scripts set through the CSSOM need no exception. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const HEADERS = {
  'content-security-policy': POLICY,
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
};

export async function addPage(app: FastifyInstance, directory: string, disk: Disk): Promise<void> {
  app.addHook('onRequest', async (_request, reply) => {
    reply.headers(HEADERS);
  });
  if ((await disk.status(join(directory, 'index.html'))) === undefined) {
    app.get('/', (_request, reply) =>
      reply
        .code(503)
        .send({ error: 'page_missing', message: `The page is not built: npm run build:page (looked in ${directory})` }),
    );
    return;
  }
  await app.register(fastifyStatic, {
    root: directory,
    // What is under assets has its hash in its name; everything else is asked for again, and answered 304.
    cacheControl: false,
    setHeaders: (reply, path) =>
      void reply.header(
        'cache-control',
        path.startsWith(join(directory, 'assets')) ? 'public, max-age=31536000, immutable' : 'no-cache',
      ),
  });
}
