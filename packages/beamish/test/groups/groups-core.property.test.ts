/**
 * Scopes of ours and strict models of a BEAM's pg, joined by channels that keep order, are cut and come back at any moment.
 * No sequence may crash a strict peer, and when all is delivered everybody sees the same members.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { atom, keyOf, Pid, tuple } from '../../src/term/index.ts';
import type { Term } from '../../src/term/index.ts';
import { initialScope, membersOf, step } from '../../src/groups/groups-core.ts';
import type { ScopeEffect, ScopeInput, ScopeState } from '../../src/groups/groups-core.ts';
import { seed } from '../support/seed.ts';
import { arbitraryTerm } from '../term/arbitrary.ts';
import { StrictPg } from './strict-pg.ts';

const OURS = 2;
const NODES = 4;
const GROUPS: readonly Term[] = [atom('g'), 'g', 1];
const nodeName = (index: number): string => `n${index}@h`;
const indexOf = (pid: Pid): number => Number(pid.node[1]);
const member = (node: number, number: number): Pid => new Pid(nodeName(node), 100 + number, 0, 1);

type Item = { message: Term; to: string } | { down: Pid } | { lost: true } | { up: true };

class Net {
  readonly cores = new Map<number, ScopeState>();
  readonly stricts = new Map<number, StrictPg>();
  readonly retries: { node: number; effect: Extract<ScopeEffect, { type: 'retryLater' }> }[] = [];
  /** What is on the way to a node, in order, per sender. */
  readonly channels = new Map<string, Item[]>();
  readonly up = new Set<string>();
  /** Node events reach our host before the mailbox is worked off, as its listener is called at once. */
  readonly eager: boolean;
  #nextScope = 10;

  constructor(eager: boolean) {
    this.eager = eager;
    for (let index = 0; index < NODES; index++) {
      const self = new Pid(nodeName(index), this.#nextScope++, 0, 1);
      if (index < OURS) this.cores.set(index, initialScope({ scope: 'pg', self }));
      else this.stricts.set(index, new StrictPg(self));
    }
  }

  channel(from: number, to: number): Item[] {
    const key = `${from}>${to}`;
    let items = this.channels.get(key);
    if (items === undefined) this.channels.set(key, (items = []));
    return items;
  }

  input(node: number, input: ScopeInput): void {
    const core = this.cores.get(node);
    assert(core);
    for (const effect of step(core, input)) {
      if (effect.type === 'retryLater') this.retries.push({ node, effect });
      if (effect.type !== 'send') continue;
      const to = effect.to instanceof Pid ? effect.to.key : 'name';
      const target = effect.to instanceof Pid ? indexOf(effect.to) : Number((effect.to as { node: string }).node[1]);
      this.#send(node, target, to, effect.message);
    }
  }

  strict(node: number, action: (pg: StrictPg) => void): void {
    const pg = this.stricts.get(node);
    assert(pg);
    action(pg);
    for (const { to, message } of pg.sent.splice(0)) {
      // 'p<id>.<serial>.<creation>.<length>:<node>'
      const target = to instanceof Pid ? indexOf(to) : Number(to.split(':n')[1]?.[0]);
      this.#send(node, target, to instanceof Pid ? to.key : to, message);
    }
  }

  #send(from: number, to: number, destination: string, message: Term): void {
    if (this.up.has(pair(from, to))) this.channel(from, to).push({ message, to: destination });
  }

  connect(a: number, b: number): void {
    if (a === b || (a >= OURS && b >= OURS) || this.up.has(pair(a, b))) return;
    this.up.add(pair(a, b));
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      if (this.eager && to < OURS) this.input(to, { type: 'nodeup', node: nodeName(from) });
      else this.channel(from, to).push({ up: true });
    }
  }

  cut(a: number, b: number, keep: number): void {
    if (!this.up.delete(pair(a, b))) return;
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      const items = this.channel(from, to);
      const firstLoss = items.findLastIndex((item) => 'lost' in item || 'up' in item) + 1;
      items.splice(Math.max(firstLoss, items.length - (keep % 4)));
      if (this.eager && to < OURS) this.input(to, { type: 'nodedown', node: nodeName(from) });
      items.push({ lost: true });
    }
  }

  deliver(from: number, to: number): boolean {
    const item = this.channel(from, to).shift();
    if (item === undefined) return false;
    const core = this.cores.get(to);
    if (core !== undefined) this.#deliverToCore(core, from, to, item);
    else this.strict(to, (pg) => deliverToStrict(pg, from, item));
    return true;
  }

  #deliverToCore(core: ScopeState, from: number, to: number, item: Item): void {
    const node = nodeName(from);
    if ('message' in item) {
      if (item.to === 'name' || item.to === core.options.self.key)
        this.input(to, { type: 'message', message: item.message });
    } else if ('down' in item) this.input(to, { type: 'down', pid: item.down });
    else if ('up' in item) this.input(to, { type: 'nodeup', node });
    else {
      const peer = core.peers.get(node)?.pid;
      // In the eager host the monitor is gone by then, and its DOWN with it.
      if (this.eager) return;
      if (peer !== undefined) this.input(to, { type: 'down', pid: peer });
      this.input(to, { type: 'nodedown', node });
    }
  }

  restart(node: number): void {
    const pg = this.stricts.get(node);
    if (pg === undefined) return;
    const old = pg.self;
    pg.restart(new Pid(nodeName(node), this.#nextScope++, 0, 1));
    for (let other = 0; other < OURS; other++) {
      if (this.up.has(pair(node, other))) this.channel(node, other).push({ down: old });
    }
  }

  retry(which: number): void {
    const [found] = this.retries.splice(which % Math.max(1, this.retries.length), 1);
    if (found !== undefined) this.input(found.node, { ...found.effect, type: 'retry' });
  }

  settle(): void {
    for (let a = 0; a < NODES; a++) for (let b = 0; b < a; b++) this.connect(a, b);
    for (let round = 0; round < 4; round++) {
      this.drain();
      const due = this.retries.length;
      for (let index = 0; index < due; index++) this.retry(0);
    }
    this.drain();
  }

  drain(): void {
    let moved = true;
    while (moved) {
      moved = false;
      for (let a = 0; a < NODES; a++) for (let b = 0; b < NODES; b++) while (this.deliver(a, b)) moved = true;
    }
  }

  localMembers(node: number, group: Term): string[] {
    const core = this.cores.get(node);
    if (core !== undefined) return core.local.members(keyOf(group)).map((pid) => pid.key);
    return (this.stricts.get(node)?.local.get(keyOf(group))?.pids ?? []).map((pid) => pid.key);
  }
}

function deliverToStrict(pg: StrictPg, from: number, item: Item): void {
  if ('message' in item) {
    if (item.to === 'name' || item.to === pg.self.key) pg.receive(item.message);
  } else if ('lost' in item) {
    for (const key of [...pg.remote.keys()]) if (key.endsWith(`:${nodeName(from)}`)) pg.remote.delete(key);
  }
}

const pair = (a: number, b: number): string => (a < b ? `${a}-${b}` : `${b}-${a}`);
const node = fc.nat(NODES - 1);
const small = fc.nat(2);
const command = fc.oneof(
  { weight: 5, arbitrary: fc.tuple(fc.constant('join' as const), node, small, small) },
  { weight: 4, arbitrary: fc.tuple(fc.constant('leave' as const), node, small, small) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('kill' as const), node, small, small) },
  { weight: 12, arbitrary: fc.tuple(fc.constant('deliver' as const), node, node, small) },
  { weight: 3, arbitrary: fc.tuple(fc.constant('connect' as const), node, node, small) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('cut' as const), node, node, fc.nat(5)) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('restart' as const), node, small, small) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('retry' as const), fc.nat(10), small, small) },
);

