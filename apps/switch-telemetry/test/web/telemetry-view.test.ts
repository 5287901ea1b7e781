import assert from 'node:assert/strict';
import { test } from 'node:test';
import { atom, float } from 'beamish/term';
import type { DeviceSummary, StateMessage } from '../../src/contract.ts';
import { plain, readSample } from '../../src/web/messages.ts';
import { TelemetryView } from '../../src/web/telemetry-view.ts';
import { addressOf, fakeSample } from './support.ts';

const inventory = (...ids: string[]) => ids.map((id) => ({ id, address: addressOf(id), version: '2c' as const }));
const state = (device: string, owner: string, change: Partial<StateMessage> = {}): StateMessage => ({
  device,
  address: addressOf(device),
  owner,
  state: 'up',
  reason: null,
  at: 1000,
  last_poll: 900,
  ...change,
});
const row = (id: string, owner: string | null, change: Partial<DeviceSummary> = {}): DeviceSummary => ({
  id,
  name: id,
  address: addressOf(id),
  owner,
  state: 'up',
  reason: null,
  last_poll: 900,
  in_bps: 1,
  out_bps: 2,
  interfaces: 8,
  ...change,
});
const events = (pushes: readonly { event: string; topic: string }[]) =>
  pushes.map(({ topic, event }) => `${topic} ${event}`);

test('the inventory comes first: devices wait, in the order people count', () => {
  const view = new TelemetryView();
  assert.deepEqual(events(view.applyInventory(inventory('sw-10', 'sw-9'), 0)), ['devices devices']);
  assert.deepEqual(
    view.devices().map(({ id, state: is, owner }) => [id, is, owner]),
    [
      ['sw-9', 'pending', null],
      ['sw-10', 'pending', null],
    ],
  );
  assert.deepEqual(view.applyInventory(inventory('sw-9', 'sw-10'), 0), []);
  assert.deepEqual(events(view.applyInventory(inventory('sw-9'), 0)), ['devices devices']);
  assert.deepEqual(view.ids, ['sw-9']);
});

test('a sample: the whole of it for those who look at the device, its sum for the list', () => {
  const view = new TelemetryView();
  const sample = fakeSample('sw-01', 5000, 'c1');
  const pushes = view.applySample(sample);
  assert.deepEqual(events(pushes), ['device:sw-01 sample', 'devices rates']);
  const inBps = sample.interfaces.reduce((sum, port) => sum + (port.in_bps ?? 0), 0);
  assert.equal((pushes[1]?.payload as { in_bps: number } | undefined)?.in_bps, inBps);
  assert.deepEqual(view.owned(), new Map([['c1', ['sw-01']]]));
  assert.equal(view.devices()[0]?.state, 'up');
});

test('rates that are not known stay unknown', () => {
  const view = new TelemetryView();
  const sample = fakeSample('sw-01', 5000, 'c1');
  view.applySample({
    ...sample,
    interfaces: sample.interfaces.map((port) => ({ ...port, in_bps: null, out_bps: null })),
  });
  assert.deepEqual([view.devices()[0]?.in_bps, view.devices()[0]?.out_bps], [null, null]);
});

test('an older sample changes nothing, the same one is not told twice', () => {
  const view = new TelemetryView();
  view.applySample(fakeSample('sw-01', 5000, 'c2'));
  assert.deepEqual(events(view.applySample(fakeSample('sw-01', 4000, 'c1'))), ['device:sw-01 sample']);
  assert.deepEqual(view.applySample(fakeSample('sw-01', 5000, 'c1')), []);
  assert.equal(view.devices()[0]?.owner, 'c2');
});

test('a device whose owner is gone says so, until somebody takes it over', () => {
  const view = new TelemetryView();
  view.applyNodes(['web', 'c1', 'c2'], 0);
  view.applySample(fakeSample('sw-01', 5000, 'c1'));
  view.applySample(fakeSample('sw-02', 5000, 'c2'));
  const pushes = view.applyNodes(['web', 'c1'], 6000);
  assert.deepEqual(
    pushes.map(({ payload }) => payload),
    [
      {
        device: 'sw-02',
        address: '',
        owner: 'c2',
        state: 'pending',
        reason: 'c2 is gone; another collector takes over',
        at: 6000,
        last_poll: 5000,
      },
    ],
  );
  assert.deepEqual(view.applyNodes(['web', 'c1'], 6001), [], 'told once');
  assert.deepEqual(view.states(), { up: 1, unreachable: 0, error: 0, pending: 1 });
  view.applySample(fakeSample('sw-02', 7000, 'c1'));
  assert.deepEqual(view.owned(), new Map([['c1', ['sw-01', 'sw-02']]]));
  assert.equal(view.device('sw-02')?.summary.reason, null);
});

