/** Names and message of Phoenix.PubSub's PG2 adapter (protocols 8). */
import { Atom, atom, isAtom, isTuple, tuple } from '../term/index.ts';
import type { Term, Tuple } from '../term/index.ts';

/** The scope of the groups, one per node. */
export const PG2_SCOPE = 'Elixir.Phoenix.PubSub';

const FORWARD = atom('forward_to_local');
/** The only module that is known to exist on every receiver: a BEAM's worker crashes on another (protocols 8). */
const DISPATCHER = atom('Elixir.Phoenix.PubSub');

/**
 * The groups, which are the registered names of the workers too, as phoenix_pubsub from 2.1.1 on names them; the first is
 * the one of 2.0. Elixir's `MyApp.PubSub` is `Elixir.MyApp.PubSub`; both forms are taken.
 */
export function workerNames(name: string, poolSize: number): string[] {
  const adapter = `${name.startsWith('Elixir.') ? name : `Elixir.${name}`}.Adapter`;
  return Array.from({ length: poolSize }, (_, index) => (index === 0 ? adapter : `${adapter}_${index + 1}`));
}

export function forwardMessage(topic: string, message: Term): Tuple {
  return tuple(FORWARD, topic, message, DISPATCHER);
}

/** Undefined when `term` is no broadcast to a topic that is a text. Any dispatcher is taken: here all subscribers get the message as it is. */
export function parseForward(term: Term): { readonly topic: string; readonly message: Term } | undefined {
  if (!isTuple(term, 4)) return undefined;
  const [tag, topic, message, dispatcher] = term.elements;
  if (!isAtom(tag, 'forward_to_local') || !(dispatcher instanceof Atom)) return undefined;
  return typeof topic === 'string' ? { topic, message } : undefined;
}
