/** dnsPoll and gossip against a network that a test plays. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { BeamishError } from '../../src/error/index.ts';
import { dnsPoll, gossip } from '../../src/discovery/index.ts';
import type { DiscoveryStrategy, ReportOptions } from '../../src/discovery/index.ts';
import { encryptPacket, gossipKey, heartbeat, parseHeartbeat } from '../../src/discovery/gossip-packet.ts';
import { realWorld } from '../../src/world/index.ts';
import type { Address, Clock, DatagramOptions, Network, ResolveOptions } from '../../src/world/index.ts';
import { eventually } from '../support/eventually.ts';
import { recordingLogger } from '../groups/mesh.ts';
import type { LogLine } from '../groups/mesh.ts';

interface Report {
  readonly names: readonly string[];
  readonly options: ReportOptions | undefined;
}

class Play {
  readonly reports: Report[] = [];
  readonly lines: LogLine[] = [];
  readonly sent: { message: Uint8Array; to: Address }[] = [];
  readonly asked: { name: string; options: ResolveOptions | undefined }[] = [];
  bound: DatagramOptions | undefined;
  closed = false;
  refuseBind: boolean;
  answer: readonly string[] | Error = [];
  /** How far the clock is ahead of the real one, in ms. */
  ahead = 0;
  readonly ended: Promise<void>;

  binds = 0;

  /** @param hasten waits are cut to 1 ms. */
  constructor(t: TestContext, strategy: DiscoveryStrategy, { refuseBind = false, hasten = false } = {}) {
    this.refuseBind = refuseBind;
    const real = realWorld();
    const network: Partial<Network> = {
      resolveAddresses: (name, options) => {
        this.asked.push({ name, options });
        return this.answer instanceof Error ? Promise.reject(this.answer) : Promise.resolve(this.answer);
      },
      bindDatagram: (options) => {
        this.binds++;
        if (this.refuseBind) return Promise.reject(new BeamishError('address_in_use', 'taken'));
        this.bound = options;
        return Promise.resolve({
          address: { host: options.host, port: options.port },
          send: (message, to) => void this.sent.push({ message, to }),
          close: () => Promise.resolve(void (this.closed = true)),
        });
      },
    };
    const logger = recordingLogger(this.lines);
    const clock: Clock = {
      ...real.clock,
      monotonicTime: () => real.clock.monotonicTime() + this.ahead,
      sleep: (delay, options) => real.clock.sleep(hasten ? 1 : delay, options),
    };
    const controller = new AbortController();
    this.ended = strategy.run({
      world: { ...real, clock, network: network as Network, logger },
      nodeName: 'me@h',
      logger,
      signal: controller.signal,
      report: (names, options) => void this.reports.push({ names, options }),
    });
    t.after(() => (controller.abort(), this.ended));
  }

  get names(): string[] {
    return this.reports.flatMap(({ names }) => names);
  }
  hear(packet: Uint8Array): void {
    this.bound?.onMessage(packet, { host: '10.0.0.9', port: 1 });
  }
}

test('dnsPoll names every address, keeps what it knew while the lookup fails, and logs changes only', async (t) => {
  const play = new Play(
    t,
    dnsPoll({ query: 'app.internal', basename: 'web', interval: 10, servers: ['127.0.0.1:5353'] }),
  );
  await eventually(() => play.reports.length > 0);
  assert.deepEqual(play.reports[0], { names: [], options: { disconnectLost: false } });
  assert.deepEqual(play.asked[0], { name: 'app.internal', options: { timeout: 1000, servers: ['127.0.0.1:5353'] } });
  play.answer = ['10.0.0.1', 'fd00::1'];
  await eventually(() => play.names.length > 2);
  assert.deepEqual(play.reports.at(-1)?.names, ['web@10.0.0.1', 'web@fd00::1']);
  play.answer = new BeamishError('timeout', 'no answer');
  const before = play.asked.length;
  await eventually(() => play.asked.length > before + 5);
  const reports = play.reports.length;
  assert.deepEqual(
    play.lines.map(({ message }) => message),
    ['the DNS lookup failed; keeping what was found, trying on'],
  );
  play.answer = ['10.0.0.2'];
  await eventually(() => play.reports.length > reports);
  assert.deepEqual(play.reports.at(-1)?.names, ['web@10.0.0.2']);
  assert.equal(play.lines.at(-1)?.message, 'the DNS lookup works again');
  assert.equal(play.lines.length, 2);
});

