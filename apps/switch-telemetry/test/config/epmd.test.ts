/** Nodes of one name on one machine (CLUSTER_DNS): each finds the others at the port mapper of their own address. */
import assert from 'node:assert/strict';
import { createServer, type AddressInfo } from 'node:net';
import { test } from 'node:test';
import { Node } from 'beamish/node';
import { createLogger } from 'beamish/world';
import { epmdOf } from '../../src/config/epmd.ts';

test('a port mapper of its own only on a loopback address of its own, and with CLUSTER_DNS', () => {
  const cases: [nodeName: string, clusterDns: string | undefined, host: string | undefined][] = [
    ['telemetry@127.0.0.2', 'telemetry.internal', '127.0.0.2'],
    ['telemetry@127.0.0.1', 'telemetry.internal', undefined],
    ['telemetry@127.0.0.2', undefined, undefined],
    ['telemetry@10.0.0.2', 'telemetry.internal', undefined],
    ['telemetry@127.evil.example', 'telemetry.internal', undefined],
  ];
  for (const [nodeName, clusterDns, host] of cases) {
    const expected = host === undefined ? { port: 4369 } : { port: 4369, host, bind: host };
    assert.deepEqual(epmdOf({ nodeName, clusterDns, epmdPort: 4369 }), expected, nodeName);
  }
});

test('three nodes of one name, on three loopback addresses, reach each other', { timeout: 60_000 }, async (t) => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port: epmdPort } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  const nodes: Node[] = [];
  for (const host of ['127.0.0.2', '127.0.0.3', '127.0.0.4']) {
    const name = `telemetry@${host}`;
    const epmd = epmdOf({ nodeName: name, epmdPort, clusterDns: 'telemetry.internal' });
    const node = await Node.start({ name, cookie: 'test', epmd, logger: createLogger({ level: 'silent' }) });
    t.after(() => node.stop());
    nodes.push(node);
  }
  for (const node of nodes)
    for (const other of nodes) if (other !== node) assert.equal(await node.at(other.name).ping(), true);
});
