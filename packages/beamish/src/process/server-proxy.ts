import { guardReply } from '../schema/index.ts';
import type { Contract } from '../schema/index.ts';
import { Pid, atom, tuple } from '../term/index.ts';
import type { Term } from '../term/index.ts';
import type { CallOptions } from './calls.ts';
import type { Kernel } from './kernel.ts';
import type { Process } from './process.ts';
import type { ServerRef } from './server-ref.ts';
import type { Destination } from './signal.ts';
import { Via } from './via.ts';

type Method = (...args: Term[]) => unknown;

/**
 * What JavaScript itself asks of any object. `then` undefined: else `await ref` would call the server; likewise
 * `toJSON` when a reference is logged.
 */
const NO_METHODS = new Set([
  'then',
  'catch',
  'finally',
  'constructor',
  'toJSON',
  'toString',
  'valueOf',
  'inspect',
  'prototype',
]);

/** `{method, Arg...}`, or `method` alone: as an Elixir programmer would write the request. */
export function requestOf(method: string, args: readonly Term[]): Term {
  return args.length === 0 ? atom(method) : tuple(atom(method), ...args);
}

/** An object that has a method of any name, made on first use. */
export function methodProxy(fixed: object, make: (name: string) => Method): object {
  const made = new Map<string, Method>();
  return new Proxy(fixed, {
    get(target, name) {
      if (typeof name === 'symbol') return Reflect.get(target, name) as unknown;
      const known = made.get(name);
      if (known !== undefined) return known;
      if (Object.hasOwn(target, name)) return Reflect.get(target, name) as unknown;
      if (NO_METHODS.has(name))
        return name === 'then' || name === 'toJSON' ? undefined : (Reflect.get(target, name) as unknown);
      const method = make(name);
      made.set(name, method);
      return method;
    },
    set: () => false,
  });
}

export function makeServerRef<C>(
  kernel: Kernel,
  from: Process,
  destination: Destination | Via,
  options: CallOptions,
  contract?: Contract,
): ServerRef<C> {
  const cast = methodProxy({}, (name) => (...args) => {
    kernel.cast(destination, requestOf(name, args), from);
  });
  const fixed = {
    get pid() {
      return destination instanceof Via ? destination.whereis() : destination instanceof Pid ? destination : undefined;
    },
    get destination() {
      return kernel.destination(destination);
    },
    cast,
    with: (other: CallOptions) => makeServerRef<C>(kernel, from, destination, { ...options, ...other }, contract),
    [Symbol.toStringTag]: 'ServerRef',
  };
  return methodProxy(fixed, (name) =>
    guardReply(name, contract, (...args) => kernel.call(destination, requestOf(name, args), options, from)),
  ) as ServerRef<C>;
}
