/** From what is told of everything to what ends the program, as in pino. */
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal';

/** pino's shape, so that a pino logger can be given where one is asked for: fields first, then the message. */
export interface LogMethod {
  (fields: object, message?: string): void;
  (message: string): void;
}

/** A structured log, pino's shape. */
export interface Logger {
  readonly trace: LogMethod;
  readonly debug: LogMethod;
  readonly info: LogMethod;
  readonly warn: LogMethod;
  readonly error: LogMethod;
  readonly fatal: LogMethod;
  /** A logger that adds `bindings` to every line. */
  child(bindings: object): Logger;
}
