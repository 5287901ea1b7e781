/**
 * What the parts of Switch Telemetry say to each other: the messages of the cluster (contract of names and shapes), what
 * `device_manager` answers, and what the store gives to the web. Messages are plain objects with string keys in
 * snake_case: on an Elixir node each is a map with binary keys.
 */

export type Role = 'collector' | 'web';

/** `pending`: has an owner and was not polled by it yet. `error`: answers, but not with what an agent must say. */
export type DeviceState = 'pending' | 'up' | 'unreachable' | 'error';

/** One interface in one poll. Rates are null until two polls of the same counters are there. */
export type InterfaceSample = {
  /** ifIndex. */
  index: number;
  /** ifName; ifDescr where the agent has no ifName. */
  name: string;
  /** ifAlias, '' when none. */
  alias: string;
  oper: 'up' | 'down';
  /** Bits per second. */
  speed: number;
  in_bps: number | null;
  out_bps: number | null;
  /** A 64-bit counter as a decimal string. */
  in_octets: string;
  out_octets: string;
  in_errors: number;
  out_errors: number;
};

/** One poll of one device, broadcast on `device:ID`. */
export type Sample = {
  device: string;
  /** The poll's scheduled time, ms since the epoch. */
  at: number;
  /** The node that polled. */
  owner: string;
  state: 'up';
  /** sysUpTime in seconds. */
  uptime: number;
  /** sysName. */
  name: string;
  /** How long the agent took to answer, ms. */
  poll_ms: number;
  /** When the counters last moved, ms since the epoch (many agents read theirs only every few seconds); absent: at this poll. */
  counters_at?: number;
  interfaces: InterfaceSample[];
};

/** Broadcast on `devices` when a device's owner, state or reason changes. */
export type StateMessage = {
  device: string;
  /** `host:port` of the SNMP agent. */
  address: string;
  owner: string;
  state: DeviceState;
  /** Why it is not up; null when it is. */
  reason: string | null;
  /** When it became so, ms since the epoch. */
  at: number;
  /** The scheduled time of the last poll that was answered well, ms since the epoch. */
  last_poll: number | null;
};

/** One row of `device_manager.list()`: every device of the inventory, as this collector knows it. */
export type DeviceSummary = {
  id: string;
  /** sysName, '' until it was polled. */
  name: string;
  address: string;
  /** The node that polls it; null while none does. */
  owner: string | null;
  state: DeviceState;
  reason: string | null;
  last_poll: number | null;
  /** Sum over the interfaces of the last poll, null when unknown. */
  in_bps: number | null;
  out_bps: number | null;
  /** How many interfaces the last poll had. */
  interfaces: number;
};

/** A device of which nothing is known yet. */
export function pendingDevice(id: string, address: string): DeviceSummary {
  return {
    id,
    name: '',
    address,
    owner: null,
    state: 'pending',
    reason: null,
    last_poll: null,
    in_bps: null,
    out_bps: null,
    interfaces: 0,
  };
}

/** `device_manager.get(id)`; `last` is null until a poll was answered. */
export type DeviceDetail = DeviceSummary & { last: Sample | null };

/** `device_manager.statistics()`: of this collector, since its start. */
export type CollectorStatistics = {
  node: string;
  /** Devices it polls now. */
  owned: number;
  /** Polls answered well, polls that failed. */
  polls: number;
  failures: number;
  /** Of the polls in the last minute, ms: null when there were none. */
  poll_ms_median: number | null;
  poll_ms_max: number | null;
  /** Samples (rows) waiting to be stored, stored, and dropped as the buffer was full. */
  queued: number;
  stored: number;
  dropped: number;
};

/**
 * The public calls of the GenServer `device_manager`, one on each collector:
 * `node.at(collector).ref<DeviceManagerApi>('device_manager').list()` in the web.
 */
export interface DeviceManagerApi {
  list(): DeviceSummary[];
  /** Null when the inventory has no such device. */
  get(id: string): DeviceDetail | null;
  /** Device -> the node that polls it. */
  owners(): Record<string, string>;
  statistics(): CollectorStatistics | Promise<CollectorStatistics>;
}

export const deviceManagerName = 'device_manager';
export const pubsubName = 'SwitchTelemetry.PubSub';
/** Topic of StateMessage. */
export const devicesTopic = 'devices';
/** Topic of Sample. */
export const deviceTopic = (id: string): string => `device:${id}`;
export const clusterTopic = 'cluster';

export interface StoredDevice {
  readonly id: string;
  readonly address: string;
  readonly version: '2c' | '3';
}

export interface SeriesPoint {
  /** Start of the step, ms since the epoch. */
  readonly at: number;
  /** Mean over the step; null when nothing is known of it. */
  readonly in_bps: number | null;
  readonly out_bps: number | null;
}

export interface InterfaceSeries {
  readonly index: number;
  readonly name: string;
  readonly points: readonly SeriesPoint[];
}

/** The reading side of the store. Every method rejects with an error that says so when the database is away. */
export interface StoreReader extends AsyncDisposable {
  /** The inventory, by id. No keys or communities in it. */
  devices(): Promise<readonly StoredDevice[]>;
  /**
   * What was measured of one device, by interface and time.
   * @param from ms since the epoch, inclusive. @param to ms since the epoch, exclusive.
   * @param step seconds, at least 1: one point for each step that has samples. The range may hold at most 10 000 steps
   * (RangeError otherwise).
   * @returns empty when the device has no samples in the range.
   */
  samples(device: string, from: number, to: number, step: number): Promise<readonly InterfaceSeries[]>;
  /** True when a query came back within a second. Never rejects. */
  ready(): Promise<boolean>;
  /** For /metrics. */
  statistics(): { readonly connections: number; readonly idle: number; readonly waiting: number };
}

/** The variables, validated. */
export interface Config {
  /** NODE_ROLE. */
  readonly roles: readonly Role[];
  /** RELEASE_NODE, `name@host`; its first part is RELEASE_NAME when only that is given. */
  readonly nodeName: string;
  /** RELEASE_COOKIE. */
  readonly cookie: string;
  /** CLUSTER_DNS: the name whose addresses are the nodes. */
  readonly clusterDns: string | undefined;
  /** CLUSTER_NODES: node names that are asked for through EPMD, comma separated. */
  readonly clusterNodes: readonly string[];
  /** ERL_EPMD_PORT. */
  readonly epmdPort: number;
  /** DATABASE_URL. */
  readonly databaseUrl: string;
  /** PORT of the web server. @default 4000 */
  readonly port: number;
  /** HTTP_HOST, the address the web server binds. @default '127.0.0.1' */
  readonly httpHost: string;
  /** PHX_HOST: the public host name of the page; requests of another origin are refused by the WebSocket. @default 'localhost' */
  readonly publicHost: string;
  /** SECRET_KEY_BASE: at least 64 characters. */
  readonly secretKeyBase: string;
  /** INVENTORY: path of the JSON file; undefined: what the table `devices` holds. */
  readonly inventory: string | undefined;
  /** POLL_INTERVAL in ms. @default 1000 */
  readonly pollInterval: number;
  /** PAGE_DIR: the built page. */
  readonly pageDirectory: string;
  /** LOG_LEVEL. @default 'info' */
  readonly logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal';
}

/*
 * Written by web/: `startWeb(options: WebOptions): Promise<Web>` with
 *   WebOptions { node: Node; groups: Groups; pubsub: PubSub; store: StoreReader; config: Config; logger: Logger }
 *   Web extends AsyncDisposable { readonly address: Address; drain(): void }   // drain: /readyz says 503 from then on
 */
