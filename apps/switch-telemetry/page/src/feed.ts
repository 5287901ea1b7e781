/** The socket: the official Phoenix client, and what its channels bring into the state. */
import { Presence, Socket, type Channel } from 'phoenix';
import { effect } from '@preact/signals';
import { me } from './names.ts';
import { route, viewName } from './route.ts';
import { applyNodes, applyRates, applyState, connection, missed, resetDevices, skew, visitors } from './state.ts';
import type { DeviceSummary, NodeView, RatePoint, RatesMessage, Sample, StateMessage, Visitor } from './types.ts';

interface Meta {
  readonly name: string;
  readonly view: string;
  readonly node: string;
}

interface DevicesReply {
  readonly devices: readonly DeviceSummary[];
  readonly recent?: Readonly<Record<string, readonly RatePoint[]>>;
  readonly now?: number;
}

const socket = new Socket('/socket', { params: { visitor: me.key } });

function noteMissed({ count }: { readonly count: number }): void {
  missed.value = { count: (missed.value?.count ?? 0) + count, at: Date.now() };
}

function joinAll(): void {
  const devices = socket.channel('devices');
  devices.on('state', (message: StateMessage) => applyState(message));
  devices.on('rates', (message: RatesMessage) => applyRates(message));
  devices.on('missed', noteMissed);
  const take = (reply: DevicesReply): void => {
    skew.value = (reply.now ?? Date.now()) - Date.now();
    resetDevices(reply.devices, reply.recent ?? {});
  };
  devices.on('devices', take); // the inventory has changed
  devices.join().receive('ok', take);

  const cluster = socket.channel('cluster');
  cluster.on('nodes', (message: { nodes: readonly NodeView[] }) => applyNodes(message.nodes));
  cluster.on('missed', noteMissed);
  cluster.join().receive('ok', (reply: { nodes: readonly NodeView[] }) => applyNodes(reply.nodes));

  joinLobby();
}

function joinLobby(): void {
  const lobby = socket.channel('lobby', () => ({ key: me.key, name: me.name, view: viewName(route.peek()) }));
  const presence = new Presence(lobby);
  presence.onSync(() => {
    const list: Visitor[] = [];
    presence.list((key: string, { metas }: { metas: readonly Meta[] }) => {
      const last = metas.at(-1);
      if (last)
        list.push({
          key,
          name: last.name,
          view: last.view,
          node: last.node,
          self: key === me.key,
          pages: metas.length,
        });
    });
    visitors.value = list.sort((a, b) => Number(b.self) - Number(a.self) || a.name.localeCompare(b.name));
  });
  lobby.join();
  let told = viewName(route.peek());
  effect(() => {
    const view = viewName(route.value);
    if (view === told) return;
    told = view;
    lobby.push('view', { view });
  });
}

/** @returns what ends the subscription */
export function watchDevice(id: string, onSample: (sample: Sample) => void): () => void {
  const channel: Channel = socket.channel(`device:${id}`);
  channel.on('sample', (sample: Sample) => onSample(sample));
  channel.on('missed', noteMissed);
  channel.join().receive('ok', ({ last }: { last: Sample | null }) => {
    if (last) onSample(last);
  });
  return () => {
    channel.leave();
  };
}

export function connect(): void {
  socket.onOpen(() => {
    connection.value = 'open';
  });
  socket.onClose(() => {
    connection.value = 'lost';
  });
  socket.connect();
  joinAll();
  // A laptop that slept finds its way back at once, not after the client's own pause.
  addEventListener('online', () => {
    if (!socket.isConnected()) socket.connect();
  });
}
