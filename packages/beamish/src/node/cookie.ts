import { BeamishError, isBeamishError } from '../error/index.ts';
import type { World } from '../world/index.ts';

/** Why a text cannot be a cookie; undefined when it can. Its digest is made of latin-1 bytes (protocols 2.2). */
export function cookieProblem(cookie: unknown): string | undefined {
  if (typeof cookie !== 'string' || cookie === '') return 'a cookie is a text of at least one character';
  if (cookie.length > 255) return 'a cookie has at most 255 characters';
  // eslint-disable-next-line no-control-regex -- line ends in a cookie are a file that was read without care
  return /^[\u0020-\u007e\u00a0-\u00ff]+$/.test(cookie) ? undefined : 'a cookie has printable latin-1 characters only';
}

/**
 * The cookie in `~/.erlang.cookie`, read as Erlang reads it: others than its owner must not be able to, and the line end
 * is no part of it (protocols 2.5).
 * @param path where else to read
 * @throws BeamishError `cookie_unreadable`
 */
export async function readCookieFile(
  world: World,
  path = `${world.disk.homeDirectory}/.erlang.cookie`,
): Promise<string> {
  const status = await world.disk.status(path).catch((cause: unknown) => unreadable(path, 'cannot be read', cause));
  if (status === undefined) return unreadable(path, 'does not exist');
  if (status.kind !== 'file') return unreadable(path, 'is no file');
  if ((status.mode & 0o077) !== 0) {
    return unreadable(
      path,
      `can be read by others than its owner (mode ${(status.mode & 0o777).toString(8)}): run chmod 400 on it`,
    );
  }
  try {
    const cookie = Buffer.from(await world.disk.readFile(path))
      .toString('latin1')
      .replace(/[\r\n]+$/, '');
    const problem = cookieProblem(cookie);
    return problem === undefined ? cookie : unreadable(path, `holds no cookie: ${problem}`);
  } catch (cause) {
    if (isBeamishError(cause, 'cookie_unreadable')) throw cause;
    return unreadable(path, 'cannot be read', cause);
  }
}

function unreadable(path: string, why: string, cause?: unknown): never {
  throw new BeamishError('cookie_unreadable', `the cookie file ${path} ${why}`, cause === undefined ? {} : { cause });
}
