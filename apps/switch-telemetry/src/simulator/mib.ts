/** The objects of a simulated switch in the order of their OIDs, for GET, GETNEXT and GETBULK. */
import { tags } from '../snmp/decode.ts';
import type { Port, SimulatedSwitch } from './switch.ts';

export interface Instance {
  readonly oid: string;
  readonly type: number;
  /** Bytes for Counter64, text for OctetString, numbers else. */
  value(now: number): number | string | Uint8Array;
}

function compareOids(a: string, b: string): number {
  const left = a.split('.');
  const right = b.split('.');
  for (let at = 0; at < Math.min(left.length, right.length); at++) {
    const difference = Number(left[at]) - Number(right[at]);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

function bytesOf(value: bigint): Uint8Array {
  const bytes = Buffer.alloc(9); // a leading zero keeps it positive in BER
  bytes.writeBigUInt64BE(value, 1);
  let from = 0;
  while (from < 8 && bytes[from] === 0 && (bytes[from + 1] ?? 0) < 128) from += 1;
  return bytes.subarray(from);
}

const u32 = (value: bigint): number => Number(BigInt.asUintN(32, value));

export class Mib {
  readonly #instances: readonly Instance[];
  readonly #positions: ReadonlyMap<string, number>;
  /** Where GETNEXT of an OID that is no instance goes on: pollers ask for the same few again and again. */
  readonly #next = new Map<string, number>();

  constructor(device: SimulatedSwitch) {
    this.#instances = instancesOf(device).sort((a, b) => compareOids(a.oid, b.oid));
    this.#positions = new Map(this.#instances.map(({ oid }, at) => [oid, at]));
  }

  get(oid: string): Instance | undefined {
    return this.#instances[this.#positions.get(oid) ?? -1];
  }

  /** The first instance after `oid`; undefined at the end. */
  next(oid: string): Instance | undefined {
    const exact = this.#positions.get(oid);
    if (exact !== undefined) return this.#instances[exact + 1];
    let at = this.#next.get(oid);
    if (at === undefined) {
      at = this.#instances.findIndex((instance) => compareOids(instance.oid, oid) > 0);
      if (at === -1) at = this.#instances.length;
      if (this.#next.size > 1000) this.#next.clear(); // what strangers ask for must not fill the memory
      this.#next.set(oid, at);
    }
    return this.#instances[at];
  }
}

function instancesOf(device: SimulatedSwitch): Instance[] {
  const system = '1.3.6.1.2.1.1';
  const list: Instance[] = [
    { oid: `${system}.1.0`, type: tags.OctetString, value: () => 'Beamish simulated switch' },
    { oid: `${system}.2.0`, type: 6, value: () => '1.3.6.1.4.1.8072.9999.9999' },
    { oid: `${system}.3.0`, type: tags.TimeTicks, value: (now) => device.uptime(now) },
    { oid: `${system}.4.0`, type: tags.OctetString, value: () => 'nobody@example.org' },
    { oid: `${system}.5.0`, type: tags.OctetString, value: () => device.name },
    { oid: `${system}.6.0`, type: tags.OctetString, value: () => 'a process on this machine' },
    { oid: '1.3.6.1.2.1.2.1.0', type: tags.Integer, value: () => device.ports.length },
  ];
  for (const port of device.ports) list.push(...interfaceInstances(device, port));
  return list;
}

function interfaceInstances(device: SimulatedSwitch, port: Port): Instance[] {
  const at = (now: number) => device.counters(port, now);
  const mac = `\u0002\u0000\u0000\u0000\u0000${String.fromCharCode(port.index)}`;
  const packets = (octets: bigint): bigint => octets / 700n;
  const status = port.up ? 1 : 2;
  const column = (table: string, number: number, type: number, value: Instance['value']): Instance => ({
    oid: `${table}.${number}.${port.index}`,
    type,
    value,
  });
  const ifEntry = '1.3.6.1.2.1.2.2.1';
  const ifXEntry = '1.3.6.1.2.1.31.1.1.1';
  const { Integer, OctetString, Counter32, Gauge32, TimeTicks, Counter64 } = tags;
  return [
    column(ifEntry, 1, Integer, () => port.index),
    column(ifEntry, 2, OctetString, () => port.name),
    column(ifEntry, 3, Integer, () => 6),
    column(ifEntry, 4, Integer, () => 1500),
    column(ifEntry, 5, Gauge32, () => Math.min(port.speed, 2 ** 32 - 1)),
    column(ifEntry, 6, OctetString, () => mac),
    column(ifEntry, 7, Integer, () => 1),
    column(ifEntry, 8, Integer, () => status),
    column(ifEntry, 9, TimeTicks, () => 0),
    column(ifEntry, 10, Counter32, (now) => u32(at(now).inOctets)),
    column(ifEntry, 11, Counter32, (now) => u32(packets(at(now).inOctets))),
    column(ifEntry, 13, Counter32, () => 0),
    column(ifEntry, 14, Counter32, (now) => at(now).inErrors),
    column(ifEntry, 16, Counter32, (now) => u32(at(now).outOctets)),
    column(ifEntry, 17, Counter32, (now) => u32(packets(at(now).outOctets))),
    column(ifEntry, 19, Counter32, () => 0),
    column(ifEntry, 20, Counter32, (now) => at(now).outErrors),
    column(ifXEntry, 1, OctetString, () => port.name),
    column(ifXEntry, 6, Counter64, (now) => bytesOf(at(now).inOctets)),
    column(ifXEntry, 7, Counter64, (now) => bytesOf(packets(at(now).inOctets))),
    column(ifXEntry, 10, Counter64, (now) => bytesOf(at(now).outOctets)),
    column(ifXEntry, 11, Counter64, (now) => bytesOf(packets(at(now).outOctets))),
    column(ifXEntry, 15, Gauge32, () => Math.round(port.speed / 1e6)),
    column(ifXEntry, 17, Integer, () => 1),
    column(ifXEntry, 18, OctetString, () => port.alias),
  ];
}
