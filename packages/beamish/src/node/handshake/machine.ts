import type { BeamishErrorCode } from '../../error/index.ts';
import { expandFlags, lacksMandatory, MANDATORY, NAME_ME, PUBLISHED } from '../flags.ts';
import { splitNodeName } from '../names.ts';
import type { RefusalCause } from '../types.ts';
import {
  decodeAck,
  decodeChallenge,
  decodeName,
  decodeReply,
  decodeStatus,
  digest,
  encodeAck,
  encodeChallenge,
  encodeName,
  encodeReply,
  encodeStatus,
  sameDigest,
} from './messages.ts';

/**
 * The handshake, both sides, as a value and a function (protocols 2.2, 2.3). It has no socket, clock or randomness: the
 * host gives it messages, and carries out what it answers.
 */
export interface HandshakeConfig {
  readonly name: string;
  readonly flags: bigint;
  readonly creation: number;
  /** 32 random bits: what the peer must answer. */
  readonly challenge: number;
  readonly cookieFor: (peer: string) => string;
  /** Whether this node has set that challenge itself, to somebody who has not answered it yet. Absent: it sets none. */
  readonly hasSet?: (challenge: number) => boolean;
}

/** The other node, once it has proved that it knows the cookie. */
export interface HandshakePeer {
  readonly name: string;
  readonly creation: number;
  /** What both sides can do. */
  readonly flags: bigint;
  readonly hidden: boolean;
}

/** What a node without a name was given (protocols 2.6). */
export interface GivenName {
  readonly name: string;
  readonly creation: number;
}

/** What a host decides about a node that wants to connect (protocols 2.3). */
export type HandshakeDecision =
  | { readonly status: 'ok' | 'ok_simultaneous' | 'nok' | 'alive' }
  /** `fault`: why, for this side's log; the peer is told the status only. */
  | { readonly status: 'not_allowed'; readonly fault: HandshakeFault }
  | { readonly status: 'named'; readonly name: string; readonly creation: number };

export type HandshakeInput =
  | { readonly type: 'message'; readonly body: Uint8Array }
  /** Answers the effect `ask`. */
  | { readonly type: 'decide'; readonly decision: HandshakeDecision }
  /** The connection was closed by the other side, or broke. */
  | { readonly type: 'closed' }
  /** Nothing came for the setup time. */
  | { readonly type: 'timeout' };

export interface HandshakeFault {
  readonly cause: RefusalCause;
  readonly message: string;
}

export interface HandshakeFailure extends HandshakeFault {
  readonly code: BeamishErrorCode;
  /** The name of the node that was there in place of the one dialled. */
  readonly actual?: string;
}

export type HandshakeEffect =
  | { readonly type: 'send'; readonly body: Uint8Array }
  /** Acceptor: a node says that it is `name`, which is not proved yet. `nameMe`: it has only a host and wants a name. */
  | { readonly type: 'ask'; readonly name: string; readonly nameMe: boolean }
  /** The peer is authentic. `last` is sent if the host still wants the connection. `given`: this node's own name from now on. */
  | {
      readonly type: 'established';
      readonly peer: HandshakePeer;
      readonly last?: Uint8Array;
      readonly given?: GivenName;
    }
  /** Initiator: the peer keeps its own attempt to connect to us; wait for that one. */
  | { readonly type: 'yield' }
  | { readonly type: 'failed'; readonly failure: HandshakeFailure };

interface Peer {
  readonly name: string;
  readonly flags: bigint;
  readonly creation: number;
}

export type HandshakeState =
  | { readonly step: 'status'; readonly expected: string }
  | { readonly step: 'challenge'; readonly expected: string; readonly given?: GivenName }
  | { readonly step: 'ack'; readonly peer: Peer; readonly given?: GivenName }
  | { readonly step: 'name' }
  | { readonly step: 'deciding' | 'alive' | 'reply'; readonly peer: Peer }
  | { readonly step: 'over' };

type Step = [HandshakeState, HandshakeEffect[]];

const OVER: HandshakeState = { step: 'over' };

const SIMULTANEOUS: HandshakeFault = { cause: 'simultaneous', message: "this node's own dial is the one that stays" };

/** The side that dials `expected`. */
export function initiate(config: HandshakeConfig, expected: string): Step {
  const { name, flags, creation } = config;
  return [{ step: 'status', expected }, [{ type: 'send', body: encodeName({ name, flags, creation }) }]];
}

