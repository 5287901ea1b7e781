/**
 * Whether the same statement may succeed later. Only what PostgreSQL says of the row itself lasts (manual, appendix A: 21
 * cardinality, 22 data, 23 integrity, 44 check option, 54 too large, P0 raised by a trigger). Everything else - the server
 * is away, out of room, read only, the password was changed, a right or a table is missing - an operator can put right.
 */
export function isPassing(error: unknown): boolean {
  const code = (error as { code?: unknown }).code;
  // pg's own errors ("Connection terminated", "timeout exceeded when trying to connect") carry no code.
  if (typeof code !== 'string') return true;
  return !/^(21|22|23|44|54|P0)[0-9A-Z]{3}$/.test(code);
}
