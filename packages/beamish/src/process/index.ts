/** Supervised processes inside one node: OTP's model. @module */
export { Runtime } from './runtime.ts';
export type { RuntimeOptions, StopOptions } from './runtime.ts';
export type { RuntimeStatistics } from './statistics.ts';
export type {
  Alias,
  Monitor,
  ProcessBehaviour,
  ProcessContext,
  ProcessHandle,
  ProcessInfo,
  SpawnOptions,
} from './behaviour.ts';
export type { CallOptions } from './calls.ts';
export { CallRejected, GenServer } from './gen-server.ts';
export type { From, ServerClass } from './gen-server.ts';
export type { ProcessExit, SlowTurn } from './diagnostics.ts';
export type { SpawnRequestHandler, SpawnRequestSignal } from './inbound.ts';
export { isNormalExit, reasonOf, reasonText } from './reason.ts';
export { Registry } from './registry.ts';
export type { RegistryEntry, RegistryOptions, RegistryRow } from './registry.ts';
export type { ServerOptions } from './server-start.ts';
export { NO_REPLY } from './server-ref.ts';
export type { CallName, Calls, Casts, ServerRef } from './server-ref.ts';
export { dynamicSupervisor } from './dynamic-supervisor.ts';
export type { DynamicChildSpec, DynamicSupervisorRef, DynamicSupervisorSpec } from './dynamic-supervisor.ts';
export { PartitionSupervisor } from './partition-supervisor.ts';
export type { PartitionSupervisorOptions } from './partition-supervisor.ts';
export { Task } from './task.ts';
export { GenEvent, Sys, countChildren, whichChildren } from './sys.ts';
export type { Asking, RemoteChild } from './sys.ts';
export type {
  AsyncTaskOptions,
  SuperviseOptions,
  TaskOptions,
  TaskOutcome,
  TaskStreamOptions,
  TaskWork,
} from './task-types.ts';
export { Via } from './via.ts';
export type { ViaOptions } from './via.ts';
export type { MultiRef, MultiReply } from './multi-call.ts';
export type { Destination, Distribution, GenRequest, NamedProcess, Signal } from './signal.ts';
export type { RemoteSpawn, RemoteSpawnOptions } from './spawn-request.ts';
export { child, supervisor } from './supervisor.ts';
export type {
  ChildInfo,
  ChildOptions,
  ChildSpec,
  StartContext,
  SupervisorOptions,
  SupervisorRef,
  SupervisorSpec,
} from './supervisor.ts';
export type { RestartType, ShutdownTime, Strategy } from './supervisor-core.ts';
