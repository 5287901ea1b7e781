import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ALIAS, MANDATORY, MANDATORY_25_DIGEST, NAME_ME, OWN_FLAGS, PUBLISHED, SPAWN } from '../../src/node/flags.ts';
import {
  accept,
  initiate,
  stepHandshake,
  type HandshakeConfig,
  type HandshakeDecision,
  type HandshakeEffect,
  type HandshakeState,
} from '../../src/node/handshake/machine.ts';
import {
  decodeAck,
  decodeChallenge,
  decodeName,
  decodeReply,
  decodeStatus,
  digest,
  encodeChallenge,
  encodeName,
  encodeReply,
  encodeStatus,
  sameDigest,
} from '../../src/node/handshake/messages.ts';
import { seed } from '../support/seed.ts';

function config(name: string, fields: Partial<HandshakeConfig> & { cookie?: string } = {}): HandshakeConfig {
  const { cookie = 'secret' } = fields;
  return { name, flags: OWN_FLAGS, creation: 77, challenge: 0xfedcba98, cookieFor: () => cookie, ...fields };
}

const NOT_ALLOWED = { status: 'not_allowed', fault: { cause: 'not_allowed', message: 'no' } } as const;

interface Outcome {
  readonly transcript: string[];
  readonly initiator: HandshakeEffect | undefined;
  readonly acceptor: HandshakeEffect | undefined;
}

/** Two machines that talk to each other, as hosts would have them. */
function run(
  a: HandshakeConfig,
  b: HandshakeConfig,
  decision: HandshakeDecision = { status: 'ok' },
  expected = b.name,
): Outcome {
  const transcript: string[] = [];
  const ends: Record<'a' | 'b', HandshakeEffect | undefined> = { a: undefined, b: undefined };
  const states: Record<'a' | 'b', HandshakeState> = { a: accept(), b: accept() };
  const inbox: ['a' | 'b', Uint8Array][] = [];
  const carryOut = (side: 'a' | 'b', effects: HandshakeEffect[]): void => {
    const other = side === 'a' ? 'b' : 'a';
    for (const effect of effects) {
      if (effect.type === 'send') inbox.push([other, effect.body]);
      else if (effect.type === 'ask') step(side, { type: 'decide', decision });
      else {
        ends[side] = effect;
        if (effect.type === 'established' && effect.last !== undefined) inbox.push([other, effect.last]);
      }
    }
  };
  const step = (side: 'a' | 'b', input: Parameters<typeof stepHandshake>[2]): void => {
    const [state, effects] = stepHandshake(side === 'a' ? a : b, states[side], input);
    states[side] = state;
    carryOut(side, effects);
  };
  const [state, effects] = initiate(a, expected);
  states.a = state;
  carryOut('a', effects);
  for (let next = inbox.shift(); next !== undefined; next = inbox.shift()) {
    transcript.push(`${next[0]}<${String.fromCharCode(next[1][0] as number)}`);
    step(next[0], { type: 'message', body: next[1] });
  }
  for (const side of ['a', 'b'] as const) if (ends[side] === undefined) step(side, { type: 'closed' });
  return { transcript, initiator: ends.a, acceptor: ends.b };
}

function failure(effect: HandshakeEffect | undefined): string {
  return effect?.type === 'failed' ? `${effect.failure.code}/${effect.failure.cause}` : String(effect?.type);
}

test('both sides end with the same agreement', () => {
  const { transcript, initiator, acceptor } = run(config('a@h', { creation: 5 }), config('b@h', { creation: 6 }));
  assert.deepEqual(transcript, ['b<N', 'a<s', 'a<N', 'b<r', 'a<a']);
  assert.equal(initiator?.type, 'established');
  assert.deepEqual(initiator.peer, { name: 'b@h', creation: 6, flags: OWN_FLAGS, hidden: true });
  assert.equal(acceptor?.type, 'established');
  assert.deepEqual(acceptor.peer, { name: 'a@h', creation: 5, flags: OWN_FLAGS, hidden: true });
});

