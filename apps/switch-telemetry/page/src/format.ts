/** Numbers as people read them. Units are decimal (1 Mbit/s = 1 000 000 bit/s), as network equipment counts. */

const RATE_UNITS = ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s', 'Tbit/s'];
const COUNT_UNITS = ['', 'k', 'M', 'G', 'T'];
/** What stands where a number is not known. */
export const UNKNOWN = '–';

function scaled(value: number, units: readonly string[]): { readonly number: string; readonly unit: string } {
  let step = 0;
  let number = Math.abs(value);
  // 999.5 would be shown as "1000": it belongs to the next unit.
  while (number >= 999.5 && step < units.length - 1) {
    number /= 1000;
    step += 1;
  }
  const digits = step === 0 ? 0 : number < 9.995 ? 2 : number < 99.95 ? 1 : 0;
  return { number: (value < 0 ? -number : number).toFixed(digits), unit: units[step] ?? '' };
}

/** `12.3` and `Mbit/s`. */
export function rateParts(bitsPerSecond: number | null): { readonly number: string; readonly unit: string } {
  return bitsPerSecond === null ? { number: UNKNOWN, unit: '' } : scaled(bitsPerSecond, RATE_UNITS);
}

/** `12.3 Mbit/s`. */
export function rate(bitsPerSecond: number | null): string {
  const { number, unit } = rateParts(bitsPerSecond);
  return unit === '' ? number : `${number}\u00a0${unit}`;
}

/** An axis label: as `rate`, without digits that say nothing. */
export function rateTick(bitsPerSecond: number): string {
  const { number, unit } = scaled(bitsPerSecond, RATE_UNITS);
  return `${Number(number)} ${unit}`;
}

/** The nominal speed of a port: `1 Gbit/s`. Zero is what an agent says that does not know. */
export function speed(bitsPerSecond: number): string {
  return bitsPerSecond > 0 ? rateTick(bitsPerSecond).replace(' ', '\u00a0') : UNKNOWN;
}

/** `1.2k`. */
export function count(value: number): string {
  const { number, unit } = scaled(value, COUNT_UNITS);
  return `${number}${unit}`;
}

/** `3 s ago`; what is said of the last poll. Never less than a second: with a poll each second it would only flicker. */
export function age(milliseconds: number): string {
  const seconds = Math.max(1, Math.round(milliseconds / 1000));
  if (seconds < 60) return `${seconds}\u00a0s ago`;
  return `${duration(seconds)} ago`;
}

/** `4 d 3 h`, `3 h 5 min`, `5 min`, `12 s`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const days = Math.floor(whole / 86_400);
  const hours = Math.floor((whole % 86_400) / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  if (days > 0) return `${days}\u00a0d ${hours}\u00a0h`;
  if (hours > 0) return `${hours}\u00a0h ${minutes}\u00a0min`;
  if (minutes > 0) return `${minutes}\u00a0min`;
  return `${whole}\u00a0s`;
}

/** `14:03:07`, local time. */
export function clockTime(at: number): string {
  return new Date(at).toLocaleTimeString('en-GB');
}

/** `collector1` of `collector1@127.0.0.1`: what fits on a chip. */
export function shortNode(name: string): string {
  return name.split('@', 1)[0] ?? name;
}
