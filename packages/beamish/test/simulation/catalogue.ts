/** The tables of docs/testing.md: `npm run sim -- --docs` writes them, a test compares them. */
import type { SimulationMutant } from './mutants.ts';
import type { Scenario } from './scenarios/index.ts';

const BEGIN = '<!-- begin: npm run sim -- --docs -->';
const END = '<!-- end -->';

/** @public */
export function catalogue(
  scenarios: readonly Pick<Scenario, 'name' | 'checks'>[],
  mutants: readonly SimulationMutant[],
): string {
  const unknown = mutants.find(({ scenario }) => scenarios.every(({ name }) => name !== scenario));
  if (unknown !== undefined) throw new Error(`${unknown.name}: there is no scenario ${unknown.scenario}`);
  const rows = scenarios.map(({ name, checks }) => `| \`${name}\` | ${checks} |`);
  const bugs = mutants.map(({ name, what, scenario }) => `| \`${name}\` | ${what} | \`${scenario}\` |`);
  return [
    BEGIN,
    '',
    `${scenarios.length} scenarios:`,
    '',
    '| Scenario | What it checks |',
    '|---|---|',
    ...rows,
    '',
    `${mutants.length} planted bugs, each of which is found:`,
    '',
    '| Bug | What is wrong then | Found by |',
    '|---|---|---|',
    ...bugs,
    '',
    END,
  ].join('\n');
}

/** The text with the tables in their place. @throws Error when it has no place for them @public */
export function withCatalogue(text: string, tables: string): string {
  const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`no place for the tables: ${BEGIN} ... ${END}`);
  return text.slice(0, from) + tables + text.slice(to + END.length);
}
