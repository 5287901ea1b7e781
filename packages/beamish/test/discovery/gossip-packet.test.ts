import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  decryptPacket,
  encryptPacket,
  gossipKey,
  heartbeat,
  parseHeartbeat,
} from '../../src/discovery/gossip-packet.ts';

/** As libcluster on OTP 25 sends it (protocols 10): atoms with the old tag 100. */
const OTP25 = Buffer.concat([
  Buffer.from('6865617274626561743a3a837400000001640004', 'hex'),
  Buffer.from('node'),
  Buffer.from('64000b', 'hex'),
  Buffer.from('e@127.0.0.1'),
]);

test('the packet of an Elixir node is read, with the atoms of old and new releases', () => {
  assert.equal(parseHeartbeat(OTP25), 'e@127.0.0.1');
  assert.equal(parseHeartbeat(heartbeat('web@10.0.0.5')), 'web@10.0.0.5');
  assert.equal(
    Buffer.from(heartbeat('e@127.0.0.1')).toString('hex'),
    // The same, but for the tag of atoms: 119 in place of 100.
    '6865617274626561743a3a83740000000177046e6f6465770b65403132372e302e302e31',
  );
});

test('with a secret it is the vector, then AES-256-CBC with the hash of the secret', () => {
  const key = gossipKey('secret');
  const packet = encryptPacket(OTP25, key, new Uint8Array(16).fill(7));
  assert.equal(packet.length, 16 + 48);
  assert.equal(parseHeartbeat(decryptPacket(packet, key) ?? new Uint8Array()), 'e@127.0.0.1');
  const other = decryptPacket(packet, gossipKey('other'));
  assert(other === undefined || parseHeartbeat(other) === undefined);
  assert.equal(decryptPacket(packet.subarray(0, 40), key), undefined);
  assert.equal(decryptPacket(new Uint8Array(), key), undefined);
});

test('no bytes make it throw', () => {
  const key = gossipKey('s');
  const nearly = fc
    .uint8Array({ maxLength: 60 })
    .map((bytes) => Buffer.concat([OTP25.subarray(0, 12 + ((bytes[0] ?? 0) % 20)), bytes]));
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), nearly), (bytes) => {
      parseHeartbeat(bytes);
      const plain = decryptPacket(bytes, key);
      if (plain !== undefined) parseHeartbeat(plain);
    }),
  );
  for (const term of ['836a', '837400000000', '8374000000016400046e6f64656101', '8350ffffffff00']) {
    assert.equal(parseHeartbeat(Buffer.concat([Buffer.from('heartbeat::'), Buffer.from(term, 'hex')])), undefined);
  }
});
