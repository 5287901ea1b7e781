/** The web side of Switch Telemetry. @module */
export { startWeb, type Web, type WebOptions } from './start-web.ts';
