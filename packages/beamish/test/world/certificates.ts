/** Certificates for tests, made by openssl: an authority, and what it signs. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requirePeer } from '../support/peers.ts';

export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export class Authority {
  readonly #directory = mkdtempSync(join(tmpdir(), 'beamish-ca-'));
  readonly ca: string;
  #made = 0;

  /** @param options.expired since yesterday */
  constructor(options: { readonly expired?: boolean } = {}) {
    writeFileSync(join(this.#directory, 'ca.ext'), 'basicConstraints=critical,CA:TRUE\n');
    this.#openssl('req', '-new', ...NEW_KEY, '-keyout', 'ca.key', '-out', 'ca.csr', '-subj', '/CN=test authority');
    this.#openssl(
      ...['x509', '-req', '-in', 'ca.csr', '-signkey', 'ca.key', '-out', 'ca.pem', '-extfile', 'ca.ext'],
      ...days(options.expired),
    );
    this.ca = this.#read('ca.pem');
  }

  /**
   * @param names subject alternative names, `DNS:x` or `IP:x`; `CN:x` is a directory name
   * @param options.expired since yesterday
   * @param options.commonName of the subject
   */
  issue(
    names: readonly string[],
    options: { readonly expired?: boolean; readonly commonName?: string } = {},
  ): Certificate {
    const name = `c${++this.#made}`;
    const alternatives = names.map((each, index) => (each.startsWith('CN:') ? `dirName:d${index}` : each));
    const directories = names.map((each, index) =>
      each.startsWith('CN:') ? `[d${index}]\nCN=${each.slice(3)}\n` : '',
    );
    const alternativeNames = names.length === 0 ? '' : `subjectAltName=${alternatives.join(',')}\n`;
    writeFileSync(
      join(this.#directory, 'ext'),
      `${alternativeNames}extendedKeyUsage=serverAuth,clientAuth\n${directories.join('')}`,
    );
    const subject = `/CN=${options.commonName ?? name}`;
    this.#openssl('req', '-new', ...NEW_KEY, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', subject);
    this.#openssl(
      ...['x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial'],
      ...['-out', `${name}.pem`, '-extfile', 'ext', ...days(options.expired)],
    );
    return { cert: this.#read(`${name}.pem`), key: this.#read(`${name}.key`) };
  }

  dispose(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #openssl(...args: string[]): void {
    execFileSync(requirePeer('openssl'), args, { cwd: this.#directory, stdio: 'pipe' });
  }

  #read(file: string): string {
    return readFileSync(join(this.#directory, file), 'utf8');
  }
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'] as const;

/** A negative number ends the validity before it begins. */
function days(expired: boolean | undefined): string[] {
  return ['-days', expired === true ? '-1' : '2'];
}
