/**
 * Which devices this collector polls, pure. All collectors compute the same owners from the same members (hash ring), and
 * a device moves by request: the new owner asks the others to release it and starts when they have answered, so that
 * two don't poll it at once; what nobody can release any more it starts at once.
 */
import { assign } from 'beamish/ring';
import { type Atom, atom } from 'beamish/term';

export interface AssignmentState {
  readonly self: string;
  readonly devices: readonly string[];
  /** Node names with the role collector. */
  readonly members: ReadonlySet<string>;
  /** By the ring. */
  readonly owners: ReadonlyMap<string, string>;
  readonly running: ReadonlySet<string>;
  /** Ours by the ring and not started: whose answers are awaited. */
  readonly waiting: ReadonlyMap<string, ReadonlySet<string>>;
  /** Running, and another's by the ring: since which round. */
  readonly yielding: ReadonlyMap<string, number>;
  /** Ours by the ring, and released to another that sees it differently: since which round. */
  readonly ceded: ReadonlyMap<string, { readonly to: string; readonly round: number }>;
  /** Counts the inputs that may begin something with a deadline. */
  readonly round: number;
  readonly draining: boolean;
}

export type AssignmentInput =
  | { readonly type: 'members'; readonly members: readonly string[] }
  | { readonly type: 'devices'; readonly devices: readonly string[] }
  /** Another collector is the owner of these and asks for them. */
  | { readonly type: 'releaseAsked'; readonly from: string; readonly devices: readonly string[] }
  /** `node` does not poll these (any more): it said so, or it can't be reached. */
  | { readonly type: 'released'; readonly node: string; readonly devices: readonly string[] }
  /** The time that was asked for in `round` is over. */
  | { readonly type: 'deadline'; readonly round: number }
  | { readonly type: 'drain' };

export type AssignmentEffect =
  /** `urgent`: nobody has polled it since its owner went, so poll at once. */
  | { readonly type: 'start'; readonly device: string; readonly urgent: boolean }
  | { readonly type: 'stop'; readonly device: string }
  | { readonly type: 'ask'; readonly node: string; readonly devices: readonly string[] }
  /** Give `deadline` back after a while. */
  | { readonly type: 'timer'; readonly round: number };

export interface AssignmentStep {
  readonly state: AssignmentState;
  readonly effects: readonly AssignmentEffect[];
}

export function initialAssignment(self: string): AssignmentState {
  return {
    self,
    devices: [],
    members: new Set(),
    owners: new Map(),
    running: new Set(),
    waiting: new Map(),
    yielding: new Map(),
    ceded: new Map(),
    round: 0,
    draining: false,
  };
}

/** The owners by the ring: keys are binaries and nodes atoms, as an Elixir node hashes them. */
export function ownersOf(devices: readonly string[], members: Iterable<string>): Map<string, string> {
  const nodes = Array.from(members, (member) => atom(member));
  return new Map(Array.from(assign<string, Atom>(devices, nodes), ([device, node]) => [device, node.name]));
}

/** A state that is being changed, and what is to be done. */
class Draft {
  readonly before: AssignmentState;
  readonly running: Set<string>;
  readonly waiting: Map<string, Set<string>>;
  readonly yielding: Map<string, number>;
  readonly ceded: Map<string, { to: string; round: number }>;
  readonly round: number;
  readonly effects: AssignmentEffect[] = [];
  readonly asks = new Map<string, string[]>();
  needsTimer = false;

  constructor(before: AssignmentState) {
    this.before = before;
    this.running = new Set(before.running);
    this.waiting = new Map(Array.from(before.waiting, ([device, nodes]) => [device, new Set(nodes)]));
    this.yielding = new Map(before.yielding);
    this.ceded = new Map(before.ceded);
    this.round = before.round + 1;
  }

  start(device: string, urgent: boolean): void {
    this.waiting.delete(device);
    this.ceded.delete(device);
    this.running.add(device);
    this.effects.push({ type: 'start', device, urgent });
  }

  stop(device: string): void {
    this.yielding.delete(device);
    if (this.running.delete(device)) this.effects.push({ type: 'stop', device });
  }

