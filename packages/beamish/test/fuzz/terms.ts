/** Terms as bytes (protocols 4), mostly well-formed, and lies here and there: about lengths, tags and depth. */
import { deflateSync } from 'node:zlib';
import { join, number } from './mutate.ts';
import type { Chance } from './random.ts';

const byte = (value: number): Uint8Array => Uint8Array.of(value);
const NAMES = [
  '',
  'a',
  'ok',
  'true',
  'nil',
  'undefined',
  'a@127.0.0.1',
  'peer@127.0.0.1',
  '$gen_call',
  'é',
  'x'.repeat(255),
];

/** A length field of `width` bytes: the true one, or now and then a lie. */
function length(value: number, width: 1 | 2 | 4, chance: Chance): Uint8Array {
  if (chance.oneIn(40)) {
    const lie = number(chance);
    return lie.length >= width ? lie.subarray(lie.length - width) : join(new Uint8Array(width - lie.length), lie);
  }
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value + (chance.oneIn(60) ? 1 : 0));
  return bytes.subarray(4 - width);
}

export function word(chance: Chance): Uint8Array {
  return chance.oneIn(3) ? chance.bytes(4) : Uint8Array.of(0, 0, 0, chance.below(8));
}

export function atomBytes(name: string, chance: Chance): Uint8Array {
  const utf8 = Buffer.from(name);
  switch (chance.below(8)) {
    case 0:
      return join(byte(118), length(utf8.length, 2, chance), utf8);
    case 1:
      return join(byte(115), length(name.length, 1, chance), Buffer.from(name, 'latin1'));
    case 2:
      return join(byte(100), length(name.length, 2, chance), Buffer.from(name, 'latin1'));
    case 3:
      return chance.oneIn(3)
        ? Uint8Array.of(82, chance.below(4))
        : join(byte(119), length(utf8.length, 1, chance), utf8);
    default:
      return utf8.length < 256
        ? join(byte(119), length(utf8.length, 1, chance), utf8)
        : join(byte(118), length(utf8.length, 2, chance), utf8);
  }
}

export function anyAtom(chance: Chance): Uint8Array {
  return atomBytes(
    chance.oneIn(6) ? Buffer.from(chance.bytes(chance.small(12))).toString('latin1') : chance.pick(NAMES),
    chance,
  );
}

export function pidBytes(node: string, chance: Chance): Uint8Array {
  const old = chance.oneIn(12);
  return join(byte(old ? 103 : 88), atomBytes(node, chance), word(chance), word(chance), old ? byte(1) : word(chance));
}

export function referenceBytes(node: string, chance: Chance): Uint8Array {
  const count = chance.oneIn(20) ? chance.below(8) : 1 + chance.below(3);
  const words = join(...Array.from({ length: count }, () => word(chance)));
  if (chance.oneIn(12)) return join(byte(101), atomBytes(node, chance), word(chance), byte(1));
  const old = chance.oneIn(12);
  const creation = old ? byte(1) : word(chance);
  return join(byte(old ? 114 : 90), length(count, 2, chance), atomBytes(node, chance), creation, words);
}

function integerBytes(chance: Chance): Uint8Array {
  switch (chance.below(4)) {
    case 0:
      return join(byte(98), word(chance));
    case 1: {
      const magnitude = chance.bytes(chance.small(40));
      return chance.oneIn(3)
        ? join(byte(111), length(magnitude.length, 4, chance), byte(chance.below(2)), magnitude)
        : join(byte(110), length(magnitude.length, 1, chance), byte(chance.below(2)), magnitude);
    }
    default:
      return Uint8Array.of(97, chance.oneIn(3) ? chance.below(256) : chance.below(4));
  }
}

function textBytes(chance: Chance): Uint8Array {
  const text = chance.oneIn(3)
    ? chance.bytes(chance.small(60))
    : Buffer.from(chance.pick(['', 'a', 'b', 'key', 'é', '__proto__', '\u{1F600}']));
  if (!chance.oneIn(4)) return join(byte(109), length(text.length, 4, chance), text);
  return join(byte(77), length(text.length, 4, chance), byte(chance.below(10)), text);
}

