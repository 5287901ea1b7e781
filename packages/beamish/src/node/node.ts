import type { GenServer, Runtime, ServerOptions, ServerRef } from '../process/index.ts';
import type { Address, Logger, World } from '../world/index.ts';
import type { RemoteNode } from './remote-node.ts';
import type { Cancellable, ExposedFunctions, NodeEvent, NodeInfo, NodeOptions, NodeStatistics } from './types.ts';

/** A node of a cluster. */
export declare class Node implements AsyncDisposable {
  private constructor();
  static start(options: NodeOptions): Promise<Node>;
  readonly name: string;
  readonly world: World;
  readonly runtime: Runtime;
  readonly creation: number;
  readonly hidden: boolean;
  readonly address: Address;
  readonly logger: Logger;
  spawn<C extends GenServer, A extends unknown[]>(
    Class: new (...args: A) => C,
    args: A,
    options?: ServerOptions,
  ): Promise<ServerRef<C>>;
  ref<C>(name: string): ServerRef<C>;
  at(nodeName: string): RemoteNode;
  connect(nodeName: string, options?: { readonly signal?: AbortSignal }): Promise<void>;
  disconnect(nodeName: string): boolean;
  nodes(filter?: 'all' | 'visible' | 'hidden'): readonly NodeInfo[];
  monitorNodes(listener: (event: NodeEvent) => void): Cancellable;
  expose(module: string, functions: ExposedFunctions): { remove(): void };
  statistics(): NodeStatistics;
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
