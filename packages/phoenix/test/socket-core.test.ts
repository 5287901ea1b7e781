import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decode } from '../src/serializer.ts';
import { error, ok, type Message } from '../src/message.ts';
import {
  initialSocketState,
  stepSocket,
  type SocketEffect,
  type SocketInput,
  type SocketState,
} from '../src/socket-core.ts';

const config = { maxChannels: 2, serves: (topic: string) => topic.startsWith('room:') };

/** Runs inputs through the machine; frames come back parsed, for reading. */
class Machine {
  state: SocketState = initialSocketState;

  feed(input: SocketInput): unknown[] {
    const { state, effects } = stepSocket(config, this.state, input);
    this.state = state;
    return effects.map(show);
  }

  receive(frame: readonly [string | null, string | null, string, string, unknown]): unknown[] {
    return this.feed({ type: 'received', message: decode(JSON.stringify(frame)) });
  }

  /** A joined channel; its id. */
  joined(topic: string, ref: string): number {
    this.receive([ref, ref, topic, 'phx_join', {}]);
    const id = this.state.nextId - 1;
    this.feed({ type: 'joined', id, topic, ref, reply: ok() });
    return id;
  }
}

function show(effect: SocketEffect): unknown {
  return effect.type === 'send' ? JSON.parse(effect.frame as string) : effect;
}

const yes = { status: 'ok', response: {} };

test('heartbeat', () => {
  assert.deepEqual(new Machine().receive([null, '7', 'phoenix', 'heartbeat', {}]), [
    [null, '7', 'phoenix', 'phx_reply', yes],
  ]);
});

test('join, push with reply, leave', () => {
  const machine = new Machine();
  assert.deepEqual(machine.receive(['4', '4', 'room:1', 'phx_join', { a: 1 }]), [
    { type: 'start', id: 1, topic: 'room:1', ref: '4', payload: { a: 1 } },
  ]);
  assert.deepEqual(machine.feed({ type: 'joined', id: 1, topic: 'room:1', ref: '4', reply: ok({ b: 2 }) }), [
    ['4', '4', 'room:1', 'phx_reply', { status: 'ok', response: { b: 2 } }],
  ]);
  assert.deepEqual(machine.receive(['4', '5', 'room:1', 'say', 'hi']), [
    { type: 'deliver', id: 1, topic: 'room:1', event: 'say', ref: '5', payload: 'hi' },
  ]);
  assert.deepEqual(
    machine.feed({ type: 'replied', id: 1, topic: 'room:1', ref: '5', reply: error({ reason: 'no' }) }),
    [['4', '5', 'room:1', 'phx_reply', { status: 'error', response: { reason: 'no' } }]],
  );
  assert.deepEqual(machine.receive(['4', '6', 'room:1', 'phx_leave', {}]), [
    ['4', '6', 'room:1', 'phx_reply', yes],
    ['4', '4', 'room:1', 'phx_close', {}],
    { type: 'stop', id: 1, topic: 'room:1', reason: 'left' },
  ]);
  assert.deepEqual(machine.feed({ type: 'pushed', id: 1, topic: 'room:1', event: 'late', payload: {} }), []);
});

test('a topic nobody serves, and one not joined', () => {
  const machine = new Machine();
  const unmatched = { status: 'error', response: { reason: 'unmatched topic' } };
  assert.deepEqual(machine.receive(['1', '1', 'nope', 'phx_join', {}]), [[null, '1', 'nope', 'phx_reply', unmatched]]);
  assert.deepEqual(machine.receive(['1', '2', 'room:1', 'say', {}]), [[null, '2', 'room:1', 'phx_reply', unmatched]]);
  assert.deepEqual(machine.receive(['1', '3', 'room:1', 'phx_leave', {}]), [['1', '3', 'room:1', 'phx_reply', yes]]);
});

test('a refused join is answered and forgotten', () => {
  const machine = new Machine();
  machine.receive(['1', '1', 'room:1', 'phx_join', {}]);
  assert.deepEqual(
    machine.feed({ type: 'joined', id: 1, topic: 'room:1', ref: '1', reply: error({ reason: 'secret' }) }),
    [
      ['1', '1', 'room:1', 'phx_reply', { status: 'error', response: { reason: 'secret' } }],
      { type: 'stop', id: 1, topic: 'room:1', reason: 'refused' },
    ],
  );
  assert.equal(machine.state.channels.size, 0);
});

test('a duplicate join closes the old channel first, and the old one is not heard any more', () => {
  const machine = new Machine();
  const old = machine.joined('room:1', '1');
  assert.deepEqual(machine.receive(['2', '2', 'room:1', 'phx_join', {}]), [
    ['1', '1', 'room:1', 'phx_close', {}],
    { type: 'stop', id: old, topic: 'room:1', reason: 'rejoined' },
    { type: 'start', id: 2, topic: 'room:1', ref: '2', payload: {} },
  ]);
  assert.deepEqual(machine.feed({ type: 'pushed', id: old, topic: 'room:1', event: 'late', payload: {} }), []);
  assert.deepEqual(machine.feed({ type: 'ended', id: old, topic: 'room:1', crashed: true }), []);
});

