import type { Logger, World } from '../world/index.ts';
import type { ReportOptions } from './discovery-core.ts';

/** What a strategy runs with. */
export interface DiscoveryContext {
  readonly world: World;
  /** The name of the node that looks for others. */
  readonly nodeName: string;
  readonly logger: Logger;
  /** Aborted when the strategy is to end. */
  readonly signal: AbortSignal;
  /** Tells names of nodes; one's own may be among them. */
  readonly report: (names: readonly string[], options?: ReportOptions) => void;
}

/**
 * A way to learn the names of other nodes (libcluster's strategies, protocols 10). It only names them; connecting, and
 * trying for ever, is done for all strategies together.
 */
export interface DiscoveryStrategy {
  /** Shown in logs. */
  readonly name: string;
  /**
   * Reports until the signal is aborted. Failures that pass (a server that does not answer) are its own to log and to
   * retry; when it rejects it is started again by its supervisor. May resolve when there is no more to learn.
   */
  run(context: DiscoveryContext): Promise<void>;
}
