/** How a node is reached and finds others: its listener, its entry at the port mapper, and where a name is. */
import { BeamishError, isBeamishError } from '../error/index.ts';
import type { Address, Listener, Socket } from '../world/index.ts';
import { portPlease } from './epmd/client.ts';
import { Registration } from './epmd/registration.ts';
import { isLoopback, splitNodeName } from './names.ts';
import type { Settings } from './options.ts';
import type { Refusals } from './refusals.ts';
import type { TlsMaterial } from './tls-material.ts';

export async function listen(
  settings: Settings,
  refusals: Refusals,
  tls: TlsMaterial | undefined,
  onConnection: (socket: Socket) => void,
): Promise<Listener> {
  const { world, logger, name, host, port, setupTime, maxPending } = settings;
  if (tls === undefined) {
    if (!isLoopback(host)) {
      logger.warn({ node: name, host }, 'connections to this node are not encrypted (plaintext: true)');
    }
    return await world.network.listen({ host, port }, onConnection);
  }
  const onRefused = (error: Error, remote: Address): void =>
    refusals.refuse(isBeamishError(error, 'queue_full') ? 'limit' : 'tls', remote, error.message);
  const secure = { tls: tls.current, handshakeTimeout: setupTime, maxHandshakes: maxPending, onRefused };
  const listener = await world.network.listen({ host, port, ...secure }, onConnection);
  tls.onRenewed = (renewed) => listener.renewTls(renewed);
  return listener;
}

export async function register(
  settings: Settings,
  refusals: Refusals,
  listener: Listener | undefined,
): Promise<{ registration: Registration | undefined; creation: number }> {
  const { epmd, parts, world, logger, hidden, setupTime } = settings;
  if (epmd === undefined || listener === undefined) {
    // As a BEAM without port mapper: random, and not one of the small numbers of old formats (protocols 1.3).
    return { registration: undefined, creation: (world.random.uint32() | 4) >>> 0 };
  }
  const { host, port, embedded, bind, boundOnPurpose } = epmd;
  return await Registration.start({
    world,
    logger,
    refusals,
    name: parts.name,
    nodePort: listener.address.port,
    hidden,
    host,
    port,
    embedded,
    bind,
    open: boundOnPurpose || !isLoopback(settings.host),
    setupTime,
  });
}

export async function locate(settings: Settings, nodeName: string, signal: AbortSignal): Promise<Address> {
  const known = await settings.resolve(nodeName);
  if (known !== undefined) return known;
  const { epmd, world, setupTime } = settings;
  const parts = splitNodeName(nodeName);
  if (epmd === undefined || parts === undefined) {
    throw new BeamishError('noconnection', `it is not known where ${nodeName} is`, { retryable: true });
  }
  const port = await portPlease(world, { host: parts.host, port: epmd.port, timeout: setupTime, signal }, parts.name);
  if (port !== undefined) return { host: parts.host, port };
  throw new BeamishError('noconnection', `no node ${parts.name} is registered at epmd ${parts.host}:${epmd.port}`, {
    retryable: true,
  });
}
