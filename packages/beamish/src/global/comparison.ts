/**
 * Names that ought to be the same on all nodes of a partition, and are not. They are agreed on when two nodes meet, and changed, under the
 * lock `global`; but who ends or is lost in between has told some nodes and not others, and with overlapping partitions a change
 * misses those whom its node does not see. OTP leaves it so. Here one node of a partition looks once it has stayed
 * what it is for a while: under the lock, first at a number for each table, then name by name. A BEAM is not asked, but told what
 * is found, as of any change.
 */
import { isBeamishError } from '../error/index.ts';
import type { Node } from '../node/index.ts';
import { compareNodeNames } from '../node/names.ts';
import { genCall, reply } from '../node/kernel/gen.ts';
import type { ProcessBehaviour, ProcessContext } from '../process/index.ts';
import { atom, formatTerm, isAtom, keyOf, tuple } from '../term/index.ts';
import type { Term } from '../term/index.ts';
import type { Logger } from '../world/index.ts';
import { askAll } from './acquire.ts';
import type { NameServer } from './name-server.ts';
import type { Registrar } from './registrar.ts';
import type { Tables } from './server/tables.ts';
import { verdictOn } from './verdict.ts';
import { entryTerm, parseEntries } from './wire.ts';
import type { NameEntry } from './wire.ts';

/** Answers for a node's table. A process of another name than OTP's, where a BEAM would log what it does not know. */
export const COMPARER = 'beamish_global';
const DIGEST = atom('digest');
const NAMES = atom('names');

export function comparer(tables: () => Tables): ProcessBehaviour {
  return {
    handle(message: Term, self: ProcessContext): void {
      const call = genCall(message);
      if (call === undefined) return;
      if (isAtom(call.request, 'digest')) reply(self, call, digestOf(tables()));
      else if (isAtom(call.request, 'names')) reply(self, call, tables().entries().map(entryTerm));
    },
  };
}

const digestOf = (tables: Tables): Term => tuple(tables.nameCount, tables.digest);

interface Place {
  readonly server: NameServer;
  readonly names: Registrar;
  readonly node: Node;
  readonly logger: Logger;
  /** Milliseconds for the method of a name to decide. */
  readonly resolveTimeout: number;
}

/** Does it, if it is for this node to do: the greatest of those that can. */
export async function compare(place: Place): Promise<void> {
  const { server, names, node, logger } = place;
  const known = [...server.state.known.keys()];
  try {
    if (known.length === 0) return;
    for (const other of known.filter((each) => compareNodeNames(each, node.name) > 0).toSorted(greatestFirst))
      if ((await askAll(server.registrar, [other], DIGEST, COMPARER)).length > 0) return;
    const found = await names.alone((locked) => equalise(place, locked));
    if (found.length === 0) return;
    const some = found.slice(0, 10).map((name) => formatTerm(name, { maxLength: 100 }));
    logger.warn({ names: some, count: found.length }, 'global: names were not the same on all nodes; they are now');
  } catch (error) {
    // It has ended: who takes its place meets everybody anew.
    if (!isBeamishError(error, 'aborted')) logger.error({ err: error }, 'global: names could not be compared');
  }
}

const greatestFirst = (a: string, b: string): number => compareNodeNames(b, a);

/**
 * Makes the tables of the nodes equal: what one has, all get; of two owners the method of the name decides, as when two nodes meet.
 * @param nodes which are locked, this one among them
 * @returns the names that were not the same everywhere
 */
async function equalise(place: Place, nodes: readonly string[]): Promise<Term[]> {
  const { registrar, state } = place.server;
  const own = state.tables;
  const digest = keyOf(digestOf(own));
  const others = nodes.filter((node) => node !== place.node.name);
  const digests = await askAll(registrar, others, DIGEST, COMPARER);
  const differing = digests.filter(({ reply }) => keyOf(reply) !== digest).map(({ node }) => node);
  if (differing.length === 0) return [];
  const replies = await askAll(registrar, differing, NAMES, COMPARER);
  const lists = [own.entries(), ...replies.map(({ reply }) => parseEntries(reply) ?? [])];
  const tables = lists.map((entries) => new Map(entries.map((entry) => [keyOf(entry.name), entry])));
  const found: Term[] = [];
  for (const key of new Set(tables.flatMap((table) => [...table.keys()]))) {
    const rows = tables.map((table) => table.get(key));
    const [first, ...rivals] = distinct(rows.filter((row) => row !== undefined && nodes.includes(row.pid.node)));
    if (first === undefined || (rivals.length === 0 && !rows.includes(undefined))) continue;
    found.push(first.name);
    const owner = await ownerOf(place, first, rivals);
    const change =
      owner === undefined
        ? tuple(atom('unregister'), first.name)
        : tuple(atom('register'), owner.name, owner.pid, owner.method);
    await askAll(registrar, nodes, change);
  }
  return found;
}

/** One of each process. */
function distinct(rows: readonly (NameEntry | undefined)[]): NameEntry[] {
  return [...new Map(rows.flatMap((row) => (row === undefined ? [] : [[row.pid.key, row] as const]))).values()];
}

async function ownerOf(
  { server, node, resolveTimeout }: Place,
  first: NameEntry,
  rivals: readonly NameEntry[],
): Promise<NameEntry | undefined> {
  let owner = first;
  for (const rival of rivals) {
    const verdict = await verdictOn({ mine: owner, theirs: rival }, node, server.methods, resolveTimeout);
    if (verdict === 'nobody') return undefined;
    if (verdict !== 'mine') owner = rival;
  }
  return owner;
}
