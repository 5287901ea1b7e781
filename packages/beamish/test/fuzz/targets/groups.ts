import {
  groupsOf,
  initialScope,
  membersOf,
  step,
  type ScopeEffect,
  type ScopeState,
} from '../../../src/groups/groups-core.ts';
import { parseForward } from '../../../src/pubsub/pg2-wire.ts';
import { Decoder, keyOf, Pid, type Term } from '../../../src/term/index.ts';
import { join } from '../mutate.ts';
import type { Chance } from '../random.ts';
import { block, declared, holds, Script, type Target } from '../target.ts';
import { atomBytes, pidBytes, termBytes } from '../terms.ts';

const OWN = 'own@h';
const NODES = ['b@h', 'c@h'];
const self = new Pid(OWN, 1, 0, 1);
const LIMIT = 50;

function pids(node: string, chance: Chance): Uint8Array {
  if (chance.oneIn(3)) return simplePid(node, chance);
  const list = Array.from({ length: chance.small(40) }, () => simplePid(node, chance));
  return join(Uint8Array.of(108, 0, 0, 0, list.length), ...list, Uint8Array.of(106));
}

function simplePid(node: string, chance: Chance): Uint8Array {
  if (chance.oneIn(30)) return pidBytes(chance.pick([...NODES, OWN]), chance);
  return join(
    Uint8Array.of(88, 119, node.length),
    Buffer.from(node),
    Uint8Array.of(0, 0, 0, chance.below(9), 0, 0, 0, 0, 0, 0, 0, 5),
  );
}

function group(chance: Chance): Uint8Array {
  return chance.oneIn(6) ? termBytes(chance, 2) : Uint8Array.of(97, chance.below(4));
}

function list(elements: readonly Uint8Array[]): Uint8Array {
  return join(Uint8Array.of(108, 0, 0, elements.length >> 8, elements.length), ...elements, Uint8Array.of(106));
}

function groupsList(chance: Chance): Uint8Array {
  const length = chance.small(300);
  // A text is a list of small integers: many groups for few bytes.
  return chance.oneIn(3)
    ? join(Uint8Array.of(107, length >> 8, length), chance.bytes(length))
    : list(Array.from({ length: chance.small(12) }, () => group(chance)));
}

function message(chance: Chance): Uint8Array {
  const node = chance.pick(NODES);
  const peer = join(Uint8Array.of(88, 119, 3), Buffer.from(node), Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 5));
  const tag = (name: string): Uint8Array => atomBytes(name, chance);
  switch (chance.below(6)) {
    case 0:
      return join(Uint8Array.of(104, 2), tag('discover'), peer);
    case 1:
      return join(Uint8Array.of(104, 4), tag('join'), peer, group(chance), pids(node, chance));
    case 2:
      return join(Uint8Array.of(104, 4), tag('leave'), peer, pids(node, chance), groupsList(chance));
    case 3:
    case 4: {
      const entries = Array.from({ length: chance.small(8) }, () =>
        join(Uint8Array.of(104, 2), group(chance), pids(node, chance)),
      );
      return join(Uint8Array.of(104, 2), tag('$gen_cast'), Uint8Array.of(104, 3), tag('sync'), peer, list(entries));
    }
    default:
      return chance.oneIn(2)
        ? join(
            Uint8Array.of(104, 4),
            tag('forward_to_local'),
            termBytes(chance, 2),
            termBytes(chance, 2),
            tag('Elixir.Phoenix.PubSub'),
          )
        : termBytes(chance);
  }
}

/** What other nodes tell the scope of `:pg`, and PubSub's workers. */
export const groups: Target = {
  name: 'groups',
  weight: 3,
  steps: (length) => 20_000 + 2_000 * length,
  bytes: (length) => 256 * 1024 + 2_000 * length,
  make(chance) {
    const parts: Uint8Array[] = [Uint8Array.of(0), Uint8Array.of(1)];
    for (let left = 1 + chance.small(8); left > 0; left--) {
      const op = chance.oneIn(3) ? chance.below(6) : 6;
      parts.push(Uint8Array.of(op), op === 6 ? block(message(chance)) : chance.bytes(2));
    }
    return join(...parts);
  },
  run(input) {
    const state = initialScope({ scope: 'pg', self, maxEntriesPerNode: LIMIT, maxNameLengthPerNode: 4096 });
    const model = new Model();
    const script = new Script(input);
    while (!script.done) model.apply(state, act(state, script));
    model.check(state);
    for (const node of NODES) model.apply(state, step(state, { type: 'nodedown', node }));
    holds(state.peers.size === 0 && state.connected.size === 0, 'something is kept of nodes that have gone');
    model.check(state);
    return `${state.refused > 0 ? 'refused ' : ''}${model.size} members`;
  },
};

function act(state: ScopeState, script: Script): ScopeEffect[] {
  const op = script.byte();
  const node = NODES[op % 2] as string;
  const local = new Pid(OWN, 10 + (op % 3), 0, 1);
  switch (op % 7) {
    case 0:
      return step(state, { type: 'nodeup', node: script.choose(NODES) });
    case 1:
      return step(state, { type: 'nodeup', node });
    case 2:
      return step(state, { type: 'nodedown', node: script.choose(NODES) });
    case 3:
      return step(state, {
        type: 'down',
        pid: new Pid(script.choose([...NODES, OWN]), script.choose([1, 10, 11]), 0, 5),
      });
    case 4:
      return step(state, { type: 'join', group: script.byte() % 4, pids: [local] });
    case 5:
      return step(state, { type: 'leave', group: script.byte() % 4, pids: [local] });
    default: {
      let term: Term;
      try {
        term = new Decoder(script.block()).readTerm();
      } catch (error) {
        declared(error, ['term_malformed', 'term_too_large']);
        return [];
      }
      const forward = parseForward(term);
      holds(forward === undefined || typeof forward.topic === 'string', 'a broadcast to what is no topic');
      return step(state, { type: 'message', message: term });
    }
  }
}

/** Joins and leaves, added up, must be what the scope says. */
class Model {
  readonly #members = new Map<string, number>();

  get size(): number {
    return this.#members.size;
  }

  apply(state: ScopeState, effects: readonly ScopeEffect[]): void {
    for (const effect of effects) {
      if (effect.type === 'send') {
        const { node } = effect.to;
        holds(
          node !== OWN && (state.connected.has(node) || !('id' in effect.to)),
          () => `a message to ${node}, which is not connected`,
        );
      }
      if (effect.type !== 'event') continue;
      for (const pid of effect.event.pids) {
        const key = `${keyOf(effect.event.group)} ${pid.key}`;
        const count = (this.#members.get(key) ?? 0) + (effect.event.type === 'join' ? 1 : -1);
        holds(count >= 0, 'a leave of what never joined');
        if (count === 0) this.#members.delete(key);
        else this.#members.set(key, count);
      }
    }
  }

  check(state: ScopeState): void {
    const found = new Map<string, number>();
    for (const group of groupsOf(state)) {
      for (const pid of membersOf(state, group)) {
        holds(pid.node === OWN || state.peers.has(pid.node), 'a member of a node that has no scope');
        const key = `${keyOf(group)} ${pid.key}`;
        found.set(key, (found.get(key) ?? 0) + 1);
      }
    }
    const same =
      found.size === this.#members.size && [...found].every(([key, count]) => this.#members.get(key) === count);
    holds(same, 'joins and leaves do not add up to the members');
    for (const { membership } of state.peers.values())
      holds(membership.entries <= LIMIT, 'more members than the limit');
  }
}
