/**
 * Several runtimes in this process, joined in memory as `node` joins them over sockets: signals in order, node events, lost
 * connections. For tests of what stands on `Node` without sockets.
 */
import { BeamishError } from '../../src/error/index.ts';
import { Runtime } from '../../src/process/index.ts';
import type { Distribution } from '../../src/process/index.ts';
import type { Node, NodeEvent } from '../../src/node/index.ts';
import { realWorld } from '../../src/world/index.ts';
import type { Logger, LogMethod } from '../../src/world/index.ts';

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export function recordingLogger(lines: LogLine[], bindings: object = {}): Logger {
  const method =
    (level: string): LogMethod =>
    (fields: object | string, message?: string) => {
      if (typeof fields === 'string') lines.push({ level, message: fields, fields: { ...bindings } });
      else lines.push({ level, message: message ?? '', fields: { ...bindings, ...fields } });
    };
  return {
    trace: method('trace'),
    debug: method('debug'),
    info: method('info'),
    warn: method('warn'),
    error: method('error'),
    fatal: method('fatal'),
    child: (more) => recordingLogger(lines, { ...bindings, ...more }),
  };
}

export class MeshNode {
  readonly name: string;
  readonly log: LogLine[] = [];
  readonly logger: Logger = recordingLogger(this.log);
  readonly world = realWorld({ logger: this.logger });
  readonly runtime: Runtime;
  readonly #mesh: Mesh;
  readonly listeners = new Set<(event: NodeEvent) => void>();

  constructor(mesh: Mesh, name: string) {
    this.#mesh = mesh;
    this.name = name;
    this.runtime = new Runtime({ world: this.world, nodeName: name, creation: 1 });
    const distribution: Distribution = { route: (signal, node) => mesh.route(this, signal, node) };
    this.runtime.attachDistribution(distribution);
  }

  nodes(): { name: string }[] {
    return this.#mesh.peersOf(this.name).map((name) => ({ name }));
  }

  monitorNodes(listener: (event: NodeEvent) => void): { cancel(): void } {
    this.listeners.add(listener);
    return { cancel: () => void this.listeners.delete(listener) };
  }

  async connect(name: string): Promise<void> {
    await Promise.resolve();
    this.#mesh.dial(this, name);
  }

  disconnect(name: string): void {
    const other = this.#mesh.nodes.get(name);
    if (other !== undefined) this.#mesh.disconnect(this, other);
  }

  /** What the capabilities use of a node. */
  get node(): Node {
    return this as unknown as Node;
  }
}

export class Mesh implements AsyncDisposable {
  readonly nodes = new Map<string, MeshNode>();
  readonly #connected = new Set<string>();

  add(name: string): MeshNode {
    const node = new MeshNode(this, name);
    this.nodes.set(name, node);
    return node;
  }

  peersOf(name: string): string[] {
    return [...this.#connected]
      .filter((pair) => pair.split(' ').includes(name))
      .map((pair) => pair.split(' ').find((each) => each !== name) ?? '');
  }

  connect(a: MeshNode, b: MeshNode): void {
    this.#connected.add(key(a.name, b.name));
    for (const [node, other] of [
      [a, b],
      [b, a],
    ] as const)
      emit(node, { type: 'nodeup', node: other.name } as NodeEvent);
  }

  /** Nodes that refuse connections. */
  readonly unreachable = new Set<string>();
  /** Who dialled whom. */
  readonly dialled: string[] = [];

  dial(from: MeshNode, name: string): void {
    this.dialled.push(`${from.name} ${name}`);
    const other = this.nodes.get(name);
    if (other === undefined || this.unreachable.has(name))
      throw new BeamishError('connection_refused', `${name} refuses`);
    if (!this.#connected.has(key(from.name, name))) this.connect(from, other);
  }

  disconnect(a: MeshNode, b: MeshNode): void {
    if (!this.#connected.delete(key(a.name, b.name))) return;
    for (const [node, other] of [
      [a, b],
      [b, a],
    ] as const) {
      node.runtime.connectionLost(other.name);
      emit(node, { type: 'nodedown', node: other.name, reason: 'closed' } as NodeEvent);
    }
  }

  route(from: MeshNode, signal: Parameters<Distribution['route']>[0], to: string): void {
    const target = this.nodes.get(to);
    const up = this.#connected.has(key(from.name, to));
    // In a later turn, as from a socket; microtasks keep the order.
    queueMicrotask(() => {
      if (!up || target === undefined) from.runtime.connectionLost(to);
      else if (this.#connected.has(key(from.name, to))) target.runtime.receive(signal);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of this.nodes.values()) await node.runtime.stop();
  }
}

function emit(node: MeshNode, event: NodeEvent): void {
  for (const listener of node.listeners) listener(event);
}

const key = (a: string, b: string): string => (a < b ? `${a} ${b}` : `${b} ${a}`);
