import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BeamishError, isBeamishError } from '../../src/error/index.ts';
import { readSignal } from '../../src/node/wire/control.ts';
import { FrameReader } from '../../src/node/wire/frame-reader.ts';
import { FrameWriter, keep, PacketReader, SignalEncoder } from '../../src/node/wire/packets.ts';
import type { Signal } from '../../src/process/index.ts';
import { atom, encode, Pid, Reference, tuple } from '../../src/term/index.ts';
import type { Term } from '../../src/term/index.ts';
import { seed } from '../support/seed.ts';

const peer = 'a@h';
const own = 'b@h';
const from = new Pid(peer, 7, 0, 3);
const to = new Pid(own, 9, 1, 4);
const reference = new Reference(peer, 3, [1, 2, 3]);
const anyone = new Pid(peer, 1, 0, 3);
const named = { name: 'server', node: own };
const malformed = (error: unknown): boolean => isBeamishError(error, 'frame_malformed');

/** What goes from a to b, as b's reader gives it; cut into chunks of that size. */
function carry(signals: readonly Signal[], header: boolean, fragments: boolean, chunk = Infinity): Signal[] {
  const encoder = new SignalEncoder(anyone, 1_000_000);
  const writer = new FrameWriter(header, fragments);
  const parts: Uint8Array[] = [];
  const append = (bytes: Uint8Array): void => void parts.push(new Uint8Array(bytes));
  const sink = { append, give: append };
  for (const signal of signals) {
    const encoded = encoder.encode(signal);
    const cut = encoded.rest === undefined ? undefined : writer.cut(encoded);
    for (let left = cut?.id ?? 0; left > 0; left--) cut?.writeNext(sink);
    if (encoded.rest === undefined) writer.write(encoded, append);
    else if (cut === undefined) writer.writeWhole(encoded, sink);
  }
  const stream = Buffer.concat(parts);
  const frames = new FrameReader(4, 10_000_000);
  const packets = new PacketReader({ own, peer }, { maxBytes: 10_000_000 });
  const read: Signal[] = [];
  for (let at = 0; at < stream.length; at += chunk) {
    frames.push(stream.subarray(at, at + chunk));
    for (let frame = frames.next(); frame !== undefined; frame = frames.next()) {
      const signal = packets.read(frame);
      if (signal !== undefined) read.push(signal);
    }
    if (chunk === Infinity) break;
  }
  return read;
}

/** A reference of this node. */
const asked = new Reference(own, 4, [1, 2, 3]);

const signals: Signal[] = [
  { type: 'message', from, to, message: { hello: [1, 2.5, null, undefined] } },
  { type: 'message', from, to: reference, message: 'to an alias' },
  { type: 'message', from, to: named, message: tuple(atom('ok'), 1) },
  { type: 'message', from: undefined, to, message: 'from nobody' },
  { type: 'call', from, to, reference, request: tuple(atom('add'), 1) },
  { type: 'call', from, to: named, reference, request: atom('value') },
  { type: 'reply', node: peer, to: asked, reply: { total: 2 } },
  { type: 'link', from, to },
  { type: 'unlink', from, to, id: 2n ** 63n },
  { type: 'unlinkAck', from, to, id: 1n },
  { type: 'linkExit', from, to, reason: atom('normal') },
  { type: 'exit', from, to, reason: tuple(atom('shutdown'), 'why') },
  { type: 'exit', from, to: reference, reason: atom('to_an_alias') },
  { type: 'exit', from, to: named, reason: atom('to_a_name') },
  { type: 'groupLeader', from, to },
  { type: 'monitor', from, to, reference },
  { type: 'monitor', from, to: named, reference },
  { type: 'demonitor', from, to, reference },
  { type: 'demonitor', from, to: named, reference },
  { type: 'monitorExit', from, to, reference, reason: atom('noproc') },
  { type: 'monitorExit', from: { name: 'x', node: peer }, to, reference, reason: atom('noproc') },
  {
    type: 'spawnRequest',
    reference,
    from,
    groupLeader: from,
    module: atom('m'),
    function: atom('f'),
    arguments: [1, 'two'],
    options: { link: true, monitor: true },
    node: own,
  },
  { type: 'spawnReply', node: peer, reference: asked, to, link: true, monitor: false, result: from },
  { type: 'spawnReply', node: peer, reference: asked, to, link: false, monitor: true, result: atom('notsup') },
];

