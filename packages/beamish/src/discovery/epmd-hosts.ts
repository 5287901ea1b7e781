import { BeamishError } from '../error/index.ts';
import { isDialableName } from './node-name.ts';
import type { DiscoveryStrategy } from './strategy.ts';

/** The nodes that `epmdHosts` names. */
export interface EpmdHostsOptions {
  /** Full names of nodes, `web1@10.0.0.5`; one's own may be among them. */
  readonly hosts: readonly string[];
}

/**
 * A fixed list of nodes, each looked up through the port mapper of its host (libcluster's `Cluster.Strategy.Epmd`).
 *
 * @throws BeamishError `option_invalid` naming every bad name.
 */
export function epmdHosts(options: EpmdHostsOptions): DiscoveryStrategy {
  const { hosts } = options;
  const bad = hosts.filter((host) => !isDialableName(host));
  if (bad.length > 0) {
    throw new BeamishError(
      'option_invalid',
      `hosts must be names like web1@10.0.0.5; these are not: ${bad.join(', ')}`,
    );
  }
  return {
    name: 'epmd',
    run({ report }) {
      report(hosts);
      return Promise.resolve();
    },
  };
}
