import {
  decryptPacket,
  encryptPacket,
  gossipKey,
  heartbeat,
  MAX_PACKET,
  parseHeartbeat,
} from '../../../src/discovery/gossip-packet.ts';
import { join } from '../mutate.ts';
import { holds, Script, type Target } from '../target.ts';
import { compressed, termBytes } from '../terms.ts';

const key = gossipKey('secret');
const iv = new Uint8Array(16).fill(7);
const PREFIX = Buffer.from('heartbeat::');

/** A datagram, in the clear or encrypted. */
export const gossip: Target = {
  name: 'gossip',
  weight: 1,
  steps: (length) => 10_000 + 500 * length,
  bytes: (length) => 32 * 1024 + 200 * length,
  make(chance) {
    const bytes = termBytes(chance);
    const term = join(PREFIX, Uint8Array.of(131), chance.oneIn(10) ? compressed(bytes, chance) : bytes);
    return join(Uint8Array.of(chance.below(4)), chance.oneIn(2) ? heartbeat(`n${chance.below(9)}@h`) : term);
  },
  run(input) {
    const script = new Script(input);
    const way = script.byte() % 4;
    const packet = script.rest().subarray(0, MAX_PACKET);
    // Encrypted by us, by a stranger, or not at all.
    const received = way === 0 ? encryptPacket(packet, key, iv) : packet;
    const payload = way <= 1 ? decryptPacket(received, key) : packet;
    if (way === 0)
      holds(payload !== undefined && Buffer.compare(payload, packet) === 0, 'decrypted it is another packet');
    const name = payload && parseHeartbeat(payload);
    holds(name === undefined || (typeof name === 'string' && [...name].length <= 255), 'a name that none can be');
    return typeof name;
  },
};
