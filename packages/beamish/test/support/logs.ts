/** A logger that keeps its lines, to look at. */
import { createLogger, type Logger } from '../../src/world/index.ts';

export interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export function collectLogs(): {
  readonly logger: Logger;
  readonly lines: LogLine[];
  readonly warnings: () => LogLine[];
} {
  const lines: LogLine[] = [];
  const write = (line: string): void => void lines.push(JSON.parse(line) as LogLine);
  const logger = createLogger({ level: 'debug', pretty: false, write });
  return { logger, lines, warnings: () => lines.filter((line) => line.level >= 40) };
}
