import { BeamishError } from '../error/index.ts';
import type { OutputOf, StandardIssue, StandardResult, StandardSchema } from './standard.ts';

/** What is told of a value that does not fit: a peer chose it, so the report of it is bounded. */
const ISSUES = 5;
const LONGEST_PATH = 200;
const LONGEST_MESSAGE = 200;

/** A value that a guard refused before the program's code saw it. `details.issues` has the first five places and what is wrong there. */
export class ValueInvalid extends BeamishError {
  constructor(what: string, issues: readonly StandardIssue[], cause?: unknown) {
    const told = issues.slice(0, ISSUES).map(({ message, path = [] }) => ({
      path: cut(pathText(path), LONGEST_PATH),
      message: cut(message, LONGEST_MESSAGE),
    }));
    const text = told.map(({ path, message }) => (path === '' ? message : `at ${path}: ${message}`)).join('; ');
    const more = issues.length - told.length;
    super('value_invalid', `${what}: ${text}${more > 0 ? `; and ${more} more` : ''}`, {
      details: { issues: told, more },
      ...(cause === undefined ? {} : { cause }),
    });
  }
}

/** How a refusal is thrown: with the class that says which guard it was. */
type Refusal = new (what: string, issues: readonly StandardIssue[], cause?: unknown) => ValueInvalid;

/**
 * What the schema makes of the value; a promise of it when the schema is asynchronous.
 *
 * ```ts
 * const order = await check(Order, message, 'orders:new');
 * ```
 * @param what what the value is, for the error: a method, a topic
 * @throws BeamishError `value_invalid` (rejects, when the schema is asynchronous). A schema that throws, or whose answer is no result,
 * has refused the value.
 */
export function check<S extends StandardSchema>(
  schema: S,
  value: unknown,
  what: string,
  Invalid: Refusal = ValueInvalid,
): OutputOf<S> | Promise<OutputOf<S>> {
  const outcome = (result: StandardResult<unknown> | null | undefined): OutputOf<S> => {
    if (result?.issues !== undefined) throw new Invalid(what, result.issues);
    // As a value that was checked it would be `undefined`.
    if (typeof result !== 'object' || result === null || !('value' in result))
      throw new Invalid(what, [{ message: 'the schema gave no result' }]);
    return result.value;
  };
  // what the schema itself threw stays here, as the cause: it may name what is no business of a peer
  const threw = (error: unknown): never => {
    throw new Invalid(what, [{ message: 'the schema threw an error' }], error);
  };
  let result: StandardResult<unknown> | Promise<StandardResult<unknown>>;
  try {
    result = schema['~standard'].validate(value);
  } catch (error) {
    return threw(error);
  }
  return isThenable(result) ? Promise.resolve(result).then(outcome, threw) : outcome(result);
}

/** A promise of another realm or library is no instance of ours. */
function isThenable(value: unknown): value is PromiseLike<StandardResult<unknown>> {
  return typeof (value as { readonly then?: unknown } | null | undefined)?.then === 'function';
}

function pathText(path: NonNullable<StandardIssue['path']>): string {
  let text = '';
  for (const step of path) {
    const key = typeof step === 'object' ? step.key : step;
    if (typeof key === 'string' && /^[A-Za-z_$][\w$]*$/.test(key)) text += `.${key}`;
    else text += typeof key === 'string' ? `[${JSON.stringify(key)}]` : `[${String(key)}]`;
    if (text.length > LONGEST_PATH) break;
  }
  return text;
}

function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length)}...` : text;
}
