import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  aliveRequest,
  aliveResponse,
  decodeAliveResponse,
  decodeNamesResponse,
  decodePortResponse,
  decodeRequest,
  namesRequest,
  namesResponse,
  portPleaseRequest,
  portResponse,
  type EpmdEntry,
} from '../../src/node/epmd/codec.ts';
import {
  epmdServer,
  stepEpmdServer,
  type EpmdServerEffect,
  type EpmdServerState,
} from '../../src/node/epmd/server-core.ts';
import { seed } from '../support/seed.ts';

const entry: EpmdEntry = {
  name: 'b',
  port: 0xc55d,
  nodeType: 77,
  protocol: 0,
  highVersion: 6,
  lowVersion: 5,
  extra: new Uint8Array(0),
};
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

test('the registration seen from a real BEAM (protocols 1.2)', () => {
  assert.equal(hex(aliveRequest(entry)), '000e78c55d4d00000600050001620000');
  assert.deepEqual(decodeRequest(aliveRequest(entry).subarray(2)), { type: 'alive', entry });
});

test('answers, as the real epmd gives them', () => {
  assert.equal(hex(aliveResponse(undefined, 6)), '760100000063');
  assert.equal(hex(aliveResponse(0x6b0150ed, 6)), '76006b0150ed');
  assert.equal(aliveResponse(0x6b0150ed, 5).length, 4);
  assert.deepEqual(decodeAliveResponse(aliveResponse(7, 6)), { ok: true, creation: 7 });
  assert.deepEqual(decodeAliveResponse(aliveResponse(undefined, 6)), { ok: false });
  assert.equal(decodeAliveResponse(aliveResponse(7, 6).subarray(0, 5)), 'incomplete');
  assert.equal(decodeAliveResponse(Buffer.from('HTTP/1.1')), undefined);
  assert.equal(hex(portResponse(undefined)), '7701');
  assert.equal(decodePortResponse(portResponse(undefined)), null);
  const extra = { ...entry, extra: Uint8Array.of(0x58, 0x59) };
  assert.deepEqual(decodePortResponse(portResponse(extra)), extra);
  assert.equal(decodePortResponse(portResponse(extra).subarray(0, 12)), undefined);
  const names = namesResponse(4369, [entry, { ...entry, name: 'c', port: 1 }]);
  assert.equal(Buffer.from(names.subarray(4)).toString(), 'name b at port 50525\nname c at port 1\n');
  assert.deepEqual(decodeNamesResponse(names), [
    { name: 'b', port: 50525 },
    { name: 'c', port: 1 },
  ]);
});

test('requests that are none', () => {
  for (const body of ['', 'x', 'z', 'nn', 'k', 's', 'GET / HTTP/1.1', 'za@b', 'z\0']) {
    assert.equal(decodeRequest(Buffer.from(body, 'latin1')), undefined, body);
  }
  assert.equal(decodeRequest(aliveRequest({ ...entry, name: '' }).subarray(2)), undefined);
  assert.equal(decodeRequest(aliveRequest({ ...entry, port: 0 }).subarray(2)), undefined);
});

test('no bytes make the codec throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.constantFrom(120, 122, 110, 119, 118, 121), (bytes, tag) => {
      const body = Uint8Array.from([tag, ...bytes]);
      decodeRequest(body);
      decodeAliveResponse(body);
      decodePortResponse(body);
      decodeNamesResponse(body);
    }),
    { seed },
  );
});

function request(
  state: EpmdServerState,
  connection: number,
  message: Uint8Array,
  local = true,
  random = 1000,
): [EpmdServerState, EpmdServerEffect | undefined] {
  const [next, effects] = stepEpmdServer(state, {
    type: 'request',
    connection,
    body: message.subarray(2),
    local,
    random,
  });
  assert.equal(effects.length, 1);
  return [next, effects[0]];
}

function reply(effect: EpmdServerEffect | undefined): Uint8Array {
  assert.equal(effect?.type, 'reply');
  return effect.bytes;
}

test('a name belongs to its connection; used again it gets the next creation', () => {
  let state = epmdServer(4369, false);
  let effect: EpmdServerEffect | undefined;
  [state, effect] = request(state, 1, aliveRequest(entry));
  assert.deepEqual(decodeAliveResponse(reply(effect)), { ok: true, creation: 1000 });
  [state, effect] = request(state, 2, portPleaseRequest('b'));
  assert.deepEqual(decodePortResponse(reply(effect)), entry);
  [state, effect] = request(state, 3, aliveRequest({ ...entry, port: 9 }));
  assert.equal(hex(reply(effect)), '760100000063');
  assert.equal(effect?.type === 'reply' && effect.then, 'keep');
  [state] = stepEpmdServer(state, { type: 'closed', connection: 3 });
  [state, effect] = request(state, 4, namesRequest());
  assert.deepEqual(decodeNamesResponse(reply(effect)), [{ name: 'b', port: 0xc55d }]);
  [state] = stepEpmdServer(state, { type: 'closed', connection: 1 });
  [state, effect] = request(state, 5, portPleaseRequest('b'));
  assert.equal(decodePortResponse(reply(effect)), null);
  [state, effect] = request(state, 6, aliveRequest(entry), true, 5);
  assert.deepEqual(decodeAliveResponse(reply(effect)), { ok: true, creation: 1001 });
});

test('small creations of old formats are never given', () => {
  for (const random of [0, 1, 2, 3, 0xffff_ffff]) {
    const [, effect] = request(epmdServer(1, false), 1, aliveRequest(entry), true, random);
    const answer = decodeAliveResponse(reply(effect));
    assert.ok(answer !== 'incomplete' && answer?.ok === true && answer.creation >= 4);
  }
});

test('other machines: never register, and ask only an open port mapper', () => {
  assert.equal(request(epmdServer(1, false), 1, namesRequest(), false)[1]?.type, 'refuse');
  assert.equal(request(epmdServer(1, true), 1, namesRequest(), false)[1]?.type, 'reply');
  assert.equal(request(epmdServer(1, true), 1, aliveRequest(entry), false)[1]?.type, 'refuse');
});

test('one registration for a connection; garbage is refused', () => {
  const [state] = request(epmdServer(1, false), 1, aliveRequest(entry));
  assert.equal(request(state, 1, aliveRequest({ ...entry, name: 'c' }))[1]?.type, 'refuse');
  assert.equal(request(state, 2, Buffer.from('..garbage'))[1]?.type, 'refuse');
});
