/** Two nodes whose signals go from one to the other as they are: what the runtime makes of them, without a wire. */
import { GenServer, Runtime } from '../../src/process/index.ts';
import type { Distribution, ProcessContext, Signal } from '../../src/process/index.ts';
import type { Term } from '../../src/term/index.ts';
import { fakeWorld, settle } from '../support/fake-world.ts';
import type { FakeWorld } from '../support/fake-world.ts';

/** Carries signals between runtimes of one test, a turn later, in order, and keeps them. */
export class Wire implements Distribution {
  readonly sent: Signal[] = [];
  readonly peers = new Map<string, Runtime>();
  readonly #from: string;
  aliases = true;
  calls = false;
  connected = true;
  constructor(from: string) {
    this.#from = from;
  }
  takesAlias(): boolean {
    return this.aliases;
  }
  takesCalls(): boolean {
    return this.calls;
  }
  route(signal: Signal, node: string): void {
    this.sent.push(signal);
    setImmediate(() => {
      const peer = this.peers.get(node);
      if (this.connected && peer !== undefined) peer.receive(signal);
      else this.peers.get(this.#from)?.connectionLost(node);
    });
  }
  types(): string[] {
    return this.sent.map(({ type }) => type);
  }
}

export interface Side {
  readonly world: FakeWorld;
  readonly runtime: Runtime;
  readonly wire: Wire;
}

export function pair(): { a: Side; b: Side } {
  const side = (name: string): Side => {
    const world = fakeWorld({ seed: name.charCodeAt(0) });
    const runtime = new Runtime({ world, nodeName: `${name}@h`, creation: 1 });
    const wire = new Wire(runtime.nodeName);
    runtime.attachDistribution(wire);
    return { world, runtime, wire };
  };
  const [a, b] = [side('a'), side('b')];
  for (const { wire } of [a, b]) {
    wire.peers.set('a@h', a.runtime);
    wire.peers.set('b@h', b.runtime);
  }
  return { a, b };
}

export async function process(runtime: Runtime, options: { trapExit?: boolean; name?: string } = {}) {
  const received: Term[] = [];
  let self: ProcessContext | undefined;
  const { pid } = runtime.spawn(
    { init: (context) => void (self = context), handle: (message) => void received.push(message) },
    options,
  );
  await settle();
  return { pid, received, self: self! };
}

export async function turns(): Promise<void> {
  for (let i = 0; i < 4; i++) await settle();
}

export class Echo extends GenServer {
  echo(term: Term): Term {
    return term;
  }
  silent(): Promise<never> {
    return new Promise(() => {});
  }
}
