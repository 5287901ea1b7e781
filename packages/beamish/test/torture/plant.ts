/** Given to Node by `--import`, before the node under test loads anything. */
import { plant } from './mutants.ts';

plant(process.env['TORTURE_MUTANT'] as string);
