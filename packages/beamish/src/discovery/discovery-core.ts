/**
 * Which nodes to dial, and when: inputs in, effects out; the host brings time, randomness and connections. A name that some
 * strategy reports is a candidate, and while it is one it is dialled until it is connected, for ever, with a delay that
 * doubles up to a bound. A strategy that reports *all* it knows (epmd hosts, DNS) also takes names away by leaving them out;
 * one that hears names one by one (gossip) lets them expire.
 */
import { isDialableName } from './node-name.ts';

/** How often, and how many at a time, nodes that were found are dialled. */
export interface DiscoveryLimits {
  /** Milliseconds until the second attempt; doubled for each further one. @default 250 */
  readonly minDelay?: number;
  /** Milliseconds between attempts at most. Too high finds a healed node late, too low burdens a dead one. @default 5000 */
  readonly maxDelay?: number;
  /** Connections being made at one time. @default 16 */
  readonly maxConnecting?: number;
  /** Names kept at one time; above it further names are refused, and logged. @default 1024 */
  readonly maxNames?: number;
}

/** How a strategy means a list of names that it reports. */
export interface ReportOptions {
  /** `names` are all that the strategy knows now; what it named before and not now is no candidate any more. @default true */
  readonly complete?: boolean;
  /** Whether a node that is left out of a complete report is disconnected too. @default false */
  readonly disconnectLost?: boolean;
  /** Milliseconds after which a name that was never connected is forgotten. @default never */
  readonly expiresAfter?: number;
}

export type DiscoveryInput =
  | {
      readonly type: 'found';
      readonly source: string;
      readonly names: readonly string[];
      readonly options: ReportOptions;
    }
  | { readonly type: 'nodeup'; readonly node: string }
  | { readonly type: 'nodedown'; readonly node: string; readonly reason: string }
  /** An attempt ended, with the code and message of its failure. A success without nodeup is a failure too. */
  | {
      readonly type: 'attempted';
      readonly node: string;
      readonly failure?: { readonly code: string; readonly message: string };
    }
  | { readonly type: 'wake' };

/** What the core can't have by itself. */
export interface Moment {
  /** Milliseconds, monotonic. */
  readonly now: number;
  /** Uniform in [0, 1). */
  readonly random: number;
}

export type DiscoveryEffect =
  | { readonly type: 'connect'; readonly node: string }
  | { readonly type: 'disconnect'; readonly node: string }
  /** Give the input `wake` at this time, and forget the time asked for before. */
  | { readonly type: 'wakeAt'; readonly at: number }
  | { readonly type: 'log'; readonly level: 'info' | 'warn'; readonly fields: object; readonly message: string };

export interface Candidate {
  readonly name: string;
  /** Who reports it, and when that expires. */
  readonly sources: Map<string, number>;
  status: 'waiting' | 'connecting' | 'connected';
  attempts: number;
  dueAt: number;
  /** Codes of failures that were logged since it was last connected. */
  readonly logged: Set<string>;
  everConnected: boolean;
}

export interface DiscoveryState {
  readonly self: string;
  readonly limits: Required<DiscoveryLimits>;
  readonly candidates: Map<string, Candidate>;
  readonly connected: Set<string>;
  /** Names refused, by source: bad syntax, or too many. */
  readonly refused: Map<string, number>;
}

export function initialDiscovery(
  self: string,
  connected: Iterable<string>,
  limits: DiscoveryLimits = {},
): DiscoveryState {
  return {
    self,
    limits: { minDelay: 250, maxDelay: 5000, maxConnecting: 16, maxNames: 1024, ...limits },
    candidates: new Map(),
    connected: new Set(connected),
    refused: new Map(),
  };
}

export function step(state: DiscoveryState, input: DiscoveryInput, moment: Moment): DiscoveryEffect[] {
  const effects: DiscoveryEffect[] = [];
  switch (input.type) {
    case 'found':
      found(state, input, moment, effects);
      break;
    case 'nodeup':
      nodeup(state, input.node, effects);
      break;
    case 'nodedown':
      nodedown(state, input.node, input.reason, moment, effects);
      break;
    case 'attempted':
      attempted(state, input, moment, effects);
      break;
    case 'wake':
      break;
  }
  dial(state, moment, effects);
  return effects;
}

type Found = Extract<DiscoveryInput, { type: 'found' }>;

function found(state: DiscoveryState, input: Found, moment: Moment, effects: DiscoveryEffect[]): void {
  const { source, options } = input;
  const names = new Set(input.names);
  names.delete(state.self);
  for (const name of names) {
    const candidate = state.candidates.get(name) ?? admit(state, name, source, moment, effects);
    candidate?.sources.set(source, moment.now + (options.expiresAfter ?? Infinity));
  }
  if (options.complete === false) return;
  for (const candidate of [...state.candidates.values()]) {
    if (!candidate.sources.has(source) || names.has(candidate.name)) continue;
    candidate.sources.delete(source);
    if (candidate.sources.size === 0) lose(state, candidate, source, options.disconnectLost ?? false, effects);
  }
}

