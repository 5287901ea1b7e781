import assert from 'node:assert/strict';
import { test } from 'node:test';
import { atom } from 'beamish/term';
import { Presence } from 'phoenix';
import { eventually } from '../../beamish/test/support/eventually.ts';
import {
  error,
  ok,
  PresenceTopic,
  refuse,
  type Channel,
  type ChannelSocket,
  type EndReason,
  type Presence as Tracked,
} from '../src/index.ts';
import { answered, heard, refused, startServer } from './support.ts';

const echo = (): Channel => ({
  join: (params) => ok({ joined: params as object }),
  handleIn(event, payload, socket) {
    if (event === 'echo') return ok({ payload });
    if (event === 'no') return error({ reason: 'no' });
    if (event === 'all') return socket.broadcast('news', payload as object);
    if (event === 'others') return socket.broadcastFrom('news', payload as object);
    if (event === 'me') return socket.push('news', payload as object);
    if (event === 'end') return socket.close();
    if (event === 'crash') throw new Error('asked to crash');
    return undefined;
  },
});

test('join, replies, pushes, broadcasts and leave with the official client', async () => {
  await using host = await startServer({ channels: { 'room:*': echo } });
  const [ann, bob] = [host.client(), host.client()];
  const [first, second] = [ann.channel('room:1', { from: 'ann' }), bob.channel('room:1')];
  const [atAnn, atBob] = [heard(first, 'news'), heard(second, 'news')];
  assert.deepEqual(await answered(first.join()), { status: 'ok', response: { joined: { from: 'ann' } } });
  assert.equal((await answered(second.join())).status, 'ok');

  assert.deepEqual(await answered(first.push('echo', { a: [1, 'ü', null] })), {
    status: 'ok',
    response: { payload: { a: [1, 'ü', null] } },
  });
  assert.deepEqual(await answered(first.push('no', {})), { status: 'error', response: { reason: 'no' } });

  first.push('all', { n: 1 });
  first.push('others', { n: 2 });
  first.push('me', { n: 3 });
  await answered(first.push('echo', {}));
  await eventually(() => atBob.length === 2);
  assert.deepEqual(
    atAnn.map(({ payload }) => payload),
    [{ n: 1 }, { n: 3 }],
  );
  assert.deepEqual(
    atBob.map(({ payload }) => payload),
    [{ n: 1 }, { n: 2 }],
  );

  host.server.broadcast('room:1', 'news', { n: 4 });
  await eventually(() => atAnn.length === 3 && atBob.length === 3);
  assert.equal(host.server.statistics().channels, 2);

  assert.equal((await answered(first.leave())).status, 'ok');
  await eventually(() => host.server.statistics().channels === 1);
  host.server.broadcast('room:1', 'news', { n: 5 });
  await eventually(() => atBob.length === 4);
  assert.equal(atAnn.length, 3);
});

test('binary pushes, replies and broadcasts with the official client', async () => {
  const blob = (): Channel => ({
    join: () => ok(),
    handleIn(_event, payload, socket) {
      assert.ok(payload instanceof Uint8Array);
      socket.push('pushed', payload);
      socket.broadcast('broadcast', payload.toReversed());
      return ok(payload);
    },
  });
  await using host = await startServer({ channels: { blob } });
  const channel = host.client().channel('blob');
  const events = heard(channel, 'pushed', 'broadcast');
  await answered(channel.join());
  const { response } = await answered(channel.push('send', Uint8Array.of(1, 2, 255).buffer));
  assert.deepEqual([...new Uint8Array(response as ArrayBuffer)], [1, 2, 255]);
  assert.deepEqual(
    events.map(({ event, payload }) => [event, ...new Uint8Array(payload as ArrayBuffer)]),
    [
      ['pushed', 1, 2, 255],
      ['broadcast', 255, 2, 1],
    ],
  );
});

test('a topic that nobody serves, and a join that is refused', async () => {
  await using host = await startServer({
    channels: { 'room:*': () => ({ join: () => error({ reason: 'members only' }) }) },
  });
  const client = host.client();
  assert.deepEqual(await answered(client.channel('nope').join()), {
    status: 'error',
    response: { reason: 'unmatched topic' },
  });
  assert.deepEqual(await answered(client.channel('room:1').join()), {
    status: 'error',
    response: { reason: 'members only' },
  });
  assert.equal(host.server.hasListeners('room:1'), false);
});

test('a second join of one topic ends the first channel', async () => {
  const ends: EndReason[] = [];
  await using host = await startServer({
    channels: { room: () => ({ join: () => ok(), terminate: (reason) => void ends.push(reason) }) },
  });
  const client = host.client();
  await answered(client.channel('room').join());
  assert.equal((await answered(client.channel('room').join())).status, 'ok'); // the client leaves the old one first
  await eventually(() => ends.length === 1);
  assert.equal(host.server.statistics().channels, 1);
});

test('a channel that crashes is joined again; the connection and its other channels go on', async () => {
  const ends: EndReason[] = [];
  const room = (): Channel => ({ ...echo(), terminate: (reason) => void ends.push(reason) });
  await using host = await startServer({ channels: { 'room:*': room } });
  const client = host.client();
  const [one, two] = [client.channel('room:1'), client.channel('room:2')];
  let joins = 0;
  one.join().receive('ok', () => void joins++);
  await answered(two.join());
  const errors: unknown[] = [];
  one.onError((reason?: unknown) => void errors.push(reason));
  one.push('crash', {});
  await eventually(() => joins === 2, { describe: 'the client joins again' });
  assert.deepEqual(errors, [{ reason: 'channel_crash' }]);
  assert.deepEqual(ends, ['crashed']);
  assert.equal((await answered(one.push('echo', {}))).status, 'ok');
  assert.equal((await answered(two.push('echo', {}))).status, 'ok');
});

