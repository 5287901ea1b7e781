/**
 * While the event loop of a simulation runs, nothing outside of it may be reached: each real source of time, chance and
 * I/O is replaced by a function that names who called it. Since a run has whole turns of the real event loop for itself
 * (`drain.ts`), what is called inside one is the simulated program's, and what is called outside is somebody else's and
 * passes.
 */
import childProcess from 'node:child_process';
import crypto from 'node:crypto';
import dgram from 'node:dgram';
import dns from 'node:dns';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';
import timers from 'node:timers';
import timersPromises from 'node:timers/promises';
import worker from 'node:worker_threads';

type Callable = (...args: unknown[]) => unknown;
type Holder = Record<string, unknown>;

export interface Guarded {
  /** A forbidden thing was used: `what`, at the place `where`. */
  onLeak(what: string, where: string, stack: string): Error;
  onUncaught(error: unknown, origin: 'exception' | 'rejection'): void;
}

let current: Guarded | undefined;
let installed = 0;
const undo: (() => void)[] = [];
/** By what they replace: thousands of runs make them once. */
const replacements = new WeakMap<Callable, Callable>();

/** What a module can do: its functions, without its classes. */
function functionsOf(holder: object): readonly string[] {
  return Object.keys(holder).filter((name) => /^[a-z]/.test(name) && typeof (holder as Holder)[name] === 'function');
}

const FORBIDDEN: readonly (readonly [string, object, readonly string[]])[] = [
  ['', globalThis, ['setTimeout', 'setInterval', 'setImmediate', 'fetch', 'WebSocket', 'EventSource']],
  ['Date.', Date, ['now']],
  ['performance.', performance, ['now', 'mark', 'measure', 'timeOrigin', 'toJSON']],
  ['Math.', Math, ['random']],
  // The one stops every simulated host, the other waits by the real clock.
  ['Atomics.', Atomics, ['wait', 'waitAsync']],
  ['AbortSignal.', AbortSignal, ['timeout']],
  ['process.', process, ['hrtime', 'uptime']],
  ['crypto.', Object.getPrototypeOf(globalThis.crypto) as object, ['getRandomValues', 'randomUUID']],
  ['crypto.subtle.', Object.getPrototypeOf(globalThis.crypto.subtle) as object, ['generateKey']],
  ['crypto.', crypto, functionsOf(crypto).filter((name) => /^(random|generate)/.test(name))],
  ['net.Socket.', net.Socket.prototype, ['connect']],
  ['net.Server.', net.Server.prototype, ['listen']],
  ['dgram.Socket.', dgram.Socket.prototype, ['bind', 'send', 'connect']],
  ['dns.', dns, ['lookup', 'resolve', 'resolve4', 'resolve6', 'resolveSrv']],
  ['dns.', dns.promises, ['lookup', 'resolve', 'resolve4', 'resolve6', 'resolveSrv']],
  ['dns.Resolver.', dns.promises.Resolver.prototype, ['resolve', 'resolve4', 'resolve6', 'resolveSrv']],
  ['timers.', timers, ['setTimeout', 'setInterval', 'setImmediate']],
  ['timers/promises.', timersPromises, ['setTimeout', 'setInterval', 'setImmediate']],
  ['worker_threads.', worker, ['Worker']],
  ['child_process.', childProcess, ['spawn', 'exec', 'execFile', 'fork', 'spawnSync', 'execSync', 'execFileSync']],
  ['fs.', fs, functionsOf(fs)],
  ['fs/promises.', fs.promises, functionsOf(fs.promises)],
];

/** Puts the guards in place; they do nothing outside of `guarded` turns. @returns what takes them away */
export function installGuards(): () => void {
  if (installed++ === 0) {
    for (const [prefix, holder, names] of FORBIDDEN) for (const name of names) guard(prefix, holder as Holder, name);
    guardDate();
    syncBuiltinESMExports();
  }
  let mine = true;
  return () => {
    if (!mine) return;
    mine = false;
    if (--installed > 0) return;
    for (const restore of undo.splice(0).reverse()) restore();
    syncBuiltinESMExports();
  };
}

