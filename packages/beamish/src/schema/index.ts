/** Schemas of any Standard Schema library as guards of what comes from outside. @module */
export { ValueInvalid, check } from './check.ts';
export { ArgumentsInvalid, guardFunction, guardReply, guarded, replySchema } from './contract.ts';
export type { ArgumentsSchema, Callable, Contract, Handlers, MethodSchemas } from './contract.ts';
export { plain } from './plain.ts';
export { RefusedValues } from './refused-values.ts';
export type { InputOf, OutputOf, StandardIssue, StandardResult, StandardSchema } from './standard.ts';
