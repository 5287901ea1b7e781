/**
 * Every code a `BeamishError` can carry, with its meaning in one line. The
 * list is closed: `BeamishErrorCode` is derived from it, and a test fails when
 * a code here is not explained in `docs/reference/errors.md`.
 */
export const ERROR_CODES = {
  // Values and their bytes.
  term_not_encodable: 'The value has no form in the External Term Format.',
  term_malformed: 'The bytes are not a well-formed external term.',
  term_too_large: 'The term is larger or deeper than a limit that was set.',
  value_invalid: 'A value from outside does not fit the schema that guards its way in.',
  // Processes and calls.
  timeout: 'No answer came within the time allowed.',
  noproc: 'No process is alive under that pid or name.',
  noconnection: 'The node of the process is not connected, or the connection was lost.',
  process_exited: 'The process ended before it answered.',
  call_rejected: 'The process received the call and refused it.',
  method_unknown: 'The process has no method of that name.',
  name_taken: 'Another process is registered under that name.',
  shutdown: 'The work was stopped because its owner is shutting down.',
  remote_error: 'Code on another node failed while it served the call.',
  access_denied: 'The table belongs to another process, which keeps this to itself.',
  queue_full: 'A bounded queue is full and the message was not accepted.',
  // Use of the library.
  option_invalid: 'An option has a value that is not allowed.',
  aborted: 'The caller aborted the operation through its signal.',
  closed: 'The object was already closed.',
  not_exposed: 'The function or method is not exposed to other nodes.',
  // Connections between nodes.
  connection_refused: 'Nothing accepts connections at that address.',
  handshake_failed: 'The other side does not complete the distribution handshake.',
  cookie_mismatch: 'The two nodes do not have the same cookie.',
  cookie_unreadable: 'The cookie file cannot be read.',
  frame_malformed: 'The other side sent a frame that the protocol does not allow.',
  epmd_failed: 'The port mapper (epmd) cannot be reached, or refused the request.',
  address_in_use: 'Another program listens on that address.',
  host_unresolved: 'The host name has no address.',
  tls_failed: 'The TLS connection could not be established.',
} as const satisfies Readonly<Record<string, string>>;

/** One of the codes in `ERROR_CODES`. */
export type BeamishErrorCode = keyof typeof ERROR_CODES;
