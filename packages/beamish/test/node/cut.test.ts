/** A large signal in fragments is put together again, however its size lies to that of a fragment. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AtomCache } from '../../src/node/wire/atom-cache.ts';
import { Cut } from '../../src/node/wire/cut.ts';
import { FRAGMENT_BYTES, Fragments, type Whole } from '../../src/node/wire/fragments.ts';

test('every byte is in some fragment, the control message in the first, no payload of more than 64 KiB in any', () => {
  for (const split of [1, 30, 70_000]) {
    for (const payload of [
      FRAGMENT_BYTES - 1,
      FRAGMENT_BYTES,
      4 * FRAGMENT_BYTES - 1,
      4 * FRAGMENT_BYTES,
      4 * FRAGMENT_BYTES + 1,
    ]) {
      const length = split + payload;
      const all = Uint8Array.from({ length }, (_, n) => (n * 31) % 251);
      const middle = split + 10;
      const encoded = { bytes: all.subarray(0, middle), rest: [all.subarray(middle)], length, split, needs: 0n };
      const cut = new Cut(encoded, 9n);
      const fragments = new Fragments(1_000_000, new AtomCache());
      let whole: Whole | undefined;
      for (let number = 0; cut.id > 0; number++) {
        const parts: Uint8Array[] = [];
        const put = (bytes: Uint8Array): void => void parts.push(Uint8Array.from(bytes));
        const written = cut.writeNext({ append: put, give: put });
        const frame = Buffer.concat(parts);
        assert.equal(frame.readUInt32BE(0), frame.length - 4);
        assert.ok(number === 0 ? written >= split && written <= split + FRAGMENT_BYTES : written <= FRAGMENT_BYTES);
        assert.equal(whole, undefined, 'nothing after the last');
        whole = fragments.add(frame.subarray(4));
      }
      const what = `${split} and ${payload} bytes`;
      assert.ok(whole !== undefined, what);
      assert.deepEqual(Buffer.from(whole.bytes.subarray(whole.at)), Buffer.from(all), what);
    }
  }
});
