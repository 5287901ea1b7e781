import type { SrvRecord } from '../../world/index.ts';

/** What the DNS answers to one host in place of the truth. `fails`: it does not answer. */
export type Lie = { readonly addresses: readonly string[] } | { readonly fails: true };

/** The DNS of the simulated world: records, and lies. */
export class Names {
  readonly #addresses = new Map<string, readonly string[]>();
  readonly #services = new Map<string, readonly SrvRecord[]>();
  readonly #lies = new Map<string, Lie>();

  /** Sets the A records of a name; an empty list takes it away. */
  setAddresses(name: string, addresses: readonly string[]): void {
    if (addresses.length === 0) this.#addresses.delete(name);
    else this.#addresses.set(name, [...addresses]);
  }

  setServices(name: string, services: readonly SrvRecord[]): void {
    this.#services.set(name, [...services]);
  }

  /** From now on this is answered for the name, to one host or to all. @returns what ends the lie */
  lie(name: string, lie: Lie, host?: string): () => void {
    const key = `${name} ${host ?? ''}`;
    this.#lies.set(key, lie);
    return () => {
      if (this.#lies.get(key) === lie) this.#lies.delete(key);
    };
  }

  tellTruth(): void {
    this.#lies.clear();
  }

  /** Undefined: no answer. */
  addresses(name: string, host: string): readonly string[] | undefined {
    const lie = this.#lieFor(name, host);
    if (lie !== undefined) return 'fails' in lie ? undefined : lie.addresses;
    return this.#addresses.get(name) ?? [];
  }

  services(name: string, host: string): readonly SrvRecord[] | undefined {
    const lie = this.#lieFor(name, host);
    if (lie !== undefined) return 'fails' in lie ? undefined : [];
    return this.#services.get(name) ?? [];
  }

  /** Every name that has addresses: what a random fault may lie about. */
  known(): readonly string[] {
    return [...this.#addresses.keys()];
  }

  #lieFor(name: string, host: string): Lie | undefined {
    return this.#lies.get(`${name} ${host}`) ?? this.#lies.get(`${name} `);
  }
}
