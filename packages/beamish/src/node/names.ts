/** Names of nodes, `name@host`. */

/** The most bytes of a node's name on the wire. */
export const MAX_NAME_BYTES = 255;

/** The two sides of the `@` in the name of a node. */
export interface NameParts {
  readonly name: string;
  readonly host: string;
}

/**
 * The two parts of a node's name that a peer sent or a user gave; undefined when it is none: no `@`, an empty part, two `@`,
 * too long, or a character that would make a log unreadable.
 */
export function splitNodeName(nodeName: string): NameParts | undefined {
  if (Buffer.byteLength(nodeName) > MAX_NAME_BYTES) return undefined;
  const match = /^([^@\s\p{C}]+)@([^@\s\p{C}]+)$/u.exec(nodeName);
  return match === null ? undefined : { name: match[1] as string, host: match[2] as string };
}

/** Erlang's order of atoms: bytes of UTF-8. Which of two simultaneous connections stays hangs on it (protocols 2.3). */
export function compareNodeNames(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a, 'utf8'), Buffer.from(b, 'utf8'));
}

/** Whether the text is an IPv4 or IPv6 address. */
export function isIpAddress(host: string): boolean {
  return /^\d{1,3}(\.\d{1,3}){3}$/.test(host) || (host.includes(':') && /^[\da-f:.%]+$/i.test(host));
}

/** Whether only programs of this machine reach the address. */
export function isLoopback(address: string): boolean {
  return /^(::ffff:)?127\./.test(address) || address === '::1';
}
