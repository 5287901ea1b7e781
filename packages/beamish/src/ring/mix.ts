/** Bob Jenkins' golden ratio, `HCONST` in erts/emulator/beam/utils.c. */
const GOLDEN = 0x9e3779b9;

/** `HCONST_k` (section 11.2). */
export function constant(k: number): number {
  return Math.imul(GOLDEN, k);
}

/**
 * The 32-bit state that `phash2` carries from one part of a term to the next, and
 * its three steps (section 11.2). All arithmetic is modulo 2^32.
 */
export class HashState {
  /** As a signed 32-bit number. */
  hash = 0;

  /** `UINT32_HASH_2`. */
  mixTwo(x: number, y: number, k: number): void {
    this.hash = mix((constant(k) + x) | 0, (constant(k) + y) | 0, this.hash);
  }

  /** `UINT32_HASH`. */
  mixOne(x: number, k: number): void {
    this.mixTwo(x, 0, k);
  }

  /** `block_hash`: the bytes, twelve at a time, starting from `initial`. */
  mixBlock(bytes: Uint8Array, initial: number): void {
    const length = bytes.length;
    let a = constant(1);
    let b = constant(1);
    let c = initial | 0;
    let at = 0;
    for (; length - at >= 12; at += 12) {
      const mixed = mixAll(
        (a + word(bytes, at, 4)) | 0,
        (b + word(bytes, at + 4, 4)) | 0,
        (c + word(bytes, at + 8, 4)) | 0,
      );
      a = mixed[0];
      b = mixed[1];
      c = mixed[2];
    }
    // The lowest byte of c is where the length goes, so the last bytes sit one higher.
    c = (c + length + (word(bytes, at + 8, 3) << 8)) | 0;
    a = (a + word(bytes, at, 4)) | 0;
    b = (b + word(bytes, at + 4, 4)) | 0;
    this.hash = mix(a, b, c);
  }
}

/** Up to `count` bytes from `at`, little-endian; bytes past the end are 0. */
function word(bytes: Uint8Array, at: number, count: number): number {
  let value = 0;
  for (let index = 0; index < count; index++) value |= (bytes[at + index] ?? 0) << (8 * index);
  return value;
}

function mix(a: number, b: number, c: number): number {
  return mixAll(a, b, c)[2];
}

/** `MIX(a, b, c)`. */
function mixAll(first: number, second: number, third: number): [number, number, number] {
  let a = first;
  let b = second;
  let c = third;
  a = ((a - b - c) | 0) ^ (c >>> 13);
  b = ((b - c - a) | 0) ^ (a << 8);
  c = ((c - a - b) | 0) ^ (b >>> 13);
  a = ((a - b - c) | 0) ^ (c >>> 12);
  b = ((b - c - a) | 0) ^ (a << 16);
  c = ((c - a - b) | 0) ^ (b >>> 5);
  a = ((a - b - c) | 0) ^ (c >>> 3);
  b = ((b - c - a) | 0) ^ (a << 10);
  c = ((c - a - b) | 0) ^ (b >>> 15);
  return [a, b, c];
}
