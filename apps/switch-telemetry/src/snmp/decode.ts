/** From the varbinds of an agent to a reading, pure; what an agent must not say is named. */
import { type Column, columns, narrowColumns, sysName, sysUpTime, wideColumns } from './oids.ts';
import type { CounterReading, Reading } from './rates.ts';

/** As net-snmp gives it: Counter64 and OctetString as bytes, the other numbers as numbers. */
export interface Varbind {
  readonly oid: string;
  /** The ASN.1 tag. */
  readonly type: number;
  readonly value: unknown;
}

/** Tags of SMIv2 (RFC 2578, RFC 3416). */
export const tags = {
  Integer: 2,
  OctetString: 4,
  Counter32: 0x41,
  Gauge32: 0x42,
  TimeTicks: 0x43,
  Counter64: 0x46,
  NoSuchObject: 0x80,
  NoSuchInstance: 0x81,
  EndOfMibView: 0x82,
} as const;

/** The agent answered, but not with what these objects are. */
export class AgentFault extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'AgentFault';
  }
}

/** The agent has no 64-bit counters; ask for the narrow columns. */
export class NoWideCounters extends AgentFault {}

export interface InterfaceReading extends CounterReading {
  readonly alias: string;
  readonly oper: 'up' | 'down';
  readonly inErrors: number;
  readonly outErrors: number;
}

export interface DeviceReading extends Reading {
  readonly name: string;
  readonly interfaces: readonly InterfaceReading[];
}

const typeNames = new Map<number, string>(Object.entries(tags).map(([name, tag]) => [tag, name]));

function typed(varbind: Varbind, what: string, tag: keyof typeof tags): unknown {
  if (varbind.type === tags[tag]) return varbind.value;
  throw new AgentFault(`${what} is ${typeNames.get(varbind.type) ?? `of type ${varbind.type}`} instead of ${tag}`);
}

export function scalar(varbind: Varbind | undefined, oid: string, what: string, tag: keyof typeof tags): unknown {
  if (varbind === undefined || varbind.oid !== `${oid}.0` || varbind.type >= tags.NoSuchObject)
    throw new AgentFault(`the agent has no ${what}`);
  return typed(varbind, what, tag);
}

export function text(value: unknown): string {
  const bytes = value as Uint8Array;
  const decoded = new TextDecoder().decode(bytes);
  // A NUL can be stored by no database; agents pad with it.
  return decoded.replaceAll('\0', '').trim();
}

export function unsigned(value: unknown): bigint {
  let result = 0n;
  for (const byte of value as Uint8Array) result = (result << 8n) | BigInt(byte);
  return BigInt.asUintN(64, result); // BER may lead with a zero byte
}

const columnTags: Readonly<Record<Column, keyof typeof tags>> = {
  ifIndex: 'Integer',
  ifDescr: 'OctetString',
  ifSpeed: 'Gauge32',
  ifOperStatus: 'Integer',
  ifInOctets: 'Counter32',
  ifInErrors: 'Counter32',
  ifOutOctets: 'Counter32',
  ifOutErrors: 'Counter32',
  ifName: 'OctetString',
  ifHCInOctets: 'Counter64',
  ifHCOutOctets: 'Counter64',
  ifHighSpeed: 'Gauge32',
  ifAlias: 'OctetString',
};

/** The rows of one column that came in one answer. */
export interface ColumnPart {
  /** By index (the last part of the OID). */
  readonly rows: ReadonlyMap<number, Varbind>;
  /** Where to go on; undefined when the column has ended. */
  readonly next: string | undefined;
}

/** Cuts what a GETBULK gave for `column`, asked from `start` on. @throws AgentFault when it goes backwards. */
export function columnPart(column: Column, start: string, varbinds: readonly Varbind[]): ColumnPart {
  const prefix = `${columns[column]}.`;
  const rows = new Map<number, Varbind>();
  let last = start.startsWith(prefix) ? Number(start.slice(prefix.length)) : -1;
  for (const varbind of varbinds) {
    if (varbind.type >= tags.NoSuchObject || !varbind.oid.startsWith(prefix)) return { rows, next: undefined };
    const index = Number(varbind.oid.slice(prefix.length));
    if (!Number.isSafeInteger(index))
      throw new AgentFault(`${column} has the row ${varbind.oid}, which is no interface`);
    if (index <= last) throw new AgentFault(`${column} goes backwards: row ${index} after row ${last}`);
    last = index;
    rows.set(index, varbind);
  }
  return { rows, next: varbinds.length === 0 ? undefined : `${prefix}${last}` };
}

/** @param time see `Reading.time`. @throws AgentFault, NoWideCounters */
export function readDevice(
  scalars: readonly (Varbind | undefined)[],
  table: ReadonlyMap<Column, ReadonlyMap<number, Varbind>>,
  time: number,
): DeviceReading {
  const uptime = scalar(scalars[0], sysUpTime, 'sysUpTime', 'TimeTicks') as number;
  const name = text(scalar(scalars[1], sysName, 'sysName', 'OctetString'));
  const wide = table.has('ifHCInOctets');
  const indexes = table.get('ifIndex') ?? new Map<number, Varbind>();
  if (indexes.size === 0) throw new AgentFault('the agent has no interfaces');
  const cell = (column: Column, index: number): unknown => {
    const varbind = table.get(column)?.get(index);
    if (varbind === undefined) throw new AgentFault(`${column} is missing for interface ${index}`);
    return typed(varbind, `${column} of interface ${index}`, columnTags[column]);
  };
  if (wide && table.get('ifHCInOctets')?.size === 0 && table.get('ifName')?.size === 0)
    throw new NoWideCounters('the agent has no 64-bit counters');
  for (const column of wide ? wideColumns : narrowColumns) {
    for (const index of table.get(column)?.keys() ?? []) {
      if (!indexes.has(index)) throw new AgentFault(`${column} has a row ${index}, and there is no such interface`);
    }
  }
  const interfaces = [...indexes.keys()].map((index): InterfaceReading => {
    const named = cell('ifIndex', index) as number;
    if (named !== index)
      throw new AgentFault(`row ${index} holds the counters of another interface: its ifIndex is ${named}`);
    const common = {
      index,
      oper: cell('ifOperStatus', index) === 1 ? ('up' as const) : ('down' as const),
      inErrors: cell('ifInErrors', index) as number,
      outErrors: cell('ifOutErrors', index) as number,
    };
    if (!wide) {
      return {
        ...common,
        name: text(cell('ifDescr', index)),
        alias: '',
        bits: 32,
        speed: cell('ifSpeed', index) as number,
        inOctets: BigInt(cell('ifInOctets', index) as number),
        outOctets: BigInt(cell('ifOutOctets', index) as number),
      };
    }
    return {
      ...common,
      name: text(cell('ifName', index)),
      alias: text(cell('ifAlias', index)),
      bits: 64,
      speed: (cell('ifHighSpeed', index) as number) * 1e6,
      inOctets: unsigned(cell('ifHCInOctets', index)),
      outOctets: unsigned(cell('ifHCOutOctets', index)),
    };
  });
  return { uptime, time, name, interfaces };
}
