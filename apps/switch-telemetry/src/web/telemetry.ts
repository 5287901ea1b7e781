/**
 * The host of the view: subscribes to the collectors' broadcasts, follows the cluster, asks the collectors and the store
 * for what was said before this node came, and hands pushes to the browsers' channels.
 */
import type { PubSub, Subscription } from 'beamish/pubsub';
import type { Term } from 'beamish/term';
import type { Logger, Timer } from 'beamish/world';
import {
  clusterTopic,
  deviceManagerName,
  deviceTopic,
  devicesTopic,
  type CollectorStatistics,
  type DeviceManagerApi,
  type DeviceSummary,
  type Sample,
  type StoreReader,
} from '../contract.ts';
import { nodeRows, rolesByNode, type NodeRow, type WebGroups, type WebNode } from './cluster-nodes.ts';
import { readSample, readState, readSummaries } from './messages.ts';
import { TelemetryView, type Push } from './telemetry-view.ts';

/** ms between two rounds of asking; broadcasts are what keeps the view live, this mends what was missed. */
const ASK_EVERY = 10_000;
/** ms in which several changes of the cluster become one message to the browsers. */
const SETTLE = 30;
/** ms without a word of a device that is up, and poll intervals at least, until it is shown as not heard of. */
const SILENCE = 10_000;
const SILENT_POLLS = 5;
/** ms that a collector may take to answer. */
const ANSWER_WITHIN = 2_000;

export interface TelemetryOptions {
  readonly node: WebNode;
  readonly groups: WebGroups;
  readonly pubsub: Pick<PubSub, 'subscribe'>;
  readonly store: Pick<StoreReader, 'devices'>;
  /** ms between two polls of a device. */
  readonly pollInterval: number;
  readonly logger: Logger;
  readonly push: (push: Push) => void;
  readonly onSample: (sample: Sample) => void;
}

export class Telemetry implements Disposable {
  readonly view = new TelemetryView();
  readonly #options: TelemetryOptions;
  readonly #startedAt: number;
  readonly #cancels: { cancel(): void }[] = [];
  readonly #topics = new Map<string, Subscription>();
  #settling: Timer | undefined;
  #asking: Timer | undefined;
  #ticking: Timer | undefined;
  #askAgain = false;
  #asked: Promise<void> | undefined;
  #stopped = false;
  /** Messages that were not what the contract says, since the start. */
  malformed = 0;

  private constructor(options: TelemetryOptions) {
    this.#options = options;
    this.#startedAt = options.node.world.clock.wallTime();
  }

