import { atom, type Pid, roleGroup, type Term, tuple } from 'beamish';
import type { Groups } from 'beamish/groups';
import type { Node } from 'beamish/node';
import { child, GenServer, type SupervisorRef } from 'beamish/process';
import type { PubSub, Subscription } from 'beamish/pubsub';
import { Tuple } from 'beamish/term';
import {
  type CollectorStatistics,
  type DeviceDetail,
  deviceManagerName,
  type DeviceManagerApi,
  type DeviceSummary,
  devicesTopic,
  deviceTopic,
  type Sample,
  type StateMessage,
} from '../contract.ts';
import type { Device } from '../inventory/device.ts';
import type { SampleWriter } from '../store/sample-writer.ts';
import {
  type AssignmentEffect,
  type AssignmentInput,
  type AssignmentState,
  initialAssignment,
  stepAssignment,
} from './assignment.ts';
import { DevicePoller, type Outcome, polled } from './device-poller.ts';
import { KnownDevices } from './known-devices.ts';
import { PollTimes } from './poll-times.ts';

export interface DeviceManagerOptions {
  readonly node: Node;
  /** Scope `beamish`. */
  readonly groups: Groups;
  readonly pubsub: PubSub;
  /** Where the inventory is. */
  readonly store: { inventory(): Promise<Device[]> };
  /** The supervisor that pollers are started under. */
  readonly pollers: () => SupervisorRef;
  /** Name of the `SampleWriter`. */
  readonly writer: string;
  /** Milliseconds between two polls of a device. */
  readonly interval: number;
  /** Milliseconds between two looks at the inventory. @default 10000 */
  readonly reload?: number;
}

/** The calls between collectors, besides `DeviceManagerApi`. */
export interface DeviceManagerCalls extends DeviceManagerApi {
  release(devices: readonly string[], asker: string): Promise<Sample[]>;
}

const collectors = roleGroup('collector');
const inventoryDue = atom('inventory_due');
const inventoryRead = atom('inventory_read');
const membersChanged = atom('members_changed');
const released = atom('released');
const deadline = atom('deadline');
const seeded = atom('seeded');

/** Milliseconds that an owner may take to answer a request to release, and after which one that is not asked lets go. */
const answerWithin = 2000;
const letGoAfter = 3000;
/** Milliseconds to store what was polled before a hand-over. */
const flushWithin = 250;
/** Milliseconds in which the news of two collectors that start at once reach each other. */
const crossing = 100;

/**
 * The collector: decides by `assignment.ts` which devices this node polls, starts and stops a process for each, tells
 * everybody what they find. One on each collector, registered as `device_manager`. Its being a member of the group
 * {role, collector} is what makes the node a collector, so a node whose manager has crashed is none until it is back.
 */
export class DeviceManager extends GenServer implements DeviceManagerCalls {
  static override readonly calls = ['list', 'get', 'owners', 'statistics', 'release', 'drain'];

  readonly #options: DeviceManagerOptions;
  readonly #known = new KnownDevices();
  readonly #times = new PollTimes();
  readonly #pollers = new Map<string, Pid>();
  readonly #topics = new Map<string, Subscription>();
  readonly #cancels: { cancel(): void }[] = [];
  #inventory = new Map<string, Device>();
  #state: AssignmentState;
  #polls = 0;
  #failures = 0;
  #seeding = false;

  constructor(options: DeviceManagerOptions) {
    super();
    this.#options = options;
    this.#state = initialAssignment(options.node.name);
  }

