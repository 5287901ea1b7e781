import { UsageError } from '../../src/cli/options.ts';
import { strategyOf } from '../../src/cli/start.ts';

export const isUsageError = (error: unknown): boolean => error instanceof UsageError;
export const strategies = (how: string): object => strategyOf(how, 'a@127.0.0.1');
