/** A small network: switches with agents on loopback, and the inventory that names them. */
import type { Device } from '../inventory/device.ts';
import { splitAddress } from '../inventory/device.ts';
import { type SimulatedAgent, startAgent } from './agent.ts';
import { type Fault, SimulatedSwitch } from './switch.ts';

export interface SimulatorOptions {
  /** @default 24 */
  readonly switches?: number;
  /** Ports of each switch. @default 8 */
  readonly ports?: number;
  /** One switch that reboots now and then, and one that is unreachable at times. @default true */
  readonly faults?: boolean;
  /** The same seed gives the same network. @default 1 */
  readonly seed?: number;
  /** UDP ports to prefer, by device: those of an earlier run, so that its inventory stays true. */
  readonly earlier?: readonly Device[];
  readonly now?: () => number;
}

export interface Simulator extends AsyncDisposable {
  readonly inventory: readonly Device[];
  readonly switches: readonly SimulatedSwitch[];
}

const second = 1000;
const rebooting: Fault = { kind: 'reboots', first: 60 * second, every: 300 * second, for: 6 * second };
const unreachable: Fault = { kind: 'unreachable', first: 30 * second, every: 180 * second, for: 25 * second };

/** mulberry32: small, and good enough for traffic. */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const { switches: count = 24, ports = 8, faults = true, seed = 1, earlier = [], now = Date.now } = options;
  const random = seeded(seed);
  const switches: SimulatedSwitch[] = [];
  const agents: SimulatedAgent[] = [];
  const inventory: Device[] = [];
  const dispose = async (): Promise<void> => {
    await Promise.all(agents.map((agent) => agent[Symbol.asyncDispose]()));
  };
  try {
    for (let number = 1; number <= count; number++) {
      const id = `sw-${String(number).padStart(2, '0')}`;
      const fault = !faults ? undefined : number === 7 ? rebooting : number === 13 ? unreachable : undefined;
      const device = new SimulatedSwitch(id, ports, now(), random, fault);
      // Every sixth speaks v3 with authentication and privacy, the others v2c.
      const access: Device['access'] =
        number % 6 === 0
          ? {
              version: '3',
              user: 'telemetry',
              auth: { protocol: 'sha', key: 'simulated-auth' },
              priv: { protocol: 'aes', key: 'simulated-priv' },
            }
          : { version: '2c', community: 'public' };
      const before = earlier.find((each) => each.id === id);
      const wanted = before === undefined ? 0 : (splitAddress(before.address)?.port ?? 0);
      const start = (port: number): Promise<SimulatedAgent> => startAgent(device, { port, access, now });
      const agent = await start(wanted).catch(() => start(0));
      switches.push(device);
      agents.push(agent);
      inventory.push({ id, address: `127.0.0.1:${agent.port}`, access });
    }
  } catch (error) {
    await dispose();
    throw error;
  }
  return { inventory, switches, [Symbol.asyncDispose]: dispose };
}