  protected override async init(): Promise<void> {
    const { groups, node, pubsub, store } = this.#options;
    const { pid } = this.process;
    this.#cancels.push(
      groups.monitor(collectors, () => this.process.send(pid, membersChanged)),
      pubsub.subscribe(devicesTopic, (message) => this.#heardState(message as unknown as StateMessage)),
    );
    try {
      await this.#takeInventory(await store.inventory());
    } catch (error) {
      this.process.logger.warn({ error: (error as Error).message }, 'the inventory cannot be read yet');
    }
    this.process.setTimer(this.#options.reload ?? 10_000, inventoryDue);
    groups.join(collectors, pid);
    // Others who start this very moment: their join and ours cross. Alone there is nobody to wait for.
    if (node.nodes().length > 0) await this.process.sleep(crossing);
    await this.#membersChanged();
  }

  // --- calls ---

  /** Every device of the inventory, by id, with its owner and state. */
  list(): DeviceSummary[] {
    return this.#known.list();
  }

  get(id: string): DeviceDetail | null {
    return this.#known.get(id) ?? null;
  }

  owners(): Record<string, string> {
    return this.#known.owners();
  }

  async statistics(): Promise<CollectorStatistics> {
    const { node, writer } = this.#options;
    const { median, max } = this.#times.summary(this.process.world.clock.monotonicTime());
    const rows = await this.process.ref<SampleWriter>(writer).with({ timeout: 1000 }).statistics();
    return {
      node: node.name,
      owned: this.#state.running.size,
      polls: this.#polls,
      failures: this.#failures,
      poll_ms_median: median,
      poll_ms_max: max,
      queued: rows.queued,
      stored: rows.stored,
      dropped: rows.dropped + rows.rejected,
    };
  }

  /**
   * Another collector polls these from now on. Resolves when this one has stopped.
   * @returns the last samples of those it had, so that the other can go on with rates and schedule.
   */
  async release(devices: readonly string[], asker: string): Promise<Sample[]> {
    const had = devices.filter((device) => this.#state.running.has(device));
    await this.#step({ type: 'releaseAsked', from: asker, devices });
    // The new owner goes on from the last sample, so it must not be lost if this node is killed the next moment.
    if (had.length > 0)
      await this.process
        .ref<SampleWriter>(this.#options.writer)
        .with({ timeout: 500 })
        .flush(flushWithin)
        .catch(() => {});
    return had.map((device) => this.#known.get(device)?.last ?? null).filter((last) => last !== null);
  }

  /** Stops polling, then gives the role up: the other collectors take over at once. For the end of the node. */
  async drain(): Promise<void> {
    await this.#step({ type: 'drain' });
    this.#options.groups.leave(collectors, this.process.pid);
  }

  // --- messages ---

  protected override async handleInfo(message: Term): Promise<void> {
    if (message === membersChanged) return this.#membersChanged();
    if (message === inventoryDue) return this.#reload();
    if (!(message instanceof Tuple)) return super.handleInfo(message);
    const [tag, first, second, third] = message.elements;
    if (tag === polled) return this.#polled(first as unknown as Outcome);
    if (tag === deadline) return this.#step({ type: 'deadline', round: first as number });
    if (tag === released) {
      for (const sample of third as unknown as Sample[]) this.#heardSample(sample);
      return this.#step({ type: 'released', node: first as string, devices: second as string[] });
    }
    if (tag === inventoryRead) return this.#takeInventory(first as unknown as Device[]);
    if (tag === seeded) return this.#known.seed(first as unknown as DeviceSummary[]);
    return super.handleInfo(message);
  }

  protected override async terminate(): Promise<void> {
    for (const each of [...this.#cancels, ...this.#topics.values()]) each.cancel();
    if (!this.#state.draining) await this.#step({ type: 'drain' });
  }

  #send(message: Term): void {
    this.process.send(this.process.pid, message);
  }

  #membersChanged(): Promise<void> {
    const members = [...new Set(this.#options.groups.members(collectors).map(({ node }) => node))];
    const other = members.find((member) => member !== this.#options.node.name);
    if (other !== undefined && !this.#seeding) {
      this.#seeding = true;
      // What was said before this node came: the states of devices that don't change.
      this.#manager(other)
        .list()
        .then(
          (list) => this.#send(tuple(seeded, list)),
          () => (this.#seeding = false),
        );
    }
    return this.#step({ type: 'members', members });
  }

  #manager(node: string) {
    return this.#options.node.at(node).ref<DeviceManagerCalls>(deviceManagerName).with({ timeout: answerWithin });
  }

  // --- the inventory ---

  #reload(): void {
    // Not awaited by the mailbox: a database that is away must not keep this process from its devices.
    this.#options.store.inventory().then(
      (devices) => this.#send(tuple(inventoryRead, devices as unknown as Term)),
      () => {}, // the writer tells of a database that is away
    );
    this.process.setTimer(this.#options.reload ?? 10_000, inventoryDue);
  }

  async #takeInventory(devices: readonly Device[]): Promise<void> {
    const next = new Map(devices.map((device) => [device.id, device]));
    const same = (device: Device): boolean => JSON.stringify(this.#inventory.get(device.id)) === JSON.stringify(device);
    if (next.size === this.#inventory.size && devices.every(same)) return;
    const changed = devices.filter((device) => this.#state.running.has(device.id) && !same(device));
    this.#inventory = next;
    this.#known.setInventory(devices);
    for (const [id, topic] of this.#topics) {
      if (next.has(id)) continue;
      topic.cancel();
      this.#topics.delete(id);
    }
    for (const { id } of devices) {
      if (this.#topics.has(id)) continue;
      this.#topics.set(
        id,
        this.#options.pubsub.subscribe(deviceTopic(id), (message) => this.#heardSample(message as unknown as Sample)),
      );
    }
    await this.#halt(changed.map(({ id }) => id));
    await Promise.all(changed.map(({ id }) => this.#start(id, true)));
    await this.#step({ type: 'devices', devices: [...next.keys()] });
  }

  // --- assignment ---

  async #step(input: AssignmentInput): Promise<void> {
    const { state, effects } = stepAssignment(this.#state, input);
    this.#state = state;
    const stops = effects.filter((effect) => effect.type === 'stop').map(({ device }) => device);
    if (stops.length > 0) await this.#halt(stops);
    await Promise.all(effects.map((effect) => this.#perform(effect)));
  }

  async #perform(effect: AssignmentEffect): Promise<void> {
    switch (effect.type) {
      case 'start':
        return this.#start(effect.device, effect.urgent);
      case 'ask':
        this.#ask(effect.node, effect.devices);
        return;
      case 'timer':
        this.process.setTimer(letGoAfter, tuple(deadline, effect.round));
        return;
      case 'stop':
        return;
    }
  }

  #ask(node: string, devices: readonly string[]): void {
    // Whoever can't answer (gone, no such process, silent) is not polling, or will hear of the new owner and let go.
    const answered = (samples: readonly Sample[]): void => this.#send(tuple(released, node, devices, samples));
    this.#manager(node)
      .release(devices, this.#options.node.name)
      .then(
        (samples) => answered(Array.isArray(samples) ? samples : []),
        () => answered([]),
      );
  }

  async #start(device: string, urgent: boolean): Promise<void> {
    const found = this.#inventory.get(device);
    if (found === undefined || this.#pollers.has(device)) return;
    const { node, interval, pollers, writer } = this.#options;
    const last = this.#known.get(device)?.last ?? null;
    // What a killed collector told everybody it may not have stored. Storing it twice is storing it once.
    if (urgent && last !== null && last.owner !== node.name) this.process.ref<SampleWriter>(writer).cast.store(last);
    const options = {
      device: found,
      owner: node.name,
      interval,
      urgent,
      last,
      report: this.process.pid,
    };
    try {
      const spec = child(DevicePoller, [options], { id: device, label: `poller ${device}`, shutdown: 500 });
      this.#pollers.set(device, await pollers().startChild(spec));
    } catch (error) {
      this.process.logger.error({ device, err: error }, 'a device cannot be polled');
      return;
    }
    const now = this.process.world.clock.wallTime();
    const message = this.#known.own(device, node.name, now);
    if (message !== undefined) this.#options.pubsub.broadcast(devicesTopic, message);
  }

  async #halt(devices: readonly string[]): Promise<void> {
    const supervisor = this.#options.pollers();
    await Promise.all(
      devices.map(async (device) => {
        const pid = this.#pollers.get(device);
        if (pid === undefined) return;
        try {
          const last = await this.process.ref<DevicePoller>(pid).with({ timeout: 500 }).halt();
          // Told before the device is given up, so that nobody hears of the former owner after the new one.
          if (last !== null) this.#polled(last);
        } catch {
          // it has crashed this moment, or hangs: the supervisor ends it
        }
        this.#pollers.delete(device);
        try {
          await supervisor.terminateChild(device);
          await supervisor.deleteChild(device);
        } catch (error) {
          this.process.logger.warn({ device, err: error }, 'a poller could not be taken away');
        }
      }),
    );
  }

  // --- what is found ---

  #polled(outcome: Outcome): void {
    const { device } = outcome;
    if (!this.#pollers.has(device)) return; // reported, then handed over
    const { pubsub, node, writer } = this.#options;
    const { clock } = this.process.world;
    const before = this.#known.get(device);
    if ('sample' in outcome) {
      const { sample } = outcome;
      this.#polls += 1;
      this.#times.add(clock.monotonicTime(), sample.poll_ms);
      this.process.ref<SampleWriter>(writer).cast.store(sample);
      this.#known.applySample(sample);
      pubsub.broadcast(deviceTopic(device), sample);
      if (before?.state === 'up' && before.owner === node.name) return;
      const address = this.#inventory.get(device)?.address ?? '';
      pubsub.broadcast(devicesTopic, {
        device,
        address,
        owner: node.name,
        state: 'up',
        reason: null,
        at: clock.wallTime(),
        last_poll: sample.at,
      } satisfies StateMessage);
      return;
    }
    this.#failures += 1;
    const { state, reason } = outcome.failure;
    const message = this.#known.fail(device, node.name, state, reason, clock.wallTime());
    if (message === undefined) return;
    if (before?.state !== state) this.process.logger.info({ device, state, reason }, 'a device is not up');
    pubsub.broadcast(devicesTopic, message);
  }

  #heardSample(sample: Sample): void {
    if (typeof sample?.device === 'string' && typeof sample.at === 'number' && Array.isArray(sample.interfaces))
      this.#known.applySample(sample);
  }

  #heardState(message: StateMessage): void {
    if (typeof message?.device !== 'string' || typeof message.owner !== 'string') return;
    // One's own words come back through the subscription; another's about a device that is polled here are of the past.
    if (message.owner === this.#options.node.name || this.#pollers.has(message.device)) return;
    this.#known.applyState(message);
  }
}
