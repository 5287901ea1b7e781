/**
 * Rows of the interop table: a test that proves one is named by `row(...)`, and the runner collects them by that name
 * (scripts/runner/interop.ts) into the table in docs/interoperability.md.
 *
 * ```ts
 * test(row('2.3', 'erl to us', 'a wrong cookie is refused'), options, async (t) => { ... });
 * await t.test(row('3.5 A7', 'erl to us', 'SPAWN_REQUEST is always answered'), async () => { ... });
 * ```
 */

/** Sections of the protocols that we speak; A1 to A14 are their pitfalls: what real peers do against expectation. */
export const SECTIONS = {
  '1.2': 'EPMD: messages',
  '1.3': 'EPMD: creation',
  '1.4': 'EPMD: life of a registration',
  '1.5': 'EPMD: our own server',
  '2.1': 'Handshake: framing',
  '2.2': 'Handshake: messages',
  '2.3': 'Handshake: status',
  '2.4': 'Handshake: flags',
  '2.5': 'Cookies',
  '2.6': 'Dynamic node names',
  '2.7': 'Ticks',
  '3.1': 'Forms of frames',
  '3.2': 'Distribution header, atom cache',
  '3.3': 'Fragments',
  '3.4': 'Control messages',
  '3.5': 'Semantics of signals',
  '3.6': 'What kills a connection',
  '4': 'External Term Format',
  '5.1': 'Processes that a node registers',
  '5.2': 'What happens on connect',
  '5.3': 'Operations of the BEAM',
  '5.4': 'Visible and hidden nodes',
  '5.5': 'Conventions of calls',
  '5.6': 'IO protocol',
  '6': ':pg',
  '7.1': ':global by delegation',
  '7.2': ':global: messages',
  '7.3': ':global: session',
  '7.4': ':global: registering',
  '7.5': ':global: overlapping partitions',
  '8': 'Phoenix.PubSub',
  '9': 'Phoenix.Tracker, Phoenix.Presence',
  '10': 'Discovery: libcluster',
  '11.1': 'Hash ring: libring',
  '11.2': 'phash2',
  '12': 'Horde, delta_crdt',
  '14': 'TLS distribution',
  A1: 'The digest flag is bit 26, not 36',
  A2: 'Without ALIAS calls with an alias tag hang',
  A3: 'A visible node that is silent hangs :global',
  A4: 'One bad message ends a scope of :pg',
  A5: 'Duplicate map keys, NaN and compressed payloads close a connection',
  A6: 'TLS: four bytes of length in the handshake too',
  A7: 'SPAWN_REQUEST is always answered, casts too',
  A8: 'net_kernel replies to alias tags by pid',
  A9: 'A pid of ours in :global makes every BEAM dial us',
  A10: 'Long-poll: where the token stands',
  A11: 'libring: atom keys depend on the OTP version',
  A12: 'Tracker: a burnt clock on leaves',
  A13: 'A slow large frame counts as silence',
  A14: 'JavaScript: -0, map keys; clocks and sets of delta_crdt',
} as const;

/** What no row can prove yet, and why. */
export const LATER: { readonly [section in Section]?: string } = {
  '9': 'presence is not built yet',
  '12': 'no CRDTs yet',
  A10: 'long-poll is not built yet; the WebSocket of Phoenix Channels is tested in packages/phoenix',
  A12: 'presence is not built yet',
};

/** Where only one side can act, and why the other cannot. */
export const ONE_WAY: { readonly [section in Section]?: { readonly [missing in Direction]?: string } } = {
  '1.2': { 'to us': 'they come to our own port mapper: 1.5' },
  '1.4': { 'to us': 'they come to our own port mapper: 1.5' },
  '11.1': { 'to us': 'placement is computed, nobody is asked' },
  A8: { 'to us': 'our net_kernel replies to the alias, as others do' },
  A11: { 'to us': 'placement is computed, nobody is asked' },
};

/** Whether a peer acts on us, or we on a peer. */
export type Direction = 'to us' | 'by us';

export type Section = keyof typeof SECTIONS;
/** Who acts on whom; `and` where both do. */
export type Acting =
  | `${'erl' | 'elixir'} to us`
  | `us to ${'erl' | 'elixir'}`
  | `${'erl' | 'elixir' | 'epmd'} and us`
  | 'dns and us'
  | 'epmd to us'
  | 'us to epmd';

/** The name of a test that proves a row. @param sections one, or two with a space between: `3.5 A7` */
export function row(sections: Section | `${Section} ${Section}`, acting: Acting, what: string): string {
  if (/ > |[|·\\\n]/.test(what)) throw new Error(`a row's text cannot have ' > ', |, ·, \\ or a line break: ${what}`);
  return `protocols ${sections} · ${acting} · ${what}`;
}
