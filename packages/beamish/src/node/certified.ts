import type { PeerCertificate } from '../world/index.ts';
import type { DialOptions } from './dial.ts';
import { splitNodeName } from './names.ts';
import type { TlsMaterial } from './tls-material.ts';

/** Whether the other end of a socket can be a node of a name; without certificates to look at anybody can. */
export function certificateCheck(verifyNames: boolean, tls: TlsMaterial | undefined): DialOptions['nameFault'] {
  if (tls === undefined || !verifyNames) return () => undefined;
  return (socket, nodeName) => nameFault(socket.certificate, nodeName, tls.current.serverName);
}

/**
 * Whether a certificate is for a node of that name: for its host, as when it is dialled; and if it holds directory names with a
 * common name, those are the only names that nodes with it have, as inet_tls_dist reads it (`cert_nodes/1`).
 * @param serverName what all certificates of the cluster are for, in place of a host
 * @returns why not; undefined when it is
 */
export function nameFault(
  certificate: PeerCertificate | undefined,
  nodeName: string,
  serverName: string | undefined,
): string | undefined {
  const parts = splitNodeName(nodeName);
  if (parts === undefined || certificate === undefined) return `${nodeName} has shown no certificate that is trusted`;
  const { title, commonNames } = certificate;
  const host = serverName ?? parts.host;
  if (!certificate.isFor(host)) return `${nodeName} has a certificate that is not for ${host}, but for ${title}`;
  if (commonNames.length === 0 || commonNames.includes(parts.name)) return undefined;
  return `${nodeName} has a certificate that is not for nodes named ${parts.name}, but for ${title}`;
}
