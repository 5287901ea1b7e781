/**
 * Standard Schema (https://standardschema.dev, version 1): the one interface that zod, valibot, arktype and others share. It
 * is made of types alone; a copy is what its specification recommends, so that nobody depends on a package for it.
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
    /** Never there when the program runs: it carries the types. */
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/** What validating gave: the value as the schema makes it, or what is wrong (Standard Schema `StandardSchemaV1.Result`). */
export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] };

/** One thing that is wrong, and where (Standard Schema `StandardSchemaV1.Issue`). */
export interface StandardIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

type TypesOf<S extends StandardSchema> = NonNullable<S['~standard']['types']>;

/** What a schema takes. */
export type InputOf<S extends StandardSchema> = TypesOf<S>['input'];

/** What it gives: the input with defaults filled in and values converted. */
export type OutputOf<S extends StandardSchema> = TypesOf<S>['output'];