function admit(
  state: DiscoveryState,
  name: string,
  source: string,
  moment: Moment,
  effects: DiscoveryEffect[],
): Candidate | undefined {
  if (!isDialableName(name)) return refuse(state, source, 'a name that no node can have', name, effects);
  if (state.candidates.size >= state.limits.maxNames && !evict(state)) {
    return refuse(state, source, `a name above the limit of ${state.limits.maxNames}`, name, effects);
  }
  const connected = state.connected.has(name);
  const candidate: Candidate = {
    name,
    sources: new Map(),
    status: connected ? 'connected' : 'waiting',
    attempts: 0,
    dueAt: moment.now,
    logged: new Set(),
    everConnected: connected,
  };
  state.candidates.set(name, candidate);
  effects.push({ type: 'log', level: 'info', fields: { peer: name, strategy: source }, message: 'found a node' });
  return candidate;
}

/** Makes room by the name that was heard least recently, of those that expire and never proved to be a node of ours. */
function evict(state: DiscoveryState): boolean {
  let oldest: Candidate | undefined;
  for (const candidate of state.candidates.values()) {
    if (candidate.everConnected || candidate.status !== 'waiting' || lastExpiry(candidate) === Infinity) continue;
    if (oldest === undefined || lastExpiry(candidate) < lastExpiry(oldest)) oldest = candidate;
  }
  return oldest !== undefined && state.candidates.delete(oldest.name);
}

function lastExpiry(candidate: Candidate): number {
  return Math.max(...candidate.sources.values());
}

function refuse(
  state: DiscoveryState,
  source: string,
  what: string,
  name: string,
  effects: DiscoveryEffect[],
): undefined {
  const count = (state.refused.get(source) ?? 0) + 1;
  state.refused.set(source, count);
  if (count > 1) return;
  // Untrusted text, cut before it is logged.
  const fields = { strategy: source, peer: name.slice(0, 100) };
  effects.push({ type: 'log', level: 'warn', fields, message: `refused ${what}; further ones are only counted` });
}

function lose(
  state: DiscoveryState,
  candidate: Candidate,
  source: string,
  disconnect: boolean,
  effects: DiscoveryEffect[],
): void {
  state.candidates.delete(candidate.name);
  const fields = { peer: candidate.name, strategy: source };
  const stays = candidate.status === 'connected' && !disconnect;
  const message = stays ? 'a node is not listed any more; it stays connected' : 'a node is not listed any more';
  effects.push({ type: 'log', level: 'info', fields, message });
  if (candidate.status === 'connected' && disconnect) effects.push({ type: 'disconnect', node: candidate.name });
}

function nodeup(state: DiscoveryState, node: string, effects: DiscoveryEffect[]): void {
  state.connected.add(node);
  const candidate = state.candidates.get(node);
  if (candidate === undefined || candidate.status === 'connected') return;
  candidate.status = 'connected';
  candidate.attempts = 0;
  candidate.everConnected = true;
  candidate.logged.clear();
  effects.push({ type: 'log', level: 'info', fields: { peer: node }, message: 'connected to a node that was found' });
}

function nodedown(
  state: DiscoveryState,
  node: string,
  reason: string,
  moment: Moment,
  effects: DiscoveryEffect[],
): void {
  state.connected.delete(node);
  const candidate = state.candidates.get(node);
  if (candidate === undefined) return;
  candidate.status = 'waiting';
  // Both sides see it at once: a little apart, they don't dial each other in the same moment.
  candidate.dueAt = moment.now + moment.random * state.limits.minDelay;
  effects.push({
    type: 'log',
    level: 'info',
    fields: { peer: node, reason },
    message: 'lost a node; looking for it again',
  });
}

type Attempted = Extract<DiscoveryInput, { type: 'attempted' }>;

function attempted(state: DiscoveryState, input: Attempted, moment: Moment, effects: DiscoveryEffect[]): void {
  const candidate = state.candidates.get(input.node);
  if (candidate?.status !== 'connecting') return;
  candidate.status = 'waiting';
  const { minDelay, maxDelay } = state.limits;
  const delay = Math.min(maxDelay, minDelay * 2 ** Math.min(candidate.attempts, 30));
  candidate.attempts++;
  // Between half and all of it: spread out, and never above the bound.
  candidate.dueAt = moment.now + delay * (0.5 + moment.random / 2);
  const code = input.failure?.code ?? 'noconnection';
  if (candidate.logged.has(code)) return;
  candidate.logged.add(code);
  const fields = { peer: input.node, code, reason: input.failure?.message };
  effects.push({ type: 'log', level: 'warn', fields, message: 'cannot connect to a node that was found; trying on' });
}

/** Forgets what has expired, dials what is due, and asks to be woken for the next. */
function dial(state: DiscoveryState, moment: Moment, effects: DiscoveryEffect[]): void {
  let connecting = 0;
  for (const candidate of state.candidates.values()) if (candidate.status === 'connecting') connecting++;
  const waiting = [...state.candidates.values()].filter(({ status }) => status === 'waiting');
  let next = Infinity;
  for (const candidate of waiting.toSorted((a, b) => a.dueAt - b.dueAt)) {
    if (!candidate.everConnected && lastExpiry(candidate) <= moment.now) {
      state.candidates.delete(candidate.name);
    } else if (candidate.dueAt > moment.now) {
      next = Math.min(next, candidate.dueAt);
    } else if (connecting < state.limits.maxConnecting) {
      connecting++;
      candidate.status = 'connecting';
      effects.push({ type: 'connect', node: candidate.name });
    }
    // Else it waits for the end of an attempt, which is an input.
  }
  if (next < Infinity) effects.push({ type: 'wakeAt', at: next });
}
