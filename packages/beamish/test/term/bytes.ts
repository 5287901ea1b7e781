/** What tests write bytes with, and how they say that a term is refused. */
import { isBeamishError } from '../../src/error/index.ts';
import { decode, type Term } from '../../src/term/index.ts';

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
export const bytes = (...values: (number | string | Uint8Array)[]): Buffer =>
  Buffer.concat(
    values.map((value) => (typeof value === 'number' ? Buffer.of(value) : Buffer.from(value as string, 'utf8'))),
  );
export const read = (...values: (number | string | Uint8Array)[]): Term => decode(bytes(131, ...values));
export const refused =
  (code: 'term_malformed' | 'term_too_large' | 'term_not_encodable', text = '') =>
  (error: unknown) =>
    isBeamishError(error, code) && error.message.includes(text);
