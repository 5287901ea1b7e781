/** Which channel a topic belongs to: exact names, and patterns that end in `*` (`Phoenix.Socket.channel/3`). */
import { BeamishError } from 'beamish/error';

export interface Route<T> {
  readonly pattern: string;
  readonly target: T;
  /** The part of the topic that the `*` stands for; empty for an exact name. */
  readonly rest: string;
}

export interface Router<T> {
  find(topic: string): Route<T> | undefined;
}

/**
 * An exact name wins over a pattern, a longer pattern over a shorter one.
 * @throws BeamishError `option_invalid` for a `*` that is not the last character.
 */
export function createRouter<T>(targets: Readonly<Record<string, T>>): Router<T> {
  const exact = new Map<string, T>();
  const prefixes: { readonly pattern: string; readonly prefix: string; readonly target: T }[] = [];
  for (const [pattern, target] of Object.entries(targets)) {
    const star = pattern.indexOf('*');
    if (star === -1) exact.set(pattern, target);
    else if (star === pattern.length - 1) prefixes.push({ pattern, prefix: pattern.slice(0, -1), target });
    else throw new BeamishError('option_invalid', `topic pattern "${pattern}": "*" may only be its last character`);
  }
  prefixes.sort((a, b) => b.prefix.length - a.prefix.length);
  return {
    find(topic) {
      const target = exact.get(topic);
      if (target !== undefined) return { pattern: topic, target, rest: '' };
      const found = prefixes.find(({ prefix }) => topic.startsWith(prefix));
      return found && { pattern: found.pattern, target: found.target, rest: topic.slice(found.prefix.length) };
    },
  };
}
