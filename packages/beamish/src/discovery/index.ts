/** Finding the other nodes: strategies that name them, and a search that keeps connected to them (protocols 10). @module */
export { startDiscovery } from './discovery.ts';
export type { DiscoveredNode, Discovery, DiscoveryStatistics } from './discovery.ts';
export type { DiscoveryLimits, ReportOptions } from './discovery-core.ts';
export type { DiscoveryContext, DiscoveryStrategy } from './strategy.ts';
export { epmdHosts } from './epmd-hosts.ts';
export type { EpmdHostsOptions } from './epmd-hosts.ts';
export { dnsPoll } from './dns-poll.ts';
export type { DnsPollOptions } from './dns-poll.ts';
export { gossip } from './gossip.ts';
export type { GossipOptions } from './gossip.ts';
