/** The JSON API. Every answer is an object or an array; every fault is `{ error, message }` with the proper status. */
import type { Logger } from 'beamish/world';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import type { StoreReader } from '../contract.ts';
import type { Telemetry } from './telemetry.ts';

/** Points for one interface that a query may ask for; the store's own limit. */
const MAX_STEPS = 10_000;
/** The range when none is asked for: the last five minutes. */
const DEFAULT_RANGE = 300_000;
/** Points aimed at when no step is asked for. */
const DEFAULT_STEPS = 300;

export interface ApiOptions {
  readonly telemetry: Telemetry;
  readonly store: Pick<StoreReader, 'samples'>;
  /** ms since the epoch. */
  readonly now: () => number;
  readonly logger: Logger;
}

const moment = z.string().transform((text, context) => {
  const time = /^\d{1,15}$/.test(text) ? Number(text) : /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : NaN;
  if (Number.isNaN(time))
    context.addIssue({ code: 'custom', message: 'must be ms since the epoch, or an ISO 8601 time' });
  return time;
});
const stepText = z
  .string()
  .regex(/^\d{1,9}$/, 'must be a whole number of seconds')
  .transform(Number)
  .pipe(z.number().min(1, 'must be at least 1 s'));

function samplesQuery(now: number) {
  return z
    .strictObject({ from: moment.optional(), to: moment.optional(), step: stepText.optional() })
    .transform(({ from, to = now, step }) => {
      const start = from ?? to - DEFAULT_RANGE;
      return { from: start, to, step: step ?? Math.max(1, Math.ceil((to - start) / 1000 / DEFAULT_STEPS)) };
    })
    .refine(({ from, to }) => from < to, { message: 'from must be before to', path: ['from'] })
    .refine(({ from, to, step }) => to - from <= MAX_STEPS * step * 1000, {
      message: `the range holds more than ${MAX_STEPS} steps: ask for a larger step, or a shorter range`,
      path: ['step'],
    });
}

export function addApi(app: FastifyInstance, { telemetry, store, now, logger }: ApiOptions): void {
  app.addHook('onSend', async (request, reply) => {
    if (request.url.startsWith('/api/')) reply.header('cache-control', 'no-store');
  });

  app.get('/api/nodes', () => telemetry.nodes());
  app.get('/api/devices', () => telemetry.view.devices());

  app.get<{ Params: { id: string } }>('/api/devices/:id', (request, reply) => {
    const known = telemetry.view.device(request.params.id);
    if (known === undefined) return unknownDevice(reply, request.params.id);
    const { summary, last } = known;
    return {
      ...summary,
      uptime: last?.uptime ?? null,
      poll_ms: last?.poll_ms ?? null,
      interfaces: last?.interfaces ?? [],
    };
  });

  app.get<{ Params: { id: string } }>('/api/devices/:id/samples', async (request, reply) => {
    const { id } = request.params;
    if (telemetry.view.device(id) === undefined) return unknownDevice(reply, id);
    const query = samplesQuery(now()).safeParse(request.query);
    if (!query.success) {
      const issues = query.error.issues.map(({ path, message }) => ({ field: path.join('.'), message }));
      const message = issues
        .map((issue) => (issue.field ? `${issue.field}: ${issue.message}` : issue.message))
        .join('; ');
      return reply.code(400).send({ error: 'bad_request', message, issues });
    }
    const { from, to, step } = query.data;
    try {
      const series = await store.samples(id, from, to, step);
      return {
        device: id,
        from,
        to,
        step,
        interfaces: series.map(({ index, name, points }) => ({
          index,
          name,
          points: points.map(({ at, in_bps, out_bps }) => [at, in_bps, out_bps]),
        })),
      };
    } catch (error) {
      if (error instanceof RangeError) return reply.code(400).send({ error: 'bad_request', message: error.message });
      logger.warn({ err: error }, 'the store cannot be read');
      return reply
        .code(503)
        .header('retry-after', '1')
        .send({ error: 'database_unavailable', message: 'The database does not answer; live values go on.' });
    }
  });
}

function unknownDevice(reply: FastifyReply, id: string): FastifyReply {
  return reply.code(404).send({ error: 'not_found', message: `There is no device ${JSON.stringify(id)}.` });
}
