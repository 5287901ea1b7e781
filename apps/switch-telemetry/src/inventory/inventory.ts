/**
 * The inventory file: `{ "devices": [ { "id", "address", "version": "2c", "community" } |
 * { "id", "address", "version": "3", "user", "authProtocol", "authKey", "privProtocol", "privKey" } ] }`.
 * A file with faults is refused whole, with every fault named by its line.
 */
import { authProtocols, type Device, privProtocols, splitAddress, type UserAccess } from './device.ts';
import { JsonFault, type Located, parseLocated } from './located-json.ts';

export interface InventoryFault {
  readonly line: number;
  readonly message: string;
}

export class InventoryError extends Error {
  readonly faults: readonly InventoryFault[];
  constructor(file: string, faults: readonly InventoryFault[]) {
    const ordered = [...faults].sort((a, b) => a.line - b.line);
    super(`${file} is refused:\n${ordered.map(({ line, message }) => `  line ${line}: ${message}`).join('\n')}`);
    this.name = 'InventoryError';
    this.faults = ordered;
  }
}

const allowed = {
  '2c': ['id', 'address', 'version', 'community'],
  '3': ['id', 'address', 'version', 'user', 'authProtocol', 'authKey', 'privProtocol', 'privKey'],
} as const;

/** @param file its name, for the message. @throws InventoryError */
export function parseInventory(text: string, file = 'the inventory'): Device[] {
  let root: Located;
  try {
    root = parseLocated(text);
  } catch (error) {
    if (error instanceof JsonFault) throw new InventoryError(file, [{ line: error.line, message: error.message }]);
    throw error;
  }
  const faults: InventoryFault[] = [];
  const fault = (at: Located, message: string): undefined => void faults.push({ line: at.line, message });
  const list = root.value instanceof Map ? root.value.get('devices') : undefined;
  if (list === undefined || !Array.isArray(list.value)) {
    throw new InventoryError(file, [{ line: (list ?? root).line, message: 'must be an object with a list "devices"' }]);
  }
  for (const key of (root.value as ReadonlyMap<string, Located>).keys()) {
    if (key !== 'devices') fault(root, `"${key}" is not known here`);
  }
  const items = list.value as readonly Located[];
  if (items.length === 0) fault(list, 'the list of devices is empty');
  const lines = new Map<string, number>();
  const addresses = new Map<string, string>();
  const devices: Device[] = [];
  for (const item of items) {
    const device = readDevice(item, fault);
    const id = item.value instanceof Map ? (item.value.get('id') as Located | undefined) : undefined;
    if (typeof id?.value === 'string') {
      const first = lines.get(id.value);
      if (first === undefined) lines.set(id.value, id.line);
      else fault(id, `the id "${id.value}" is already that of the device in line ${first}`);
    }
    if (device === undefined) continue;
    const same = addresses.get(device.address);
    if (same !== undefined) fault(item, `"${device.id}" has the same address as "${same}": ${device.address}`);
    addresses.set(device.address, device.id);
    devices.push(device);
  }
  if (faults.length > 0) throw new InventoryError(file, faults);
  return devices;
}

type Fault = (at: Located, message: string) => undefined;

function readDevice(item: Located, fault: Fault): Device | undefined {
  if (!(item.value instanceof Map)) return fault(item, 'a device must be an object');
  const fields = item.value as ReadonlyMap<string, Located>;
  const named = fields.get('id')?.value;
  const shown = typeof named === 'string' ? `device "${named}"` : 'this device';
  let good = true;
  const bad = (at: Located, message: string): undefined => {
    good = false;
    return fault(at, message);
  };
  const text = (key: string, must = true): string | undefined => {
    const field = fields.get(key);
    if (field === undefined) return must ? bad(item, `${shown} has no "${key}"`) : undefined;
    if (typeof field.value !== 'string' || field.value === '')
      return bad(field, `"${key}" of ${shown} must be a text, not empty`);
    return field.value;
  };
  const at = (key: string): Located => fields.get(key) ?? item;

  const id = text('id');
  if (id !== undefined && !/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(id)) {
    bad(
      at('id'),
      `the id ${JSON.stringify(id)} may have 63 letters, digits, '.', '_' and '-', and begins with a letter or digit`,
    );
  }
  const address = text('address');
  const parts = address === undefined ? undefined : splitAddress(address);
  if (address !== undefined && parts === undefined) {
    bad(
      at('address'),
      `the address ${JSON.stringify(address)} of ${shown} must be host:port with a port from 1 to 65535`,
    );
  }
  const version = text('version');
  if (version !== undefined && version !== '2c' && version !== '3') {
    bad(at('version'), `the SNMP version ${JSON.stringify(version)} of ${shown} must be "2c" or "3"`);
  }
  const known: readonly string[] =
    version === '2c' || version === '3' ? allowed[version] : [...allowed['2c'], ...allowed['3']];
  for (const [key, field] of fields)
    if (!known.includes(key)) bad(field, `"${key}" of ${shown} is not known for version ${version}`);

  const where = parts === undefined ? '' : `${parts.v6 ? `[${parts.host}]` : parts.host}:${parts.port}`;
  if (version === '2c') {
    const community = text('community');
    return good && id !== undefined && community !== undefined
      ? { id, address: where, access: { version, community } }
      : undefined;
  }
  if (version !== '3') return undefined;
  const user = text('user');
  const pair = <P extends string>(
    name: 'auth' | 'priv',
    protocols: readonly P[],
  ): { protocol: P; key: string } | undefined => {
    const given = [`${name}Protocol`, `${name}Key`].filter((key) => fields.has(key));
    if (given.length === 0) return undefined;
    const protocol = text(`${name}Protocol`);
    const key = text(`${name}Key`);
    if (protocol !== undefined && !protocols.includes(protocol as P)) {
      bad(
        at(`${name}Protocol`),
        `the ${name}Protocol "${protocol}" of ${shown} must be one of ${protocols.join(', ')}`,
      );
    }
    // RFC 3414, 11.2: passwords have at least 8 characters.
    if (key !== undefined && key.length < 8)
      bad(at(`${name}Key`), `the ${name}Key of ${shown} must have at least 8 characters`);
    return protocol === undefined || key === undefined ? undefined : { protocol: protocol as P, key };
  };
  const auth = pair('auth', authProtocols);
  const priv = pair('priv', privProtocols);
  if (priv !== undefined && auth === undefined && !fields.has('authKey'))
    bad(item, `${shown} has a privKey without an authKey`);
  if (!good || id === undefined || user === undefined) return undefined;
  const access: UserAccess = { version, user, ...(auth && { auth }), ...(priv && { priv }) };
  return { id, address: where, access };
}

/** The file that `parseInventory` reads. */
export function formatInventory(devices: readonly Device[]): string {
  const rows = devices.map(({ id, address, access }) => {
    if (access.version === '2c') return { id, address, version: access.version, community: access.community };
    const { version, user, auth, priv } = access;
    return {
      id,
      address,
      version,
      user,
      ...(auth && { authProtocol: auth.protocol, authKey: auth.key }),
      ...(priv && { privProtocol: priv.protocol, privKey: priv.key }),
    };
  });
  return `{ "devices": [\n${rows.map((row) => `  ${JSON.stringify(row)}`).join(',\n')}\n] }\n`;
}
