/** Whether a WebSocket upgrade is let in (protocols 13.1), as far as the request alone can tell. Pure. */
import type { IncomingHttpHeaders } from 'node:http';

/** Parameters of the URL; `a[b]=c` gives `{ a: { b: 'c' } }`, `a[]=c` gives `{ a: ['c'] }`. Objects have no prototype. */
export type ConnectParams = { readonly [key: string]: ConnectParam };
/** A value of the client's connect parameters: a text, or nested as `a[b]=c` and `a[]=c` write it. */
export type ConnectParam = string | readonly ConnectParam[] | ConnectParams;

export interface Admitted {
  readonly params: ConnectParams;
  /** The client's `authToken` option, which travels in `Sec-WebSocket-Protocol`. */
  readonly authToken: string | undefined;
}

export interface Turned {
  /** HTTP status. */
  readonly status: number;
  readonly cause: 'origin' | 'version' | 'url';
  readonly reason: string;
}

/** Parameters beyond this many, or nested deeper than `MAX_DEPTH`, are more than a client of ours sends. */
const MAX_PARAMS = 100;
const MAX_DEPTH = 8;
const TOKEN_PREFIX = 'base64url.bearer.phx.';

export function admit(
  url: string,
  headers: IncomingHttpHeaders,
  origins: readonly string[] | 'any',
): Admitted | Turned {
  const origin = headers.origin;
  if (origin !== undefined && !isAllowedOrigin(origin, origins)) {
    return { status: 403, cause: 'origin', reason: `origin ${JSON.stringify(origin)} is not allowed` };
  }
  const question = url.indexOf('?');
  const params = parseParams(question === -1 ? '' : url.slice(question + 1));
  if (params === undefined) return { status: 400, cause: 'url', reason: 'malformed parameters' };
  const vsn = params['vsn'];
  // Without vsn a client speaks 1.0.0 (objects instead of arrays), which is not served here.
  if (typeof vsn !== 'string' || !/^2\.0\.\d+$/.test(vsn)) {
    return {
      status: 403,
      cause: 'version',
      reason: `serializer version ${JSON.stringify(vsn ?? '1.0.0')} is not served, only 2.0.0`,
    };
  }
  return { params, authToken: bearer(headers['sec-websocket-protocol']) };
}

/** A browser always sends Origin; a client without one is no page of another site, and is let in (as Phoenix does). */
function isAllowedOrigin(origin: string, allowed: readonly string[] | 'any'): boolean {
  if (allowed === 'any') return true;
  let url: URL;
  try {
    url = new URL(origin);
  } catch {
    return false; // 'null': a sandboxed page or a file
  }
  return allowed.some((entry) =>
    entry.includes('://') ? entry === url.origin : entry === url.hostname || entry === url.host,
  );
}

function bearer(protocols: string | undefined): string | undefined {
  const offered = protocols?.split(',').map((protocol) => protocol.trim());
  const token = offered?.find((protocol) => protocol.startsWith(TOKEN_PREFIX));
  // The client writes plain base64 without padding, despite the prefix; Node's decoder takes either alphabet.
  return token === undefined ? undefined : Buffer.from(token.slice(TOKEN_PREFIX.length), 'base64').toString('utf8');
}

/** Plug's rules for nested parameters. @returns undefined when they contradict each other or go beyond the limits. */
export function parseParams(query: string): ConnectParams | undefined {
  const pairs = [...new URLSearchParams(query)];
  if (pairs.length > MAX_PARAMS) return undefined;
  const root: Record<string, unknown> = Object.create(null);
  for (const [name, value] of pairs) {
    const match = /^([^[\]]+)((?:\[[^[\]]*\])*)$/.exec(name);
    if (match === null) return undefined;
    const path = [match[1] ?? '', ...[...(match[2] ?? '').matchAll(/\[([^[\]]*)\]/g)].map((part) => part[1] ?? '')];
    if (path.length > MAX_DEPTH || !put(root, path, value)) return undefined;
  }
  return root as ConnectParams;
}

function put(into: Record<string, unknown>, path: readonly string[], value: string): boolean {
  const [key = '', next, ...rest] = path;
  if (next === undefined) into[key] = value;
  else if (next === '') {
    const list = (into[key] ??= []);
    if (!Array.isArray(list) || rest.length > 0) return false;
    list.push(value);
  } else {
    const child = (into[key] ??= Object.create(null) as Record<string, unknown>);
    if (typeof child !== 'object' || Array.isArray(child)) return false;
    return put(child as Record<string, unknown>, [next, ...rest], value);
  }
  return true;
}