test('visible only when both are', () => {
  const visible = { flags: OWN_FLAGS | PUBLISHED };
  const hidden = (a: object, b: object): unknown => {
    const { initiator } = run(config('a@h', a), config('b@h', b));
    return initiator?.type === 'established' && initiator.peer.hidden;
  };
  assert.equal(hidden(visible, visible), false);
  assert.equal(hidden(visible, {}), true);
  assert.equal(hidden({}, visible), true);
});

test('every status', () => {
  const cases: [HandshakeDecision, string, string][] = [
    [{ status: 'ok' }, 'established', 'established'],
    [{ status: 'ok_simultaneous' }, 'established', 'established'],
    [{ status: 'alive' }, 'established', 'established'],
    [{ status: 'nok' }, 'yield', 'handshake_failed/simultaneous'],
    [NOT_ALLOWED, 'handshake_failed/not_allowed', 'handshake_failed/not_allowed'],
    // Only who asked for a name may be given one.
    [{ status: 'named', name: 'x@h', creation: 1 }, 'handshake_failed/garbage', 'handshake_failed/closed'],
  ];
  for (const [decision, initiator, acceptor] of cases) {
    const outcome = run(config('a@h'), config('b@h'), decision);
    assert.deepEqual([failure(outcome.initiator), failure(outcome.acceptor)], [initiator, acceptor], decision.status);
  }
});

test('a dynamic name (NAME_ME): the acceptor gives it, and the connection is hidden', () => {
  const a = config('h', { flags: OWN_FLAGS | NAME_ME | PUBLISHED, creation: 0 });
  const { initiator, acceptor } = run(a, config('b@h', { flags: OWN_FLAGS | PUBLISHED }), {
    status: 'named',
    name: 'Q1@h',
    creation: 9,
  });
  assert.equal(initiator?.type, 'established');
  assert.equal(acceptor?.type, 'established');
  assert.equal(initiator.peer.flags & (NAME_ME | PUBLISHED), NAME_ME, 'the flag comes back, in place of PUBLISHED');
  assert.equal(acceptor.peer.name, 'Q1@h');
  assert.equal(acceptor.peer.creation, 9);
  assert.equal(acceptor.peer.hidden, true);
  assert.deepEqual(initiator.given, { name: 'Q1@h', creation: 9 });
  assert.equal(initiator.peer.hidden, true);
  assert.equal(initiator.peer.name, 'b@h');
});

test('who asks for a name takes no other answer, and no name that is none', () => {
  const a = config('h', { flags: OWN_FLAGS | NAME_ME, creation: 0 });
  const answers: [Parameters<typeof encodeStatus>[0], string][] = [
    [{ status: 'ok' }, 'handshake_failed/bad_name'],
    [{ status: 'ok_simultaneous' }, 'handshake_failed/bad_name'],
    [{ status: 'named', name: 'no host', creation: 1 }, 'handshake_failed/garbage'],
    [{ status: 'named', name: '', creation: 1 }, 'handshake_failed/garbage'],
    [NOT_ALLOWED, 'handshake_failed/not_allowed'],
  ];
  for (const [answer, outcome] of answers) {
    const [, effects] = stepHandshake(a, initiate(a, 'b@h')[0], { type: 'message', body: encodeStatus(answer) });
    assert.equal(failure(effects[0]), outcome, answer.status);
  }
});

test('an answer `false` to `alive` ends it', () => {
  const b = config('b@h');
  const name = encodeName({ name: 'a@h', flags: OWN_FLAGS, creation: 1 });
  let [state, effects] = stepHandshake(b, accept(), { type: 'message', body: name });
  [state, effects] = stepHandshake(b, state, { type: 'decide', decision: { status: 'alive' } });
  [state, effects] = stepHandshake(b, state, { type: 'message', body: encodeStatus({ status: 'false' }) });
  assert.equal(failure(effects[0]), 'handshake_failed/alive');
  assert.equal(state.step, 'over');
});

