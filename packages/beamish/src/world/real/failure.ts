import { BeamishError, type BeamishErrorCode } from '../../error/index.ts';

const CODES: Readonly<Record<string, BeamishErrorCode>> = {
  ECONNREFUSED: 'connection_refused',
  ECONNRESET: 'connection_refused',
  EHOSTUNREACH: 'connection_refused',
  ENETUNREACH: 'connection_refused',
  EACCES: 'address_in_use',
  EADDRINUSE: 'address_in_use',
  EADDRNOTAVAIL: 'address_in_use',
  ENOTFOUND: 'host_unresolved',
  EAI_AGAIN: 'host_unresolved',
  ETIMEDOUT: 'timeout',
  // c-ares' spelling
  ETIMEOUT: 'timeout',
};

/** A failure of the operating system as an error of ours that says what was tried. */
export function failure(error: Error, doing: string, otherwise: BeamishErrorCode = 'connection_refused'): BeamishError {
  if (error instanceof BeamishError) return error;
  const system = (error as NodeJS.ErrnoException).code ?? '';
  const code =
    CODES[system] ?? (/^(ERR_(TLS|SSL)|CERT_|UNABLE_|SELF_SIGNED|DEPTH_ZERO)/.test(system) ? 'tls_failed' : otherwise);
  const hint =
    system === 'EADDRNOTAVAIL'
      ? ' (this machine has no such address)'
      : system === 'EACCES'
        ? ' (ports below 1024 need privileges)'
        : '';
  return new BeamishError(code, `${doing}: ${error.message}${hint}`, {
    cause: error,
    retryable: code === 'connection_refused' || code === 'timeout' || code === 'host_unresolved',
  });
}
