import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BeamishError, isBeamishError } from '../../src/error/index.ts';
import { AtomCache } from '../../src/node/wire/atom-cache.ts';
import { PacketReader } from '../../src/node/wire/packets.ts';
import { atom, formatTerm, Pid, tuple } from '../../src/term/index.ts';
import { seed } from '../support/seed.ts';

interface Reference {
  readonly slot: number;
  /** Absent: the slot has it already. */
  readonly name?: string | Uint8Array;
}

/** A list of atoms as a BEAM writes it (protocols 3.2). */
function list(references: readonly Reference[], long = false): Buffer {
  const nibbles = references.map(({ slot, name }) => (slot >> 8) | (name === undefined ? 0 : 8));
  nibbles.push(long ? 1 : 0);
  const flags = Array.from({ length: (references.length >> 1) + 1 }, (_, index) => {
    return (nibbles[2 * index] ?? 0) | ((nibbles[2 * index + 1] ?? 0) << 4);
  });
  const entries = references.flatMap(({ slot, name }) => {
    if (name === undefined) return [slot & 255];
    const bytes = Buffer.from(name as string);
    return [slot & 255, ...(long ? [bytes.length >> 8, bytes.length & 255] : [bytes.length]), ...bytes];
  });
  return Buffer.from(references.length === 0 ? [0] : [references.length, ...flags, ...entries]);
}

const names = (cache: AtomCache): string[] => cache.listed.map(({ name }) => name);
const malformed = (error: unknown): boolean => isBeamishError(error, 'frame_malformed');

test('the frame of protocols 3.2, byte for byte', () => {
  const frame = Buffer.from(
    '8344048fdc003f0b61403132372e302e302e3105007403726578051066656174757265735f72657175657374',
    'hex',
  );
  const cache = new AtomCache();
  assert.equal(cache.readList(frame, 2), frame.length);
  assert.deepEqual(names(cache), ['a@127.0.0.1', '', 'rex', 'features_request']);
});

test('slots are kept, and overwritten', () => {
  const cache = new AtomCache();
  const cases: [Reference[], string[]][] = [
    [
      [
        { slot: 0, name: 'a' },
        { slot: 2047, name: 'b' },
        { slot: 256, name: 'c' },
      ],
      ['a', 'b', 'c'],
    ],
    [
      [{ slot: 256 }, { slot: 0 }],
      ['c', 'a'],
    ],
    [[], []],
    // The old and the new name of a slot in one list.
    [
      [{ slot: 0 }, { slot: 0, name: 'd' }, { slot: 0 }],
      ['a', 'd', 'd'],
    ],
    [
      [{ slot: 0 }, { slot: 2047 }],
      ['d', 'b'],
    ],
  ];
  for (const [references, expected] of cases) {
    const bytes = list(references);
    assert.equal(cache.readList(bytes, 0), bytes.length);
    assert.deepEqual(names(cache), expected);
  }
});

test('a full list, long names, names beyond Latin', () => {
  const cache = new AtomCache();
  const many = Array.from({ length: 255 }, (_, index) => ({ slot: index * 8, name: `atom${index}` }));
  cache.readList(list(many), 0);
  assert.deepEqual(
    names(cache),
    many.map(({ name }) => name),
  );
  cache.readList(list(many.map(({ slot }) => ({ slot }))), 0);
  assert.deepEqual(
    names(cache),
    many.map(({ name }) => name),
  );
  const wide = '𝄞'.repeat(255);
  // A byte order mark is a part of a name like any other.
  cache.readList(
    list(
      [
        { slot: 5, name: wide },
        { slot: 6, name: '\uFEFFö' },
      ],
      true,
    ),
    0,
  );
  assert.deepEqual(names(cache), [wide, '\uFEFFö']);
});

test('lists that are none', () => {
  const slots = list([
    { slot: 1, name: 'one' },
    { slot: 2, name: 'two' },
  ]);
  for (let length = 0; length < slots.length; length++)
    assert.throws(() => new AtomCache().readList(slots.subarray(0, length), 0), malformed);
  const cases = [
    list([{ slot: 7 }]),
    list([{ slot: 7, name: Uint8Array.of(0xff) }]),
    list([{ slot: 7, name: 'x'.repeat(256) }], true),
  ];
  for (const bytes of cases) assert.throws(() => new AtomCache().readList(bytes, 0), malformed);
});

