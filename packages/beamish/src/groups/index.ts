/** Process groups over all nodes: OTP's `pg`, on its wire (protocols 6). @module */
export { Groups } from './groups.ts';
export type { GroupsOptions, GroupsStatistics } from './groups.ts';
export type { GroupEvent } from './groups-core.ts';
