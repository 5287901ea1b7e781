/** The collectors' decision who polls what, put through the simulated world: `device-manager.ts` without SNMP and database. */
import assert from 'node:assert/strict';
import { atom, roleGroup, startNode, type ClusterNode, type Term, tuple } from 'beamish';
import { epmdHosts } from 'beamish/discovery';
import { GenServer } from 'beamish/process';
import type { NetworkPreset, Program, RandomFaults, Simulation } from 'beamish/simulation';
import { Tuple } from 'beamish/term';
import { hearing, type Polling, UnownedWatch } from './unowned.ts';
import { type AssignmentInput, initialAssignment, stepAssignment } from '../../src/collector/assignment.ts';

export const DEVICES = Array.from({ length: 30 }, (_, index) => `sw-${index}`);
const collectors = roleGroup('collector');
const membersChanged = atom('members_changed');
const ANSWER_WITHIN = 2000;
const LET_GO_AFTER = 3000;
const TICK_TIME = 4000;
/** A lost collector is noticed at most 1.5 tick times after it was last heard of; whom a new owner asks may not answer. Milliseconds. */
export const UNOWNED = 1.5 * TICK_TIME + ANSWER_WITHIN + 100;

class Manager extends GenServer {
  static override readonly calls = ['release', 'drain'];
  readonly #node: ClusterNode;
  readonly #running: Set<string>;
  /** To be called when `running` has changed. */
  readonly #changed: () => void;
  #state;

  constructor(node: ClusterNode, running: Set<string>, changed: () => void) {
    super();
    this.#node = node;
    this.#running = running;
    this.#changed = changed;
    this.#state = initialAssignment(node.name);
  }

  protected override async init(): Promise<void> {
    const { pid } = this.process;
    this.#node.groups.monitor(collectors, () => this.process.send(pid, membersChanged));
    this.#step({ type: 'devices', devices: DEVICES });
    this.#node.groups.join(collectors, pid);
    if (this.#node.nodes().length > 0) await this.process.sleep(100);
    this.#membersChanged();
  }

  release(devices: readonly string[], asker: string): void {
    this.#step({ type: 'releaseAsked', from: asker, devices });
  }

  drain(): void {
    this.#step({ type: 'drain' });
    this.#node.groups.leave(collectors, this.process.pid);
  }

  protected override handleInfo(message: Term): void {
    if (message === membersChanged) this.#membersChanged();
    else if (message instanceof Tuple && message.at(0) === atom('deadline')) {
      this.#step({ type: 'deadline', round: message.at(1) as number });
    } else if (message instanceof Tuple) {
      this.#step({ type: 'released', node: message.at(1) as string, devices: message.at(2) as string[] });
    }
  }

  #membersChanged(): void {
    const members = new Set(this.#node.groups.members(collectors).map(({ node }) => node));
    this.#step({ type: 'members', members: [...members] });
  }

  #step(input: AssignmentInput): void {
    const { state, effects } = stepAssignment(this.#state, input);
    this.#state = state;
    if (effects.length > 0) this.#changed();
    for (const effect of effects) {
      if (effect.type === 'start') this.#running.add(effect.device);
      else if (effect.type === 'stop') this.#running.delete(effect.device);
      else if (effect.type === 'timer') this.process.setTimer(LET_GO_AFTER, tuple(atom('deadline'), effect.round));
      else this.#ask(effect.node, effect.devices);
    }
  }

  #ask(node: string, devices: readonly string[]): void {
    const answered = (): void => this.process.send(this.process.pid, tuple(atom('released'), node, devices));
    const other = this.#node.at(node).ref<Manager>('device_manager').with({ timeout: ANSWER_WITHIN });
    other.release(devices, this.#node.name).then(answered, answered);
  }
}

export interface Collector extends Polling {
  readonly node: ClusterNode;
  /** Gives its devices up and its role, for the end of the node. */
  drain(): Promise<void>;
}

export function startCollectors(world: Simulation): Program<Collector> {
  const watch = new UnownedWatch(world, { devices: DEVICES, bound: UNOWNED, collectors: () => program.all() });
  const program: Program<Collector> = world.start(async (host) => {
    const node = await startNode({
      name: host.nodeName,
      cookie: 'simulated',
      plaintext: true,
      epmd: { port: 4369 },
      world: hearing(host.world, (address) => watch.heard(address)),
      tickTime: TICK_TIME,
      setupTime: 3000,
      discovery: epmdHosts({ hosts: world.hosts.map(({ nodeName }) => nodeName) }),
    });
    const running = new Set<string>();
    const manager = await node.spawn(Manager, [node, running, () => watch.changed()], { name: 'device_manager' });
    let drained = false;
    const drain = (): Promise<void> => {
      drained = true;
      watch.changed();
      return manager.drain();
    };
    return {
      host,
      node,
      running,
      drain,
      get drained() {
        return drained;
      },
    };
  });
  return program;
}

/** Each device has exactly one owner. */
export function oneOwnerEach(all: readonly Collector[]): void {
  for (const device of DEVICES) {
    const owners = all.filter(({ running }) => running.has(device)).map(({ node }) => node.name);
    assert.equal(owners.length, 1, `${device} is polled by ${owners.join(' and ') || 'nobody'}`);
  }
}

export const scenario: {
  readonly name: string;
  readonly checks: string;
  readonly nodes: number;
  readonly faults: RandomFaults;
  readonly network?: NetworkPreset;
  readonly run: (world: Simulation) => Promise<void>;
} = {
  name: 'collectors',
  checks: 'Switch Telemetry: each device has one owner in the end, and nobody for a stated time at most',
  nodes: 4,
  faults: { count: 6, from: 1000, until: 24_000, longest: 16_000 },
  async run(world) {
    const program = startCollectors(world);
    let since: number | undefined;
    world.eventually(
      'each device has exactly one owner, and keeps it for 10 s',
      () => {
        try {
          assert.ok(program.complete, 'not every program has started');
          oneOwnerEach(program.all());
        } catch (error) {
          since = undefined;
          throw error;
        }
        since ??= world.now;
        return world.now - since >= 10_000;
      },
      { within: 180_000 },
    );
    await world.until(() => program.complete, { within: 120_000 });
    // Deploys, in the middle of whatever else happens.
    for (let index = world.random.below(3); index > 0; index--) {
      await world.sleep(world.random.below(8000));
      const host = world.random.pick(world.hosts);
      const collector = program.on(host);
      if (collector === undefined) continue;
      const { life } = host;
      await Promise.race([collector.drain().catch(() => {}), world.sleep(5000)]);
      if (host.life !== life || life.over) continue;
      const restart = world.crash(host, 'kill');
      await world.sleep(1 + world.random.below(2000));
      restart();
    }
  },
};
