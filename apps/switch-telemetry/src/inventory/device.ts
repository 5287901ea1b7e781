export const authProtocols = ['md5', 'sha', 'sha224', 'sha256', 'sha384', 'sha512'] as const;
export const privProtocols = ['des', 'aes', 'aes256b', 'aes256r'] as const;

export interface CommunityAccess {
  readonly version: '2c';
  readonly community: string;
}

export interface UserAccess {
  readonly version: '3';
  readonly user: string;
  /** Authentication, and privacy with it, or neither: then anybody can read and forge what is said. */
  readonly auth?: { readonly protocol: (typeof authProtocols)[number]; readonly key: string };
  readonly priv?: { readonly protocol: (typeof privProtocols)[number]; readonly key: string };
}

/** A device of the inventory: where its SNMP agent is, and how one may speak to it. */
export interface Device {
  readonly id: string;
  /** `host:port`. */
  readonly address: string;
  readonly access: CommunityAccess | UserAccess;
}

/** Splits `host:port`, `[v6]:port`; port 161 when there is none. Undefined when it is none of these. */
export function splitAddress(
  address: string,
): { readonly host: string; readonly port: number; readonly v6: boolean } | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?))(?::(\d{1,5}))?$/.exec(address);
  if (match === null) return undefined;
  const [, v6, name, digits] = match;
  const port = digits === undefined ? 161 : Number(digits);
  if (port < 1 || port > 65_535) return undefined;
  if (v6 !== undefined) return v6.includes(':') ? { host: v6, port, v6: true } : undefined;
  // What looks like an IPv4 address must be one: 10.0.0.256 is a slip, no host name.
  if (/^[\d.]+$/.test(name ?? '')) {
    const parts = (name ?? '').split('.');
    if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256)) return undefined;
  }
  return { host: name ?? '', port, v6: false };
}
