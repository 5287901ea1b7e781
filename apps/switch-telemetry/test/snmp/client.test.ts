/** The client against agents that are right, wrong in every way, slow and silent: real UDP on loopback. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { test } from 'node:test';
import { realWorld } from 'beamish/world';
import type { Device } from '../../src/inventory/device.ts';
import { authProtocols } from '../../src/inventory/device.ts';
import { NoAnswer, Refused, SnmpClient } from '../../src/snmp/client.ts';
import { AgentFault, tags } from '../../src/snmp/decode.ts';
import { columns } from '../../src/snmp/oids.ts';
import { ratesBetween } from '../../src/snmp/rates.ts';
import { type AgentOptions, startAgent } from '../../src/simulator/agent.ts';
import { type Fault, SimulatedSwitch } from '../../src/simulator/switch.ts';

const { clock } = realWorld();
const community: Device['access'] = { version: '2c', community: 'public' };

async function withAgent<T>(
  options: Partial<AgentOptions> & {
    ports?: number;
    fault?: Fault;
    as?: Device['access'];
    timeout?: number;
    shift?: () => number;
  },
  work: (client: SnmpClient, device: SimulatedSwitch) => Promise<T>,
): Promise<T> {
  const { ports = 8, fault, as, timeout = 2000, shift = () => 0, access = community, ...rest } = options;
  const device = new SimulatedSwitch('sw', ports, Date.now(), () => 0.5, fault);
  await using agent = await startAgent(device, { port: 0, access, now: () => Date.now() + shift(), ...rest });
  using client = new SnmpClient({ id: 'sw', address: `127.0.0.1:${agent.port}`, access: as ?? access }, timeout, {
    ...clock,
    monotonicTime: () => clock.monotonicTime() + shift(),
  });
  return await work(client, device);
}

/** Changes one varbind. */
const falsify = (
  oid: string,
  change: (varbind: { oid: string; type: number; value: unknown }) => object,
): Pick<AgentOptions, 'falsify'> => ({
  falsify: (varbind) => (varbind.oid === oid ? { ...varbind, ...change(varbind) } : varbind),
});

for (const ports of [1, 8, 23, 24, 25, 100]) {
  test(`a switch of ${ports} ports is read whole`, () =>
    withAgent({ ports }, async (client, device) => {
      for (let round = 0; round < 2; round++) {
        const { name, uptime, interfaces } = await client.poll();
        assert.equal(name, 'sw.switch.example');
        assert.ok(Math.abs(uptime - device.uptime(Date.now())) < 200);
        assert.deepEqual(
          interfaces.map((each) => [each.index, each.name, each.alias, each.speed, each.oper]),
          device.ports.map((port) => [port.index, port.name, port.alias, port.speed, port.up ? 'up' : 'down']),
        );
        assert.ok(interfaces.every((each) => each.bits === 64 && each.inOctets > 0n));
      }
    }));
}

for (const protocol of authProtocols) {
  test(`version 3, ${protocol} and aes`, () =>
    withAgent(
      {
        access: {
          version: '3',
          user: 'telemetry',
          auth: { protocol, key: 'a secret of auth' },
          priv: { protocol: 'aes', key: 'a secret of priv' },
        },
      },
      async (client) => {
        assert.equal((await client.poll()).interfaces.length, 8);
        assert.equal((await client.poll()).interfaces.length, 8);
      },
    ));
}

test('a restart gives no rate, and no spike', async () => {
  let shift = 0;
  const fault: Fault = { kind: 'reboots', first: 10_000, every: 1_000_000, for: 2000 };
  await withAgent({ fault, shift: () => shift }, async (client) => {
    const before = await client.poll();
    shift = 15_000;
    const after = await client.poll();
    assert.ok(after.uptime < before.uptime);
    assert.deepEqual(new Set(ratesBetween(before, after).map((rate) => rate.in)), new Set([null]));
    shift = 17_000;
    const later = await client.poll();
    assert.ok(ratesBetween(after, later).some((rate) => (rate.in ?? 0) > 0));
  });
});

test('version 3 goes on after the agent has started anew', async () => {
  const access: Device['access'] = {
    version: '3',
    user: 'u',
    auth: { protocol: 'sha', key: 'auth auth' },
    priv: { protocol: 'aes', key: 'priv priv' },
  };
  let shift = 0;
  const fault: Fault = { kind: 'reboots', first: 10_000, every: 1_000_000, for: 2000 };
  await withAgent({ access, fault, shift: () => shift }, async (client) => {
    await client.poll();
    shift = 15_000;
    assert.equal((await client.poll()).interfaces.length, 8);
  });
});

test('an agent without 64-bit counters is read by the others', () =>
  withAgent(
    {
      falsify: (varbind) =>
        varbind.oid.startsWith('1.3.6.1.2.1.31.')
          ? { oid: varbind.oid, type: tags.EndOfMibView, value: null }
          : varbind,
    },
    async (client) => {
      const { interfaces } = await client.poll();
      assert.equal(interfaces.length, 8);
      assert.ok(interfaces.every((each) => each.bits === 32 && each.inOctets < 2n ** 32n));
      assert.equal(interfaces[1]?.name, 'Gi1/0/1');
    },
  ));

