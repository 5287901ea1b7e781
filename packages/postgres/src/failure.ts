/**
 * Whether the same statement may succeed later: the server is away, shutting down, starting, out of room, read only (25006,
 * a standby after a failover), or the transaction lost against another. Everything else is the statement's or the row's
 * own fault (PostgreSQL manual, appendix A: classes 08, 40, 53, 55, 57, 58).
 */
export function isPassing(error: unknown): boolean {
  const code = (error as { code?: unknown }).code;
  // pg's own errors ("Connection terminated", "timeout exceeded when trying to connect") carry no code.
  if (typeof code !== 'string') return true;
  return !/^[0-9A-Z]{5}$/.test(code) || /^(08|25006|40|53|55|57|58)/.test(code);
}