function run(net: Net, [name, a, b, c]: [string, number, number, number]): void {
  const pid = member(a, b);
  const group = GROUPS[c % GROUPS.length];
  const ours = a < OURS;
  if (name === 'connect') net.connect(a, b);
  else if (name === 'cut') net.cut(a, b, c);
  else if (name === 'deliver') net.deliver(a, b);
  else if (name === 'restart') net.restart(a);
  else if (name === 'retry') net.retry(a);
  else if (name === 'kill') {
    if (ours) net.input(a, { type: 'down', pid });
  } else if (ours) net.input(a, { type: name as 'join' | 'leave', group, pids: c === 2 ? [pid, pid] : [pid] });
  else net.strict(a, (pg) => (name === 'join' ? pg.join(group, pid) : pg.leave(group, pid)));
}

for (const eager of [false, true]) {
  test(`no schedule crashes a strict pg, and all views agree in the end (node events ${eager ? 'at once' : 'in order'})`, () => {
    fc.assert(
      fc.property(fc.array(command, { minLength: 20, maxLength: 150, size: 'max' }), (commands) => {
        const net = new Net(eager);
        for (const each of commands) run(net, each);
        net.settle();
        for (const group of GROUPS) {
          const all = [0, 1, 2, 3].map((index) => net.localMembers(index, group));
          for (const [index, core] of net.cores) {
            const seen = membersOf(core, group)
              .map((pid) => pid.key)
              .toSorted();
            assert.deepEqual(seen, all.flat().toSorted(), `view of ${nodeName(index)}`);
          }
          for (const [index, pg] of net.stricts) {
            const expected = [...(all[0] ?? []), ...(all[1] ?? []), ...(all[index] ?? [])].toSorted();
            assert.deepEqual(pg.members(group), expected, `view of ${nodeName(index)}`);
          }
        }
      }),
      { numRuns: 3000, seed },
    );
  });
}

