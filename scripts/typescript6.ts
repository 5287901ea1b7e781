/**
 * TypeScript 6 under the name `typescript`: the installed TypeScript 7 is the native compiler and has no JavaScript API,
 * dependency-cruiser then silently reads no module at all. Import this before it.
 */
import { registerHooks } from 'node:module';

registerHooks({
  resolve: (specifier, context, next) => next(specifier.replace(/^typescript(?=\/|$)/, 'typescript6'), context),
});
