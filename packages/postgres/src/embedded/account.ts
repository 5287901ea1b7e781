/**
 * PostgreSQL refuses to run as root, but containers run as root. There the server gets an unprivileged account of the
 * machine; all it can reach is its own data directory, which it is handed as an open file descriptor (`server.ts`).
 */
import { readFileSync } from 'node:fs';

export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** Undefined when this process is not root: then the server runs as the very same user. */
export function serverAccount(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  if (process.platform !== 'linux') {
    throw new Error(
      'the embedded PostgreSQL cannot be started by root on this system: run it as a normal user, or set DATABASE_URL',
    );
  }
  const accounts = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .map(([name = '', , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }));
  // initdb looks its own user up, so the number alone would not do.
  const found = ['postgres', 'nobody'].map((name) =>
    accounts.find((account) => account.name === name && account.uid > 0),
  );
  const account = found.find((each) => each !== undefined);
  if (account === undefined) {
    throw new Error(
      'PostgreSQL refuses to run as root, and /etc/passwd has neither postgres nor nobody: set DATABASE_URL',
    );
  }
  return account;
}
