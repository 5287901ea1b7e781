import type { ProcessBehaviour } from '../../process/index.ts';
import {
  atom,
  atomName,
  chardataToString,
  formatTerm,
  isAtom,
  isTermMap,
  isTuple,
  mapGet,
  Pid,
} from '../../term/index.ts';
import type { Term } from '../../term/index.ts';
import type { ForeignLog } from './foreign-log.ts';
import { formatCall } from './io-format.ts';

const TEXT_LIMIT = 4000;

/** Levels of OTP's logger (RFC 5424) as ours. Nothing that another node does is fatal to this one. */
const LEVELS: { readonly [level: string]: 'error' | 'warn' | 'info' | 'debug' } = {
  emergency: 'error',
  alert: 'error',
  critical: 'error',
  error: 'error',
  warning: 'warn',
  notice: 'info',
  info: 'info',
  debug: 'debug',
};

/**
 * The process `logger_proxy`: an OTP node sends a log event also to the node of the group leader of whoever logs, so what
 * we start on a BEAM logs here too (OTP logger.erl: log_remote/4; logger_proxy.erl). The events are
 * `{log, Level, Format, Args, Meta}` and `{log, Level, StringOrReport, Meta}`.
 */
export function loggerProxy(log: ForeignLog): ProcessBehaviour {
  return {
    handle(message) {
      if (!isTuple(message) || !isAtom(message.at(0), 'log')) return;
      const [, level, ...rest] = message.elements;
      const method = LEVELS[atomName(level) ?? ''];
      const meta = rest.at(-1);
      if (method === undefined || rest.length < 2 || rest.length > 3 || !isTermMap(meta)) return;
      const pid = mapGet(meta, atom('pid'));
      const from = pid instanceof Pid ? pid.node : undefined;
      const text = rest.length === 3 ? formatted(rest[0], rest[1]) : reported(rest[0]);
      const fields = { from, pid: pid instanceof Pid ? pid.toString() : undefined, severity: atomName(level) };
      log.write(method, fields, text, `logged on ${from ?? 'another node'}`);
    },
  };
}

function formatted(format: Term, args: Term): string {
  const list = Array.isArray(args) ? (args as readonly Term[]) : [];
  return formatCall(atom('io_lib'), atom('format'), [format, list]) ?? shown([format, args]);
}

/** A report is a map or a keyword list; the function in the metadata that would print it cannot run here. */
function reported(report: Term): string {
  return (Array.isArray(report) && report.length > 0 ? chardataToString(report) : undefined) ?? shown(report);
}

const shown = (term: Term): string => formatTerm(term, { maxLength: TEXT_LIMIT, maxDepth: 20, charlists: true });