  ask(node: string, device: string): void {
    const list = this.asks.get(node);
    if (list === undefined) this.asks.set(node, [device]);
    else list.push(device);
  }

  finish(change: Partial<AssignmentState> = {}): AssignmentStep {
    const { running, waiting, yielding, ceded, round } = this;
    for (const [node, devices] of this.asks) this.effects.push({ type: 'ask', node, devices });
    if (this.needsTimer) this.effects.push({ type: 'timer', round });
    return { state: { ...this.before, ...change, running, waiting, yielding, ceded, round }, effects: this.effects };
  }
}

export function stepAssignment(state: AssignmentState, input: AssignmentInput): AssignmentStep {
  const draft = new Draft(state);
  switch (input.type) {
    case 'members':
      return place(draft, state.devices, new Set(input.members));
    case 'devices':
      return place(draft, input.devices, state.members);
    case 'releaseAsked':
      for (const device of input.devices) {
        if (!draft.running.has(device)) continue;
        draft.stop(device);
        if (state.owners.get(device) !== state.self) continue;
        draft.ceded.set(device, { to: input.from, round: draft.round });
        draft.needsTimer = true;
      }
      return draft.finish();
    case 'released':
      for (const device of input.devices) {
        const awaited = draft.waiting.get(device);
        if (awaited?.delete(input.node) === true && awaited.size === 0) draft.start(device, false);
      }
      return draft.finish();
    case 'deadline':
      for (const [device, round] of state.yielding) if (round <= input.round) draft.stop(device);
      for (const [device, { round }] of state.ceded) {
        if (round > input.round) continue;
        draft.ceded.delete(device);
        claim(draft, device, state.members, undefined);
      }
      return draft.finish();
    case 'drain':
      for (const device of state.running) draft.stop(device);
      draft.waiting.clear();
      draft.ceded.clear();
      return draft.finish({ draining: true });
  }
}

function place(draft: Draft, devices: readonly string[], members: ReadonlySet<string>): AssignmentStep {
  const { before } = draft;
  const { self } = before;
  const owners = before.draining ? new Map<string, string>() : ownersOf(devices, members);
  const joined = [...members].filter((member) => member !== self && !before.members.has(member));
  const listed = new Set(devices);
  for (const device of [...draft.running, ...draft.waiting.keys(), ...draft.ceded.keys()]) {
    if (listed.has(device)) continue;
    draft.stop(device);
    draft.waiting.delete(device);
    draft.ceded.delete(device);
  }
  for (const device of devices) {
    if (owners.get(device) !== self) leave(draft, device);
    else if (draft.running.has(device)) {
      draft.yielding.delete(device);
      // After a split both sides run it: the one who joins must hear that it is not his.
      for (const node of joined) draft.ask(node, device);
    } else if (draft.waiting.has(device)) {
      const awaited = draft.waiting.get(device);
      for (const node of awaited ?? []) if (!members.has(node)) awaited?.delete(node);
      if (awaited?.size === 0) draft.start(device, true);
    } else if (!members.has(draft.ceded.get(device)?.to ?? ''))
      claim(draft, device, members, before.owners.get(device));
  }
  return draft.finish({ devices, members, owners });
}

/** It is another's by the ring: let go when asked, at the latest at the deadline (a node that doesn't ask, as on a BEAM). */
function leave(draft: Draft, device: string): void {
  draft.waiting.delete(device);
  draft.ceded.delete(device);
  if (!draft.running.has(device) || draft.yielding.has(device)) return;
  draft.yielding.set(device, draft.round);
  draft.needsTimer = true;
}

function claim(draft: Draft, device: string, members: ReadonlySet<string>, previous: string | undefined): void {
  draft.ceded.delete(device);
  const others = [...members].filter((member) => member !== draft.before.self);
  const orphan = previous !== undefined && !members.has(previous);
  if (others.length === 0 || orphan) return draft.start(device, true);
  draft.waiting.set(device, new Set(others));
  for (const node of others) draft.ask(node, device);
}
