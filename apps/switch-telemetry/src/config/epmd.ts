import type { EpmdOptions } from 'beamish/node';
import type { NodeConfig } from './config.ts';

/**
 * Where a node registers. With CLUSTER_DNS all nodes have one name before the `@`; several of them on one machine, on 127.0.0.2,
 * 127.0.0.3, ..., each have a port mapper on their own address, for one would refuse the second.
 */
export function epmdOf(config: Pick<NodeConfig, 'nodeName' | 'epmdPort' | 'clusterDns'>): EpmdOptions {
  const { nodeName, epmdPort: port, clusterDns } = config;
  const host = nodeName.split('@')[1] ?? '';
  const ownAddress = clusterDns !== undefined && /^127(\.\d+){3}$/.test(host) && host !== '127.0.0.1';
  return ownAddress ? { port, host, bind: host } : { port };
}