test('a wrong cookie is found by the acceptor, and told by its silence to the initiator', () => {
  const { transcript, initiator, acceptor } = run(config('a@h', { cookie: 'one' }), config('b@h', { cookie: 'two' }));
  assert.deepEqual(transcript, ['b<N', 'a<s', 'a<N', 'b<r']);
  assert.equal(failure(acceptor), 'cookie_mismatch/cookie');
  assert.equal(failure(initiator), 'cookie_mismatch/cookie');
});

test('an acceptor that does not know the cookie is found by the initiator', () => {
  const a = config('a@h');
  let [state] = initiate(a, 'b@h');
  [state] = stepHandshake(a, state, { type: 'message', body: encodeStatus({ status: 'ok' }) });
  const challenge = encodeChallenge({ name: 'b@h', flags: OWN_FLAGS, creation: 1, challenge: 5 });
  [state] = stepHandshake(a, state, { type: 'message', body: challenge });
  const ack = Uint8Array.from([0x61, ...digest('guess', a.challenge)]);
  const [, effects] = stepHandshake(a, state, { type: 'message', body: ack });
  assert.equal(failure(effects[0]), 'cookie_mismatch/cookie');
});

test('the node that answers must be the one that was dialled', () => {
  const { initiator } = run(config('a@h'), config('c@h'), { status: 'ok' }, 'b@h');
  assert.equal(failure(initiator), 'handshake_failed/bad_name');
});

test('each mandatory flag that is missing is `not_allowed`; the digest flag stands for all (protocols 2.4)', () => {
  for (let bit = 1n; bit <= MANDATORY; bit <<= 1n) {
    if ((MANDATORY & bit) === 0n) continue;
    const flags = OWN_FLAGS & ~MANDATORY_25_DIGEST & ~bit;
    const { initiator, acceptor } = run(config('a@h', { flags }), config('b@h'));
    assert.equal(failure(acceptor), 'handshake_failed/not_allowed');
    assert.equal(failure(initiator), 'handshake_failed/not_allowed');
  }
  const { acceptor } = run(config('a@h', { flags: MANDATORY_25_DIGEST | (1n << 24n) }), config('b@h'));
  assert.equal(acceptor?.type, 'established');
});

test('the flags of every OTP that is spoken to: each can connect, and finds what it wants in ours (protocols 2.4)', () => {
  const [OTP_25, PUBLISHED_BIT] = [0xd07df7fbcn, 1n];
  const peers: [string, bigint, mandatory: bigint][] = [
    ['25', OTP_25, MANDATORY],
    ['25 visible', OTP_25 | PUBLISHED_BIT, MANDATORY],
    // UNLINK_ID and V4_NC.
    ['26', OTP_25, MANDATORY | 0x2000000n | (4n << 32n)],
    ['27, if it gave the eleven by the digest alone', (OTP_25 & ~MANDATORY) | 0x4000000n, MANDATORY | 0x6000000n],
    // ALTACT_SIG.
    ['28', OTP_25 | (32n << 32n), MANDATORY | 0x2000000n | (4n << 32n)],
    ['one of later, with flags that nobody knows yet', OTP_25 | (1n << 45n), MANDATORY],
  ];
  for (const [otp, flags, mandatory] of peers) {
    assert.equal(OWN_FLAGS & mandatory, mandatory, otp);
    for (const [a, b] of [
      [config('a@h', { flags }), config('b@h')],
      [config('a@h'), config('b@h', { flags })],
    ] as const) {
      const { initiator, acceptor } = run(a, b);
      assert.equal(initiator?.type, 'established', otp);
      assert.equal(acceptor?.type, 'established', otp);
      assert.equal(initiator.peer.flags & (SPAWN | ALIAS), SPAWN | ALIAS, otp);
    }
  }
});

