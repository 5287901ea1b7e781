import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decode, encodeEnd, encodePush, encodeReply, FrameError } from '../src/serializer.ts';
import { error, ok } from '../src/message.ts';
import { clientSerializer } from './support.ts';

test('text frames of protocols 13.1', () => {
  const message = { joinRef: '4', ref: '4', topic: 'room:1', event: 'phx_join', payload: { a: [1, null] } };
  assert.deepEqual(decode('["4","4","room:1","phx_join",{"a":[1,null]}]'), message);
  assert.deepEqual(decode('["4","4","room:1","phx_join",{"a":[1,null]},"more","ignored"]'), message);
  assert.deepEqual(decode('[null,"7","phoenix","heartbeat",{}]').joinRef, null);
  assert.equal(encodePush('4', 'room:1', 'tick', { n: 1 }), '["4",null,"room:1","tick",{"n":1}]');
  assert.equal(encodePush(null, 'room:1', 'tick', {}), '[null,null,"room:1","tick",{}]');
  assert.equal(encodeReply('4', '5', 'room:1', ok()), '["4","5","room:1","phx_reply",{"status":"ok","response":{}}]');
  assert.equal(
    encodeReply(null, '5', 'nope', error({ reason: 'unmatched topic' })),
    '[null,"5","nope","phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]',
  );
  assert.equal(encodeEnd('4', 'room:1', 'phx_close', {}), '["4","4","room:1","phx_close",{}]');
});

test('frames that are no messages are refused', () => {
  const bad = [
    '',
    'hello',
    '{}',
    'null',
    '[]',
    '["1","2","t","e"]',
    '[1,"2","t","e",{}]',
    '["1",2,"t","e",{}]',
    '["1","2",3,"e",{}]',
    '["1","2","t",null,{}]',
  ];
  for (const text of bad) assert.throws(() => decode(text), FrameError, text);
  const binary = [
    [],
    [0],
    [0, 0, 0, 0],
    [1, 0, 0, 0, 0],
    [9, 0, 0, 0, 0],
    [0, 1, 0, 0, 0],
    [0, 255, 255, 255, 255, 65],
    [0, 1, 0, 0, 0, 0xff],
  ];
  for (const bytes of binary) assert.throws(() => decode(Uint8Array.from(bytes)), FrameError, String(bytes));
});

test('garbage never throws anything but FrameError', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json(), fc.uint8Array({ maxLength: 64 })), (frame) => {
      try {
        decode(frame);
      } catch (thrown) {
        assert.ok(thrown instanceof FrameError, String(thrown));
      }
    }),
  );
});

test('a payload named __proto__ pollutes nothing', () => {
  decode('["1","1","t","e",{"__proto__":{"polluted":true}}]');
  assert.equal(({} as { polluted?: boolean }).polluted, undefined);
});

const text = fc.string({ unit: 'grapheme', maxLength: 20 }).filter((value) => !value.startsWith('\ufeff'));
const name = text.filter((value) => value !== '');

test('binary pushes of the official serializer are read as it wrote them', () => {
  fc.assert(
    fc.property(name, name, text, text, fc.uint8Array(), (joinRef, ref, topic, event, data) => {
      const payload = data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength);
      const message = decode(
        new Uint8Array(clientSerializer.binaryEncode({ join_ref: joinRef, ref, topic, event, payload })),
      );
      assert.deepEqual(
        { ...message, payload: [...(message.payload as Uint8Array)] },
        { joinRef, ref, topic, event, payload: [...data] },
      );
    }),
  );
});

test('our binary push, reply and broadcast are read by the official serializer', () => {
  const read = (frame: string | Uint8Array): Record<string, unknown> => {
    assert.ok(frame instanceof Uint8Array);
    return clientSerializer.binaryDecode(Uint8Array.from(frame).buffer);
  };
  fc.assert(
    fc.property(name, name, text, text, fc.uint8Array(), (joinRef, ref, topic, event, data) => {
      const payload = Uint8Array.from(data).buffer;
      assert.deepEqual(read(encodePush(joinRef, topic, event, data)), {
        join_ref: joinRef,
        ref: null,
        topic,
        event,
        payload,
      });
      assert.deepEqual(read(encodePush(null, topic, event, data)), {
        join_ref: null,
        ref: null,
        topic,
        event,
        payload,
      });
      assert.deepEqual(read(encodeReply(joinRef, ref, topic, ok(data))), {
        join_ref: joinRef,
        ref,
        topic,
        event: 'phx_reply',
        payload: { status: 'ok', response: payload },
      });
    }),
  );
  assert.throws(() => encodePush('1', 'x'.repeat(256), 'e', Uint8Array.of(1)), FrameError);
});
