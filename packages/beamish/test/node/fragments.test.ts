/** What a peer may keep open of messages in fragments, and that what is complete counts no more. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isBeamishError } from '../../src/error/index.ts';
import { AtomCache } from '../../src/node/wire/atom-cache.ts';
import { FIRST_FRAGMENT, Fragments, NEXT_FRAGMENT, type Whole } from '../../src/node/wire/fragments.ts';

const MAX = 1_000_000;

function fragments() {
  const all = new Fragments(MAX, new AtomCache());
  const add = (kind: number, sequence: number, id: number, bytes: number, fill = id): Whole | undefined => {
    const first = kind === FIRST_FRAGMENT;
    const frame = Buffer.alloc(18 + (first ? 1 : 0) + bytes, fill);
    frame[0] = 131;
    frame[1] = kind;
    frame.writeBigUInt64BE(BigInt(sequence), 2);
    frame.writeBigUInt64BE(BigInt(id), 10);
    if (first) frame[18] = 0;
    return all.add(frame);
  };
  return {
    begin: (sequence: number, id: number, bytes: number) => add(FIRST_FRAGMENT, sequence, id, bytes),
    goOn: (sequence: number, id: number, bytes: number) => add(NEXT_FRAGMENT, sequence, id, bytes),
  };
}

const malformed =
  (text: string) =>
  (error: unknown): boolean =>
    isBeamishError(error, 'frame_malformed') && error.message.includes(text);

test('4,096 messages may be incomplete, and one more when one of them is complete', () => {
  const { begin, goOn } = fragments();
  for (let sequence = 1; sequence <= 4096; sequence++) assert.equal(begin(sequence, 2, 1), undefined);
  assert.equal(goOn(7, 1, 1)?.bytes.length, 2);
  assert.equal(begin(5000, 2, 1), undefined);
  assert.throws(() => begin(5001, 2, 1), malformed('4096'));
});

test('messages one after the other take as much as one of them', () => {
  const { begin, goOn } = fragments();
  for (let n = 1; n <= 20; n++) {
    begin(n, 3, 250_000);
    goOn(n, 2, 250_000);
    const whole = goOn(n, 1, 100_000);
    assert.deepEqual([whole?.bytes.length, whole?.bytes[0], whole?.bytes[599_999]], [600_000, 3, 1]);
  }
});

test('what outgrows the memory that was reserved for it counts once', () => {
  const { begin, goOn } = fragments();
  // The fragments are larger than the first one says.
  begin(1, 100, 10);
  for (let id = 99; id > 0; id--) {
    const whole = goOn(1, id, 9_000);
    assert.equal(whole?.bytes.length, id === 1 ? 10 + 99 * 9_000 : undefined);
  }
  for (const sequence of [2, 3]) begin(sequence, 4, 240_000);
  assert.throws(() => begin(4, 4, 240_000), malformed('too many bytes'));
});

test('a first fragment that claims much has little reserved: others have room beside it', () => {
  const { begin } = fragments();
  for (let sequence = 1; sequence <= 100; sequence++) assert.equal(begin(sequence, 1_000_000, 1_000), undefined);
});

test('a fragment with the number 0 is none', () => {
  const { begin, goOn } = fragments();
  assert.throws(() => begin(1, 0, 10), malformed('id 0'));
  begin(2, 2, 10);
  goOn(2, 1, 10);
  assert.throws(() => goOn(2, 0, 10), malformed('out of order'));
});
