import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type AssignmentEffect,
  type AssignmentInput,
  type AssignmentState,
  initialAssignment,
  ownersOf,
  stepAssignment,
} from '../../src/collector/assignment.ts';

const devices = Array.from({ length: 24 }, (_, at) => `sw-${String(at + 1).padStart(2, '0')}`);
const [a, b, c] = ['a@127.0.0.1', 'b@127.0.0.1', 'c@127.0.0.1'] as const;

function play(
  self: string,
  ...inputs: AssignmentInput[]
): { state: AssignmentState; effects: readonly AssignmentEffect[] } {
  let step = { state: initialAssignment(self), effects: [] as readonly AssignmentEffect[] };
  for (const input of inputs) step = stepAssignment(step.state, input);
  return step;
}

const listed = { type: 'devices', devices } as const;
const members = (...members: string[]) => ({ type: 'members', members }) as const;
const of = (owner: string, ...nodes: string[]): string[] =>
  devices.filter((device) => ownersOf(devices, nodes).get(device) === owner);

test('alone it starts everything at once', () => {
  const { effects, state } = play(a, members(a), listed);
  assert.deepEqual(
    effects.map((effect) => effect.type === 'start' && effect.urgent),
    devices.map(() => true),
  );
  assert.equal(state.running.size, 24);
});

test('who joins asks for its share, and starts when all others have answered', () => {
  const joined = play(c, listed, members(a, b, c));
  const mine = of(c, a, b, c);
  assert.deepEqual(joined.effects, [
    { type: 'ask', node: a, devices: mine },
    { type: 'ask', node: b, devices: mine },
  ]);
  const one = stepAssignment(joined.state, { type: 'released', node: a, devices: mine });
  assert.deepEqual(one.effects, []);
  const both = stepAssignment(one.state, { type: 'released', node: b, devices: mine });
  assert.deepEqual(
    both.effects,
    mine.map((device) => ({ type: 'start', device, urgent: false })),
  );
});

test('the old owner goes on until it is asked, and lets go at the deadline when it never is', () => {
  const before = play(a, members(a), listed);
  const joined = stepAssignment(before.state, members(a, b));
  assert.deepEqual(
    joined.effects.map(({ type }) => type),
    ['ask', 'timer'],
  );
  const theirs = of(b, a, b);
  const asked = stepAssignment(joined.state, { type: 'releaseAsked', from: b, devices: theirs.slice(0, 3) });
  assert.deepEqual(
    asked.effects,
    theirs.slice(0, 3).map((device) => ({ type: 'stop', device })),
  );
  const late = stepAssignment(asked.state, { type: 'deadline', round: joined.state.round });
  assert.deepEqual(
    late.effects,
    theirs.slice(3).map((device) => ({ type: 'stop', device })),
  );
  assert.deepEqual([...late.state.running].sort(), of(a, a, b).sort());
});

test('what a dead owner had is started at once, by those the ring names', () => {
  const before = play(a, listed, members(a, b));
  const released = stepAssignment(before.state, { type: 'released', node: b, devices: of(a, a, b) });
  const dead = stepAssignment(released.state, members(a));
  assert.deepEqual(
    dead.effects,
    of(b, a, b).map((device) => ({ type: 'start', device, urgent: true })),
  );
});

test('one that dies while it is asked is not waited for', () => {
  const joined = play(b, listed, members(a, b));
  const dead = stepAssignment(joined.state, members(b));
  assert.equal(dead.state.running.size, 24);
  assert.ok(dead.effects.every((effect) => effect.type === 'start' && effect.urgent));
});

test('asked before it has heard of the new member, it releases, and takes back when that member never comes', () => {
  const before = play(a, members(a), listed);
  const asked = stepAssignment(before.state, { type: 'releaseAsked', from: b, devices: ['sw-01'] });
  assert.deepEqual(asked.effects, [
    { type: 'stop', device: 'sw-01' },
    { type: 'timer', round: asked.state.round },
  ]);
  const back = stepAssignment(asked.state, { type: 'deadline', round: asked.state.round });
  assert.deepEqual(back.effects, [{ type: 'start', device: 'sw-01', urgent: true }]);
});

test('draining stops everything and takes nothing more', () => {
  const before = play(a, members(a), listed);
  const drained = stepAssignment(before.state, { type: 'drain' });
  assert.equal(drained.effects.filter(({ type }) => type === 'stop').length, 24);
  assert.deepEqual(stepAssignment(drained.state, members(a, b)).effects, []);
});

