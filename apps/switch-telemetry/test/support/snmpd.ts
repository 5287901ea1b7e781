/** Debian's snmpd on loopback, v2c and v3, in the foreground and with files of its own. */
import { writeFile } from 'node:fs/promises';
import { type Child, startChild } from '../../../../packages/beamish/test/support/children.ts';
import { requirePeer } from '../../../../packages/beamish/test/support/peers.ts';
import { freePort } from '../../../../packages/beamish/test/support/ports.ts';
import { temporaryDirectory } from '../../../../packages/beamish/test/support/temp.ts';
import type { Device } from '../../src/inventory/device.ts';

export interface Snmpd extends AsyncDisposable {
  readonly port: number;
  readonly v2c: Device;
  readonly v3: Device;
  readonly child: Child;
}

export async function startSnmpd(): Promise<Snmpd> {
  const directory = await temporaryDirectory();
  const port = await freePort({ protocol: 'udp' });
  const file = directory.file('snmpd.conf');
  await writeFile(
    file,
    [
      `agentaddress udp:127.0.0.1:${port}`,
      'rocommunity public 127.0.0.1',
      'createUser telemetry SHA "auth-password" AES "priv-password"',
      'rouser telemetry priv',
      'sysName snmpd.example',
      '',
    ].join('\n'),
  );
  const child = startChild(
    requirePeer('snmpd'),
    ['-f', '-Lo', '-C', '-c', file, '-I', '-smux', '-p', directory.file('pid')],
    {
      env: { SNMP_PERSISTENT_DIR: directory.path, MIBS: '' },
    },
  );
  await child.waitForOutput(/NET-SNMP version/, 10_000);
  const address = `127.0.0.1:${port}`;
  return {
    port,
    child,
    v2c: { id: 'local-2c', address, access: { version: '2c', community: 'public' } },
    v3: {
      id: 'local-3',
      address,
      access: {
        version: '3',
        user: 'telemetry',
        auth: { protocol: 'sha', key: 'auth-password' },
        priv: { protocol: 'aes', key: 'priv-password' },
      },
    },
    async [Symbol.asyncDispose]() {
      await child.stop();
      await directory[Symbol.asyncDispose]();
    },
  };
}