test('every signal, in each form, arrives as it was', () => {
  for (const [header, fragments] of [
    [false, false],
    [true, false],
    [true, true],
  ] as const) {
    assert.deepEqual(carry(signals, header, fragments), signals);
    assert.deepEqual(carry(signals, header, fragments, 3), signals);
  }
});

test('messages of few senders to few receivers, in any order, arrive as they were', () => {
  const other = new Pid(own, 10, 1, 4);
  const messages: Signal[] = [
    { type: 'message', from, to, message: 0 },
    { type: 'message', from: anyone, to, message: 0 },
    { type: 'message', from, to: other, message: 0 },
    { type: 'message', from: undefined, to, message: 0 },
    { type: 'message', from: undefined, to: other, message: 0 },
    { type: 'message', from, to: named, message: 0 },
    { type: 'message', from, to: { name: 'servet', node: own }, message: 0 },
    { type: 'message', from, to: reference, message: 0 },
    { type: 'call', from, to: named, reference, request: 0 },
  ];
  const runs = fc.array(fc.tuple(fc.nat(messages.length - 1), fc.integer({ min: 1, max: 12 })), { maxLength: 20 });
  fc.assert(
    fc.property(runs, fc.constantFrom([false, false], [true, false], [true, true]), (list, [header, fragments]) => {
      const sent = list
        .flatMap(([which, times]) => Array.from({ length: times }, () => messages[which] as Signal))
        .map((signal, index): Signal => (signal.type === 'message' ? { ...signal, message: index } : signal));
      assert.deepEqual(carry(sent, header, fragments), sent);
    }),
    { seed, numRuns: 200 },
  );
});

test('the forms of a frame (protocols 3.1)', () => {
  const encoded = new SignalEncoder(anyone, 1_000_000).encode({ type: 'link', from, to });
  const write = (header: boolean): Buffer => {
    const parts: Uint8Array[] = [];
    new FrameWriter(header, header).write(encoded, (bytes) => parts.push(new Uint8Array(bytes)));
    return Buffer.concat(parts);
  };
  assert.deepEqual([...write(false).subarray(4, 7)], [112, 131, 104]);
  assert.deepEqual([...write(true).subarray(4, 8)], [131, 68, 0, 104]);
});

test('a large payload goes in fragments, and small messages behind it are whole', () => {
  const large: Signal = { type: 'message', from, to, message: 'x'.repeat(200_000) };
  const exit: Signal = { type: 'exit', from, to, reason: 'y'.repeat(70_000) };
  assert.deepEqual(carry([large, ...signals, exit, large], true, true, 1000), [large, ...signals, exit, large]);
  const parts: number[] = [];
  let head = 0;
  new FrameWriter(true, true).write(new SignalEncoder(anyone, 1_000_000).encode(large), (bytes) => {
    if (bytes.length === 22) {
      parts.push(Buffer.from(bytes).readUInt32BE(0));
      head += 1;
    }
  });
  assert.equal(head, 4);
  assert.ok(parts.every((length) => length <= 65_536 + 200));
});

test('large bytes are not copied out of the message that they are most of; small ones never pin it', () => {
  const view = (message: Term): Uint8Array => {
    const [signal] = carry([{ type: 'message', from, to, message }], true, true, 60_000);
    assert.ok(signal?.type === 'message');
    const bytes = Array.isArray(signal.message) ? signal.message[0] : signal.message;
    assert.ok(bytes instanceof Uint8Array);
    return bytes;
  };
  const large = Buffer.alloc(400_000, 0xff);
  const got = view(large);
  assert.ok(large.equals(got));
  assert.ok(got.buffer.byteLength > got.length && got.buffer.byteLength < got.length + 100_000);
  const half = view([new Uint8Array(300_000), new Uint8Array(400_000)]);
  assert.equal(half.buffer.byteLength, half.length);
  assert.equal(view(new Uint8Array(200_000)).buffer.byteLength, 200_000);
});

test('what was kept does not change with the next signal', () => {
  const encoder = new SignalEncoder(anyone, 1_000_000);
  const kept = keep(encoder.encode({ type: 'message', from, to, message: 'first' }));
  const copy = Buffer.from(kept.bytes);
  encoder.encode({ type: 'message', from, to, message: 'SECOND' });
  assert.ok(copy.equals(kept.bytes));
});

