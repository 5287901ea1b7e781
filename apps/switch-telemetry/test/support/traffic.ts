/** A program that sends a steady 20 Mbit/s over the loopback interface of the network it stands in, until it is ended. */
import { createSocket } from 'node:dgram';

const BYTES = 1250;
const PACKETS_A_MILLISECOND = 2;
const socket = createSocket('udp4');
const packet = Buffer.alloc(BYTES);
const began = performance.now();
let sent = 0;
setInterval(() => {
  for (const due = (performance.now() - began) * PACKETS_A_MILLISECOND; sent < due; sent++)
    socket.send(packet, 9, '127.0.0.1');
}, 5);
// Whoever started it is gone.
process.stdin.resume().on('end', () => process.exit());