function leaf(chance: Chance): Uint8Array {
  switch (chance.below(14)) {
    case 0:
      return join(
        byte(70),
        chance.oneIn(2) ? chance.bytes(8) : Uint8Array.of(chance.pick([63, 64, 127, 128, 255]), 240, 0, 0, 0, 0, 0, 0),
      );
    case 1:
      return join(
        byte(99),
        Buffer.from(chance.pick(['1.5', '-0.0', '1e400', 'nan', '1.00000000000000000000e+00']).padEnd(31, '\0')),
      );
    case 2:
    case 3:
      return integerBytes(chance);
    case 4:
    case 5:
      return textBytes(chance);
    case 6:
      return pidBytes(chance.pick(NAMES), chance);
    case 7:
      return referenceBytes(chance.pick(NAMES), chance);
    case 8:
      return chance.oneIn(2)
        ? join(byte(120), anyAtom(chance), chance.bytes(8), word(chance))
        : join(byte(89), anyAtom(chance), word(chance), word(chance));
    case 9:
      return join(byte(113), anyAtom(chance), anyAtom(chance), Uint8Array.of(97, chance.below(256)));
    case 10: {
      const text = chance.bytes(chance.small(30));
      return join(byte(107), length(text.length, 2, chance), text);
    }
    case 11:
      return byte(106);
    default:
      return anyAtom(chance);
  }
}

/** The bytes of one term, without a version byte. */
export function termBytes(chance: Chance, depth = 0): Uint8Array {
  if (depth === 0 && chance.oneIn(200)) return tower(chance);
  if (depth > 5 || chance.below(depth + 3) > 1) return leaf(chance);
  const some = (): Uint8Array[] => Array.from({ length: chance.small(6) }, () => termBytes(chance, depth + 1));
  switch (chance.below(6)) {
    case 0: {
      const elements = some();
      return chance.oneIn(4)
        ? join(byte(105), length(elements.length, 4, chance), ...elements)
        : join(byte(104), length(elements.length, 1, chance), ...elements);
    }
    case 1:
    case 2: {
      const elements = some();
      const tail = chance.oneIn(4) ? termBytes(chance, depth + 1) : byte(106);
      return join(byte(108), length(elements.length, 4, chance), ...elements, tail);
    }
    case 3:
    case 4: {
      const pairs = some().flatMap((key) => [key, termBytes(chance, depth + 1)]);
      return join(byte(116), length(pairs.length / 2, 4, chance), ...pairs);
    }
    default:
      return funBytes(chance, depth);
  }
}

function funBytes(chance: Chance, depth: number): Uint8Array {
  const free = Array.from({ length: chance.small(3) }, () => termBytes(chance, depth + 1));
  const body = join(
    byte(chance.below(256)),
    chance.bytes(16),
    word(chance),
    length(free.length, 4, chance),
    anyAtom(chance),
    integerBytes(chance),
    integerBytes(chance),
    chance.oneIn(10) ? leaf(chance) : pidBytes('a@b', chance),
    ...free,
  );
  return join(byte(112), length(body.length + 4, 4, chance), body);
}

/** The same opening again and again: what recurses must have an end. */
function tower(chance: Chance): Uint8Array {
  const level = Buffer.from(
    chance.pick([
      '6801',
      '6c00000001',
      '6900000001',
      '74000000016a',
      '7400000001',
      '74000000026a6101',
      '6c000000016101',
      '6c00000000',
    ]),
    'hex',
  );
  return join(...Array.from({ length: chance.below(1200) }, () => level), byte(106));
}

/** `131 80 size zlib`: allowed at the start of a whole term only. */
export function compressed(term: Uint8Array, chance: Chance): Uint8Array {
  return join(byte(80), length(term.length, 4, chance), deflateSync(term));
}
