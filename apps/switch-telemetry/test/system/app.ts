/** The whole application as `npm start` runs it, in OS processes of its own, for the tests to watch and to hurt. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Child, startNode } from '../../../../packages/beamish/test/support/children.ts';
import { eventually } from '../../../../packages/beamish/test/support/eventually.ts';
import { freePort } from '../../../../packages/beamish/test/support/ports.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../../../../packages/beamish/test/support/temp.ts';
import type { DeviceSummary } from '../../src/contract.ts';

/** One line of `npm start -- --json`. */
export type LaunchEvent = {
  readonly event: string;
  readonly name?: string;
  readonly pid?: number;
  readonly address?: string;
};

export type NodeRow = { readonly name: string; readonly roles: readonly string[]; readonly devices: readonly string[] };

export const COOKIE = 'system-test-cookie';

export class App implements AsyncDisposable {
  readonly epmdPort: number;
  readonly #child: Child;
  readonly #directory: TemporaryDirectory;

  private constructor(child: Child, epmdPort: number, directory: TemporaryDirectory) {
    this.#child = child;
    this.epmdPort = epmdPort;
    this.#directory = directory;
  }

  /** Starts it and waits for its page. `env` as an operator would give it. */
  static async start(env: Readonly<Record<string, string>> = {}): Promise<App> {
    const directory = await temporaryDirectory();
    const epmdPort = await freePort();
    const child = startNode(join(import.meta.dirname, '../../src/launch.ts'), ['--json'], {
      name: 'launch',
      grace: 10_000,
      env: {
        DATA_DIR: directory.path,
        PORT: String(await freePort()),
        ERL_EPMD_PORT: String(epmdPort),
        RELEASE_COOKIE: COOKIE,
        INVENTORY: undefined,
        DATABASE_URL: undefined,
        ...env,
      },
    });
    const app = new App(child, epmdPort, directory);
    await child.waitForOutput(/^\{"event":"ready"/m, 120_000);
    return app;
  }

  get events(): readonly LaunchEvent[] {
    return this.#child.stdout
      .split('\n')
      .filter((line) => line.startsWith('{"event"'))
      .map((line) => JSON.parse(line) as LaunchEvent);
  }

  get output(): string {
    return this.#child.output;
  }

  /** The latest life of a child of the launcher: `collector1`, `web2`, `database`, ... */
  child(name: string): { readonly pid: number; readonly address: string } {
    const started = this.events.findLast((event) => event.event === 'started' && event.name === name);
    if (started?.pid === undefined) throw new Error(`the launcher has started no ${name}:\n${this.output}`);
    return { pid: started.pid, address: started.address ?? '' };
  }

  /** What a child has logged so far. */
  log(name: string): string {
    return readFileSync(this.#directory.file('logs', `${name}.log`), 'utf8');
  }

  async api<T>(path: string, web = 'web1'): Promise<T> {
    const response = await fetch(`${this.child(web).address}${path}`, { signal: AbortSignal.timeout(5000) });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  }

  /** Device -> owner, when all devices are up; what is missing is said in the error. */
  async owners(
    timeout = 30_000,
    accept: (owners: Map<string, string>) => boolean = () => true,
  ): Promise<Map<string, string>> {
    let last: readonly DeviceSummary[] = [];
    const describe = (): string =>
      `all devices up: ${last.map((device) => `${device.id} ${device.state} ${device.owner ?? '-'}`).join(', ')}\n${this.output.slice(-3000)}`;
    return await eventually(
      async () => {
        last = await this.api<DeviceSummary[]>('/api/devices');
        if (last.length === 0 || last.some((device) => device.state !== 'up')) return undefined;
        const owners = new Map(last.map((device) => [device.id, device.owner ?? '']));
        return accept(owners) ? owners : undefined;
      },
      { timeout, interval: 50, describe },
    );
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  get exited(): Child['exited'] {
    return this.#child.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child.stop();
    await this.#directory[Symbol.asyncDispose]();
  }
}

/** Whether the process of that pid exists. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