test('a device that leaves the inventory is stopped, one that comes is started', () => {
  const before = play(a, members(a), listed);
  const { effects } = stepAssignment(before.state, { type: 'devices', devices: [...devices.slice(1), 'new'] });
  assert.deepEqual(effects, [
    { type: 'stop', device: 'sw-01' },
    { type: 'start', device: 'new', urgent: true },
  ]);
});

test('about 1/N of the devices move when a node joins, and only to it', () => {
  const many = Array.from({ length: 2000 }, (_, at) => `device-${at}`);
  for (const count of [1, 2, 4, 9]) {
    const nodes = Array.from({ length: count }, (_, at) => `n${at}@10.0.0.${at}`);
    const before = ownersOf(many, nodes);
    const after = ownersOf(many, [...nodes, 'new@10.0.1.1']);
    const moved = many.filter((device) => before.get(device) !== after.get(device));
    assert.ok(moved.every((device) => after.get(device) === 'new@10.0.1.1'));
    const share = moved.length / many.length;
    assert.ok(
      share > 0.6 / (count + 1) && share < 1.5 / (count + 1),
      `${share} of the devices moved to one of ${count + 1}`,
    );
  }
});

// A cluster of cores: every message may be late, nodes come, go and are killed; in the end everybody agrees.

interface World {
  readonly cores: Map<string, AssignmentState>;
  /** What is under way to each node: events that arrive in any order, between two nodes in their order. */
  readonly mail: {
    readonly to: string;
    readonly link: string;
    readonly input?: AssignmentInput;
    readonly ask?: { from: string; devices: readonly string[] };
  }[];
  readonly alive: Set<string>;
}

function feed(world: World, node: string, input: AssignmentInput): void {
  const before = world.cores.get(node);
  if (before === undefined) return;
  const { state, effects } = stepAssignment(before, input);
  world.cores.set(node, state);
  for (const effect of effects) {
    if (effect.type === 'ask')
      world.mail.push({
        to: effect.node,
        link: `${node}>${effect.node}`,
        ask: { from: node, devices: effect.devices },
      });
    if (effect.type === 'timer')
      world.mail.push({ to: node, link: `timer ${effect.round}`, input: { type: 'deadline', round: effect.round } });
  }
}

function deliver(world: World, pick: number): void {
  const firsts = world.mail.filter((each, at) => world.mail.findIndex(({ link }) => link === each.link) === at);
  const mail = firsts[pick % firsts.length];
  if (mail === undefined) return;
  world.mail.splice(world.mail.indexOf(mail), 1);
  if (mail.input !== undefined) return feed(world, mail.to, mail.input);
  const { ask } = mail;
  if (ask === undefined) return;
  if (world.cores.has(mail.to)) feed(world, mail.to, { type: 'releaseAsked', ...ask });
  world.mail.push({
    to: ask.from,
    link: `${mail.to}>${ask.from}`,
    input: { type: 'released', node: mail.to, devices: ask.devices },
  });
}

function announce(world: World): void {
  const members = [...world.alive];
  for (const node of world.cores.keys())
    world.mail.push({ to: node, link: `groups>${node}`, input: { type: 'members', members } });
}

test('whatever comes late: in the end each device is polled by exactly one, whom the ring names', () => {
  const names = [a, b, c, 'd@127.0.0.1'];
  fc.assert(
    fc.property(
      fc.array(fc.record({ node: fc.constantFrom(...names), deliveries: fc.array(fc.nat(50), { maxLength: 12 }) }), {
        minLength: 1,
        maxLength: 12,
      }),
      (steps) => {
        const world: World = { cores: new Map(), mail: [], alive: new Set() };
        const join = (node: string): void => {
          world.cores.set(node, initialAssignment(node));
          world.alive.add(node);
          feed(world, node, listed);
        };
        for (const { node, deliveries } of steps) {
          if (world.alive.has(node)) {
            world.alive.delete(node);
            world.cores.delete(node);
            world.mail.splice(0, Infinity, ...world.mail.filter(({ to }) => to !== node));
          } else join(node);
          announce(world);
          for (const pick of deliveries) deliver(world, pick);
        }
        if (world.alive.size === 0) {
          join(a);
          announce(world);
        }
        for (let round = 0; world.mail.length > 0; round++) {
          assert.ok(round < 20_000, 'it never comes to rest');
          deliver(world, round);
        }
        const owners = ownersOf(devices, world.alive);
        for (const device of devices) {
          const pollers = [...world.cores].filter(([, state]) => state.running.has(device)).map(([node]) => node);
          assert.deepEqual(pollers, [owners.get(device)], device);
        }
      },
    ),
    { numRuns: 300 },
  );
});
