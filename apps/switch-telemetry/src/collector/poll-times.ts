/** How long polls took in the last minute. */
const minute = 60_000;

export class PollTimes {
  #times: { readonly at: number; readonly took: number }[] = [];

  add(at: number, took: number): void {
    this.#times.push({ at, took });
    if (this.#times.length % 500 === 0) this.#forget(at);
  }

  /** Milliseconds; null when there were none. */
  summary(now: number): { median: number | null; max: number | null } {
    this.#forget(now);
    const sorted = this.#times.map(({ took }) => took).sort((a, b) => a - b);
    return { median: sorted[sorted.length >> 1] ?? null, max: sorted.at(-1) ?? null };
  }

  #forget(now: number): void {
    this.#times = this.#times.filter(({ at }) => now - at < minute);
  }
}
