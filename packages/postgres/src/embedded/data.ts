/** What is kept in the directory of an embedded server: the data, and how to get at them. */
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Random } from 'beamish/world';
import type { Account } from './account.ts';
import type { Program } from './program.ts';
import { run } from './run.ts';

export interface State {
  readonly user: string;
  readonly password: string;
  readonly port: number;
}

export function readState(directory: string): State | undefined {
  const file = join(directory, 'state.json');
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as State) : undefined;
}

export function writeState(directory: string, state: State): void {
  const file = join(directory, 'state.json');
  writeFileSync(`${file}.new`, JSON.stringify(state), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

export function checkData(data: string, program: Program, account: Account | undefined): void {
  const version = readFileSync(join(data, 'PG_VERSION'), 'utf8').trim();
  if (version !== program.major) {
    throw new Error(
      `${data} holds data of PostgreSQL ${version}, this is PostgreSQL ${program.major}: move them away, or set DATABASE_URL`,
    );
  }
  const { uid } = statSync(data);
  if (account === undefined) {
    if (process.getuid !== undefined && uid !== process.getuid()) {
      throw new Error(
        `${data} belongs to user ${uid}: run as that user (root if it was started by root), or choose another DATA_DIR`,
      );
    }
  } else if (uid !== account.uid) {
    // The directory was copied, or a normal user started it before root did.
    chownAll(data, account);
  }
}

function chownAll(path: string, account: Account): void {
  chownSync(path, account.uid, account.gid);
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const each = join(path, entry.name);
    if (entry.isDirectory()) chownAll(each, account);
    else if (entry.isFile()) chownSync(each, account.uid, account.gid);
  }
}

export async function initialise(
  program: Program,
  directory: string,
  account: Account | undefined,
  random: Random,
): Promise<State> {
  // In a directory aside, so that a run that is killed half-way is not mistaken for a finished one.
  const fresh = join(directory, 'data.new');
  const passwordFile = join(directory, 'password');
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { mode: 0o700 });
  chmodSync(fresh, 0o700);
  if (account !== undefined) chownSync(fresh, account.uid, account.gid);
  const state: State = { user: 'beamish', password: Buffer.from(random.bytes(18)).toString('hex'), port: 0 };
  writeFileSync(passwordFile, `${state.password}\n`, { mode: 0o600 });
  // Opened anew by the account through /proc, so it must be its file; by path it may not be able to walk here.
  if (account !== undefined) chownSync(passwordFile, account.uid, account.gid);
  const password = openSync(passwordFile, 'r');
  const child = run(
    program.initdb,
    fresh,
    [
      '--username',
      state.user,
      '--pwfile',
      account === undefined ? passwordFile : '/proc/self/fd/4',
      '--auth',
      'scram-sha-256',
      '--encoding',
      'UTF8',
      '--locale',
      'C',
      '--no-instructions',
    ],
    account,
    account === undefined ? [] : [password],
  );
  let output = '';
  child.stdout?.on('data', (text: Buffer) => (output += text.toString()));
  child.stderr?.on('data', (text: Buffer) => (output += text.toString()));
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', resolve);
    });
    if (code !== 0) throw new Error(`initdb failed (${code}): ${output.trim().slice(-500)}`);
  } finally {
    closeSync(password);
    rmSync(passwordFile, { force: true });
  }
  writeState(directory, state);
  renameSync(fresh, join(directory, 'data'));
  return state;
}
