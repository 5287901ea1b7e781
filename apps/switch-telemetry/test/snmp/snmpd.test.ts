/** Debian's snmpd polled by our client, and our simulated agents walked by net-snmp's commands. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { after, before, suite, test } from 'node:test';
import { realWorld } from 'beamish/world';
import { startChild } from '../../../../packages/beamish/test/support/children.ts';
import { requirePeer, skipUnless } from '../../../../packages/beamish/test/support/peers.ts';
import { SnmpClient } from '../../src/snmp/client.ts';
import { type MeterState, stepMeter } from '../../src/snmp/rate-meter.ts';
import { startSimulator } from '../../src/simulator/simulator.ts';
import { type Snmpd, startSnmpd } from '../support/snmpd.ts';

const { clock } = realWorld();

function procNetDev(): Map<string, { in: number; out: number }> {
  const lines = readFileSync('/proc/net/dev', 'utf8')
    .split('\n')
    .slice(2)
    .filter((line) => line.includes(':'));
  return new Map(
    lines.map((line) => {
      const [name = '', rest = ''] = line.split(':');
      const fields = rest.trim().split(/\s+/).map(Number);
      return [name.trim(), { in: fields[0] ?? 0, out: fields[8] ?? 0 }];
    }),
  );
}

suite("Debian's snmpd", skipUnless('snmpd'), () => {
  let snmpd: Snmpd;
  before(async () => {
    snmpd = await startSnmpd();
  });
  after(() => snmpd?.[Symbol.asyncDispose]());

  for (const version of ['v2c', 'v3'] as const) {
    test(`${version}: this machine's interfaces with their true names`, async () => {
      using client = new SnmpClient(snmpd[version], 2000, clock);
      const { name, interfaces } = await client.poll();
      assert.equal(name, 'snmpd.example');
      assert.deepEqual(interfaces.map((each) => each.name).sort(), [...procNetDev().keys()].sort());
      assert.ok(interfaces.every(({ bits }) => bits === 64));
    });
  }

  test('rates agree with /proc/net/dev within 2 %', { timeout: 60_000 }, async (t) => {
    using client = new SnmpClient(snmpd.v3, 2000, clock);
    const socket = createSocket('udp4');
    const packet = Buffer.alloc(1400);
    const traffic = setInterval(() => {
      for (let each = 0; each < 20; each++) socket.send(packet, 9, '127.0.0.1');
    }, 10);
    try {
      // snmpd reads its counters every 3 s: some time between the poll before and the end of the poll that shows it. On a
      // machine with other traffic the truth is known within these bounds only, and must agree within 2 % of them.
      let meter: MeterState | undefined;
      const moves: { time: number; earliest: number; latest: number; rate: number | null }[] = [];
      const octets = (): number => procNetDev().get('lo')?.in ?? 0;
      let before = octets();
      while (moves.length < 5) {
        const earliest = before;
        before = octets();
        const reading = await client.poll();
        const next = stepMeter(meter, reading);
        const lo = reading.interfaces.findIndex(({ name }) => name === 'lo');
        if (next !== meter)
          moves.push({ time: reading.time, earliest, latest: octets(), rate: next.rates[lo]?.in ?? null });
        meter = next;
        await clock.sleep(500);
      }
      const [, first, ...rest] = moves; // the first was read whenever; from the second on they are of our polls
      const last = rest.at(-1);
      assert.ok(first !== undefined && last !== undefined);
      const rateOf = (moved: number): number => (moved * 8) / ((last.time - first.time) / 1000);
      const [least, most] = [rateOf(last.earliest - first.latest), rateOf(last.latest - first.earliest)];
      let weighted = 0;
      for (const [at, move] of rest.entries())
        weighted += (move.rate ?? 0) * (move.time - (rest[at - 1] ?? first).time);
      const measured = weighted / (last.time - first.time);
      const mbit = (rate: number): string => (rate / 1e6).toFixed(2);
      t.diagnostic(`lo: ${mbit(measured)} Mbit/s by SNMP, ${mbit(least)} to ${mbit(most)} by /proc`);
      assert.ok(measured > least * 0.98 && measured < most * 1.02, `${measured} against ${least} to ${most}`);
    } finally {
      clearInterval(traffic);
      socket.close();
    }
  });
});

suite("net-snmp's commands on simulated switches", skipUnless('snmpwalk', 'snmpget'), () => {
  const run = async (command: 'snmpwalk' | 'snmpget', ...args: string[]): Promise<string> => {
    const child = startChild(requirePeer(command), ['-On', '-t', '5', ...args], { env: { MIBS: '' } });
    const { code } = await child.exited;
    assert.equal(code, 0, child.output);
    return child.stdout;
  };

  test('a walk ends, in order, with all columns; v3 with authentication and privacy', async () => {
    await using simulator = await startSimulator({ switches: 6, faults: false });
    const [first] = simulator.inventory;
    const walked = await run('snmpwalk', '-v2c', '-c', 'public', first?.address ?? '', '.1.3.6.1');
    assert.equal(walked.split('\n').filter((line) => line.startsWith('.1.3.6.1.2.1.2.2.1.10.')).length, 8);
    assert.equal(walked.split('\n').filter((line) => line.startsWith('.1.3.6.1.2.1.31.1.1.1.6.')).length, 8);
    const bulk = await run('snmpwalk', '-v2c', '-c', 'public', '-Cc', first?.address ?? '', '.1.3.6.1.2.1.31');
    assert.match(bulk, /31\.1\.1\.1\.1\.1 = STRING: "?Te1\/1\/1/);
    const v3 = simulator.inventory[5];
    assert.equal(v3?.access.version, '3');
    const keys = [
      '-v3',
      '-l',
      'authPriv',
      '-u',
      'telemetry',
      '-a',
      'SHA',
      '-A',
      'simulated-auth',
      '-x',
      'AES',
      '-X',
      'simulated-priv',
    ];
    assert.match(await run('snmpget', ...keys, v3?.address ?? '', '.1.3.6.1.2.1.1.5.0'), /sw-06\.switch\.example/);
  });
});
