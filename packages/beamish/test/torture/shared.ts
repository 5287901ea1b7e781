/** What the programs of the torture test know of each other. */
import type { TlsFiles } from '../../src/node/index.ts';
import { atom } from '../../src/term/index.ts';

export const COOKIE = 'torture';
export const SUBJECT = 'subject@127.0.0.1';
/** The `:pg` scope and the group in it that everybody joins. */
export const SCOPE = 'torture';
export const CROWD = atom('crowd');
export const PUBSUB = 'Torture.PubSub';
/** Milliseconds that a call waits for an answer that never comes: longer than any run. */
export const FOR_EVER = 3_600_000;

/** Set by the test for every program. */
export const settings = {
  epmdPort: Number(process.env['ERL_EPMD_PORT']),
  tickTime: Number(process.env['TORTURE_TICK']),
  /** Milliseconds: what is not over by then is lost. */
  patience: Number(process.env['TORTURE_PATIENCE']),
  /** Whether the nodes are visible, with names and locks over all of them. */
  global: process.env['TORTURE_GLOBAL'] === 'true',
  /** The certificates that all nodes have; undefined: no TLS. */
  tls: tlsIn(process.env['TORTURE_TLS'] ?? ''),
};

function tlsIn(directory: string): TlsFiles | undefined {
  if (directory === '') return undefined;
  return { certFile: `${directory}/cert.pem`, keyFile: `${directory}/key.pem`, caFile: `${directory}/ca.pem` };
}
