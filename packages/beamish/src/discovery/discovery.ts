import { BeamishError, isBeamishError } from '../error/index.ts';
import type { Node } from '../node/index.ts';
import type { ProcessBehaviour, ProcessContext, Runtime, StartContext, SupervisorRef } from '../process/index.ts';
import { atom } from '../term/index.ts';
import type { Pid } from '../term/index.ts';
import type { Logger, Timer } from '../world/index.ts';
import { initialDiscovery, step } from './discovery-core.ts';
import type {
  DiscoveryEffect,
  DiscoveryInput,
  DiscoveryLimits,
  DiscoveryState,
  ReportOptions,
} from './discovery-core.ts';
import type { DiscoveryStrategy } from './strategy.ts';

/** A node that a strategy names. */
export interface DiscoveredNode {
  readonly name: string;
  readonly status: 'waiting' | 'connecting' | 'connected';
  /** The strategies that name it. */
  readonly strategies: readonly string[];
  /** Attempts that failed since it was last connected. */
  readonly attempts: number;
}

/** What a discovery has counted since its start. */
export interface DiscoveryStatistics {
  /** Names that were refused, by strategy: no node can have them, or they were too many. */
  readonly refused: Readonly<Record<string, number>>;
}

/** Strategies at work: the nodes they name are connected, and dialled again when they are lost. Disposing it ends that. */
export interface Discovery extends AsyncDisposable {
  /** What is known now. */
  nodes(): readonly DiscoveredNode[];
  statistics(): DiscoveryStatistics;
  /** Ends the search; connections stay. Idempotent. */
  stop(): Promise<void>;
}

/**
 * Looks for other nodes by one strategy or several at once, and keeps connected to those they name: a node that is lost is
 * dialled again for ever, with a delay between attempts that is bounded and never quite regular.
 *
 * @throws BeamishError `option_invalid`.
 */
export async function startDiscovery(
  node: Node,
  strategies: DiscoveryStrategy | readonly DiscoveryStrategy[],
  limits: DiscoveryLimits = {},
): Promise<Discovery> {
  for (const [name, limit] of Object.entries(limits) as [string, unknown][]) {
    if (typeof limit !== 'number' || !(limit >= 1)) {
      throw new BeamishError('option_invalid', `${name} must be a number of at least 1, not ${String(limit)}`);
    }
  }
  const search = new Search(node, 'run' in strategies ? [strategies] : strategies, limits);
  await search.start();
  return search;
}

/** The processes: one that dials, then one for each strategy; when the first is started again, so are the others. */
class Search implements Discovery {
  readonly #node: Node;
  readonly #logger: Logger;
  readonly #limits: DiscoveryLimits;
  readonly #strategies: readonly DiscoveryStrategy[];
  #state: DiscoveryState;
  #supervisor: SupervisorRef | undefined;
  #wake: Timer | undefined;
  #signal: AbortSignal | undefined;
  #stopped: Promise<void> | undefined;

  constructor(node: Node, strategies: readonly DiscoveryStrategy[], limits: DiscoveryLimits) {
    this.#node = node;
    this.#logger = node.logger.child({ component: 'discovery' });
    this.#limits = limits;
    this.#strategies = strategies;
    this.#state = initialDiscovery(node.name, [], limits);
  }

  async start(): Promise<void> {
    const common = { type: 'worker', restart: 'permanent', shutdown: 1000 } as const;
    this.#supervisor = await this.#node.runtime.startSupervisor({
      strategy: 'rest_for_one',
      children: [
        { ...common, id: 'dialler', start: (runtime, { supervisor }) => this.#startDialler(runtime, supervisor) },
        ...this.#strategies.map((strategy, index) => ({
          ...common,
          // Several topologies of one kind may run at once.
          id: `${strategy.name}#${index}`,
          start: (runtime: Runtime, { supervisor }: StartContext) =>
            this.#startStrategy(runtime, supervisor, strategy, `${strategy.name}#${index}`),
        })),
      ],
    });
  }

  nodes(): readonly DiscoveredNode[] {
    return [...this.#state.candidates.values()].map(({ name, status, sources, attempts }) => ({
      name,
      status,
      strategies: [...sources.keys()],
      attempts,
    }));
  }

  statistics(): DiscoveryStatistics {
    return { refused: Object.fromEntries(this.#state.refused) };
  }

  stop(): Promise<void> {
    return (this.#stopped ??= this.#supervisor?.stop() ?? Promise.resolve());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #startDialler(runtime: Runtime, supervisor: Pid): Promise<Pid> {
    const begun = Promise.withResolvers<void>();
    const init = (self: ProcessContext): void => {
      this.#begin(self);
      begun.resolve();
    };
    const { pid } = runtime.spawn({ init, handle() {} }, { label: 'discovery', link: supervisor, parent: supervisor });
    await begun.promise;
    return pid;
  }

  #begin(self: ProcessContext): void {
    const connected = this.#node.nodes('all').map(({ name }) => name);
    this.#state = initialDiscovery(this.#node.name, connected, this.#limits);
    this.#signal = self.signal;
    const events = this.#node.monitorNodes((event) => {
      this.#input(event.type === 'nodeup' ? { type: 'nodeup', node: event.node } : event);
    });
    self.signal.addEventListener('abort', () => {
      events.cancel();
      this.#wake?.cancel();
    });
  }

  #startStrategy(runtime: Runtime, supervisor: Pid, strategy: DiscoveryStrategy, id: string): Promise<Pid> {
    const behaviour: ProcessBehaviour = {
      init: (self) => {
        const context = {
          world: this.#node.world,
          nodeName: this.#node.name,
          logger: this.#logger.child({ strategy: id }),
          signal: self.signal,
          report: (names: readonly string[], options: ReportOptions = {}) => {
            if (!self.signal.aborted) this.#input({ type: 'found', source: id, names, options });
          },
        };
        strategy.run(context).catch((error: unknown) => {
          if (self.signal.aborted) return;
          this.#logger.error(
            { strategy: id, err: error },
            'a discovery strategy failed; its supervisor starts it again',
          );
          self.exit(atom('strategy_failed'));
        });
      },
      handle() {},
    };
    const options = { label: `discovery ${id}`, link: supervisor, parent: supervisor };
    return Promise.resolve(runtime.spawn(behaviour, options).pid);
  }

  #input(input: DiscoveryInput): void {
    if (this.#signal?.aborted !== false) return;
    const { clock, random } = this.#node.world;
    for (const effect of step(this.#state, input, { now: clock.monotonicTime(), random: random.float() })) {
      this.#perform(effect);
    }
  }

  #perform(effect: DiscoveryEffect): void {
    if (effect.type === 'log') this.#logger[effect.level](effect.fields, effect.message);
    else if (effect.type === 'connect') void this.#connect(effect.node);
    else if (effect.type === 'disconnect') this.#node.disconnect(effect.node);
    else {
      const { clock } = this.#node.world;
      const delay = Math.max(1, effect.at - clock.monotonicTime());
      this.#wake?.cancel();
      this.#wake = clock.setTimer(delay, () => this.#input({ type: 'wake' }), { background: true });
    }
  }

  async #connect(name: string): Promise<void> {
    const signal = this.#signal;
    if (signal === undefined) return;
    try {
      await this.#node.connect(name, { signal });
      this.#input({ type: 'attempted', node: name });
    } catch (error) {
      const code = isBeamishError(error) ? error.code : 'noconnection';
      const message = error instanceof Error ? error.message : String(error);
      if (!signal.aborted) this.#input({ type: 'attempted', node: name, failure: { code, message } });
    }
  }
}
