/**
 * Whether a name that came from outside is one that a node can have: OTP's `net_kernel` allows letters, digits, `_` and `-`
 * before the `@`; a host name or an IP address follows. Stricter than what a handshake accepts, since we are to dial it.
 */
export function isDialableName(name: string): boolean {
  return name.length <= 255 && /^[\w-]{1,128}@[\w:](?:[\w.:-]{0,200}\w)?$/.test(name);
}

/** Whether the text can stand before the `@`. */
export function isNodeBasename(name: string): boolean {
  return /^[\w-]{1,128}$/.test(name);
}
