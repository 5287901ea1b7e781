/** Names and locks that are the same on all nodes: OTP's `global`, on its wire (protocols 7). @module */
export type { WaitOptions } from './deadline.ts';
export { GlobalDelegate } from './delegate.ts';
export type { DelegateOptions } from './delegate.ts';
export { Global } from './global.ts';
export type { GlobalOptions, GlobalStatistics, RegisterOptions } from './global.ts';
export { GlobalLock } from './locks.ts';
export type { LockOptions } from './locks.ts';
export type { Resolve, ResolveMethod } from './methods.ts';
export type { Owner } from './owner.ts';
