/** Debian's snmpd, v2c and v3, in the foreground and with files of its own: on loopback, or in a network of its own. */
import { writeFile } from 'node:fs/promises';
import { type Child, startChild } from '../../../../packages/beamish/test/support/children.ts';
import { requirePeer } from '../../../../packages/beamish/test/support/peers.ts';
import { freePort } from '../../../../packages/beamish/test/support/ports.ts';
import { temporaryDirectory } from '../../../../packages/beamish/test/support/temp.ts';
import { hasNamespaces, Line } from '../../../../packages/beamish/test/torture/line.ts';
import type { Device } from '../../src/inventory/device.ts';

export interface Snmpd extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly v2c: Device;
  readonly v3: Device;
  readonly child: Child;
}

/** In a network of its own it listens here as well, so that one agent can be two devices. */
export const SECOND_PORT = 1161;

/** @param options.apart where this user may, in a network that nobody else's traffic goes through */
export async function startSnmpd(options: { readonly apart?: boolean } = {}): Promise<Snmpd> {
  const apart = options.apart === true && hasNamespaces();
  const directory = await temporaryDirectory();
  const port = apart ? 161 : await freePort({ protocol: 'udp' });
  const file = directory.file('snmpd.conf');
  await writeFile(
    file,
    [
      `agentaddress ${apart ? `udp:0.0.0.0:${port},udp:0.0.0.0:${SECOND_PORT}` : `udp:127.0.0.1:${port}`}`,
      `rocommunity public ${apart ? '10.0.0.0/8' : '127.0.0.1'}`,
      'createUser telemetry SHA "auth-password" AES "priv-password"',
      'rouser telemetry priv',
      'sysName snmpd.example',
      '',
    ].join('\n'),
  );
  const command = [
    ...(apart ? ['unshare', '-n'] : []),
    ...[requirePeer('snmpd'), '-f', '-Lo', '-C', '-c', file, '-I', '-smux', '-p', directory.file('pid')],
  ] as const;
  const child = startChild(command[0], command.slice(1), {
    env: { SNMP_PERSISTENT_DIR: directory.path, MIBS: '' },
  });
  const line = apart ? await Line.lay(child.pid) : undefined;
  await child.waitForOutput(/NET-SNMP version/, 10_000);
  const host = line?.there ?? '127.0.0.1';
  const address = `${host}:${port}`;
  return {
    host,
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
      await line?.[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    },
  };
}
