/** Changes to bytes, blind to what they mean. */
import type { Chance } from './random.ts';

/** Lengths at which things break. */
const NUMBERS = [0, 1, 2, 127, 128, 255, 256, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff];
/** Tags of terms and of frames, and the first letters of messages (protocols 1 to 4). */
const TAGS = Uint8Array.from([
  131, 68, 69, 70, 77, 78, 80, 82, 88, 89, 90, 97, 98, 99, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111,
  112, 113, 114, 115, 116, 117, 118, 119, 120, 121, 122,
]);
/** Longer inputs find no more and take longer; `lies.test.ts` has the long ones. */
export const MAX_INPUT = 4096;

export function join(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** One to a few changes; `other` is an input to take pieces from. */
export function mutate(input: Uint8Array, other: Uint8Array, chance: Chance): Uint8Array {
  let bytes = input;
  for (let left = 1 + chance.small(6); left > 0; left--) bytes = once(bytes, other, chance);
  return bytes.length > MAX_INPUT ? bytes.subarray(0, MAX_INPUT) : bytes;
}

function once(input: Uint8Array, other: Uint8Array, chance: Chance): Uint8Array {
  const at = chance.below(input.length + 1);
  const count = 1 + chance.small(64);
  switch (chance.below(9)) {
    case 0:
      return join(input.subarray(0, at), input.subarray(at + count));
    case 1:
      return join(input.subarray(0, at), chance.bytes(count), input.subarray(at));
    case 2:
      return join(input.subarray(0, at), input.subarray(at, at + count), input.subarray(at));
    case 3: {
      const from = chance.below(other.length + 1);
      return join(input.subarray(0, at), other.subarray(from, from + count), input.subarray(at));
    }
    case 4:
      return join(input.subarray(0, at), other.subarray(chance.below(other.length + 1)));
    case 5:
      return overwritten(input, at, number(chance));
    case 6:
      return overwritten(input, at, Uint8Array.of(chance.pick([...TAGS])));
    case 7:
      return overwritten(input, at, Uint8Array.of((input[at] ?? 0) ^ (1 << chance.below(8))));
    default:
      return overwritten(input, at, Uint8Array.of((input[at] ?? 0) + (chance.oneIn(2) ? 1 : -1)));
  }
}

/** One of the numbers at which things break, in 1, 2 or 4 bytes. */
export function number(chance: Chance): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(chance.pick(NUMBERS));
  return bytes.subarray(chance.pick([0, 2, 3]));
}

function overwritten(input: Uint8Array, at: number, by: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(input);
  for (let index = 0; index < by.length && at + index < copy.length; index++) copy[at + index] = by[index] as number;
  return copy;
}
