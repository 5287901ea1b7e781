/**
 * Messages of the cluster, checked before they are believed: any node may broadcast on these topics, an Elixir one too,
 * whose floats and atoms come as values of their own.
 */
import { Atom, Float, isTermMap, mapEntries, type Term } from 'beamish/term';
import { z } from 'zod';
import type { DeviceSummary, Sample, StateMessage } from '../contract.ts';

const text = z.string().max(1024);
const time = z.number().int().nonnegative();
const rate = z.number().nonnegative().nullable();
const counter = z.string().regex(/^\d{1,20}$/);
const deviceState = z.enum(['pending', 'up', 'unreachable', 'error']);
const reason = text.nullish().transform((value) => value ?? null);

const sampleSchema: z.ZodType<Sample> = z.object({
  device: text.min(1),
  at: time,
  owner: text,
  state: z.literal('up'),
  uptime: z.number(),
  name: text,
  poll_ms: z.number(),
  interfaces: z
    .array(
      z.object({
        index: z.number().int(),
        name: text,
        alias: text,
        oper: z.enum(['up', 'down']),
        speed: z.number(),
        in_bps: rate,
        out_bps: rate,
        in_octets: counter,
        out_octets: counter,
        in_errors: z.number(),
        out_errors: z.number(),
      }),
    )
    .max(10_000),
});

const stateSchema: z.ZodType<StateMessage> = z.object({
  device: text.min(1),
  address: text,
  owner: text,
  state: deviceState,
  reason,
  at: time,
  last_poll: time.nullish().transform((value) => value ?? null),
});

const summarySchema: z.ZodType<DeviceSummary> = z.object({
  id: text.min(1),
  name: text,
  address: text,
  owner: text.nullish().transform((value) => value ?? null),
  state: deviceState,
  reason,
  last_poll: time.nullish().transform((value) => value ?? null),
  in_bps: rate,
  out_bps: rate,
  interfaces: z.number().int().nonnegative(),
});

/** @throws ZodError */
export const readSample = (message: Term): Sample => sampleSchema.parse(plain(message));
/** @throws ZodError */
export const readState = (message: Term): StateMessage => stateSchema.parse(plain(message));
/** @throws ZodError */
export const readSummaries = (message: Term): DeviceSummary[] => z.array(summarySchema).parse(plain(message));

/** A term as JSON would have it: integral floats as numbers, atoms as strings, maps with text keys as objects. */
export function plain(term: Term): unknown {
  if (term instanceof Float) return term.value;
  if (term instanceof Atom) return term.name;
  if (Array.isArray(term)) return term.map((element: Term) => plain(element));
  if (!isTermMap(term)) return term;
  // A key of another kind names no field of ours.
  return Object.fromEntries(
    mapEntries(term).flatMap(([key, value]) =>
      key instanceof Atom || typeof key === 'string' ? [[key instanceof Atom ? key.name : key, plain(value)]] : [],
    ),
  );
}
