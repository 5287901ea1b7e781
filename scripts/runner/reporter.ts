/** A node:test reporter that tells the runner what happened: one JSON object a line, on file descriptor 3. */
import { writeSync } from 'node:fs';
import type { TestEvent } from 'node:test/reporters';
import { inspect } from 'node:util';

export type Report =
  | { readonly type: 'begin'; readonly name: string }
  | { readonly type: 'end'; readonly name: string }
  | {
      readonly type: 'passed' | 'failed' | 'skipped' | 'diagnostic';
      /** The path of names from the outermost suite. */
      readonly name: string;
      readonly suite: boolean;
      readonly text?: string;
      readonly duration?: number;
    };

function send(report: Report): void {
  writeSync(3, `${JSON.stringify(report)}\n`);
}

function describe(error: unknown): string {
  // node:test wraps what was thrown
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const text = typeof cause === 'string' ? cause : inspect(cause, { depth: 6, breakLength: 120 });
  return text.replaceAll(/^ +at .*\bnode:internal\/.*\n?/gm, '');
}

/** node:test counts at the end of a file; the runner counts itself. */
const summary = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+$/;

// Results come in the order of declaration: children before their parent, so the path of names is known at test:start.
export default async function* reporter(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const path: string[] = [];
  for await (const { type, data } of source) {
    if (type === 'test:dequeue') send({ type: 'begin', name: data.name });
    if (type === 'test:complete') send({ type: 'end', name: data.name });
    if (type === 'test:start') path.splice(data.nesting, Infinity, data.name);
    if (type === 'test:diagnostic' && !summary.test(data.message)) {
      send({ type: 'diagnostic', name: path.join(' > '), suite: false, text: data.message });
    }
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    const name = [...path.slice(0, data.nesting), data.name].join(' > ');
    const suite = data.details.type === 'suite';
    const put = data.skip ?? data.todo;
    if (put !== undefined && put !== false) {
      const kind = data.skip === undefined ? 'to do' : 'no reason given';
      send({ type: 'skipped', name, suite, text: typeof put === 'string' && put !== '' ? put : kind });
    } else if (type === 'test:pass') {
      send({ type: 'passed', name, suite, duration: data.details.duration_ms });
    } else if ((data.details.error as { failureType?: string }).failureType !== 'subtestsFailed') {
      send({ type: 'failed', name, suite, text: describe(data.details.error), duration: data.details.duration_ms });
    }
  }
  yield ''; // the stream wants to be one
}
