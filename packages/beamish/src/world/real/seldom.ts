import type * as dgram from 'node:dgram';
import type * as dns from 'node:dns/promises';
import type * as files from 'node:fs/promises';
import type * as tls from 'node:tls';

/** Modules of Node's that few processes use, loaded with the first use: together they take 8 MB of memory. */
export const nodeTls = (): typeof tls => process.getBuiltinModule('node:tls');
export const nodeDns = (): typeof dns => process.getBuiltinModule('node:dns/promises');
export const nodeDgram = (): typeof dgram => process.getBuiltinModule('node:dgram');
export const nodeFiles = (): typeof files => process.getBuiltinModule('node:fs/promises');
