/** Both sides of a connection as scripts: what a peer sends from the first byte on (protocols 2, 3). */
import { OWN_FLAGS } from '../../src/node/flags.ts';
import {
  digest,
  encodeAck,
  encodeChallenge,
  encodeName,
  encodeReply,
  encodeStatus,
} from '../../src/node/handshake/messages.ts';
import { framed, frames, OWN, PEER } from './control.ts';
import { join, number } from './mutate.ts';
import type { Chance } from './random.ts';
import { block, type Script } from './target.ts';

export const COOKIE = 'cookie';
export const CHALLENGE = 0x89abcdef;

const NAMES = [PEER, PEER, PEER, 'third@127.0.0.1', OWN, 'no host', 'a@b@c', '@', 'x'.repeat(300), '\u0000@h'];
const FLAGS = [
  OWN_FLAGS,
  OWN_FLAGS,
  OWN_FLAGS | 1n,
  OWN_FLAGS & ~0x800000n,
  0x4000000n,
  0n,
  OWN_FLAGS | (2n << 32n),
  0xffff_ffff_ffff_ffffn,
];
const STATUSES = ['ok', 'ok_simultaneous', 'nok', 'not_allowed', 'alive', 'true', 'false'] as const;
const NAMED = Buffer.from('snamed:');

/** One thing that a peer does; the first byte of each in an input says which. */
export const OPS = {
  raw: 0,
  message: 1,
  name: 2,
  status: 3,
  challenge: 4,
  reply: 5,
  ack: 6,
  frame: 7,
  tick: 8,
  named: 9,
  spoiled: 10,
} as const;
const COUNT = Object.keys(OPS).length;

function withLength(body: Uint8Array, prefix: 2 | 4): Uint8Array {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(body.length);
  return join(head.subarray(4 - prefix), body);
}

/** The bytes of one operation. @param op the byte that chose it */
export function bytesOf(op: number, script: Script, prefix: 2 | 4, nameMe = NAMES): Uint8Array {
  switch (op % COUNT) {
    case OPS.raw:
      return script.take(script.byte());
    case OPS.message:
      return withLength(script.take(script.byte()), prefix);
    case OPS.name:
      return withLength(
        encodeName({ flags: script.choose(FLAGS), creation: script.byte(), name: script.choose(nameMe) }),
        prefix,
      );
    case OPS.status:
      return withLength(encodeStatus({ status: script.choose(STATUSES) }), prefix);
    case OPS.challenge: {
      const fields = {
        flags: script.choose(FLAGS),
        creation: script.byte(),
        challenge: script.byte(),
        name: script.choose(NAMES),
      };
      return withLength(encodeChallenge(fields), prefix);
    }
    case OPS.reply:
      return withLength(encodeReply({ challenge: script.byte(), digest: digest(COOKIE, CHALLENGE) }), prefix);
    case OPS.ack:
      return withLength(encodeAck(digest(COOKIE, CHALLENGE)), prefix);
    case OPS.frame:
      return framed(script.block());
    case OPS.tick:
      return new Uint8Array(4);
    case OPS.named:
      return withLength(join(NAMED, script.take(script.byte() % 16)), prefix);
    default: {
      // One that would be right, but for a byte or its end.
      const bytes = Uint8Array.from(bytesOf(script.byte(), script, prefix));
      const at = script.byte() % (bytes.length + 1);
      if (script.byte() % 2 === 0) return bytes.subarray(0, at);
      if (at < bytes.length) bytes[at] = script.byte();
      return bytes;
    }
  }
}

/** Operations that often lead through the whole handshake, and frames after it. */
export function operations(chance: Chance, accepting: boolean): Uint8Array {
  const parts: Uint8Array[] = [];
  const good = accepting
    ? [
        [OPS.name, chance.below(4), 1, chance.below(4)],
        ...(chance.oneIn(4) ? [[OPS.status, chance.below(7)]] : []),
        [OPS.reply, 1],
      ]
    : [[OPS.status, chance.below(chance.oneIn(3) ? 7 : 2)], [OPS.challenge, chance.below(4), 1, 7, 0], [OPS.ack]];
  for (const message of good) {
    if (chance.oneIn(12)) parts.push(strange(chance));
    if (!chance.oneIn(15)) parts.push(Uint8Array.from(message));
  }
  for (let left = chance.small(6); left > 0; left--) {
    if (chance.oneIn(6)) parts.push(strange(chance));
    else for (const frame of frames(chance)) parts.push(Uint8Array.of(OPS.frame), block(frame));
  }
  return join(...parts);
}

function strange(chance: Chance): Uint8Array {
  const op = chance.below(COUNT);
  if (op === OPS.raw) return join(Uint8Array.of(OPS.raw, 4), number(chance), chance.bytes(4));
  return join(Uint8Array.of(op), chance.bytes(chance.small(12)));
}