test('an owner that comes back is believed when it is asked', () => {
  const view = new TelemetryView();
  view.applyNodes(['web', 'c1'], 0);
  view.applyState(state('sw-01', 'c1', { state: 'unreachable', reason: 'no answer' }));
  view.applyNodes(['web'], 1);
  const lists = new Map([
    ['c1', [row('sw-01', 'c1', { state: 'unreachable', reason: 'no answer', in_bps: null, out_bps: null })]],
  ]);
  assert.deepEqual(view.applyLists(lists, 2), [], 'not while it is away');
  view.applyNodes(['web', 'c1'], 3);
  assert.deepEqual(events(view.applyLists(lists, 4)), ['devices state']);
  assert.equal(view.devices()[0]?.state, 'unreachable');
});

test("of several answers the owner's own counts", () => {
  for (const order of [
    ['c1', 'c2'],
    ['c2', 'c1'],
  ]) {
    const view = new TelemetryView();
    view.applyNodes(['web', 'c1', 'c2'], 0);
    const answers = new Map<string, DeviceSummary[]>([
      ['c1', [row('sw-01', 'c1', { last_poll: 800 }), row('sw-02', 'c1', { last_poll: 999 })]],
      ['c2', [row('sw-01', null, { state: 'pending', last_poll: null }), row('sw-02', 'c2', { last_poll: 900 })]],
    ]);
    view.applyLists(new Map(order.map((name) => [name, answers.get(name) ?? []])), 0);
    assert.equal(view.device('sw-01')?.summary.owner, 'c1', order.join());
  }
});

test('a list does not undo what was broadcast since', () => {
  const view = new TelemetryView();
  view.applyNodes(['web', 'c1', 'c2'], 0);
  view.applySample(fakeSample('sw-01', 5000, 'c2'));
  assert.deepEqual(view.applyLists(new Map([['c1', [row('sw-01', 'c1', { last_poll: 4000 })]]]), 0), []);
  assert.equal(view.devices()[0]?.owner, 'c2');
});

test('an owner that is connected and says nothing: shown so, until it speaks or another takes over', () => {
  const view = new TelemetryView();
  view.applyNodes(['c1', 'c2', 'w1'], 0);
  const up = (at: number, owner: string) => view.applySample(fakeSample('sw-01', at, owner));
  up(1000, 'c1');
  for (let polls = 0; polls < 3; polls++) assert.deepEqual(view.tick(3, 4000), []);
  assert.deepEqual(events(view.tick(3, 5000)), ['devices state']);
  const { state: is, reason, last_poll } = view.device('sw-01')?.summary ?? row('sw-01', null);
  assert.deepEqual([is, last_poll], ['pending', 1000]);
  assert.match(reason ?? '', /^c1 is connected but/);
  assert.deepEqual(view.tick(3, 6000), []);

  const believed = (owner: string) => view.applyLists(new Map([['c2', [row('sw-01', owner, { last_poll: 900 })]]]), 0);
  assert.deepEqual(believed('c1'), []);
  assert.equal(view.devices()[0]?.state, 'pending');
  assert.deepEqual(events(believed('c2')), ['devices state']);
  assert.deepEqual([view.devices()[0]?.state, view.devices()[0]?.owner], ['up', 'c2']);

  for (let polls = 0; polls < 4; polls++) view.tick(3, 0);
  assert.equal(view.devices()[0]?.state, 'pending');
  up(9000, 'c2');
  assert.equal(view.devices()[0]?.state, 'up');
});

test('what a browser gets of the past is the last minute', () => {
  const view = new TelemetryView();
  for (let at = 1000; at <= 100_000; at += 1000) view.applySample(fakeSample('sw-01', at, 'c1'));
  const points = view.recent()['sw-01'] ?? [];
  assert.equal(points.length, 60);
  assert.equal(points[0]?.[0], 41_000);
});

test('messages of an Elixir node: floats and atoms become numbers and text; nonsense is refused', () => {
  const sample = fakeSample('sw-01', 5000, 'c1');
  assert.deepEqual(plain(new Map([[atom('a'), [float(1), atom('up'), null]]])), { a: [1, 'up', null] });
  const elixir = { ...sample, poll_ms: float(3), state: atom('up'), uptime: float(9) };
  assert.equal(readSample(elixir as never).poll_ms, 3);
  for (const bad of [
    null,
    7,
    'x',
    {},
    { ...sample, at: 'now' },
    { ...sample, interfaces: [{}] },
    { ...sample, state: 'fine' },
  ]) {
    assert.throws(() => readSample(bad));
  }
});
