import type { BeamishErrorCode } from './codes.ts';

export { ERROR_CODES } from './codes.ts';
export type { BeamishErrorCode } from './codes.ts';

/** What can be given to a `BeamishError` besides its code and message. */
export interface BeamishErrorOptions {
  /** The error that led to this one. */
  readonly cause?: unknown;
  /** Whether the same operation, repeated unchanged, may succeed. Default: false. */
  readonly retryable?: boolean;
  /** Facts about this failure for programs to read; never secrets. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** The one error class of the library. Branch on `code`; `message` is for people. */
export class BeamishError extends Error {
  /** What went wrong; a key of `ERROR_CODES`. */
  readonly code: BeamishErrorCode;
  /** Whether the same operation, repeated unchanged, may succeed. */
  readonly retryable: boolean;
  /** Facts about this failure for programs to read. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: BeamishErrorCode, message: string, options: BeamishErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'BeamishError';
    this.code = code;
    this.retryable = options.retryable ?? false;
    this.details = options.details ?? {};
  }
}

/** Whether `value` is a `BeamishError`, and, when `code` is given, one with that code. */
export function isBeamishError(value: unknown, code?: BeamishErrorCode): value is BeamishError {
  return value instanceof BeamishError && (code === undefined || value.code === code);
}
