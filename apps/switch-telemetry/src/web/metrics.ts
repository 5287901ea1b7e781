/** `/metrics` in Prometheus' text format. Each web node counts what it sees itself, and asks the collectors for theirs. */
import type { ChannelServer } from '@beamish/phoenix';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Sample, StoreReader } from '../contract.ts';
import type { Telemetry } from './telemetry.ts';

export interface MetricsOptions {
  readonly telemetry: Telemetry;
  readonly channels: Pick<ChannelServer, 'statistics'>;
  readonly store: Pick<StoreReader, 'statistics' | 'ready'>;
}

export interface Metrics {
  readonly contentType: string;
  text(): Promise<string>;
  observe(sample: Sample): void;
}

export function createMetrics(options: () => MetricsOptions): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const polls = new Counter({
    name: 'switch_telemetry_polls_total',
    help: 'Polls this web node has heard of, by the collector that polled',
    labelNames: ['owner'],
    registers,
  });
  const latency = new Histogram({
    name: 'switch_telemetry_poll_duration_seconds',
    help: 'How long agents took to answer the polls this web node has heard of',
    buckets: [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers,
  });
  const gauge = (name: string, help: string, ...labelNames: string[]): Gauge =>
    new Gauge({ name: `switch_telemetry_${name}`, help, labelNames, registers });
  const size = gauge('cluster_nodes', 'Nodes of the cluster, this one included, by role', 'role');
  const all = new Gauge({ name: 'beamish_cluster_size', help: 'Nodes connected, this one included', registers });
  const devices = gauge('devices', 'Devices by state', 'state');
  const owned = gauge('devices_owned', 'Devices by the collector that owns them', 'owner');
  const malformed = gauge('malformed_broadcasts', 'Broadcasts since the start that were not what the contract says');
  const connections = gauge('channel_connections', 'Browsers connected');
  const joined = gauge('channel_joined', 'Channels joined');
  const queued = gauge('channel_queue_depth', 'Frames waiting for slow browsers');
  const dropped = gauge('channel_dropped', 'Pushes dropped for slow browsers since the start');
  const refused = gauge('channel_refused', 'Connections of browsers refused since the start', 'cause');
  const pool = gauge('store_connections', 'Connections of the pool to the database', 'state');
  const database = gauge('store_ready', '1 when the database answers');
  const collector = {
    owned: gauge('collector_devices', 'Devices this collector polls', 'collector'),
    polls: gauge('collector_polls', 'Polls answered well since the start of the collector', 'collector'),
    failures: gauge('collector_poll_failures', 'Polls that failed since the start of the collector', 'collector'),
    queued: gauge('collector_store_queue_depth', 'Samples waiting to be stored', 'collector'),
    stored: gauge('collector_stored', 'Samples stored since the start of the collector', 'collector'),
    dropped: gauge(
      'collector_dropped',
      'Samples dropped since the start of the collector, as the buffer was full',
      'collector',
    ),
  };

  async function refresh(): Promise<void> {
    const { telemetry, channels, store } = options();
    const nodes = telemetry.nodes();
    all.set(nodes.length);
    for (const labelled of [size, devices, owned, refused, ...Object.values(collector)]) labelled.reset();
    for (const { roles } of nodes) for (const role of roles) size.inc({ role });
    for (const [state, count] of Object.entries(telemetry.view.states())) devices.set({ state }, count);
    for (const [owner, ids] of telemetry.view.owned()) owned.set({ owner }, ids.length);
    malformed.set(telemetry.malformed);
    const statistics = channels.statistics();
    connections.set(statistics.connections);
    joined.set(statistics.channels);
    queued.set(statistics.queued);
    dropped.set(statistics.dropped);
    for (const [cause, count] of Object.entries(statistics.refused)) refused.set({ cause }, count);
    const { connections: open, idle, waiting } = store.statistics();
    for (const [state, count] of Object.entries({ open, idle, waiting })) pool.set({ state }, count);
    const [ready, answers] = await Promise.all([store.ready(), telemetry.statistics()]);
    database.set(ready ? 1 : 0);
    for (const answer of answers) {
      for (const [name, one] of Object.entries(collector))
        one.set({ collector: answer.node }, answer[name as keyof typeof collector]);
    }
  }

  return {
    contentType: registry.contentType,
    async text() {
      await refresh();
      return registry.metrics();
    },
    observe(sample) {
      polls.inc({ owner: sample.owner });
      latency.observe(sample.poll_ms / 1000);
    },
  };
}
