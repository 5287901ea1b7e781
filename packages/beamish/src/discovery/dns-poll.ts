import { BeamishError, isBeamishError } from '../error/index.ts';
import { isNodeBasename } from './node-name.ts';
import type { DiscoveryContext, DiscoveryStrategy } from './strategy.ts';

/** Where `dnsPoll` looks, and how often. */
export interface DnsPollOptions {
  /** The DNS name whose A and AAAA records are the addresses of the nodes. */
  readonly query: string;
  /** What stands before the `@` in the nodes' names: an address 10.0.0.5 is the node `basename@10.0.0.5`. */
  readonly basename: string;
  /** Milliseconds between two looks. Too low burdens the server, too high finds nodes late. @default 5000 */
  readonly interval?: number;
  /** `host:port` of the DNS servers to ask. @default the system's */
  readonly servers?: readonly string[];
  /** Whether a node whose address is gone is disconnected; libcluster does that. @default false */
  readonly disconnectLost?: boolean;
}

/**
 * Looks up a name again and again, as `Cluster.Strategy.DNSPoll` of libcluster (protocols 10). When the lookup fails, what
 * was known stays.
 *
 * @throws BeamishError `option_invalid`.
 */
export function dnsPoll(options: DnsPollOptions): DiscoveryStrategy {
  const { query, basename, interval = 5000, servers, disconnectLost = false } = options;
  const faults = [
    !/^[\w.-]{1,253}$/.test(query) && `query must be a DNS name, not ${JSON.stringify(query)}`,
    !isNodeBasename(basename) && `basename must be letters, digits, _ and -, not ${JSON.stringify(basename)}`,
    !(interval >= 10 && interval <= 2 ** 31 - 1) && `interval must be at least 10 ms, not ${interval}`,
    servers?.length === 0 && 'servers must name at least one server',
  ].filter((fault) => fault !== false && fault !== undefined);
  if (faults.length > 0) throw new BeamishError('option_invalid', faults.join('; '));

  /** @returns whether it succeeded. */
  async function look({ world, logger, report }: DiscoveryContext, succeeded: boolean | undefined): Promise<boolean> {
    try {
      const resolve = { timeout: Math.min(Math.max(interval, 1000), 5000), ...(servers && { servers }) };
      const addresses = await world.network.resolveAddresses(query, resolve);
      report(
        addresses.map((address) => `${basename}@${address}`),
        { disconnectLost },
      );
      if (succeeded === false) logger.info({ query }, 'the DNS lookup works again');
      return true;
    } catch (error) {
      if (succeeded !== false)
        logger.warn({ query, err: error }, 'the DNS lookup failed; keeping what was found, trying on');
      return false;
    }
  }

  return {
    name: `dns:${query}`,
    async run(context) {
      const { clock } = context.world;
      let succeeded: boolean | undefined;
      while (!context.signal.aborted) {
        const started = clock.monotonicTime();
        succeeded = await look(context, succeeded);
        const rest = Math.max(0, interval - (clock.monotonicTime() - started));
        try {
          await clock.sleep(rest, { signal: context.signal });
        } catch (error) {
          if (isBeamishError(error, 'aborted')) return;
          throw error;
        }
      }
    },
  };
}
