import {
  aliveResponse,
  decodeRequest,
  MAX_REQUEST_BYTES,
  namesResponse,
  portResponse,
  type EpmdEntry,
} from './codec.ts';

/** A connection, named by its host with a number that is never used again. */
type ConnectionId = number;

export interface EpmdServerState {
  readonly port: number;
  /** Whoever asks from another machine is answered; registering is for this machine only, as with epmd (protocols 1.1). */
  readonly open: boolean;
  readonly registered: ReadonlyMap<string, { readonly connection: ConnectionId; readonly entry: EpmdEntry }>;
  /** Names once used: a name that comes back gets the next creation (protocols 1.3). Bounded. */
  readonly creations: ReadonlyMap<string, number>;
}

export type EpmdServerInput =
  | {
      readonly type: 'request';
      readonly connection: ConnectionId;
      readonly body: Uint8Array;
      /** Whether it comes from this machine. */
      readonly local: boolean;
      /** 32 random bits, for a creation. */
      readonly random: number;
    }
  | { readonly type: 'closed'; readonly connection: ConnectionId };

export type EpmdServerEffect =
  | { readonly type: 'reply'; readonly bytes: Uint8Array; readonly then: 'end' | 'keep' }
  | { readonly type: 'refuse'; readonly why: string };

/** Names whose last creation is remembered. */
const MAX_CREATIONS = 1024;
/** Registered at one time. */
const MAX_REGISTERED = 1024;

export function epmdServer(port: number, open: boolean): EpmdServerState {
  return { port, open, registered: new Map(), creations: new Map() };
}

/** The port mapper: a name belongs to the connection that registered it, as long as that is open (protocols 1.4). */
export function stepEpmdServer(state: EpmdServerState, input: EpmdServerInput): [EpmdServerState, EpmdServerEffect[]] {
  if (input.type === 'closed') return [withoutConnection(state, input.connection), []];
  if (!input.local && !state.open) return [state, [refuse('a request from another machine')]];
  const request = input.body.length > MAX_REQUEST_BYTES ? undefined : decodeRequest(input.body);
  switch (request?.type) {
    case 'portPlease':
      return [state, [reply(portResponse(state.registered.get(request.name)?.entry), 'end')]];
    case 'names': {
      const entries = Array.from(state.registered.values(), ({ entry }) => entry);
      return [state, [reply(namesResponse(state.port, entries), 'end')]];
    }
    case 'alive':
      return input.local
        ? register(state, input, request.entry)
        : [state, [refuse('a registration from another machine')]];
    default:
      return [state, [refuse('no request of the port mapper')]];
  }
}

function register(
  state: EpmdServerState,
  input: { readonly connection: ConnectionId; readonly random: number },
  entry: EpmdEntry,
): [EpmdServerState, EpmdServerEffect[]] {
  const taken = state.registered.has(entry.name) || state.registered.size >= MAX_REGISTERED;
  for (const { connection } of state.registered.values()) {
    if (connection === input.connection) return [state, [refuse('a second registration on one connection')]];
  }
  if (taken) return [state, [reply(aliveResponse(undefined, entry.highVersion), 'keep')]];
  const creation = nextCreation(state.creations.get(entry.name), input.random);
  const creations = new Map(state.creations);
  creations.delete(entry.name);
  creations.set(entry.name, creation);
  const oldest = creations.keys().next();
  if (creations.size > MAX_CREATIONS && oldest.done !== true) creations.delete(oldest.value);
  const registered = new Map(state.registered).set(entry.name, { connection: input.connection, entry });
  return [{ ...state, registered, creations }, [reply(aliveResponse(creation, entry.highVersion), 'keep')]];
}

/** 0 to 3 mean something else in old formats (protocols 1.3). */
function nextCreation(last: number | undefined, random: number): number {
  const next = last === undefined ? random >>> 0 : (last + 1) >>> 0;
  return next < 4 ? next + 4 : next;
}

function withoutConnection(state: EpmdServerState, connection: ConnectionId): EpmdServerState {
  const registered = new Map(state.registered);
  for (const [name, held] of registered) if (held.connection === connection) registered.delete(name);
  return registered.size === state.registered.size ? state : { ...state, registered };
}

function reply(bytes: Uint8Array, then: 'end' | 'keep'): EpmdServerEffect {
  return { type: 'reply', bytes, then };
}

function refuse(why: string): EpmdServerEffect {
  return { type: 'refuse', why };
}