/** The side that was dialled. */
export function accept(): HandshakeState {
  return { step: 'name' };
}

export function stepHandshake(config: HandshakeConfig, state: HandshakeState, input: HandshakeInput): Step {
  if (state.step === 'over') return [state, []];
  switch (input.type) {
    case 'closed':
      return closed(state);
    case 'timeout':
      return fail('timeout', 'timeout', `the other side sent no ${expectation(state)} in time`);
    case 'decide':
      return state.step === 'deciding' ? decided(config, state.peer, input.decision) : [state, []];
    case 'message':
      return message(config, state, input.body);
  }
}

function message(config: HandshakeConfig, state: HandshakeState, body: Uint8Array): Step {
  switch (state.step) {
    case 'status':
      return onStatus(config, state.expected, body);
    case 'challenge':
      return onChallenge(config, state, body);
    case 'ack': {
      const proof = decodeAck(body);
      if (proof === undefined) return garbage(state);
      const { peer, given } = state;
      if (!sameDigest(proof, digest(config.cookieFor(peer.name), config.challenge))) return wrongCookie(peer.name);
      return [OVER, [{ type: 'established', peer: agreed(config, peer), ...(given === undefined ? {} : { given }) }]];
    }
    case 'name':
      return onName(body);
    case 'alive':
      return onAliveAnswer(config, state.peer, body);
    case 'reply':
      return onReply(config, state.peer, body);
    default:
      return garbage(state);
  }
}

function onStatus(config: HandshakeConfig, expected: string, body: Uint8Array): Step {
  const status = decodeStatus(body);
  switch (status?.status) {
    case 'ok':
    case 'ok_simultaneous':
      if ((config.flags & NAME_ME) === 0n) return [{ step: 'challenge', expected }, []];
      return fail('handshake_failed', 'bad_name', `${expected} gives no names`);
    case 'nok':
      return [OVER, [{ type: 'yield' }]];
    case 'alive':
      // It has a connection from an earlier life of ours, or has not noticed yet that one broke.
      return [{ step: 'challenge', expected }, [{ type: 'send', body: encodeStatus({ status: 'true' }) }]];
    case 'named':
      if ((config.flags & NAME_ME) === 0n || splitNodeName(status.name) === undefined)
        return garbage({ step: 'status', expected });
      return [{ step: 'challenge', expected, given: { name: status.name, creation: status.creation } }, []];
    case 'not_allowed':
      return fail('handshake_failed', 'not_allowed', `${expected} does not allow this node to connect`);
    default:
      return garbage({ step: 'status', expected });
  }
}

function onChallenge(
  config: HandshakeConfig,
  { expected, given }: Extract<HandshakeState, { step: 'challenge' }>,
  body: Uint8Array,
): Step {
  const challenge = decodeChallenge(body);
  if (challenge === undefined) return garbage({ step: 'challenge', expected });
  if (challenge.name !== expected) {
    const message = `the node there is ${JSON.stringify(challenge.name)}, not ${expected}`;
    const failure: HandshakeFailure = { code: 'handshake_failed', cause: 'bad_name', message, actual: challenge.name };
    return [OVER, [{ type: 'failed', failure }]];
  }
  const flags = expandFlags(challenge.flags);
  if (lacksMandatory(flags)) return fail('handshake_failed', 'not_allowed', missingFlags(expected, flags));
  // Who dials proves first. Here that would be the answer for somebody who is just connecting to this node, without the cookie.
  if (config.hasSet?.(challenge.challenge) === true)
    return fail('handshake_failed', 'garbage', `${expected} passes on a challenge that this node has set itself`);
  const proof = digest(config.cookieFor(expected), challenge.challenge);
  const reply = encodeReply({ challenge: config.challenge, digest: proof });
  return [
    {
      step: 'ack',
      peer: { name: expected, flags, creation: challenge.creation },
      ...(given === undefined ? {} : { given }),
    },
    [{ type: 'send', body: reply }],
  ];
}

