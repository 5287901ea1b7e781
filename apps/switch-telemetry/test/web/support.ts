/**
 * A small cluster for tests of the web: real nodes, groups and PubSub in this process, real web servers; only the
 * collectors are made up, and the store is a table in memory.
 */
import { Groups } from 'beamish/groups';
import { Node } from 'beamish/node';
import { GenServer } from 'beamish/process';
import { PubSub } from 'beamish/pubsub';
import { atom, tuple, type Pid } from 'beamish/term';
import { createLogger, realWorld } from 'beamish/world';
import { freePort } from '../../../../packages/beamish/test/support/ports.ts';
import {
  deviceManagerName,
  devicesTopic,
  deviceTopic,
  pubsubName,
  type CollectorStatistics,
  type DeviceDetail,
  type DeviceState,
  type DeviceSummary,
  type InterfaceSeries,
  type Role,
  type Sample,
  type StoreReader,
} from '../../src/contract.ts';
import { startWeb, type Web, type WebOptions } from '../../src/web/index.ts';

export interface Member extends AsyncDisposable {
  readonly node: Node;
  readonly groups: Groups;
  readonly pubsub: PubSub;
}

export interface FakeCollector extends Member {
  /** Devices that it polls. */
  readonly owned: Set<string>;
  /** Broadcasts one poll of a device, made up from its name and the time. */
  poll(device: string, at?: number, change?: Partial<Sample>): Sample;
  /** Broadcasts a state. */
  say(device: string, state: DeviceState, reason?: string | null): void;
}

export interface WebMember extends Member {
  readonly web: Web;
  readonly url: string;
}

export class FakeCluster implements AsyncDisposable {
  readonly epmdPort: number;
  readonly store = new FakeStore();
  /** Lines of the log of all nodes. */
  readonly log: { readonly msg: string; readonly [field: string]: unknown }[] = [];
  /** Those that run, by name. */
  readonly #members = new Map<string, Member>();
  readonly #world;

  private constructor(epmdPort: number) {
    this.epmdPort = epmdPort;
    const write = (line: string): void => void this.log.push(JSON.parse(line));
    this.#world = realWorld({ logger: createLogger({ level: 'info', pretty: false, write }) });
  }

  static async start(devices: number): Promise<FakeCluster> {
    const cluster = new FakeCluster(await freePort());
    cluster.store.ids = Array.from({ length: devices }, (_, index) => `sw-${String(index + 1).padStart(2, '0')}`);
    return cluster;
  }

  async collector(name: string): Promise<FakeCollector> {
    const member = await this.#member(`${name}@127.0.0.1`);
    const { node, pubsub } = member;
    const owned = new Set<string>();
    const { store } = this;
    const polled = new Map<string, Sample>();
    const summary = (id: string): DeviceSummary => {
      const last = polled.get(id);
      const owner = owned.has(id) ? node.name : null;
      const sum = (field: 'in_bps' | 'out_bps'): number | null =>
        last?.interfaces.reduce((total, port) => total + (port[field] ?? 0), 0) ?? null;
      return {
        id,
        name: last?.name ?? '',
        address: addressOf(id),
        owner,
        state: last ? 'up' : 'pending',
        reason: null,
        last_poll: last?.at ?? null,
        in_bps: sum('in_bps'),
        out_bps: sum('out_bps'),
        interfaces: last?.interfaces.length ?? 0,
      };
    };
    class DeviceManager extends GenServer {
      list(): DeviceSummary[] {
        return store.ids.map(summary);
      }
      get(id: string): DeviceDetail | null {
        return store.ids.includes(id) ? { ...summary(id), last: polled.get(id) ?? null } : null;
      }
      owners(): Record<string, string> {
        return Object.fromEntries([...owned].map((id) => [id, node.name]));
      }
      statistics(): CollectorStatistics {
        return {
          node: node.name,
          owned: owned.size,
          polls: polled.size,
          failures: 0,
          poll_ms_median: 3,
          poll_ms_max: 9,
          queued: 4,
          stored: 5,
          dropped: 6,
        };
      }
    }
    joinRole(member, 'collector', await node.spawn(DeviceManager, [], { name: deviceManagerName }));
    return {
      ...member,
      owned,
      poll(device, at = Date.now(), change = {}) {
        owned.add(device);
        const sample = { ...fakeSample(device, at, node.name), ...change };
        polled.set(device, sample);
        store.keep(sample);
        pubsub.broadcast(deviceTopic(device), sample);
        return sample;
      },
      say(device, state, reason = null) {
        const at = Date.now();
        pubsub.broadcast(devicesTopic, {
          device,
          address: addressOf(device),
          owner: node.name,
          state,
          reason,
          at,
          last_poll: polled.get(device)?.at ?? null,
        });
      },
      [Symbol.asyncDispose]: () => member[Symbol.asyncDispose](),
    };
  }

