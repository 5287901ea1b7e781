/** What a data directory keeps for the runs after the first: secrets that nobody gave, and ports that should stay. */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '@beamish/postgres';

export interface Settings {
  readonly cookie: string;
  readonly secretKeyBase: string;
  readonly epmdPort: number;
  readonly databasePort: number;
}

/** Reads them, makes what is missing, and takes other ports where the old ones are in use. */
export async function readSettings(
  directory: string,
  needs: { readonly epmd: boolean; readonly database: boolean },
): Promise<Settings> {
  const file = join(directory, 'settings.json');
  const old = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Partial<Settings>) : {};
  const settings: Settings = {
    cookie: old.cookie ?? randomBytes(20).toString('hex'),
    secretKeyBase: old.secretKeyBase ?? randomBytes(48).toString('base64url'),
    epmdPort: needs.epmd ? await freePort(old.epmdPort) : (old.epmdPort ?? 0),
    databasePort: needs.database ? await freePort(old.databasePort) : (old.databasePort ?? 0),
  };
  writeFileSync(`${file}.new`, JSON.stringify(settings, undefined, 2), { mode: 0o600 });
  renameSync(`${file}.new`, file);
  return settings;
}
