import type { Term } from '../term/index.ts';
import { ValueInvalid, check } from './check.ts';
import type { InputOf, OutputOf, StandardSchema } from './standard.ts';

/** A schema of a list of arguments: `z.tuple([z.string(), z.number()])`. */
export type ArgumentsSchema = StandardSchema<unknown, readonly unknown[]>;

/** The two schemas of a method. */
export interface MethodSchemas {
  /** Guards whoever serves the call. @default no arguments */
  readonly args?: ArgumentsSchema;
  /** Guards the caller. @default any term */
  readonly reply?: StandardSchema;
}

/**
 * What can be called, by the names of the methods. One contract serves both sides: who serves is guarded against wrong arguments,
 * who calls against a wrong reply, and the compiler knows both.
 */
export interface Contract {
  readonly [method: string]: MethodSchemas;
}

type Given<M extends MethodSchemas> = M extends { readonly args: infer S extends ArgumentsSchema }
  ? InputOf<S> extends infer A extends readonly unknown[]
    ? A
    : never
  : [];
type Received<M extends MethodSchemas> = M extends { readonly args: infer S extends ArgumentsSchema }
  ? OutputOf<S>
  : [];
type Answer<M extends MethodSchemas> = M extends { readonly reply: infer S extends StandardSchema } ? InputOf<S> : Term;
type Got<M extends MethodSchemas> = M extends { readonly reply: infer S extends StandardSchema } ? OutputOf<S> : Term;

/** What serves a contract: arguments as its schemas give them. `class Stock extends GenServer implements Handlers<typeof contract>`. */
export type Handlers<K extends Contract> = {
  readonly [M in keyof K]: (...args: Received<K[M]>) => Answer<K[M]> | Promise<Answer<K[M]>>;
};

/** What a caller may write: the `C` of a `ServerRef`. */
export type Callable<K extends Contract> = {
  readonly [M in keyof K]: (...args: Given<K[M]>) => Got<K[M]>;
};

/** Thrown in place of running a guarded function: its own errors are not of this class. */
export class ArgumentsInvalid extends ValueInvalid {}

type AnyFunction = (...args: Term[]) => unknown;

/**
 * The function behind its schema: it runs with what the schema made of the arguments. Asynchronous schemas are awaited; a
 * `GenServer` takes its next message afterwards, so that calls stay in their order.
 * @throws ArgumentsInvalid in place of running
 */
export function guardFunction(name: string, schema: ArgumentsSchema | undefined, run: AnyFunction): AnyFunction {
  if (schema === undefined) {
    return function guarded(this: unknown, ...args) {
      if (args.length === 0) return Reflect.apply(run, this, args);
      throw new ArgumentsInvalid(name, [{ message: `takes no arguments, and got ${args.length}` }]);
    };
  }
  return function guarded(this: unknown, ...args) {
    const checked = check(schema, args, name, ArgumentsInvalid);
    if (!(checked instanceof Promise)) return Reflect.apply(run, this, checked);
    return checked.then((settled) => Reflect.apply(run, this, settled) as unknown);
  };
}

/** The schema of a method's reply, where the contract has one. */
export function replySchema(contract: Contract | undefined, name: string): StandardSchema | undefined {
  return contract !== undefined && Object.hasOwn(contract, name) ? contract[name]?.reply : undefined;
}

/** A call whose reply is what its schema makes of it. @throws ValueInvalid (rejects) when it does not fit */
export function guardReply(
  name: string,
  contract: Contract | undefined,
  call: (...args: Term[]) => Promise<Term>,
): (...args: Term[]) => Promise<unknown> {
  const reply = replySchema(contract, name);
  return reply === undefined ? call : async (...args) => await check(reply, await call(...args), `reply of ${name}`);
}

/**
 * Functions for `node.expose`, each behind the schema of its arguments.
 *
 * ```ts
 * node.expose('Shop', guarded(shop, { price: (item, count) => count * 2 }));
 * ```
 */
export function guarded<const K extends Contract>(
  contract: K,
  handlers: Handlers<K>,
): { readonly [M in keyof K]: (...args: Term[]) => Term | Promise<Term> } {
  const functions = Object.entries(contract).map(([name, { args }]) => [
    name,
    guardFunction(name, args, handlers[name] as unknown as AnyFunction),
  ]);
  return Object.fromEntries(functions) as { readonly [M in keyof K]: (...args: Term[]) => Term | Promise<Term> };
}