  /** Resolves when the collectors and the store have been asked once, whether they answered or not, and after 3 s at the latest. */
  static async start(options: TelemetryOptions): Promise<Telemetry> {
    const telemetry = new Telemetry(options);
    const { pubsub, node, groups } = options;
    telemetry.#cancels.push(
      pubsub.subscribe(devicesTopic, (message) =>
        telemetry.#take(message, readState, (state) => {
          telemetry.#push(telemetry.view.applyState(state));
          telemetry.#follow();
          telemetry.#clusterChanged();
        }),
      ),
      node.monitorNodes(() => telemetry.#nodesChanged()),
      groups.monitor(undefined, () => telemetry.#nodesChanged()),
    );
    telemetry.#nodesChanged();
    telemetry.#tick();
    const late = Promise.withResolvers<void>();
    const timer = node.world.clock.setTimer(3_000, () => late.resolve());
    await Promise.race([telemetry.ask(), late.promise]);
    timer.cancel();
    return telemetry;
  }

  nodes(): NodeRow[] {
    const { node, groups } = this.#options;
    return nodeRows(node, groups, this.view.owned(), this.#startedAt);
  }

  collectors(): string[] {
    const present = new Set([this.#options.node.name, ...this.#options.node.nodes('all').map(({ name }) => name)]);
    return [...rolesByNode(this.#options.groups)]
      .filter(([name, roles]) => present.has(name) && roles.includes('collector'))
      .map(([name]) => name);
  }

  /** The numbers of every collector that answers in time. */
  async statistics(): Promise<CollectorStatistics[]> {
    const answers = await Promise.allSettled(this.collectors().map((name) => this.#manager(name).statistics()));
    return answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
  }

  /** Asks the store for the inventory and the collectors for their lists. One round at a time; asked meanwhile, one more follows. */
  async ask(): Promise<void> {
    if (this.#asked !== undefined) {
      this.#askAgain = true;
      return this.#asked;
    }
    this.#asking?.cancel();
    this.#asked = this.#ask();
    await this.#asked;
    this.#asked = undefined;
    if (this.#stopped) return;
    const again = this.#askAgain;
    this.#askAgain = false;
    this.#asking = this.#options.node.world.clock.setTimer(again ? 200 : ASK_EVERY, () => void this.ask(), {
      background: true,
    });
  }

  [Symbol.dispose](): void {
    this.#stopped = true;
    this.#settling?.cancel();
    this.#asking?.cancel();
    this.#ticking?.cancel();
    for (const cancel of [...this.#cancels.splice(0), ...this.#topics.values()]) cancel.cancel();
    this.#topics.clear();
  }

  #tick(): void {
    const { node, pollInterval } = this.#options;
    const { clock } = node.world;
    this.#ticking = clock.setTimer(
      pollInterval,
      () => {
        const patience = Math.max(SILENT_POLLS, Math.ceil(SILENCE / pollInterval));
        this.#push(this.view.tick(patience, clock.wallTime()));
        this.#tick();
      },
      { background: true },
    );
  }

  async #ask(): Promise<void> {
    const { logger, store } = this.#options;
    const lists = new Map<string, readonly DeviceSummary[]>();
    const collectors = this.collectors().map(async (name) => {
      try {
        lists.set(name, readSummaries(await this.#manager(name).list()));
      } catch (error) {
        logger.debug({ err: error, collector: name }, 'a collector does not say what it knows');
      }
    });
    const [inventory] = await Promise.allSettled([store.devices(), ...collectors]);
    if (this.#stopped) return;
    const now = this.#options.node.world.clock.wallTime();
    if (inventory.status === 'fulfilled') this.#push(this.view.applyInventory(inventory.value, now));
    else logger.debug({ err: inventory.reason }, 'the store does not give the inventory');
    this.#push(this.view.applyLists(lists, now));
    this.#follow();
    this.#clusterChanged();
  }

  #manager(collector: string) {
    return this.#options.node.at(collector).ref<DeviceManagerApi>(deviceManagerName).with({ timeout: ANSWER_WITHIN });
  }

  /** One subscription for each device there is. */
  #follow(): void {
    const ids = new Set(this.view.ids);
    for (const [id, subscription] of this.#topics) {
      if (ids.has(id)) continue;
      subscription.cancel();
      this.#topics.delete(id);
    }
    for (const id of ids) {
      if (this.#topics.has(id) || this.#stopped) continue;
      this.#topics.set(
        id,
        this.#options.pubsub.subscribe(deviceTopic(id), (message) =>
          this.#take(message, readSample, (sample) => {
            const owner = this.view.device(sample.device)?.summary.owner;
            this.#push(this.view.applySample(sample));
            this.#options.onSample(sample);
            if (owner !== sample.owner) this.#clusterChanged();
          }),
        ),
      );
    }
  }

  #take<T>(message: Term, read: (message: Term) => T, apply: (value: T) => void): void {
    let value: T;
    try {
      value = read(message);
    } catch (error) {
      this.malformed += 1;
      // Powers of two: the first is told, a stream of them does not fill the log.
      if ((this.malformed & (this.malformed - 1)) === 0)
        this.#options.logger.warn({ err: error, count: this.malformed }, 'a broadcast is not what the contract says');
      return;
    }
    apply(value);
  }

  #nodesChanged(): void {
    const { node } = this.#options;
    this.#push(
      this.view.applyNodes([node.name, ...node.nodes('all').map(({ name }) => name)], node.world.clock.wallTime()),
    );
    this.#clusterChanged();
    if (this.#asked === undefined) {
      this.#asking?.cancel();
      this.#asking = node.world.clock.setTimer(SETTLE, () => void this.ask(), { background: true });
    } else this.#askAgain = true;
  }

  #clusterChanged(): void {
    if (this.#settling !== undefined || this.#stopped) return;
    this.#settling = this.#options.node.world.clock.setTimer(
      SETTLE,
      () => {
        this.#settling = undefined;
        this.#options.push({ topic: clusterTopic, event: 'nodes', payload: { nodes: this.nodes() } });
      },
      { background: true },
    );
  }

  #push(pushes: readonly Push[]): void {
    for (const push of pushes) this.#options.push(push);
  }
}
