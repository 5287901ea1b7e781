import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isBeamishError } from '../../src/error/index.ts';
import { AtomCache } from '../../src/node/wire/atom-cache.ts';
import { FIRST_FRAGMENT, Fragments, NEXT_FRAGMENT, type Whole } from '../../src/node/wire/fragments.ts';
import { FrameReader } from '../../src/node/wire/frame-reader.ts';
import { seed } from '../support/seed.ts';

const malformed = (error: unknown): boolean => isBeamishError(error, 'frame_malformed');

function frame(prefix: 2 | 4, body: Uint8Array): Buffer {
  const bytes = Buffer.alloc(prefix + body.length);
  bytes.writeUIntBE(body.length, 0, prefix);
  bytes.set(body, prefix);
  return bytes;
}

/** The stream in chunks that end at these places. */
function cut(stream: Uint8Array, places: readonly number[]): Uint8Array[] {
  const at = [...new Set(places.map((place) => place % (stream.length + 1)))].sort((a, b) => a - b);
  return [0, ...at].map((start, index) => stream.subarray(start, at[index] ?? stream.length));
}

test('the same frames, wherever the stream is cut', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(2 as const, 4 as const),
      fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 12 }),
      fc.array(fc.nat(4000), { maxLength: 30 }),
      (prefix, bodies, places) => {
        const reader = new FrameReader(prefix, 1000);
        const read: number[][] = [];
        for (const chunk of cut(Buffer.concat(bodies.map((body) => frame(prefix, body))), places)) {
          reader.push(chunk);
          for (let body = reader.next(); body !== undefined; body = reader.next()) read.push([...body]);
        }
        assert.deepEqual(
          read,
          bodies.map((body) => [...body]),
        );
      },
    ),
    { seed },
  );
});

test('the format may change between two frames of one chunk', () => {
  const reader = new FrameReader(2, 100);
  reader.push(Buffer.concat([frame(2, Buffer.from('last')), frame(4, Buffer.from('first'))]));
  assert.equal(Buffer.from(reader.next() ?? []).toString(), 'last');
  reader.become(4, 100);
  assert.equal(Buffer.from(reader.next() ?? []).toString(), 'first');
  assert.equal(reader.next(), undefined);
});

test('a frame above the limit is refused by its length alone', () => {
  const reader = new FrameReader(4, 1000);
  reader.push(Uint8Array.of(0, 0, 3, 233));
  assert.throws(() => reader.next(), malformed);
  const text = new FrameReader(2, 4096);
  text.push(Buffer.from('GET / HTTP/1.1\r\n'));
  assert.throws(() => text.next(), malformed);
});

test('a large frame in small chunks is put together in linear time', () => {
  const size = 8 * 1024 * 1024;
  const body = Buffer.alloc(size, 7);
  const stream = frame(4, body);
  const reader = new FrameReader(4, size);
  const before = process.cpuUsage();
  let got: Uint8Array | undefined;
  for (let at = 0; at < stream.length; at += 100) {
    reader.push(stream.subarray(at, at + 100));
    got = reader.next() ?? got;
  }
  const used = process.cpuUsage(before);
  assert.equal(got?.length, size);
  assert.ok(Buffer.from(got).equals(body));
  // 84,000 chunks: copying all for each would move 350 GB.
  assert.ok(used.user + used.system < 5_000_000, `${used.user + used.system} µs`);
});

const fragmentsOf = (maxBytes: number): Fragments => new Fragments(maxBytes, new AtomCache());
const text = (whole: Whole | undefined): string => Buffer.from(whole?.bytes.subarray(whole.at) ?? []).toString();

/** A first fragment has a list of atoms too: an empty one. */
function fragment(kind: number, sequence: number, id: number, body: string): Uint8Array {
  const head = Buffer.alloc(kind === FIRST_FRAGMENT ? 19 : 18);
  head[0] = 131;
  head[1] = kind;
  head.writeBigUInt64BE(BigInt(sequence), 2);
  head.writeBigUInt64BE(BigInt(id), 10);
  return Buffer.concat([head, Buffer.from(body)]);
}

test('fragments of several messages, one between the others', () => {
  const fragments = fragmentsOf(1000);
  assert.equal(fragments.add(fragment(FIRST_FRAGMENT, 1, 3, 'a')), undefined);
  assert.equal(fragments.add(fragment(FIRST_FRAGMENT, 2, 2, 'x')), undefined);
  assert.equal(fragments.add(fragment(NEXT_FRAGMENT, 1, 2, 'b')), undefined);
  assert.equal(text(fragments.add(fragment(NEXT_FRAGMENT, 2, 1, 'y'))), 'xy');
  assert.equal(text(fragments.add(fragment(NEXT_FRAGMENT, 1, 1, 'c'))), 'abc');
  assert.equal(text(fragments.add(fragment(FIRST_FRAGMENT, 1, 1, 'whole'))), 'whole');
});

test('fragments do not keep the chunk they came in', () => {
  const fragments = fragmentsOf(1000);
  const first = fragment(FIRST_FRAGMENT, 1, 2, 'aaaa');
  fragments.add(first);
  first.fill(0);
  assert.equal(text(fragments.add(fragment(NEXT_FRAGMENT, 1, 1, 'b'))), 'aaaab');
});

test('fragments out of order, begun twice, without a first one, too large', () => {
  const begun = (): Fragments => {
    const fragments = fragmentsOf(10);
    fragments.add(fragment(FIRST_FRAGMENT, 1, 3, 'a'));
    return fragments;
  };
  assert.throws(() => begun().add(fragment(NEXT_FRAGMENT, 1, 1, 'b')), malformed);
  assert.throws(() => begun().add(fragment(FIRST_FRAGMENT, 1, 3, 'b')), malformed);
  assert.throws(() => begun().add(fragment(NEXT_FRAGMENT, 2, 1, 'b')), malformed);
  assert.throws(() => begun().add(fragment(NEXT_FRAGMENT, 1, 2, '1234567890')), malformed);
  assert.throws(() => begun().add(fragment(NEXT_FRAGMENT, 1, 2, '').subarray(0, 9)), malformed);
  assert.throws(() => {
    const fragments = fragmentsOf(100);
    for (let sequence = 1; sequence < 10; sequence++)
      fragments.add(fragment(FIRST_FRAGMENT, sequence, 9, 'x'.repeat(50)));
  }, malformed);
});

test('a large frame that spans chunks stays as it was, whatever comes after it', () => {
  const reader = new FrameReader(4, 1_000_000);
  const kept: Uint8Array[] = [];
  for (const fill of [1, 2, 3]) {
    const stream = frame(4, new Uint8Array(200_000).fill(fill));
    for (let at = 0; at < stream.length; at += 70_000) {
      reader.push(stream.subarray(at, at + 70_000));
      for (let body = reader.next(); body !== undefined; body = reader.next()) kept.push(body);
    }
  }
  assert.deepEqual(
    kept.map((body) => [body.length, body[0], body.at(-1)]),
    [1, 2, 3].map((fill) => [200_000, fill, fill]),
  );
});

test('a length alone costs no memory', () => {
  const before = process.memoryUsage().arrayBuffers;
  const readers = Array.from({ length: 20 }, () => {
    const reader = new FrameReader(4, 64 * 1024 * 1024);
    reader.push(Uint8Array.of(3, 255, 255, 255, 1, 2, 3));
    assert.equal(reader.next(), undefined);
    return reader;
  });
  const each = (process.memoryUsage().arrayBuffers - before) / readers.length;
  assert.ok(each < 1024 * 1024, `${each} bytes for a reader`);
});
