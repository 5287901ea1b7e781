export { Atom, atom, atomName, isAtom } from './atom.ts';
export { ExportFun, OpaqueFun, Pid, Port, Reference } from './identifiers.ts';
export { keyOf } from './key.ts';
export { isTermMap, mapEntries, mapGet, struct, structName } from './maps.ts';
export type { Term, TermMap } from './types.ts';
export { BitString, charlist, Float, float, ImproperList, isTuple, Tuple, tuple } from './values.ts';
