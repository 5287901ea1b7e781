import { COMMON, COMMON_HELP, commonOf, parse, UsageError } from './options.ts';
import { hostOf, quietWorld, startToolNode } from './tool-node.ts';

export const PING_HELP = `beamish ping NODE

Prints pong and exits with 0 when the node answers (net_adm:ping); otherwise pang and the reason, with 1.
${COMMON_HELP}`;

export async function ping(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parse(argv, COMMON);
  const common = commonOf(values);
  const [nodeName, ...more] = positionals;
  if (nodeName === undefined || more.length > 0) throw new UsageError('give one NODE');
  const host = hostOf(nodeName);
  const world = quietWorld();
  await using node = await startToolNode(common, world, host);
  const began = world.clock.monotonicTime();
  let reason = 'it does not answer';
  let ok = false;
  try {
    await node.connect(nodeName, { signal: AbortSignal.timeout(common.timeout) });
    ok = await node.at(nodeName).ping({ timeout: common.timeout });
  } catch (error) {
    reason = error instanceof Error ? error.message : String(error);
  }
  const took = Math.round((world.clock.monotonicTime() - began) * 10) / 10;
  if (common.json)
    process.stdout.write(`${JSON.stringify(ok ? { node: nodeName, ok, ms: took } : { node: nodeName, ok, reason })}\n`);
  else process.stdout.write(ok ? `pong (${took} ms)\n` : `pang: ${reason}\n`);
  return ok ? 0 : 1;
}
