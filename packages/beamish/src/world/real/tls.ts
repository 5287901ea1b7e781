import { X509Certificate } from 'node:crypto';
import { isIP, type Socket } from 'node:net';
import type { ConnectionOptions, SecureContextOptions, TLSSocket, TlsOptions as NodeTls } from 'node:tls';
import { BeamishError } from '../../error/index.ts';
import type { Address, PeerCertificate, TlsOptions } from '../network.ts';
import { nodeTls } from './seldom.ts';

/** Node takes PEM only, text or bytes; DER bytes (they begin with a SEQUENCE) are put into PEM's clothes. */
function pem(value: string | Uint8Array, label: string): string | Buffer {
  if (typeof value === 'string') return value;
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (bytes[0] !== 0x30) return bytes;
  const lines = (bytes.toString('base64').match(/.{1,64}/g) ?? []).join('\n');
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`;
}

function context(options: TlsOptions): SecureContextOptions {
  const { cert, key, passphrase } = options;
  return {
    minVersion: options.minVersion ?? 'TLSv1.2',
    // An empty list, not Node's own: without `ca` nobody is trusted.
    ca: options.ca === undefined ? [] : pem(options.ca, 'CERTIFICATE'),
    ...(cert === undefined ? {} : { cert: pem(cert, 'CERTIFICATE') }),
    ...(key === undefined ? {} : { key: pem(key, passphrase === undefined ? 'PRIVATE KEY' : 'ENCRYPTED PRIVATE KEY') }),
    ...(passphrase === undefined ? {} : { passphrase }),
  };
}

/**
 * Whether a peer could accept these certificates: OpenSSL takes them, the key fits, the own one is valid now, and what is
 * trusted are certificates (OpenSSL itself passes over text that is none).
 * @throws BeamishError `tls_failed`
 */
export function checkTls(options: TlsOptions): void {
  checked(options);
  const { cert, ca } = options;
  if (cert !== undefined) {
    const { validFromDate, validToDate, subject } = parsed(pem(cert, 'CERTIFICATE'), 'certificate');
    const now = Date.now();
    if (validToDate.getTime() < now)
      throw unusable(`the certificate of ${subject} expired ${validToDate.toISOString()}`);
    if (validFromDate.getTime() > now) {
      throw unusable(`the certificate of ${subject} is not valid before ${validFromDate.toISOString()}`);
    }
  }
  if (ca !== undefined) parsed(pem(ca, 'CERTIFICATE'), 'certificate of the authority');
}

function parsed(text: string | Buffer, what: string): X509Certificate {
  try {
    return new X509Certificate(text);
  } catch (error) {
    throw unusable(`the ${what} cannot be read: ${(error as Error).message}`, error);
  }
}

function unusable(message: string, cause?: unknown): BeamishError {
  return new BeamishError('tls_failed', message, cause === undefined ? {} : { cause });
}

/** @throws BeamishError `tls_failed` when certificate or key cannot be read: at once, not at the first peer. */
function checked(options: TlsOptions): SecureContextOptions {
  const made = context(options);
  try {
    nodeTls().createSecureContext(made);
  } catch (error) {
    // OpenSSL's message never holds the key
    throw unusable(`certificate or key cannot be used: ${(error as Error).message}`, error);
  }
  return made;
}

export function serverTls(options: TlsOptions): NodeTls {
  const verify = options.verifyPeer ?? true;
  if (options.cert === undefined || options.key === undefined) {
    throw new BeamishError('option_invalid', 'a TLS server needs cert and key');
  }
  return { ...checked(options), requestCert: verify, rejectUnauthorized: verify };
}

/** What `setSecureContext` takes: whom the server verifies is the server's, and stays. */
export function renewedTls(options: TlsOptions): SecureContextOptions {
  return checked(options);
}

/** Node must not be given an IP address as SNI (RFC 6066, section 3), but the certificate is checked against it. */
export function clientTls(options: TlsOptions, dialled: string): ConnectionOptions {
  const name = options.serverName ?? dialled;
  return {
    ...checked(options),
    ...(isIP(name) === 0 ? { servername: name } : {}),
    rejectUnauthorized: options.verifyPeer ?? true,
    checkServerIdentity: (_host, certificate) => nodeTls().checkServerIdentity(name, certificate),
  };
}

/** Why a server refused: Node says only "socket hang up" when the chain does not verify, and keeps the reason aside. */
export function refusal(error: Error, socket: TLSSocket): Error {
  // null until something was verified, whatever the types say
  const reason: unknown = socket.authorizationError;
  if (reason === undefined || reason === null) return error;
  return Object.assign(
    new Error(
      `the client's certificate is not accepted: ${reason instanceof Error ? reason.message : (reason as string)}`,
    ),
    {
      code: 'ERR_TLS_PEER',
    },
  );
}

/** What the peer was verified by; undefined without TLS, and for a peer that was not verified. */
export function certificateOf(socket: Socket): PeerCertificate | undefined {
  const { authorized, getPeerX509Certificate } = socket as Partial<TLSSocket>;
  const certificate = authorized === true ? getPeerX509Certificate?.call(socket as TLSSocket) : undefined;
  if (certificate === undefined) return undefined;
  const { subject, subjectAltName = '' } = certificate;
  return {
    title: `${subject.replaceAll('\n', ', ')} (${subjectAltName === '' ? 'no other names' : subjectAltName})`,
    // The same rule as when this side dials.
    isFor: (host) => nodeTls().checkServerIdentity(host, certificate.toLegacyObject()) === undefined,
    commonNames: commonNames(subjectAltName),
  };
}

/** One alternative name in Node's text for all of them: what holds a comma is a JSON string there. */
const ALTERNATIVE = /([^:,]+):("(?:[^"\\]|\\.)*"|[^,]*)(?:, |$)/gy;

/** Of each directory name the common name; '' for one that would need unquoting, so that it is nobody's. */
function commonNames(alternatives: string): string[] {
  return Array.from(alternatives.matchAll(ALTERNATIVE)).flatMap(([, kind, value = '']) => {
    if (kind !== 'DirName') return [];
    const text = value.startsWith('"') ? (JSON.parse(value) as string) : value;
    const names = text.split(/(?<!\\),/).filter((attribute) => attribute.startsWith('CN='));
    return names.map((attribute) => /^CN=([^\\+]+)$/.exec(attribute)?.[1] ?? '');
  });
}

/** The TCP socket under a TLS one. Node has no public name for it. */
export function below(socket: TLSSocket): Socket | undefined {
  return (socket as { readonly _parent?: Socket })._parent;
}

/** The peer of a connection that may be destroyed already; the TCP socket below still knows. */
export function remoteOf(socket: TLSSocket): Address {
  const tcp = below(socket);
  return { host: socket.remoteAddress ?? tcp?.remoteAddress ?? '', port: socket.remotePort ?? tcp?.remotePort ?? 0 };
}
