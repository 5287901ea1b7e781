/** The process of the simulated network. SIMULATED_INVENTORY: the file it writes; SIMULATOR_FAULTS=off: all is well always. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { die, onEnd, sayReady } from '../child-protocol.ts';
import type { Device } from '../inventory/device.ts';
import { formatInventory, parseInventory } from '../inventory/inventory.ts';
import { startSimulator } from '../simulator/simulator.ts';

const file = process.env['SIMULATED_INVENTORY'] ?? die('SIMULATED_INVENTORY must name the file to write');
let earlier: Device[] = [];
try {
  earlier = parseInventory(readFileSync(file, 'utf8'));
} catch {
  // the first run
}
const simulator = await startSimulator({ earlier, faults: process.env['SIMULATOR_FAULTS'] !== 'off' });
onEnd(() => simulator[Symbol.asyncDispose]() as Promise<void>, 1000);
writeFileSync(`${file}.new`, formatInventory(simulator.inventory), { mode: 0o600 });
renameSync(`${file}.new`, file);
const ports = simulator.inventory.map(({ address }) => Number(address.split(':')[1]));
sayReady(`${ports.length} switches on UDP 127.0.0.1:${Math.min(...ports)}-${Math.max(...ports)}`);
