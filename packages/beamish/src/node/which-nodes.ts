import { BeamishError } from '../error/index.ts';

/**
 * Some nodes: by name, where `*` stands for any characters but `@` (`web*@10.0.0.*`), or by a function that says whether a node
 * is meant. What it throws is a no.
 */
export type WhichNodes = string | readonly string[] | ((nodeName: string) => boolean);

/** @throws BeamishError `option_invalid` for what can name no node */
export function nodeMatcher(which: WhichNodes, field: string): (nodeName: string) => boolean {
  // Not truthy but true: a promise of an answer is none.
  if (typeof which === 'function') return (nodeName) => (which(nodeName) as unknown) === true;
  const given = Array.isArray(which) ? (which as readonly string[]) : [which as string];
  const patterns = given.map((pattern) => {
    if (typeof pattern === 'string' && /^[^@\s]+@[^@\s]+$/.test(pattern)) return expression(pattern);
    throw new BeamishError('option_invalid', `${field}: ${JSON.stringify(pattern)} names no node: give NAME@HOST`);
  });
  return (nodeName) => patterns.some((pattern) => pattern.test(nodeName));
}

function expression(pattern: string): RegExp {
  const parts = pattern.split('*').map((part) => part.replaceAll(/[\\^$.|?+()[\]{}/-]/g, String.raw`\$&`));
  return new RegExp(`^${parts.join('[^@]*')}$`, 'u');
}
