import type { Host } from './host.ts';
import type { Life } from './life.ts';

/** A program that runs on some hosts, and what it has given in each one's present life. */
export class Program<T> {
  readonly #program: (host: Host) => T | Promise<T>;
  readonly #hosts: readonly Host[];
  readonly #failed: (host: Host, error: unknown) => void;
  readonly #started = new Map<Host, { readonly life: Life; readonly value: T }>();
  readonly #begun = new Map<Host, number>();

  /** @internal */
  constructor(
    program: (host: Host) => T | Promise<T>,
    hosts: readonly Host[],
    failed: (host: Host, error: unknown) => void,
  ) {
    this.#program = program;
    this.#hosts = hosts;
    this.#failed = failed;
  }

  /** Undefined while the host is down or its program has not started. */
  on(host: Host): T | undefined {
    const started = this.#started.get(host);
    return started !== undefined && !started.life.over ? started.value : undefined;
  }

  /** Those that have started, in the order of the hosts. */
  all(): readonly T[] {
    return this.#hosts.flatMap((host) => {
      const started = this.#started.get(host);
      return started !== undefined && !started.life.over ? [started.value] : [];
    });
  }

  /** Whether it has started on every host. */
  get complete(): boolean {
    return this.all().length === this.#hosts.length;
  }

  /** How often it has been started on the host. */
  starts(host: Host): number {
    return this.#begun.get(host) ?? 0;
  }

  /** @internal */
  begin(host: Host): void {
    if (!this.#hosts.includes(host)) return;
    const { life } = host;
    this.#begun.set(host, this.starts(host) + 1);
    // In an event of the host, so that a paused one begins when it goes on.
    life.later(0, () => void this.#run(host, life));
  }

  /** @internal */
  lost(host: Host): void {
    this.#started.delete(host);
  }

  async #run(host: Host, life: Life): Promise<void> {
    try {
      const value = await this.#program(host);
      if (!life.over) this.#started.set(host, { life, value });
    } catch (error) {
      if (!life.over) this.#failed(host, error);
    }
  }
}
