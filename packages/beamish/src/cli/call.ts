import { BeamishError, isBeamishError } from '../error/index.ts';
import { atom, tuple } from '../term/index.ts';
import type { Term } from '../term/index.ts';
import { jsonOf } from './json.ts';
import { COMMON, COMMON_HELP, commonOf, parse, UsageError } from './options.ts';
import { hostOf, quietWorld, startToolNode } from './tool-node.ts';

export const CALL_HELP = `beamish call NODE NAME METHOD [ARGUMENT ...]

Calls a method of the process that is registered as NAME on NODE (GenServer.call of {METHOD, ARGUMENT, ...}), and prints
the answer as JSON. Arguments are JSON: 1, true, '"a text"', '{"id": "sw-01"}'.
${COMMON_HELP}`;

export async function call(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parse(argv, COMMON);
  const common = commonOf(values);
  const [nodeName, name, method, ...rest] = positionals;
  if (nodeName === undefined || name === undefined || method === undefined)
    throw new UsageError('give NODE, NAME and METHOD');
  const host = hostOf(nodeName);
  const args = rest.map(argument);
  await using node = await startToolNode(common, quietWorld(), host);
  const request = args.length === 0 ? atom(method) : tuple(atom(method), ...args);
  try {
    // Connecting says more about what is wrong than the call would.
    await node.connect(nodeName, { signal: AbortSignal.timeout(common.timeout) });
    const answer = await node.runtime.call({ name, node: nodeName }, request, { timeout: common.timeout });
    process.stdout.write(`${JSON.stringify(jsonOf(answer), null, common.json ? 0 : 2)}\n`);
    return 0;
  } catch (error) {
    if (!isBeamishError(error, 'method_unknown')) throw withNode(error, nodeName);
    const { methods } = error.details;
    if (!Array.isArray(methods)) throw error;
    process.stderr.write(
      `beamish: ${name} on ${nodeName} has no method ${method}; it has:\n${methods.map((one) => `  ${String(one)}\n`).join('')}`,
    );
    return 1;
  }
}

/** @throws UsageError */
function argument(text: string, index: number): Term {
  try {
    return JSON.parse(text) as Term;
  } catch {
    throw new UsageError(
      `argument ${index + 1} is no JSON: ${text} (a text needs its quotes: '${JSON.stringify(text)}')`,
    );
  }
}

function withNode(error: unknown, nodeName: string): unknown {
  if (!isBeamishError(error, 'aborted')) return error;
  return new BeamishError('timeout', `connecting to ${nodeName}: it took too long`, { cause: error });
}
