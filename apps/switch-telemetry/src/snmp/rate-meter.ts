/**
 * Rates of one device from poll to poll, pure. Many agents read their counters only every few seconds (net-snmp's snmpd:
 * 3 s) and repeat them in between. Taken literally that is no traffic, no traffic, three times the traffic; so while no
 * counter of the device moves, the last rates hold, and the next ones are of the whole time since the last move.
 */
import { type CounterReading, type Rates, ratesBetween, type Reading, secondsBetween } from './rates.ts';

export interface MeterState {
  /** The reading at which the counters last moved. */
  readonly base: Reading;
  /** By interface of `base`. */
  readonly rates: readonly Rates[];
}

/** ms that counters may stand still before that means that there is no traffic. */
const longestRepeat = 5000;

const identity = ({ index, name, inOctets, outOctets }: CounterReading): string =>
  `${index} ${name} ${inOctets} ${outOctets}`;

function isRepeat(base: Reading, now: Reading): boolean {
  return (
    now.time - base.time <= longestRepeat &&
    secondsBetween(base, now) !== undefined &&
    base.interfaces.length === now.interfaces.length &&
    base.interfaces.every((each, at) => {
      const other = now.interfaces[at];
      return other !== undefined && identity(each) === identity(other);
    })
  );
}

export function stepMeter(state: MeterState | undefined, reading: Reading): MeterState {
  if (state !== undefined && isRepeat(state.base, reading)) return state;
  return { base: reading, rates: ratesBetween(state?.base, reading) };
}
