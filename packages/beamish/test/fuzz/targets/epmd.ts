import {
  aliveRequest,
  aliveResponse,
  decodeAliveResponse,
  decodeNamesResponse,
  decodePortResponse,
  namesRequest,
  namesResponse,
  portPleaseRequest,
  portResponse,
  type EpmdEntry,
} from '../../../src/node/epmd/codec.ts';
import { EpmdServer } from '../../../src/node/epmd/server.ts';
import { Refusals } from '../../../src/node/refusals.ts';
import { FakeSocket, fakeWorld, silent } from '../fakes.ts';
import { join, number } from '../mutate.ts';
import type { Chance } from '../random.ts';
import { block, cut, holds, otherCut, Script, type Cut, type Target } from '../target.ts';

const NAMES = ['a', 'b', 'a b', 'a@b', '', 'é', 'x'.repeat(255), 'x'.repeat(256), 'name a at port 1\n'];

function entry(chance: Chance): EpmdEntry {
  return {
    name: chance.pick(NAMES),
    port: chance.oneIn(8) ? 0 : 4000 + chance.below(10),
    nodeType: chance.pick([77, 72, 0]),
    protocol: 0,
    highVersion: chance.pick([6, 5, 0]),
    lowVersion: 5,
    extra: chance.bytes(chance.small(8)),
  };
}

/** What nodes and strangers ask a port mapper, over several connections. */
export const epmdServer: Target = {
  name: 'epmd-server',
  weight: 2,
  steps: (length) => 60_000 + 3_000 * length,
  bytes: (length) => 256 * 1024 + 3_000 * length,
  make(chance) {
    const parts: Uint8Array[] = [];
    for (let left = 1 + chance.small(8); left > 0; left--) {
      const request = chance.pick([
        () => aliveRequest(entry(chance)),
        () => portPleaseRequest(chance.pick(NAMES)),
        namesRequest,
      ])();
      const bytes = Uint8Array.from(chance.oneIn(8) ? join(request, request) : request);
      if (chance.oneIn(6)) bytes.set(number(chance).subarray(0, bytes.length), 0);
      parts.push(Uint8Array.of(chance.below(256)), block(bytes));
    }
    return join(...parts);
  },
  async run(input) {
    const whole = await serve(input, 'whole');
    holds((await serve(input, otherCut(input))) === whole, 'cut otherwise, it is answered otherwise');
    return whole.replaceAll(/\d+/g, '#').slice(0, 60);
  },
};

async function serve(input: Uint8Array, how: Cut): Promise<string> {
  const world = fakeWorld();
  const refusals = new Refusals(silent, world.clock);
  const server = await EpmdServer.start({ world, refusals, bind: ['0.0.0.0'], port: 4369, open: true });
  const sockets = ['127.0.0.1', '127.0.0.1', '10.0.0.1', '127.0.0.1'].map((remote) => new FakeSocket(remote));
  const accepted = new Set<FakeSocket>();
  const script = new Script(input);
  while (!script.done) {
    const op = script.byte();
    const socket = sockets[op % sockets.length] as FakeSocket;
    if (!accepted.has(socket)) {
      accepted.add(socket);
      world.accept(socket);
    }
    for (const chunk of cut(script.block(), how)) socket.receive(chunk);
    if (op % 16 === 15) socket.close();
    if (op >= 250) world.clock.fire();
  }
  const answers = sockets.map(({ sent }) => Buffer.from(sent).toString('latin1')).join('|');
  for (const socket of accepted) socket.close();
  // Everybody has gone: no name may be left.
  const last = new FakeSocket();
  world.accept(last);
  last.receive(namesRequest());
  holds(last.sent.length === 4, 'a name is left of a connection that has ended');
  last.close();
  await server.stop();
  holds(world.clock.pending === 0, 'a timer is left of a connection that has ended');
  return `${answers} ${JSON.stringify(refusals.counts)}`;
}

/** What a port mapper, or what poses as one, answers. */
export const epmdClient: Target = {
  name: 'epmd-client',
  weight: 1,
  steps: (length) => 5_000 + 500 * length,
  bytes: (length) => 16 * 1024 + 200 * length,
  make(chance) {
    const answer = chance.pick([
      () => aliveResponse(chance.oneIn(4) ? undefined : 4 + chance.below(9), chance.pick([5, 6])),
      () => portResponse(chance.oneIn(4) ? undefined : entry(chance)),
      () =>
        namesResponse(
          4369,
          Array.from({ length: chance.small(5) }, () => entry(chance)),
        ),
    ])();
    return chance.oneIn(4) ? answer.subarray(0, chance.below(answer.length + 1)) : answer;
  },
  run(input) {
    const alive = decodeAliveResponse(input);
    // Bytes come one after another: once it is decided it stays so.
    for (let length = 0; length < Math.min(input.length, 8); length++) {
      const early = decodeAliveResponse(input.subarray(0, length));
      holds(
        early === 'incomplete' || JSON.stringify(early) === JSON.stringify(alive),
        'an answer changes as more of it comes',
      );
    }
    const entry = decodePortResponse(input);
    if (entry !== undefined && entry !== null) {
      const again = decodePortResponse(portResponse(entry));
      holds(
        Buffer.from(entry.name).includes('\uFFFD') || JSON.stringify(again) === JSON.stringify(entry),
        'an entry written again is another',
      );
    }
    for (const { name, port } of decodeNamesResponse(input) ?? [])
      holds(name !== '' && port >= 0, 'a name without a name');
    return `${String(alive && typeof alive)} ${entry === null ? 'none' : typeof entry}`;
  },
};
