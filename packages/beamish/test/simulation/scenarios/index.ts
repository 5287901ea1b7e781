import { calls } from './calls.ts';
import { cluster, clusterByName } from './cluster.ts';
import { dnsInRegions, dnsInZones, gossiping } from './discovery.ts';
import { global } from './global.ts';
import { groups } from './groups.ts';
import { handshake } from './handshake.ts';
import { leaks } from './leaks.ts';
import { large } from './large.ts';
import { links } from './links.ts';
import { machines } from './machines.ts';
import { pubsub, pubsubFar } from './pubsub.ts';
import { registry } from './registry.ts';
import type { Scenario } from './scenario.ts';
import { supervision } from './supervision.ts';
import { tables } from './tables.ts';
import { tasks } from './tasks.ts';

export type { Scenario } from './scenario.ts';

export const scenarios: readonly Scenario[] = [
  cluster,
  clusterByName,
  groups,
  global,
  pubsub,
  pubsubFar,
  gossiping,
  dnsInZones,
  dnsInRegions,
  supervision,
  machines,
  links,
  large,
  calls,
  handshake,
  leaks,
  tables,
  tasks,
  registry,
];
