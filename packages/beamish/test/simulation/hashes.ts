/** Prints the trace hashes of seed 7, for the comparison of two processes, machines or versions of Node. */
import { simulate } from '../../src/simulation/index.ts';
import { scenarios } from './scenarios/index.ts';

const hashes: string[] = [];
for (const { nodes, faults, network, run } of scenarios) {
  const { hash } = await simulate({ nodes, seed: 7, faults, ...(network === undefined ? {} : { network }) }, run);
  hashes.push(hash);
}
console.log(JSON.stringify(hashes));
