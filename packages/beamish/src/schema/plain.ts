import { toPlain } from '../term/index.ts';
import type { Term } from '../term/index.ts';
import type { InputOf, OutputOf, StandardSchema } from './standard.ts';

/**
 * A schema for what a BEAM sends: the term is made plain before the schema sees it, so that `%{id: 1}` and `%{"id" => 1}` are
 * `{ id: 1 }`, `:paid` is `'paid'`, `{:ok, 1}` is `['ok', 1]` and `1.0` is `1` (see `toPlain`).
 */
export function plain<S extends StandardSchema>(schema: S): StandardSchema<InputOf<S>, OutputOf<S>> {
  const { vendor, validate } = schema['~standard'];
  return {
    '~standard': {
      version: 1,
      vendor,
      validate: (value) => validate(toPlain(value as Term)),
    },
  };
}