test('a channel can end itself: the client sees phx_close and stays away', async () => {
  await using host = await startServer({ channels: { room: echo } });
  const channel = host.client().channel('room');
  await answered(channel.join());
  const closing = new Promise<void>((resolve) => channel.onClose(() => resolve()));
  channel.push('end', {});
  await closing;
  assert.equal(channel.state, 'closed');
  await eventually(() => host.server.statistics().channels === 0);
});

test('whoever ends a process of a channel or of a connection ends just that', async () => {
  const ends: EndReason[] = [];
  await using host = await startServer({
    channels: { 'room:*': () => ({ ...echo(), terminate: (reason) => void ends.push(reason) }) },
  });
  const client = host.client();
  const channel = client.channel('room:1');
  let joins = 0;
  channel.join().receive('ok', () => void joins++);
  await eventually(() => joins === 1);
  const pidOf = (label: string) => host.runtime.processes().find((process) => process.label?.startsWith(label))?.pid;
  const channelPid = pidOf('phoenix channel room:1');
  assert.ok(channelPid);
  host.runtime.exit(channelPid, atom('kill'));
  await eventually(() => joins === 2);
  const connectionPid = pidOf('phoenix connection');
  assert.ok(connectionPid);
  host.runtime.exit(connectionPid, atom('kill'));
  await eventually(() => joins === 3, { describe: 'the client has reconnected and joined' });
  assert.deepEqual(ends, ['crashed', 'disconnected']);
  await eventually(() => host.runtime.processes().filter(({ label }) => label?.startsWith('phoenix')).length === 2);
});

test('what is broadcast while a join waits follows its reply; what a join took hold of is given back', async () => {
  const gate = Promise.withResolvers<void>();
  let held = 0;
  const slow = (): Channel => ({
    async join() {
      await gate.promise;
      held += 1;
      return ok({ snapshot: 1 });
    },
    terminate: () => void (held -= 1),
  });
  await using host = await startServer({ channels: { slow } });
  const order: unknown[] = [];
  const channel = host.client().channel('slow');
  channel.on('news', (payload) => void order.push(payload));
  channel.join().receive('ok', (reply) => void order.push(reply));
  await eventually(() => host.server.hasListeners('slow'));
  host.server.broadcast('slow', 'news', { n: 1 });

  const other = host.client();
  other.channel('slow').join();
  await eventually(() => host.server.statistics().channels === 2);
  other.disconnect();
  await eventually(() => host.server.statistics().connections === 1);
  gate.resolve();
  await eventually(() => order.length === 2);
  assert.deepEqual(order, [{ snapshot: 1 }, { n: 1 }]);
  await eventually(() => held === 1, { describe: 'the join of the one that left was undone' });
});

test('connect: assigns, refusal, authToken, nested parameters, one that throws', async () => {
  interface User {
    readonly user: string;
    readonly tab: string;
  }
  await using host = await startServer<User>({
    channels: {
      who: () => ({
        join: (_params, socket: ChannelSocket<User>) => ok({ ...socket.assigns, peer: socket.peer.split(':')[0] }),
      }),
    },
    connect(params, { authToken }) {
      if (params['fail']) throw new Error('broken');
      if (authToken === undefined) return refuse('no token');
      const ui = params['ui'] as { readonly tab: string };
      return { user: authToken, tab: ui.tab };
    },
  });
  const client = host.client({ authToken: 'secret-token', params: { ui: { tab: 'a b' } } });
  assert.deepEqual((await answered(client.channel('who').join())).response, {
    user: 'secret-token',
    tab: 'a b',
    peer: '127.0.0.1',
  });
  assert.equal(await refused(host.raw()), 403);
  assert.equal(await refused(host.raw('/socket/websocket?vsn=2.0.0&fail=1')), 500);
});

test('presence: state after the join, then differences, merged by the official client', async () => {
  const lobby = (): Channel => {
    let tracked: Tracked | undefined;
    return {
      join(params, socket) {
        const { key, name } = params as { key: string; name: string };
        tracked = topic.track(key, { name, view: 'devices' });
        socket.push('presence_state', topic.state());
        return ok();
      },
      handleIn: (_event, payload) => tracked?.update({ name: 'x', view: (payload as { view: string }).view }),
      terminate: () => tracked?.leave(),
    };
  };
  await using host = await startServer({ channels: { lobby } });
  const topic = new PresenceTopic(host.runtime.world.random, (diff) =>
    host.server.broadcast('lobby', 'presence_diff', diff),
  );
  const join = (key: string) => {
    const client = host.client();
    const channel = client.channel('lobby', { key, name: key });
    const presence = new Presence(channel);
    channel.join();
    const list = (): string[] =>
      presence
        .list(
          (id: string, { metas }: { metas: { view: string }[] }) => `${id} ${metas.map(({ view }) => view).join('+')}`,
        )
        .toSorted();
    return { client, channel, list };
  };
  const ann = join('ann');
  await eventually(() => ann.list().length === 1);
  const bob = join('bob');
  const bobToo = join('bob');
  const all = ['ann devices', 'bob devices+devices'];
  for (const { list } of [ann, bob, bobToo])
    await eventually(() => list().join() === all.join(), { describe: () => list().join() });
  bob.channel.push('view', { view: 'sw-01' });
  for (const { list } of [ann, bobToo])
    await eventually(() => /bob (sw-01\+devices|devices\+sw-01)/.test(list().join()));
  bob.client.disconnect();
  bobToo.client.disconnect();
  await eventually(() => ann.list().join() === 'ann devices');
});
