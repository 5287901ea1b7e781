import type { Peer } from '../harness/pair.ts';
import { beamish } from './beamish.ts';
import { erl } from './erl.ts';
import { moleculer } from './moleculer.ts';
import { nats } from './nats.ts';
import { tcp } from './tcp.ts';

/** All peers, in the order of the table. */
export const peers: Readonly<Record<string, Peer>> = { beamish, tcp, erl, nats, moleculer };
