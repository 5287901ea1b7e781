import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decode, encode } from '../../src/term/index.ts';
import { fastBuffer } from '../../src/term/fast-buffer.ts';
import { CACHED_BYTES, TextCache } from '../../src/term/text-cache.ts';

/** Two of the same hash, `31 * 'B' + 'a'` being `31 * 'A' + 0x80`, which is no text; and others. */
const pieces = [[0x42, 0x61], [0x41, 0x80], [0x61], [0xc3, 0xa9], [], [0xff], [0x42, 0x61, 0x20]];

test('whatever came before, a text is that of its bytes, and what is no UTF-8 is none', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 100, size: 'max' }), (all) => {
      const cache = new TextCache();
      for (const piece of all) {
        const bytes = Buffer.from([0, ...piece, 0]);
        const text = cache.text(fastBuffer(bytes), 1, piece.length);
        const expected = Buffer.from(piece).toString();
        assert.equal(text, expected.includes('\uFFFD') ? undefined : expected);
      }
    }),
  );
});

test('texts that come once, twice and often are what was sent', () => {
  const texts = Array.from({ length: 20_000 }, (_, n) => [`once ${n}`, `often ${n % 10}`, `twice ${n >> 1}`]).flat();
  assert.deepEqual(decode(encode(texts)), texts);
  const long = 'x'.repeat(CACHED_BYTES);
  assert.deepEqual(decode(encode([long, long, long, `${long}y`])), [long, long, long, `${long}y`]);
});

// Kept in the engine's table of names, each of them costs several times as much as the text itself.
test('a text is kept when it comes for the second time, and makes no string from the third on', () => {
  const bytes = fastBuffer(Buffer.from('some text'));
  let made = 0;
  const slice = bytes.utf8Slice.bind(bytes);
  bytes.utf8Slice = (start, end) => {
    made += 1;
    return slice(start, end);
  };
  const cache = new TextCache();
  for (let n = 0; n < 5; n++) assert.equal(cache.text(bytes, 0, bytes.length), 'some text');
  assert.equal(made, 2);
});