test('messages of an earlier join are ignored; a null join_ref is the current one', () => {
  const machine = new Machine();
  machine.joined('room:1', '1');
  const id = machine.joined('room:1', '2');
  assert.deepEqual(machine.receive(['1', '3', 'room:1', 'say', {}]), []);
  assert.deepEqual(machine.receive(['1', '4', 'room:1', 'phx_leave', {}]), []);
  assert.deepEqual(machine.receive([null, '5', 'room:1', 'say', {}]), [
    { type: 'deliver', id, topic: 'room:1', event: 'say', ref: '5', payload: {} },
  ]);
});

test('too many channels: a new topic is refused, a known one may join again', () => {
  const machine = new Machine();
  machine.joined('room:1', '1');
  machine.joined('room:2', '2');
  assert.deepEqual(machine.receive(['3', '3', 'room:3', 'phx_join', {}]), [
    [null, '3', 'room:3', 'phx_reply', { status: 'error', response: { reason: 'too many channels joined' } }],
  ]);
  assert.equal(machine.receive(['4', '4', 'room:2', 'phx_join', {}]).length, 3);
});

test('what a channel says while it joins follows the reply', () => {
  const machine = new Machine();
  machine.receive(['1', '1', 'room:1', 'phx_join', {}]);
  assert.deepEqual(
    machine.feed({ type: 'broadcast', id: 1, topic: 'room:1', frame: '[null,null,"room:1","a",{}]' }),
    [],
  );
  assert.deepEqual(machine.feed({ type: 'pushed', id: 1, topic: 'room:1', event: 'b', payload: {} }), []);
  assert.deepEqual(machine.feed({ type: 'joined', id: 1, topic: 'room:1', ref: '1', reply: ok() }), [
    ['1', '1', 'room:1', 'phx_reply', yes],
    [null, null, 'room:1', 'a', {}],
    ['1', null, 'room:1', 'b', {}],
  ]);
});

test('a channel that fails, and one that closes itself', () => {
  const machine = new Machine();
  const first = machine.joined('room:1', '1');
  assert.deepEqual(machine.feed({ type: 'ended', id: first, topic: 'room:1', crashed: true }), [
    ['1', '1', 'room:1', 'phx_error', { reason: 'channel_crash' }],
    { type: 'stop', id: first, topic: 'room:1', reason: 'crashed' },
  ]);
  const second = machine.joined('room:1', '2');
  assert.deepEqual(machine.feed({ type: 'ended', id: second, topic: 'room:1', crashed: false }), [
    ['2', '2', 'room:1', 'phx_close', {}],
    { type: 'stop', id: second, topic: 'room:1', reason: 'closed' },
  ]);
});

test('whatever a client sends: every started channel is stopped at most once, never more than maxChannels at once', () => {
  const ref = fc.option(fc.constantFrom('1', '2', '3'), { nil: null });
  const message: fc.Arbitrary<Message> = fc.record({
    joinRef: ref,
    ref,
    topic: fc.constantFrom('room:1', 'room:2', 'room:3', 'phoenix', 'nope'),
    event: fc.constantFrom('phx_join', 'phx_leave', 'heartbeat', 'say', 'phx_close'),
    payload: fc.constant({}),
  });
  fc.assert(
    fc.property(
      fc.array(fc.oneof(message, fc.constantFrom('joined', 'refused', 'crashed')), { maxLength: 60 }),
      (script) => {
        const machine = new Machine();
        const running = new Map<number, string>();
        for (const [index, item] of script.entries()) {
          let effects: unknown[];
          if (typeof item === 'object') effects = machine.feed({ type: 'received', message: item });
          else {
            const [id, topic] = [...running][index % Math.max(1, running.size)] ?? [99, 'room:1'];
            effects =
              item === 'crashed'
                ? machine.feed({ type: 'ended', id, topic, crashed: true })
                : machine.feed({ type: 'joined', id, topic, ref: '1', reply: item === 'joined' ? ok() : error({}) });
          }
          for (const effect of effects as SocketEffect[]) {
            if (effect.type === 'start') running.set(effect.id, effect.topic);
            if (effect.type === 'stop') assert.ok(running.delete(effect.id), 'stopped a channel that does not run');
            if (effect.type === 'deliver') assert.equal(running.get(effect.id), effect.topic);
          }
          assert.ok(running.size <= config.maxChannels);
          assert.deepEqual(new Map([...machine.state.channels].map(([topic, { id }]) => [id, topic])), running);
        }
      },
    ),
  );
});
