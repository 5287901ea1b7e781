/** What a Node.js process costs that only listens. It ends with its input. */
import { createServer } from 'node:net';

process.stdin.on('end', () => process.exit(0)).resume();
createServer(() => {}).listen(0, '127.0.0.1', () => console.log('@{"ready":{}}'));
