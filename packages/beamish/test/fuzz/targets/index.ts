import type { Target } from '../target.ts';
import { connection } from './connection.ts';
import { epmdClient, epmdServer } from './epmd.ts';
import { frames } from './frames.ts';
import { gossip } from './gossip.ts';
import { groups } from './groups.ts';
import { term } from './term.ts';

export const targets: readonly Target[] = [term, frames, connection, epmdServer, epmdClient, gossip, groups];
