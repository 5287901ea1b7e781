/** A process of its own with an embedded server in the directory given: says its address, then waits to be ended. */
import { startEmbedded } from '../../src/index.ts';

const server = await startEmbedded({ directory: process.argv[2] ?? '', database: 'test' });
process.on('SIGTERM', () => void server.stop().then(() => process.exit(0)));
process.stdout.write(`${JSON.stringify({ url: server.url, pid: server.pid })}\n`);
setInterval(() => {}, 60_000);
