import { ValueInvalid, check } from '../schema/index.ts';
import type { OutputOf, RefusedValues, StandardSchema } from '../schema/index.ts';
import type { Term } from '../term/index.ts';
import type { MessageStream, Subscription } from './subscription.ts';

/** The message as the schema has it; undefined when it does not fit, which is counted. */
export async function fit<S extends StandardSchema>(
  schema: S,
  message: Term,
  topic: string,
  refused: RefusedValues,
): Promise<{ readonly value: OutputOf<S> } | undefined> {
  try {
    return { value: await check(schema, message, `topic ${topic}`) };
  } catch (error) {
    if (!(error instanceof ValueInvalid)) throw error;
    refused.refused(error);
    return undefined;
  }
}

/** The messages of a stream that fit a schema, as it makes them, in their order also when the schema is asynchronous. */
export class GuardedStream implements AsyncIterableIterator<unknown>, Subscription {
  readonly stream: MessageStream;
  readonly #schema: StandardSchema;
  readonly #refused: RefusedValues;
  /** Settled when the `next` before is done. */
  #before: Promise<unknown> = Promise.resolve();

  constructor(stream: MessageStream, schema: StandardSchema, refused: RefusedValues) {
    this.stream = stream;
    this.#schema = schema;
    this.#refused = refused;
  }

  get topic(): string {
    return this.stream.topic;
  }

  get dropped(): number {
    return this.stream.dropped;
  }

  get queued(): number {
    return this.stream.queued;
  }

  get active(): boolean {
    return this.stream.active;
  }

  cancel(): void {
    this.stream.cancel();
  }

  next(): Promise<IteratorResult<unknown, undefined>> {
    const next = this.#before.then(() => this.#fitting());
    this.#before = next.catch(() => {});
    return next;
  }

  return(): Promise<IteratorResult<unknown, undefined>> {
    return this.stream.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async #fitting(): Promise<IteratorResult<unknown, undefined>> {
    for (;;) {
      const result = await this.stream.next();
      if (result.done === true) return result;
      const fitting = await fit(this.#schema, result.value, this.topic, this.#refused);
      if (fitting !== undefined) return { ...fitting, done: false };
    }
  }
}
