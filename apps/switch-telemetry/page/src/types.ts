/** What comes over the wire: the messages of the cluster, as src/contract.ts has them, and what the web adds. */
export type { DeviceState, DeviceSummary, InterfaceSample, Sample, StateMessage } from '../../src/contract.ts';
import type { RatePoint, RatesMessage } from '../../src/web/telemetry-view.ts';
export type { RatePoint, RatesMessage };

/** `GET /api/nodes`, and pushed on `cluster`. */
export interface NodeView {
  readonly name: string;
  readonly roles: readonly string[];
  readonly hidden: boolean;
  readonly self: boolean;
  readonly devices: readonly string[];
  readonly connected_since: number;
}

/** `GET /api/devices/:id/samples`. */
export interface SamplesReply {
  readonly device: string;
  readonly from: number;
  readonly to: number;
  readonly step: number;
  readonly interfaces: readonly {
    readonly index: number;
    readonly name: string;
    readonly points: readonly RatePoint[];
  }[];
}

/** Who else is looking. */
export interface Visitor {
  readonly key: string;
  readonly name: string;
  readonly view: string;
  readonly node: string;
  readonly self: boolean;
  /** How many pages they have open. */
  readonly pages: number;
}