const wrong: readonly [string, Partial<AgentOptions> & { ports?: number }, RegExp][] = [
  [
    'a counter that is a text',
    falsify(`${columns.ifHCInOctets}.3`, () => ({ type: tags.OctetString, value: '42' })),
    /ifHCInOctets of interface 3 is OctetString instead of Counter64/,
  ],
  [
    'a counter of 32 bits for 64',
    falsify(`${columns.ifHCOutOctets}.1`, () => ({ type: tags.Counter32, value: 42 })),
    /ifHCOutOctets of interface 1 is Counter32/,
  ],
  [
    'a name that is a number',
    falsify(`${columns.ifName}.2`, () => ({ type: tags.Integer, value: 42 })),
    /ifName of interface 2 is Integer/,
  ],
  [
    'no sysUpTime',
    falsify('1.3.6.1.2.1.1.3.0', () => ({ oid: '1.3.6.1.2.1.1.4.0', type: tags.OctetString, value: 'x' })),
    /no sysUpTime/,
  ],
  [
    'sysUpTime of a wrong type',
    falsify('1.3.6.1.2.1.1.3.0', () => ({ type: tags.Integer, value: 7 })),
    /sysUpTime is Integer instead of TimeTicks/,
  ],
  [
    'counters of another interface',
    falsify(`${columns.ifIndex}.4`, () => ({ value: 5 })),
    /row 4 holds the counters of another interface: its ifIndex is 5/,
  ],
  [
    'a row of an interface that is not there',
    falsify(`${columns.ifHCInOctets}.8`, () => ({ oid: `${columns.ifHCInOctets}.9` })),
    /ifHCInOctets has a row 9, and there is no such interface|ifHCInOctets is missing for interface 8/,
  ],
  [
    'a column that goes backwards',
    falsify(`${columns.ifHCInOctets}.5`, () => ({ oid: `${columns.ifHCInOctets}.2` })),
    /ifHCInOctets goes backwards/,
  ],
  [
    'a missing column',
    {
      falsify: (varbind) =>
        varbind.oid.startsWith(`${columns.ifHCOutOctets}.`)
          ? { ...varbind, oid: `1.3.6.1.2.1.31.1.1.1.11.${varbind.oid.split('.').at(-1)}` }
          : varbind,
    },
    /ifHCOutOctets is missing for interface 1/,
  ],
  ['no interfaces', { ports: 0 }, /no interfaces/],
];

for (const [what, options, reason] of wrong) {
  test(`an agent with ${what}`, () =>
    withAgent(options, async (client) => {
      await assert.rejects(client.poll(), (error: Error) => {
        assert.ok(error instanceof AgentFault, `${error.name}: ${error.message}`);
        assert.match(error.message, reason);
        return true;
      });
    }));
}

test('the wrong community gets no answer; the wrong user and keys are refused', async () => {
  await withAgent({ as: { version: '2c', community: 'private' }, timeout: 200 }, (client) =>
    assert.rejects(
      client.poll(),
      (error: Error) => error instanceof NoAnswer && !error.late && /no answer within 200 ms/.test(error.message),
    ),
  );
  const good = {
    version: '3',
    user: 'u',
    auth: { protocol: 'sha', key: 'auth auth' },
    priv: { protocol: 'aes', key: 'priv priv' },
  } as const;
  for (const as of [
    { ...good, user: 'x' },
    { ...good, auth: { ...good.auth, key: 'wrong wrong' } },
  ] as const) {
    await withAgent({ access: good, as, timeout: 300 }, (client) =>
      assert.rejects(client.poll(), (error: Error) => error instanceof Refused || error instanceof NoAnswer),
    );
  }
});

test('an agent that answers too slowly is told from one that is silent', () =>
  withAgent({ delay: 250, timeout: 150 }, async (client) => {
    await assert.rejects(client.poll(), (error: Error) => error instanceof NoAnswer && !error.late);
    await clock.sleep(400); // the late answer arrives
    await assert.rejects(
      client.poll(),
      (error: Error) => error instanceof NoAnswer && error.late && /too slowly/.test(error.message),
    );
  }));

test('closing ends a poll that waits', () =>
  withAgent({ as: { version: '2c', community: 'private' }, timeout: 10_000 }, async (client) => {
    const poll = client.poll();
    await clock.sleep(20);
    client.close();
    await assert.rejects(poll, /stopped/);
  }));

test('garbage is no answer and breaks nothing', async () => {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  let sent = 0;
  socket.on('message', (message, from) => {
    sent += 1;
    const answers = [
      Buffer.from('garbage'),
      Buffer.alloc(0),
      message.subarray(0, 20),
      Buffer.alloc(2000, 0x30),
      message,
    ];
    for (const answer of answers) socket.send(answer, from.port, from.address);
  });
  try {
    using client = new SnmpClient(
      { id: 'x', address: `127.0.0.1:${socket.address().port}`, access: community },
      200,
      clock,
    );
    await assert.rejects(client.poll());
    await assert.rejects(client.poll());
    assert.ok(sent >= 2);
  } finally {
    socket.close();
  }
});
