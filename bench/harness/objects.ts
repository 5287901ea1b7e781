/** What every peer sends or encodes: the same content for all of them. */

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

/** Lengthens the name until the object is exactly `size` bytes of JSON. */
function padded<T extends { readonly name: string }>(object: T, size: number): T {
  const missing = size - Buffer.byteLength(JSON.stringify(object));
  if (missing < 0) throw new Error(`the object is ${-missing} B too large`);
  return { ...object, name: object.name + 'x'.repeat(missing) };
}

const port = (index: number): JsonObject => ({
  index,
  name: `Gi0/${index}`,
  alias: '',
  oper: index % 4 === 0 ? 'down' : 'up',
  speed: 1_000_000_000,
  in_bps: 81_234_567.5,
  out_bps: index % 4 === 0 ? null : 1_234_567,
  in_octets: '123456789012',
  out_octets: '45678901234',
  in_errors: 0,
  out_errors: index,
});

/** 64 B: a change of state. */
export const object64: JsonObject = padded({ id: 'sw-01', at: 1_732_180_000_123, up: true, bps: 81.5, name: '' }, 64);

/** 1 KiB: one sample of a switch, as the reference application broadcasts it. */
export const object1k: JsonObject = padded(
  {
    device: 'sw-01',
    at: 1_732_180_000_123,
    owner: 'collector1@127.0.0.1',
    state: 'up',
    uptime: 86_400,
    name: 'switch-',
    poll_ms: 12,
    interfaces: [1, 2, 3, 4].map(port),
  },
  1024,
);

/** 517 B: what is measured on a switch, as numbers, as terms are encoded and decoded. */
export const metrics: JsonObject = {
  device: 'sw-ams-0042',
  ts: 1_732_181_100_123,
  interfaces: Array.from({ length: 8 }, (_, index) => ({
    rx: 10_400_207 * (index + 1),
    tx: 7_203_001 * (index + 1),
    rxr: 1234.5 + index / 8,
    txr: 2345.25 * (index + 1),
  })),
};

/** The same object as an Erlang term: maps with binary keys, lists, integers, floats, `true`, `null`. */
export function toErlang(value: Json): string {
  if (typeof value === 'string') return `<<${JSON.stringify(value)}>>`;
  if (value === null || typeof value !== 'object') return String(value);
  if (Array.isArray(value)) return `[${value.map(toErlang).join(',')}]`;
  return `#{${Object.entries(value)
    .map(([key, item]) => `${toErlang(key)} => ${toErlang(item)}`)
    .join(',')}}`;
}
