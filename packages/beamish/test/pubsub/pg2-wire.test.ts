import assert from 'node:assert/strict';
import { test } from 'node:test';
import { forwardMessage, parseForward, workerNames } from '../../src/pubsub/pg2-wire.ts';
import { socketBroadcast } from '../../src/pubsub/index.ts';
import { atom, struct, tuple } from '../../src/term/index.ts';

test('workers are named as phoenix_pubsub 2.1.1 and later name them', () => {
  assert.deepEqual(workerNames('MyApp.PubSub', 3), [
    'Elixir.MyApp.PubSub.Adapter',
    'Elixir.MyApp.PubSub.Adapter_2',
    'Elixir.MyApp.PubSub.Adapter_3',
  ]);
  assert.deepEqual(workerNames('Elixir.MyApp.PubSub', 1), ['Elixir.MyApp.PubSub.Adapter']);
});

test('a broadcast names the dispatcher that every receiver has, and any is understood', () => {
  const message = forwardMessage('t', { id: 1 });
  assert.deepEqual(message, tuple(atom('forward_to_local'), 't', { id: 1 }, atom('Elixir.Phoenix.PubSub')));
  assert.deepEqual(parseForward(message), { topic: 't', message: { id: 1 } });
  const channel = tuple(atom('forward_to_local'), 't', 1, atom('Elixir.Phoenix.Channel.Server'));
  assert.deepEqual(parseForward(channel), { topic: 't', message: 1 });
  for (const bad of [
    1,
    tuple(),
    tuple(atom('forward_to_local'), 't', 1),
    tuple(atom('forward_to_local'), 't', 1, 2),
    tuple(atom('forward_to_local'), atom('t'), 1, atom('d')),
    tuple(atom('other'), 't', 1, atom('d')),
  ]) {
    assert.equal(parseForward(bad), undefined);
  }
});

test('Phoenix.Socket.Broadcast is read, with maps and with binaries', () => {
  const fields = { topic: 'room:1', event: 'new', payload: { body: 'hi' } };
  assert.deepEqual(socketBroadcast(struct('Elixir.Phoenix.Socket.Broadcast', fields)), { ...fields, binary: false });
  const binary = struct('Elixir.Phoenix.Socket.Broadcast', { ...fields, payload: tuple(atom('binary'), 'abc') });
  assert.deepEqual(socketBroadcast(binary), { ...fields, payload: 'abc', binary: true });
  assert.equal(socketBroadcast({ topic: 'x' }), undefined);
  assert.equal(socketBroadcast(struct('Elixir.Other', fields)), undefined);
});