test('no bytes make it throw anything but a BeamishError', () => {
  const cache = new AtomCache();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      try {
        cache.readList(bytes, 0);
      } catch (error) {
        assert.ok(error instanceof BeamishError);
      }
    }),
    { seed, numRuns: 5000 },
  );
});

/** Terms whose atoms are positions of the list. */
const at = (position: number): number[] => [82, position];
const pid = (node: number, id: number): number[] => [88, ...at(node), 0, 0, 0, id, 0, 0, 0, 0, 0, 0, 0, 3];
const HEAD = [131, 68];
const fragment = (first: boolean, sequence: number, id: number): number[] => [
  ...[131, first ? 69 : 70, 0, 0, 0, 0, 0, 0, 0, sequence],
  ...[0, 0, 0, 0, 0, 0, 0, id],
];

test('terms refer to the list: in control messages, pids, payloads and map keys', () => {
  const packets = new PacketReader({ own: 'b@h', peer: 'a@h' }, { maxBytes: 1000 });
  const first = list([
    { slot: 1, name: 'a@h' },
    { slot: 2, name: 'b@h' },
    { slot: 3, name: 'ok' },
    { slot: 4, name: 'true' },
  ]);
  const payload = [116, 0, 0, 0, 1, ...at(2), 104, 2, ...at(3), 119, 2, 104, 105];
  const message = packets.read(
    Buffer.from([...HEAD, ...first, 104, 3, 97, 22, ...pid(0, 1), ...pid(1, 2), ...payload]),
  );
  assert.deepEqual(message, {
    type: 'message',
    from: new Pid('a@h', 1, 0, 3),
    to: new Pid('b@h', 2, 0, 3),
    message: new Map([[atom('ok'), tuple(true, atom('hi'))]]),
  });
  const second = list([{ slot: 2 }, { slot: 1 }]);
  assert.deepEqual(packets.read(Buffer.from([...HEAD, ...second, 104, 3, 97, 1, ...pid(1, 1), ...pid(0, 2)])), {
    type: 'link',
    from: new Pid('a@h', 1, 0, 3),
    to: new Pid('b@h', 2, 0, 3),
  });
  // A position that is not in this list, though it was in the one before.
  assert.throws(
    () => packets.read(Buffer.from([...HEAD, ...second, 104, 3, 97, 1, ...pid(1, 1), ...pid(2, 2)])),
    (error) => isBeamishError(error, 'term_malformed'),
  );
});

test('a message in fragments has the atoms of its first one, whatever becomes of the slots', () => {
  const packets = new PacketReader({ own: 'b@h', peer: 'a@h' }, { maxBytes: 1000 });
  const listed = list([
    { slot: 1, name: 'a@h' },
    { slot: 2, name: 'b@h' },
    { slot: 3, name: 'mine' },
  ]);
  const begin = [...fragment(true, 9, 2), ...listed, 104, 3, 97, 22, ...pid(0, 1), ...pid(1, 2)];
  assert.equal(packets.read(Buffer.from(begin)), undefined);
  const between = list([{ slot: 1 }, { slot: 2 }, { slot: 3, name: 'yours' }]);
  const small = packets.read(Buffer.from([...HEAD, ...between, 104, 3, 97, 22, ...pid(0, 1), ...pid(1, 2), ...at(2)]));
  assert.equal(formatTerm(small?.type === 'message' ? small.message : 'no message'), 'yours');
  const large = packets.read(Buffer.from([...fragment(false, 9, 1), 104, 1, ...at(2)]));
  assert.equal(formatTerm(large?.type === 'message' ? large.message : 'no message'), '{mine}');
});

test('the same bytes after another list are another message', () => {
  const packets = new PacketReader({ own: 'b@h', peer: 'a@h' }, { maxBytes: 1000 });
  // REG_SEND to the second atom, from a process of the first, and an empty list.
  const bytes = [104, 4, 97, 6, ...pid(0, 1), 119, 0, ...at(1), 106];
  const to = (name: string): unknown => {
    const listed = list([
      { slot: 1, name: 'a@h' },
      { slot: 2, name },
    ]);
    return packets.read(Buffer.from([...HEAD, ...listed, ...bytes]));
  };
  for (const name of ['one', 'one', 'one', 'one', 'one', 'one', 'two', 'one', 'three']) {
    const from = new Pid('a@h', 1, 0, 3);
    assert.deepEqual(to(name), { type: 'message', from, to: { name, node: 'b@h' }, message: [] });
  }
});