test('dnsPoll checks its options, all in one message', () => {
  assert.throws(() => dnsPoll({ query: 'a b', basename: 'x@y', interval: 1, servers: [] }), {
    code: 'option_invalid',
    message: /query .*; basename .*; interval .*; servers /,
  });
});

test('gossip sends its name at once and again, and reports the names it hears, but its own', async (t) => {
  const play = new Play(t, gossip({ port: 45000, interval: 10 }));
  await eventually(() => play.sent.length >= 3);
  assert.deepEqual(play.sent[0]?.to, { host: '233.252.1.32', port: 45000 });
  assert.equal(parseHeartbeat(play.sent[0]?.message ?? new Uint8Array()), 'me@h');
  assert.deepEqual(play.bound?.multicast, { group: '233.252.1.32', ttl: 1, loopback: true });
  assert.equal(play.bound?.reuseAddress, true);
  play.hear(heartbeat('me@h'));
  play.hear(heartbeat('other@10.0.0.2'));
  assert.deepEqual(play.names, ['other@10.0.0.2']);
  assert.equal(play.reports[0]?.options?.complete, false);
});

test('with a secret packets are encrypted, each anew, and others are dropped', async (t) => {
  const play = new Play(t, gossip({ secret: 's3cret', interval: 10, broadcastOnly: true, address: '10.0.0.255' }));
  await eventually(() => play.sent.length >= 2);
  const [first, second] = play.sent.map(({ message }) => Buffer.from(message).toString('hex'));
  assert.notEqual(first, second);
  assert.equal(play.bound?.multicast, undefined);
  const key = gossipKey('s3cret');
  play.hear(heartbeat('plain@h'));
  play.hear(encryptPacket(heartbeat('wrong@h'), gossipKey('other'), new Uint8Array(16)));
  play.hear(encryptPacket(heartbeat('right@h'), key, new Uint8Array(16)));
  assert.deepEqual(play.names, ['right@h']);
  assert.deepEqual(
    play.lines.map(({ message }) => message),
    ['dropped a packet that is no gossip of this cluster; further ones too'],
  );
});

test('invented names are limited in rate, known ones are not; impossible ones and floods are dropped', async (t) => {
  const play = new Play(t, gossip({ interval: 3_600_000, newNamesPerMinute: 5 }));
  await eventually(() => play.bound);
  for (let index = 0; index < 50; index++) play.hear(heartbeat(`n${index}@h`));
  assert.equal(play.names.length, 5);
  for (let index = 0; index < 20; index++) play.hear(heartbeat('n1@h'));
  assert.equal(play.names.length, 25);
  for (const name of ['no', 'a b@h', 'x@h\nforged', `${'x'.repeat(200)}@h`]) play.hear(heartbeat(name));
  play.hear(new Uint8Array(60_000));
  assert.equal(play.names.length, 25);
  play.ahead += 13_000;
  play.hear(heartbeat('later@h'));
  assert.equal(play.names.at(-1), 'later@h');
  for (let index = 0; index < 1000; index++) play.hear(heartbeat('n1@h'));
  assert(play.names.length < 300, 'a flood is cut off');
  assert.deepEqual(
    play.lines.map(({ message }) => message.replace(/\d+/, 'N')),
    [
      'too many new names by gossip; further ones must wait',
      'dropped gossip of a name that no node can have',
      'dropped a packet that is no gossip of this cluster; further ones too',
      'more than N gossip packets in a second; the rest is dropped',
    ],
  );
});

test('a port that is taken is told once, and tried again', async (t) => {
  const play = new Play(t, gossip({ interval: 10 }), { refuseBind: true, hasten: true });
  await eventually(() => play.binds > 3);
  play.refuseBind = false;
  await eventually(() => play.sent.length > 0);
  assert.deepEqual(
    play.lines.map(({ message }) => message),
    ['cannot open the gossip socket; trying on', 'the gossip socket is open now'],
  );
});

test('gossip checks its options', () => {
  assert.throws(() => gossip({ port: 0, ttl: 999, interval: 1, newNamesPerMinute: 0, secret: '' }), {
    code: 'option_invalid',
    message: /port .*; ttl .*; interval .*; newNames.*; secret /,
  });
});