test('a message that has no form is the sender’s error; an exit goes out with a text of its reason', () => {
  const encoder = new SignalEncoder(anyone, 1_000_000);
  const odd = (() => 1) as unknown as Term;
  assert.throws(
    () => encoder.encode({ type: 'message', from, to, message: odd }),
    (error) => isBeamishError(error, 'term_not_encodable'),
  );
  const [signal] = carry([{ type: 'linkExit', from, to, reason: odd }], true, true);
  assert.equal(signal?.type, 'linkExit');
  assert.match(JSON.stringify(signal), /term_not_encodable/);
});

const token = tuple(1, 2, 3);
const read = (control: Term, payload: Term = 'payload'): Signal => readSignal(control, () => payload, { own, peer });
const empty = atom('');

test('variants with a trace token, and those before payloads (protocols 3.4)', () => {
  const cases: [Term, Partial<Signal>][] = [
    [tuple(12, empty, to, token), { type: 'message', from: undefined, to, message: 'payload' }],
    [tuple(23, from, to, token), { type: 'message', from, to, message: 'payload' }],
    [tuple(16, from, empty, atom('server'), token), { type: 'message', from, to: named, message: 'payload' }],
    [tuple(34, from, reference, token), { type: 'message', from, to: reference, message: 'payload' }],
    [tuple(3, from, to, 'why'), { type: 'linkExit', from, to, reason: 'why' }],
    [tuple(13, from, to, token, 'why'), { type: 'linkExit', from, to, reason: 'why' }],
    [tuple(25, from, to, token), { type: 'linkExit', from, to, reason: 'payload' }],
    [tuple(8, from, to, 'why'), { type: 'exit', from, to, reason: 'why' }],
    [tuple(18, from, to, token, 'why'), { type: 'exit', from, to, reason: 'why' }],
    [tuple(27, from, to, token), { type: 'exit', from, to, reason: 'payload' }],
    [tuple(4, from, to), { type: 'unlink', from, to, id: 0n }],
    [tuple(21, from, to, reference, 'why'), { type: 'monitorExit', from, to, reference, reason: 'why' }],
    [
      tuple(32, asked, to, 3, from, token),
      { type: 'spawnReply', node: peer, reference: asked, to, link: true, monitor: true, result: from },
    ],
    // ALTACT_SIG_SEND: 1 priority, 2 token, 4 alias, 8 name, 16 exit; what is not known is left alone.
    [tuple(37, 0, from, to), { type: 'message', from, to, message: 'payload' }],
    [tuple(37, 1, from, to), { type: 'message', from, to, message: 'payload' }],
    [tuple(37, 3, from, to, token), { type: 'message', from, to, message: 'payload' }],
    [tuple(37, 5, from, reference), { type: 'message', from, to: reference, message: 'payload' }],
    [tuple(37, 6, from, reference, token), { type: 'message', from, to: reference, message: 'payload' }],
    [tuple(37, 9, from, atom('server')), { type: 'message', from, to: named, message: 'payload' }],
    [tuple(37, 10, from, atom('server'), token), { type: 'message', from, to: named, message: 'payload' }],
    [tuple(37, 17, from, to), { type: 'exit', from, to, reason: 'payload' }],
    [tuple(37, 21, from, reference), { type: 'exit', from, to: reference, reason: 'payload' }],
    [tuple(37, 23, from, reference, token), { type: 'exit', from, to: reference, reason: 'payload' }],
    [
      tuple(37, 2n ** 80n + 9n, from, atom('server'), 1, 2, 3),
      { type: 'message', from, to: named, message: 'payload' },
    ],
    // `nil` and `undefined` are names too.
    [tuple(6, from, empty, null), { type: 'message', from, to: { name: 'nil', node: own }, message: 'payload' }],
  ];
  for (const [control, expected] of cases) assert.deepEqual(read(control), expected);
  const traced = read(tuple(30, reference, from, from, tuple(atom('m'), atom('f'), 1), [atom('monitor')], token), [1]);
  assert.equal(traced.type === 'spawnRequest' && traced.options.monitor, true);
});

