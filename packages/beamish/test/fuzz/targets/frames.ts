import type { Signal } from '../../../src/process/index.ts';
import { encode, keyOf, Pid, tuple, type Term } from '../../../src/term/index.ts';
import { FrameReader } from '../../../src/node/wire/frame-reader.ts';
import { PacketReader } from '../../../src/node/wire/packets.ts';
import { fragments, framed, frames as someFrames, OWN, PEER } from '../control.ts';
import { join } from '../mutate.ts';
import { cut, declared, holds, otherCut, Script, type Cut, type Target } from '../target.ts';

const LIMITS = [64 * 1024 * 1024, 4096, 256];
const self = new Pid(OWN, 1, 2, 3);
const honest = tuple('an honest message', [1, 2, 3], 2n ** 70n);
const honestKey = keyOf(honest);
const honestFrames = fragments(
  // A sequence that no input uses.
  0x7fff_ffff,
  Uint8Array.of(0),
  encode(tuple(22, new Pid(PEER, 1, 0, 5), self)).subarray(1),
  encode(honest).subarray(1),
  3,
).map(framed);

/** A stream of bytes after the handshake: `FrameReader` and `PacketReader`. */
export const frames: Target = {
  name: 'frames',
  weight: 6,
  steps: (length) => 60_000 + 3_000 * length,
  bytes: (length) => 1024 * 1024 + 4_000 * length,
  make(chance) {
    const bodies = Array.from({ length: 1 + chance.small(5) }, () => someFrames(chance)).flat();
    const stream = bodies.map((body) => {
      const bytes = framed(body);
      if (chance.oneIn(60)) bytes[chance.below(4)] = chance.below(256);
      return bytes;
    });
    return join(Uint8Array.of(chance.oneIn(3) ? chance.below(3) : 0), ...stream);
  },
  run(input) {
    const script = new Script(input);
    const limit = script.choose(LIMITS);
    const bytes = script.rest();
    const whole = read(bytes, limit, 'whole');
    const other = read(bytes, limit, otherCut(bytes));
    holds(other === whole, () => `cut otherwise, it is read otherwise: ${other}, not ${whole}`);
    return whole.replaceAll(/\d+/g, '#').slice(-40);
  },
};

/** All that came of the stream, as a text. */
function read(bytes: Uint8Array, limit: number, how: Cut): string {
  const reader = new FrameReader(4, limit);
  const packets = new PacketReader({ own: OWN, peer: PEER }, { maxBytes: limit });
  const signals: string[] = [];
  const take = (): Signal | undefined => {
    let last: Signal | undefined;
    for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
      holds(frame.length <= limit, () => `a frame of ${frame?.length} bytes where ${limit} are allowed`);
      last = frame.length === 0 ? undefined : packets.read(frame);
      if (last !== undefined) signals.push(shown(last));
    }
    return last;
  };
  try {
    for (const chunk of cut(bytes, how)) {
      reader.push(chunk);
      take();
    }
  } catch (error) {
    const { code, message } = declared(error, ['frame_malformed', 'term_malformed', 'term_too_large']);
    return `${signals.join()} ${code} ${message}`;
  }
  // Between two frames, a message in fragments must come through whatever went before it.
  if (limit > 4096 && atBoundary(bytes)) {
    let last: Signal | undefined;
    for (const frame of honestFrames) {
      reader.push(frame);
      last = take();
    }
    holds(last?.type === 'message' && keyOf(last.message) === honestKey, 'an honest message in fragments is not read');
  }
  return signals.join();
}

function atBoundary(bytes: Uint8Array): boolean {
  let at = 0;
  while (at + 4 <= bytes.length) at += 4 + Buffer.from(bytes.buffer, bytes.byteOffset + at, 4).readUInt32BE();
  return at === bytes.length;
}

/** A text that is equal for equal signals. */
export function shown(signal: Signal): string {
  const fields = Object.entries(signal).map(([name, value]) => {
    if (name === 'options' || (typeof value === 'object' && value !== null && 'name' in value && !('wire' in value)))
      return JSON.stringify(value);
    return keyOf(value as Term);
  });
  return fields.join();
}
