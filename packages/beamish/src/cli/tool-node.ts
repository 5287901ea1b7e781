import { Node, splitNodeName } from '../node/index.ts';
import type { NodeOptions } from '../node/index.ts';
import { createLogger, realWorld, type World } from '../world/index.ts';
import { type Common, cookieOf, UsageError } from './options.ts';

/** Commands are quiet: what goes wrong is their own one line. */
export function quietWorld(): World {
  return realWorld({
    logger: createLogger({ level: process.env['BEAMISH_LOG_LEVEL'] === undefined ? 'silent' : 'info' }),
  });
}

/** @throws UsageError when it is no name of a node */
export function hostOf(nodeName: string): string {
  const parts = splitNodeName(nodeName);
  if (parts === undefined)
    throw new UsageError(`${JSON.stringify(nodeName)} is no node name: give NAME@HOST, e.g. web1@127.0.0.1`);
  return parts.host;
}

/**
 * A hidden node for the time of one command: it listens nowhere and registers nowhere, so nothing can clash.
 * @param there the host of who is asked: by TLS it is this node's own too, for the certificate is that of a node there, as a rule
 */
export async function startToolNode(
  common: Common,
  world: World,
  there: string,
  extra: Partial<NodeOptions> = {},
): Promise<Node> {
  const unique = `beamish-${process.pid}-${world.random.uint32().toString(36)}`;
  return await Node.start({
    name: common.name ?? `${unique}@${common.tls === undefined ? '127.0.0.1' : there}`,
    cookie: await cookieOf(common, world),
    listen: false,
    hidden: true,
    world,
    ...(common.epmdPort === undefined ? {} : { epmd: { port: common.epmdPort } }),
    ...(common.tls === undefined ? {} : { tls: common.tls }),
    ...extra,
  });
}