test('what the protocol does not allow', () => {
  const stranger = new Pid('c@h', 1, 0, 1);
  const mfa = tuple(atom('m'), atom('f'), 1);
  const cases: [Term, Term?][] = [
    [tuple(99, from, to)],
    [tuple(5)],
    [tuple(37, 0, from)],
    [tuple(37, -1, from, to)],
    [tuple(37, 'flags', from, to)],
    [tuple(37, 2, from, to)],
    [tuple(37, 4, from, to)],
    [tuple(37, 8, from, to)],
    [tuple(37, 12, from, reference)],
    [tuple(37, 0, from, reference)],
    [tuple(37, 16, stranger, to)],
    [tuple()],
    [[1, 2]],
    [tuple(1, from)],
    [tuple(1, from, to, to)],
    [tuple(1, from, 'to')],
    [tuple(22, from, reference)],
    [tuple(6, from, empty, 'name as a binary')],
    [tuple(33, from, to)],
    [tuple(35, 0, from, to)],
    [tuple(35, 2n ** 64n, from, to)],
    [tuple(19, from, to, 'reference')],
    [tuple(29, reference, from, from, mfa, []), [1, 2]],
    [tuple(29, reference, from, from, mfa, []), 'no list'],
    [tuple(29, reference, from, from, tuple(1, 2, 3), []), []],
    [tuple(31, reference, to, 'flags', from)],
    [tuple(31, reference, to, 1, 'result')],
    // From a process of a third node (protocols 3.4).
    [tuple(1, stranger, to)],
    [tuple(35, 1, stranger, to)],
    [tuple(24, stranger, to)],
    [tuple(26, stranger, to)],
    [tuple(19, stranger, to, reference)],
    [tuple(28, stranger, to, reference)],
    [tuple(29, reference, stranger, from, mfa, []), [1]],
  ];
  for (const [control, payload] of cases) assert.throws(() => read(control, payload), malformed);
  // The sender of a message may be anyone.
  assert.deepEqual(read(tuple(22, stranger, to)).type, 'message');
});

test('frames that are none', () => {
  const packets = new PacketReader({ own, peer }, { maxBytes: 1000 });
  const link = encode(tuple(1, from, to)).subarray(1);
  const frames: Uint8Array[] = [
    Uint8Array.of(1),
    Uint8Array.of(131),
    Uint8Array.of(112),
    Uint8Array.of(131, 68),
    Uint8Array.of(131, 68, 1, 0),
    Uint8Array.of(131, 70, 0),
    Buffer.concat([Uint8Array.of(112), link]),
    Buffer.concat([Uint8Array.of(131, 68, 0), link, Uint8Array.of(97)]),
    // A compressed payload (protocols 3.6).
    Buffer.concat([Uint8Array.of(131, 68, 0), encode(tuple(22, from, to)).subarray(1), Uint8Array.of(80, 0, 0, 0, 1)]),
  ];
  for (const frame of frames) assert.throws(() => packets.read(frame), BeamishError);
  // What is read of large messages, of another length or from a peer that does not tell it.
  const told: number[] = [];
  const progress = { onFragment() {}, onRead: (count: number) => void told.push(count) };
  const reader = new PacketReader({ own, peer }, { maxBytes: 1000 }, progress);
  for (const length of [2, 9, 11]) {
    const frame = Buffer.alloc(length);
    frame.set([131, 200]);
    assert.throws(() => reader.read(frame), BeamishError);
  }
  assert.throws(() => packets.read(Uint8Array.of(131, 200, 0, 0, 0, 0, 0, 0, 0, 5)), BeamishError);
  assert.equal(reader.read(Uint8Array.of(131, 200, 0, 0, 0, 0, 0, 0, 0, 5)), undefined);
  assert.deepEqual(told, [5]);
  assert.deepEqual(packets.read(Buffer.concat([Uint8Array.of(131, 68, 0), link])), { type: 'link', from, to });
});

test('no bytes make the reader throw anything but a BeamishError', () => {
  const starts = [[112, 131], [131, 68, 0], [131, 68, 0, 104, 3, 97, 22], [131, 69], []];
  fc.assert(
    fc.property(fc.constantFrom(...starts), fc.uint8Array({ maxLength: 60 }), (start, bytes) => {
      const packets = new PacketReader({ own, peer }, { maxBytes: 1000 });
      try {
        packets.read(Uint8Array.from([...start, ...bytes]));
      } catch (error) {
        assert.ok(error instanceof BeamishError);
      }
    }),
    { seed, numRuns: 2000 },
  );
});