/** Begins a turn of which everything belongs to one run. @returns what ends it */
export function enterTurn(guarded: Guarded): () => void {
  const listeners = (['uncaughtException', 'unhandledRejection'] as const).map((event) => {
    const others = process.rawListeners(event);
    process.removeAllListeners(event);
    const own = (error: unknown): void =>
      guarded.onUncaught(error, event === 'uncaughtException' ? 'exception' : 'rejection');
    process.on(event, own);
    return () => {
      process.removeListener(event, own);
      for (const other of others) process.on(event, other as () => void);
    };
  });
  current = guarded;
  return () => {
    current = undefined;
    for (const restore of listeners) restore();
  };
}

function guard(prefix: string, holder: Holder, name: string): void {
  const place = holderOf(holder, name);
  const descriptor = Object.getOwnPropertyDescriptor(place, name);
  if (descriptor === undefined || descriptor.configurable === false) return;
  Object.defineProperty(place, name, guarded(prefix + name, descriptor));
  undo.push(() => void Object.defineProperty(place, name, descriptor));
}

/** Whose own property it is: most of `performance` is its prototype's. */
function holderOf(holder: object, name: string): object {
  const parent = Object.getPrototypeOf(holder) as object | null;
  return Object.hasOwn(holder, name) || parent === null ? holder : holderOf(parent, name);
}

function guarded(what: string, descriptor: PropertyDescriptor): PropertyDescriptor {
  const part = descriptor.get === undefined ? 'value' : 'get';
  const original: unknown = descriptor[part];
  return typeof original === 'function'
    ? { ...descriptor, [part]: guardedFunction(what, original as Callable) }
    : descriptor;
}

function guardedFunction(what: string, original: Callable): Callable {
  const known = replacements.get(original);
  if (known !== undefined) return known;
  const replacement = function (this: unknown, ...args: unknown[]): unknown {
    if (current !== undefined) check(current, what);
    if (new.target !== undefined) return Reflect.construct(original, args, new.target);
    return original.apply(this, args);
  };
  // `process.hrtime.bigint`, `setTimeout[util.promisify.custom]`
  for (const key of Reflect.ownKeys(original)) {
    const own = Object.getOwnPropertyDescriptor(original, key);
    if (own !== undefined && !['length', 'name', 'prototype'].includes(String(key)))
      Object.defineProperty(replacement, key, own);
  }
  if ('prototype' in original) replacement.prototype = original.prototype;
  replacements.set(original, replacement);
  return replacement;
}

/** `new Date()` and `Date()` are the time; `new Date(value)` is data. */
function guardDate(): void {
  const original = globalThis.Date;
  globalThis.Date = new Proxy(original, {
    construct(target, args, newTarget: new () => object) {
      if (current !== undefined && args.length === 0) check(current, 'new Date()');
      return Reflect.construct(target, args, newTarget) as object;
    },
    apply(target, self, args) {
      if (current !== undefined) check(current, 'Date()');
      return Reflect.apply(target, self, args) as string;
    },
  });
  undo.push(() => (globalThis.Date = original));
}

function check(guarded: Guarded, what: string): void {
  const stack = (new Error('leak').stack ?? '').split('\n').slice(1);
  const frames = stack.filter((line) => !OWN.test(line));
  // Node for itself: reading a module, say, or the source map of a stack.
  if (frames[0] === undefined || (what.startsWith('fs') && /[( ]node:/.test(frames[0]))) return;
  // The real world is not to blame, but who used it.
  const place = frames.find((line) => !/[/\\]world[/\\]real[/\\]|[( ]node:|<anonymous>/.test(line)) ?? frames[0];
  throw guarded.onLeak(what, where(place), frames.join('\n'));
}

const OWN = /[/\\]simulation[/\\]real[/\\]guards\./;

/** `file:line:column` of a line of a stack. */
export function where(line: string): string {
  return (/\(?((?:file:\/\/)?[^\s()]+:\d+:\d+)\)?$/.exec(line.trim())?.[1] ?? line.trim()).replace('file://', '');
}
