import { isIP } from 'node:net';
import { checkServerIdentity, type ConnectionOptions, type SecureContextOptions, type TlsOptions as NodeTls } from 'node:tls';
import type { TlsOptions } from '../network.ts';

/** `buffer`: Node takes PEM text and DER bytes alike, as text or Buffer. */
const material = (value: string | Uint8Array): string | Buffer => (typeof value === 'string' ? value : Buffer.from(value));

function context(options: TlsOptions): SecureContextOptions {
  return {
    minVersion: options.minVersion ?? 'TLSv1.2',
    // An empty list, not Node's own: without `ca` nobody is trusted.
    ca: options.ca === undefined ? [] : material(options.ca),
    ...(options.cert === undefined ? {} : { cert: material(options.cert) }),
    ...(options.key === undefined ? {} : { key: material(options.key) }),
    ...(options.passphrase === undefined ? {} : { passphrase: options.passphrase }),
  };
}

export function serverTls(options: TlsOptions): NodeTls {
  const verify = options.verifyPeer ?? true;
  return { ...context(options), requestCert: verify, rejectUnauthorized: verify };
}

/** Node must not be given an IP address as SNI (RFC 6066, section 3), but the certificate is checked against it. */
export function clientTls(options: TlsOptions, dialled: string): ConnectionOptions {
  const name = options.serverName ?? dialled;
  return {
    ...context(options),
    ...(isIP(name) === 0 ? { servername: name } : {}),
    rejectUnauthorized: options.verifyPeer ?? true,
    checkServerIdentity: (_host, certificate) => checkServerIdentity(name, certificate),
  };
}
