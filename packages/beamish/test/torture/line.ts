/** A program in a network of its own, at the end of a line that loses every packet when it is cut, and tells nobody. */
import { execFile, execFileSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { promisify } from 'node:util';
import { eventually } from '../support/eventually.ts';

const run = promisify(execFile);

/** Whether this user may start programs in networks of their own, and has what it takes. */
export function hasNamespaces(): boolean {
  try {
    execFileSync('unshare', ['-n', 'sh', '-c', 'iptables -A INPUT -j DROP && ip link set lo up && command -v nsenter']);
    return true;
  } catch {
    return false;
  }
}

export class Line implements AsyncDisposable {
  /** The addresses of the two ends. */
  readonly here: string;
  readonly there: string;
  readonly #pid: number;

  private constructor(pid: number, here: string, there: string) {
    this.#pid = pid;
    this.here = here;
    this.there = there;
  }

  /** @param pid that was started by `unshare -n` */
  static async lay(pid: number): Promise<Line> {
    const net = `10.${randomInt(1, 255)}.${randomInt(1, 255)}`;
    const line = new Line(pid, `${net}.1`, `${net}.2`);
    const [near, far] = [`bt${pid}`, `bf${pid}`];
    await eventually(() => readlinkSync(`/proc/${pid}/ns/net`) !== readlinkSync('/proc/self/ns/net'), {
      timeout: 60_000,
    });
    await run('ip', ['link', 'add', near, 'type', 'veth', 'peer', 'name', far, 'netns', String(pid)]);
    await run('ip', ['address', 'add', `${line.here}/30`, 'dev', near]);
    await run('ip', ['link', 'set', near, 'up']);
    await line.#over('ip', 'address', 'add', `${line.there}/30`, 'dev', far);
    await line.#over('ip', 'link', 'set', far, 'up');
    await line.#over('ip', 'link', 'set', 'lo', 'up');
    return line;
  }

  async cut(): Promise<void> {
    await this.#over('iptables', '-A', 'INPUT', '!', '-i', 'lo', '-j', 'DROP');
    await this.#over('iptables', '-A', 'OUTPUT', '!', '-o', 'lo', '-j', 'DROP');
  }

  async mend(): Promise<void> {
    await this.#over('iptables', '-F');
  }

  /** The program's end does it too, but only when the last of its connections is given up. */
  async [Symbol.asyncDispose](): Promise<void> {
    await run('ip', ['link', 'delete', `bt${this.#pid}`]).catch(() => {});
  }

  async #over(...command: string[]): Promise<void> {
    await run('nsenter', ['-t', String(this.#pid), '-n', ...command]);
  }
}