/** Nearly messages: the shapes of pg with any terms in them. */
const pid = fc.constantFrom(...[1, 2, 3].map((id) => new Pid('n1@h', id, 0, 1)), new Pid('other@h', 1, 0, 1));
const loose = fc.oneof({ weight: 3, arbitrary: pid }, { weight: 1, arbitrary: arbitraryTerm });
const pids = fc.oneof(loose, fc.array(loose, { maxLength: 20 }));
const message = fc.oneof(
  arbitraryTerm,
  loose.map((peer) => tuple(atom('discover'), peer)),
  fc.tuple(loose, arbitraryTerm, pids).map(([peer, group, list]) => tuple(atom('join'), peer, group, list)),
  fc
    .tuple(loose, pids, fc.array(arbitraryTerm))
    .map(([peer, list, groups]) => tuple(atom('leave'), peer, list, groups)),
  fc
    .tuple(loose, fc.array(fc.tuple(arbitraryTerm, pids).map(([group, list]) => tuple(group, list))))
    .map(([peer, list]) => tuple(atom('$gen_cast'), tuple(atom('sync'), peer, list))),
);

test('no message makes a scope throw, dial a stranger, or keep more than its limit', () => {
  fc.assert(
    fc.property(fc.array(message, { size: 'max', maxLength: 60 }), (messages) => {
      const state = initialScope({
        scope: 'pg',
        self: new Pid('n0@h', 1, 0, 1),
        maxEntriesPerNode: 10,
        maxNameLengthPerNode: 500,
      });
      step(state, { type: 'nodeup', node: 'n1@h' });
      for (const each of messages) {
        for (const effect of step(state, { type: 'message', message: each })) {
          if (effect.type === 'send') assert.equal(effect.to.node, 'n1@h');
          if (effect.type === 'monitor') assert.equal(effect.pid.node, 'n1@h');
        }
        assert(state.peers.size <= 1);
        for (const { membership } of state.peers.values()) {
          assert(membership.entries <= 10);
          const names = [...membership.groups().keys()].reduce((sum, key) => sum + key.length, 0);
          assert(names <= 500);
        }
      }
    }),
    { numRuns: 60, seed },
  );
});