test('names that are none are closed without a status (protocols 2.3)', () => {
  for (const name of ['', 'a', '@h', 'a@', 'a@b@c', 'a b@h', 'a\n@h', `${'x'.repeat(300)}@h`]) {
    const body = encodeName({ name, flags: OWN_FLAGS, creation: 1 });
    const [, effects] = stepHandshake(config('b@h'), accept(), { type: 'message', body });
    assert.equal(effects.length, 1);
    assert.equal(failure(effects[0]), 'handshake_failed/bad_name', name);
  }
});

test('time runs out, and the connection closes, at each step', () => {
  const a = config('a@h');
  const b = config('b@h');
  const [status] = initiate(a, 'b@h');
  const [challenge] = stepHandshake(a, status, { type: 'message', body: encodeStatus({ status: 'ok' }) });
  const name = encodeName({ name: 'a@h', flags: OWN_FLAGS, creation: 1 });
  const [deciding] = stepHandshake(b, accept(), { type: 'message', body: name });
  const [alive] = stepHandshake(b, deciding, { type: 'decide', decision: { status: 'alive' } });
  const [reply] = stepHandshake(b, deciding, { type: 'decide', decision: { status: 'ok' } });
  for (const state of [status, challenge, accept(), alive, reply]) {
    assert.equal(failure(stepHandshake(a, state, { type: 'timeout' })[1][0]), 'timeout/timeout', state.step);
    assert.equal(failure(stepHandshake(a, state, { type: 'closed' })[1][0]), 'handshake_failed/closed', state.step);
    const garbage = stepHandshake(a, state, { type: 'message', body: Uint8Array.of(1, 2, 3) });
    assert.equal(failure(garbage[1][0]), 'handshake_failed/garbage', state.step);
    assert.equal(garbage[0].step, 'over');
    assert.deepEqual(stepHandshake(a, garbage[0], { type: 'message', body: name })[1], []);
  }
});

test('the digest is that of Erlang: MD5 of cookie and decimal challenge', () => {
  assert.equal(Buffer.from(digest('c', 4294967295)).toString('hex'), 'b6b9428ef079fc89ea04bb26bbf1a0da');
  assert.ok(sameDigest(digest('c', 1), digest('c', 1)));
  assert.ok(!sameDigest(digest('c', 1), digest('c', 2)));
  assert.ok(!sameDigest(digest('c', 1), new Uint8Array(3)));
});

test('messages survive the wire; bytes after the name are ignored', () => {
  const name = { name: 'nœd@h'.replace('œ', 'ö'), flags: OWN_FLAGS, creation: 0xffff_ffff };
  assert.deepEqual(decodeName(Buffer.concat([encodeName(name), Uint8Array.of(1, 2)])), name);
  const challenge = { ...name, challenge: 0x80000000 };
  assert.deepEqual(decodeChallenge(encodeChallenge(challenge)), challenge);
  const named = { status: 'named', name: 'X@h', creation: 3 } as const;
  assert.deepEqual(decodeStatus(encodeStatus(named)), named);
  const reply = { challenge: 1, digest: new Uint8Array(16).fill(2) };
  assert.deepEqual(decodeReply(encodeReply(reply)), reply);
});

test('no bytes make a machine throw or be fooled', () => {
  const b = config('b@h');
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 5 }),
      fc.constantFrom(0x4e, 0x73, 0x72, 0x61),
      (bodies, tag) => {
        let state: HandshakeState = accept();
        for (const bytes of bodies) {
          const body = Uint8Array.from([tag, ...bytes]);
          for (const decoder of [decodeName, decodeChallenge, decodeStatus, decodeReply, decodeAck]) decoder(body);
          const [next, effects] = stepHandshake(b, state, { type: 'message', body });
          assert.ok(effects.every((effect) => effect.type !== 'established'));
          [state] =
            next.step === 'deciding' ? stepHandshake(b, next, { type: 'decide', decision: { status: 'ok' } }) : [next];
        }
      },
    ),
    { seed },
  );
});
