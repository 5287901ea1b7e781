import { createServer } from 'node:net';

/** The only address that the embedded server listens on. */
export const host = '127.0.0.1';

/** A TCP port on loopback that is free now; `wanted` if it is. */
export async function freePort(wanted = 0): Promise<number> {
  const attempt = (port: number): Promise<number | undefined> =>
    new Promise((resolve) => {
      const server = createServer();
      server.once('error', () => resolve(undefined));
      server.listen({ port, host, exclusive: true }, () => {
        const address = server.address();
        server.close(() => resolve(typeof address === 'object' ? address?.port : undefined));
      });
    });
  const port = (wanted === 0 ? undefined : await attempt(wanted)) ?? (await attempt(0));
  if (port === undefined) throw new Error('no free TCP port on loopback');
  return port;
}
