/** What is measured, in parts that each have their own peers. A peer of one name is the same thing in all of them. */
import type { Peer } from './harness/pair.ts';
import { messageWorkloads, type WorkloadName } from './harness/workloads.ts';
import { beamish } from './peers/beamish.ts';
import { beamishBroadcast } from './peers/beamish-broadcast.ts';
import { beamishFootprint } from './peers/beamish-footprint.ts';
import { beamishMembership } from './peers/beamish-membership.ts';
import { codecs } from './peers/codecs.ts';
import { erl } from './peers/erl.ts';
import { moleculer } from './peers/moleculer.ts';
import { nats } from './peers/nats.ts';
import { redis } from './peers/redis.ts';
import { tcp } from './peers/tcp.ts';

export interface Part {
  readonly title: string;
  readonly workloads: readonly WorkloadName[];
  readonly peers: Readonly<Record<string, Peer>>;
}

export const parts = {
  messages: {
    title: 'Calls and one-way messages between two nodes',
    workloads: messageWorkloads,
    peers: { beamish, tcp, erl, nats, moleculer },
  },
  broadcast: {
    title: 'Broadcast over three nodes',
    workloads: ['broadcast'],
    peers: { beamish: beamishBroadcast, ...redis },
  },
  terms: {
    title: 'Terms, in one process',
    workloads: ['encode', 'decode'],
    peers: codecs,
  },
  membership: {
    title: 'Membership',
    workloads: ['pgJoin', 'connect', 'together', 'kill'],
    peers: { beamish: beamishMembership, erl },
  },
  footprint: {
    title: 'What a node costs',
    workloads: ['memory', 'idle'],
    peers: { beamish: beamishFootprint },
  },
} as const satisfies Readonly<Record<string, Part>>;

export type PartName = keyof typeof parts;
export const partNames = Object.keys(parts) as PartName[];