  async web(
    name: string,
    options: { readonly port?: number; readonly pageDirectory?: string } = {},
  ): Promise<WebMember> {
    const member = await this.#member(`${name}@127.0.0.1`);
    const { node, groups, pubsub } = member;
    joinRole(member, 'web', await node.spawn(RoleHolder, []));
    const web = await startWeb({
      node,
      groups,
      pubsub,
      store: this.store,
      logger: node.logger,
      config: {
        port: options.port ?? 0,
        httpHost: '127.0.0.1',
        publicHost: 'telemetry.example',
        pageDirectory: options.pageDirectory ?? '/nowhere',
        pollInterval: 1000,
      },
    });
    const stop = async (): Promise<void> => {
      await web.stop();
      await member[Symbol.asyncDispose]();
    };
    const whole = { ...member, web, url: `http://127.0.0.1:${web.address.port}`, [Symbol.asyncDispose]: stop };
    this.#members.set(node.name, whole);
    return whole;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const member of [...this.#members.values()].toReversed()) await member[Symbol.asyncDispose]();
  }

  /** A node that has joined those that are there. */
  async #member(name: string): Promise<Member> {
    const node = await Node.start({ name, cookie: 'web-test', world: this.#world, epmd: { port: this.epmdPort } });
    const member: Member = {
      node,
      groups: await Groups.start(node, 'beamish'),
      pubsub: await PubSub.start(node, pubsubName),
      [Symbol.asyncDispose]: async () => {
        this.#members.delete(name);
        await node.stop();
      },
    };
    for (const other of this.#members.keys()) await node.connect(other);
    this.#members.set(name, member);
    return member;
  }
}

/** The process whose membership of the group is the node's role. */
class RoleHolder extends GenServer {}

function joinRole({ groups }: Member, role: Role, holder: { readonly pid?: Pid | undefined }): void {
  if (holder.pid) groups.join(tuple(atom('role'), atom(role)), holder.pid);
}

export function addressOf(device: string): string {
  return `127.0.0.1:${20_000 + Number(device.replace(/\D/g, ''))}`;
}

/** Smooth, always the same for the same device and time, and different for each port. */
export function fakeSample(device: string, at: number, owner: string): Sample {
  const number = Number(device.replace(/\D/g, '')) || 1;
  const wave = (port: number, phase: number): number => {
    const slow = Math.sin(at / 41_000 + number * 1.7 + port * 0.9 + phase);
    const fast = Math.sin(at / 5_300 + number + port * 2.3 + phase * 2) * Math.sin(at / 1_900 + port);
    return Math.round(Math.max(0, 0.45 + 0.32 * slow + 0.14 * fast) * 1e8 * (1 + ((number * 7 + port * 3) % 9)));
  };
  return {
    device,
    at,
    owner,
    state: 'up',
    uptime: 86_400 * number + (Math.floor(at / 1000) % 86_400),
    name: `access-${number}.floor${1 + (number % 3)}`,
    poll_ms: 3 + (number % 7),
    interfaces: Array.from({ length: 8 }, (_, index) => {
      const port = index + 1;
      const up = (number + port) % 11 !== 0;
      return {
        index: port,
        name: `Gi0/${port}`,
        alias: port === 1 ? 'uplink' : port === 2 ? 'server room' : '',
        oper: up ? ('up' as const) : ('down' as const),
        speed: port === 1 ? 10_000_000_000 : 1_000_000_000,
        in_bps: up ? wave(port, 0) : 0,
        out_bps: up ? wave(port, 2) / 2 : 0,
        in_octets: String(at * port),
        out_octets: String(at * port * 2),
        in_errors: (number * port) % 13 === 0 ? number * 3 : 0,
        out_errors: 0,
      };
    }),
  };
}

/** Gives back what was polled, or fails like a database that is away. */
export class FakeStore implements WebStore {
  ids: string[] = [];
  up = true;
  readonly #samples = new Map<string, Sample[]>();

  keep(sample: Sample): void {
    this.#samples.set(sample.device, [...(this.#samples.get(sample.device) ?? []), sample]);
  }

  devices() {
    if (!this.up) return Promise.reject(new Error('the database is away'));
    return Promise.resolve(this.ids.map((id) => ({ id, address: addressOf(id), version: '2c' as const })));
  }

  samples(device: string, from: number, to: number, step: number): Promise<readonly InterfaceSeries[]> {
    if (!this.up) return Promise.reject(new Error('the database is away'));
    const series = new Map<
      number,
      { index: number; name: string; points: { at: number; in_bps: number | null; out_bps: number | null }[] }
    >();
    for (const sample of this.#samples.get(device) ?? []) {
      if (sample.at < from || sample.at >= to) continue;
      for (const { index, name, in_bps, out_bps } of sample.interfaces) {
        const one = series.get(index) ?? { index, name, points: [] };
        series.set(index, one);
        const at = Math.floor(sample.at / (step * 1000)) * step * 1000;
        if (one.points.at(-1)?.at !== at) one.points.push({ at, in_bps, out_bps });
      }
    }
    return Promise.resolve([...series.values()]);
  }

  ready(): Promise<boolean> {
    return Promise.resolve(this.up);
  }

  statistics(): ReturnType<StoreReader['statistics']> {
    return { connections: 2, idle: 1, waiting: 0 };
  }
}

type WebStore = WebOptions['store'];