function onName(body: Uint8Array): Step {
  const message = decodeName(body);
  if (message === undefined) return garbage({ step: 'name' });
  const flags = expandFlags(message.flags);
  const nameMe = (flags & NAME_ME) !== 0n;
  // Without a status, as a BEAM does (protocols 2.3).
  if (splitNodeName(nameMe ? `x@${message.name}` : message.name) === undefined) {
    return fail('handshake_failed', 'bad_name', `${JSON.stringify(message.name.slice(0, 300))} is no name of a node`);
  }
  const peer: Peer = { name: message.name, flags, creation: message.creation };
  if (lacksMandatory(flags)) {
    const [state, effects] = fail('handshake_failed', 'not_allowed', missingFlags(message.name, flags));
    return [state, [{ type: 'send', body: encodeStatus({ status: 'not_allowed' }) }, ...effects]];
  }
  return [{ step: 'deciding', peer }, [{ type: 'ask', name: message.name, nameMe }]];
}

function decided(config: HandshakeConfig, peer: Peer, decision: HandshakeDecision): Step {
  const status: HandshakeEffect = { type: 'send', body: encodeStatus(decision) };
  switch (decision.status) {
    case 'ok':
    case 'ok_simultaneous':
      return challenge(config, peer, status);
    case 'named':
      return challenge(config, { ...peer, name: decision.name, creation: decision.creation }, status);
    case 'alive':
      return [{ step: 'alive', peer }, [status]];
    case 'nok':
      return refused(status, SIMULTANEOUS);
    case 'not_allowed':
      return refused(status, decision.fault);
  }
}

function refused(status: HandshakeEffect, { cause, message }: HandshakeFault): Step {
  const [state, effects] = fail('handshake_failed', cause, message);
  return [state, [status, ...effects]];
}

function challenge(config: HandshakeConfig, peer: Peer, ...before: HandshakeEffect[]): Step {
  const { name, creation } = config;
  // A BEAM that asked for a name ends if the flag does not come back to it, in place of PUBLISHED (OTP dist_util: publish_flag/3).
  const flags = (peer.flags & NAME_ME) === 0n ? config.flags : (config.flags & ~PUBLISHED) | NAME_ME;
  const body = encodeChallenge({ name, flags, creation, challenge: config.challenge });
  return [{ step: 'reply', peer }, [...before, { type: 'send', body }]];
}

function onAliveAnswer(config: HandshakeConfig, peer: Peer, body: Uint8Array): Step {
  const answer = decodeStatus(body)?.status;
  if (answer === 'true') return challenge(config, peer);
  if (answer === 'false') return fail('handshake_failed', 'alive', 'the node keeps the connection it has');
  return garbage({ step: 'alive', peer });
}

function onReply(config: HandshakeConfig, peer: Peer, body: Uint8Array): Step {
  const reply = decodeReply(body);
  if (reply === undefined) return garbage({ step: 'reply', peer });
  const cookie = config.cookieFor(peer.name);
  if (!sameDigest(reply.digest, digest(cookie, config.challenge))) return wrongCookie(peer.name);
  const last = encodeAck(digest(cookie, reply.challenge));
  return [OVER, [{ type: 'established', peer: agreed(config, peer), last }]];
}

function agreed(config: HandshakeConfig, peer: Peer): HandshakePeer {
  const flags = config.flags & peer.flags;
  const hidden = (flags & PUBLISHED) === 0n || (peer.flags & NAME_ME) !== 0n;
  return { name: peer.name, creation: peer.creation, flags, hidden };
}

function closed(state: HandshakeState): Step {
  // A BEAM that gets a wrong digest says nothing and closes (protocols 2.3).
  if (state.step === 'ack') return wrongCookie(state.peer.name);
  if (state.step === 'status') {
    return fail('handshake_failed', 'closed', `${state.expected} closed the connection without a status`);
  }
  return fail('handshake_failed', 'closed', `the connection was closed where the ${expectation(state)} was expected`);
}

function wrongCookie(peer: string): Step {
  return fail('cookie_mismatch', 'cookie', `this node and ${peer} do not have the same cookie`);
}

function garbage(state: HandshakeState): Step {
  return fail('handshake_failed', 'garbage', `what came is no ${expectation(state)} of the distribution handshake`);
}

function missingFlags(name: string, flags: bigint): string {
  return `${name} lacks abilities that OTP 25 and later have (flags 0x${(MANDATORY & ~flags).toString(16)})`;
}

function expectation(state: HandshakeState): string {
  switch (state.step) {
    case 'alive':
      return 'answer to `alive`';
    case 'ack':
      return 'acknowledgement';
    default:
      return state.step;
  }
}

function fail(code: BeamishErrorCode, cause: RefusalCause, message: string): Step {
  return [OVER, [{ type: 'failed', failure: { code, cause, message } }]];
}
