/** Ports that are free now, for TCP, UDP or both, on any loopback address. */
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

export interface FreePortOptions {
  /** An address of this machine: 127.0.0.1 when absent. */
  readonly host?: string;
  /** What must be free under the number: both when absent. */
  readonly protocol?: 'tcp' | 'udp' | 'both';
}

// Below the ephemeral range (32768 and up on Linux), so that no outgoing connection takes the number in between.
const lowest = 15_000;
const highest = 32_000;
const given = new Set<number>();

function tcpIsFree(port: number, host: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const server = createServer();
  server.once('error', () => resolve(false));
  server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  return promise;
}

function udpIsFree(port: number, host: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  socket.once('error', () => {
    socket.close();
    resolve(false);
  });
  socket.bind({ port, address: host, exclusive: true }, () => socket.close(() => resolve(true)));
  return promise;
}

/** A port that nothing listens on. Never the same twice in one process. */
export async function freePort(options: FreePortOptions = {}): Promise<number> {
  const { host = '127.0.0.1', protocol = 'both' } = options;
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = randomInt(lowest, highest);
    if (given.has(port)) continue;
    if (protocol !== 'udp' && !(await tcpIsFree(port, host))) continue;
    if (protocol !== 'tcp' && !(await udpIsFree(port, host))) continue;
    given.add(port);
    return port;
  }
  throw new Error(`no free ${protocol} port found on ${host}`);
}

export async function freePorts(count: number, options: FreePortOptions = {}): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) ports.push(await freePort(options));
  return ports;
}
