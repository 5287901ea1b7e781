/** The web side of Switch Telemetry. @module */
export { startWeb, type Web, type WebOptions } from './start-web.ts';
export type { NodeRow, WebGroups, WebNode } from './cluster-nodes.ts';
