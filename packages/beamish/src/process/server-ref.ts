import type { Pid } from '../term/index.ts';
import type { CallOptions } from './calls.ts';
import type { Destination } from './signal.ts';

/** Returned by a method of a `GenServer` to say: the reply comes later, through `reply(from, term)`. */
export const NO_REPLY: unique symbol = Symbol('beamish.no_reply');

/** Callbacks and protected members of `GenServer`: never calls. */
export const CALLBACK_NAMES = [
  'init',
  'handleInfo',
  'handleCall',
  'handleCast',
  'handleContinue',
  'terminate',
  'process',
  'from',
  'reply',
  'stop',
  'continueWith',
  'formatState',
] as const;

/** Names that a `ServerRef` (or JavaScript) uses itself. A server with such a method is refused at its start. */
export const RESERVED_NAMES = ['pid', 'destination', 'with', 'cast', 'then', 'catch', 'finally'] as const;

export type CallbackName = (typeof CALLBACK_NAMES)[number];
export type ReservedName = (typeof RESERVED_NAMES)[number];

// `any` is the only parameter type that every function type is assignable to.
// biome-ignore lint: see above
type AnyMethod = (...args: never[]) => unknown;

/** The names of the public methods of `C` that are calls. */
export type CallName<C> = {
  [K in keyof C]: K extends CallbackName | ReservedName | `_${string}`
    ? never
    : K extends string
      ? C[K] extends AnyMethod
        ? K
        : never
      : never;
}[keyof C];

type ArgumentsOf<M> = M extends (...args: infer A) => unknown ? A : never;
type ReplyOf<M> = M extends (...args: never[]) => infer R ? Exclude<Awaited<R>, typeof NO_REPLY> : never;

/** Every call of `C`, as a function that returns a promise of the reply. */
export type Calls<C> = { readonly [K in CallName<C>]: (...args: ArgumentsOf<C[K]>) => Promise<ReplyOf<C[K]>> };

/** Every call of `C`, sent without waiting: no reply, no error, no sign whether it arrived. */
export type Casts<C> = { readonly [K in CallName<C>]: (...args: ArgumentsOf<C[K]>) => void };

/**
 * A typed reference to a server: here, on another node, by pid or by name. Calls reject with a `BeamishError`: `timeout`,
 * `noproc`, `noconnection`, `process_exited`, `call_rejected`, `method_unknown`, `aborted`.
 */
export type ServerRef<C> = Calls<C> & {
  /** The process: of a reference by pid; of one by a via name the process that has the name now. */
  readonly pid: Pid | undefined;
  readonly destination: Destination;
  /** The same reference with other options for its calls: `counter.with({ timeout: 500 }).value()`. */
  with(options: CallOptions): ServerRef<C>;
  readonly cast: Casts<C>;
};

/** Makes a class whose method has a reserved name fail to compile, with the reason in the error. */
export type Startable<C> = [Extract<keyof C, ReservedName>] extends [never]
  ? unknown
  : { readonly 'a public member has a name that ServerRef needs': Extract<keyof C, ReservedName> };
