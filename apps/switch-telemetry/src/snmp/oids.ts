/** The objects that are polled: system group (RFC 3418) and interfaces (IF-MIB, RFC 2863). */
export const sysUpTime = '1.3.6.1.2.1.1.3';
export const sysName = '1.3.6.1.2.1.1.5';

const ifEntry = '1.3.6.1.2.1.2.2.1';
const ifXEntry = '1.3.6.1.2.1.31.1.1.1';

export const columns = {
  ifIndex: `${ifEntry}.1`,
  ifDescr: `${ifEntry}.2`,
  ifSpeed: `${ifEntry}.5`,
  ifOperStatus: `${ifEntry}.8`,
  ifInOctets: `${ifEntry}.10`,
  ifInErrors: `${ifEntry}.14`,
  ifOutOctets: `${ifEntry}.16`,
  ifOutErrors: `${ifEntry}.20`,
  ifName: `${ifXEntry}.1`,
  ifHCInOctets: `${ifXEntry}.6`,
  ifHCOutOctets: `${ifXEntry}.10`,
  ifHighSpeed: `${ifXEntry}.15`,
  ifAlias: `${ifXEntry}.18`,
} as const;

export type Column = keyof typeof columns;

/** What is asked of an agent with 64-bit counters. */
export const wideColumns: readonly Column[] = [
  'ifIndex',
  'ifName',
  'ifAlias',
  'ifOperStatus',
  'ifHighSpeed',
  'ifHCInOctets',
  'ifHCOutOctets',
  'ifInErrors',
  'ifOutErrors',
];

/** What is asked of one without. */
export const narrowColumns: readonly Column[] = [
  'ifIndex',
  'ifDescr',
  'ifOperStatus',
  'ifSpeed',
  'ifInOctets',
  'ifOutOctets',
  'ifInErrors',
  'ifOutErrors',
];
