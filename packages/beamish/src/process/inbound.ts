import { Pid, Reference } from '../term/index.ts';
import type { Atom } from '../term/index.ts';
import { atom } from '../term/index.ts';
import type { Kernel } from './kernel.ts';
import type { Process } from './process.ts';
import { NOCONNECTION, NOPROC } from './reason.ts';
import { aliasTag, callMessage } from './references.ts';
import type { Entry } from './references.ts';
import type { NamedProcess, Signal } from './signal.ts';

/** Another node asks for a process (OTP `spawn_request/5`). */
export type SpawnRequestSignal = Extract<Signal, { type: 'spawnRequest' }>;
/** Makes the process that another node asks for, or says why not: `notsup`, `badarg`, `system_limit`, ... */
export type SpawnRequestHandler = (request: SpawnRequestSignal) => Pid | Atom;

const NOTSUP = atom('notsup');
/** As erlang:spawn_request_abandon/1. */
const ABANDONED = atom('abandoned');

/** Whom another node reaches. What goes on between a process and others already (a link, an alias) needs no such asking. */
function reached(kernel: Kernel, to: Pid | NamedProcess): Process | undefined {
  const process = kernel.findHere(to);
  return process?.remote === true ? process : undefined;
}

/** Carries out a signal that `node` sent (protocols 3.5). What is addressed to nobody is dropped or answered `noproc`. */
export function receiveSignal(
  kernel: Kernel,
  signal: Signal,
  node: string | undefined,
  spawnHandler: SpawnRequestHandler | undefined,
): void {
  switch (signal.type) {
    case 'message':
      if (signal.to instanceof Reference) kernel.receiveByReference(signal.to, signal.message);
      else reached(kernel, signal.to)?.receiveFrom(node, signal.message);
      return;
    case 'call': {
      const { to, from, reference } = signal;
      const process = watch(kernel, from, to, reference, true);
      process?.receiveFrom(node, callMessage(from, aliasTag(reference), signal.request));
      return;
    }
    case 'reply':
      kernel.receiveReply(signal.to, signal.reply, signal.node);
      return;
    case 'link': {
      const process = reached(kernel, signal.to);
      if (process !== undefined) process.links.linked(signal.from);
      else kernel.route({ type: 'linkExit', from: signal.to, to: signal.from, reason: NOPROC }, signal.from.node);
      return;
    }
    case 'unlink':
      kernel.find(signal.to)?.links.unlinked(signal.from);
      // always, also for the dead, and before anything else goes to that process
      kernel.route({ type: 'unlinkAck', from: signal.to, to: signal.from, id: signal.id }, signal.from.node);
      return;
    case 'unlinkAck':
      kernel.find(signal.to)?.links.acknowledged(signal.from, signal.id);
      return;
    case 'linkExit':
      kernel.later(() => kernel.find(signal.to)?.links.exited(signal.from, signal.reason));
      return;
    case 'exit': {
      const { to, from, reason } = signal;
      kernel.later(() =>
        (to instanceof Reference ? kernel.ownerOf(to) : reached(kernel, to))?.receiveExit(from, reason, false),
      );
      return;
    }
    case 'monitor':
      watch(kernel, signal.from, signal.to, signal.reference, false);
      return;
    case 'demonitor':
      kernel.remoteWatches.take(signal.reference, signal.from.node);
      return;
    case 'monitorExit': {
      const number = kernel.references.numberOf(signal.reference);
      // only the node that was asked can answer
      if (number === undefined || kernel.references.get(number)?.to?.node !== signal.from.node) return;
      kernel.takeNumber(number)?.down?.(signal.reason);
      return;
    }
    case 'spawnRequest':
      spawn(kernel, signal, spawnHandler);
      return;
    case 'spawnReply': {
      const number = kernel.references.numberOf(signal.reference);
      const entry = number === undefined ? undefined : kernel.references.get(number);
      // only the node that was asked can answer
      if (entry !== undefined && entry.to?.node !== signal.node) return;
      if (signal.link && signal.result instanceof Pid) linkSpawned(kernel, signal.to, signal.result, entry);
      entry?.spawned?.(signal.result);
      return;
    }
    case 'groupLeader': // output of ours does not go through group leaders
      return;
    default:
      signal satisfies never;
  }
}

/** @returns who is watched now; undefined when there is nobody, and the watcher is told `noproc` */
function watch(
  kernel: Kernel,
  from: Pid,
  to: Pid | NamedProcess,
  reference: Reference,
  forCall: boolean,
): Process | undefined {
  const process = reached(kernel, to);
  if (process !== undefined) kernel.remoteWatches.add(process, from, reference, to, forCall);
  else kernel.route({ type: 'monitorExit', from: to, to: from, reference, reason: NOPROC }, from.node);
  return process;
}

/** Always answered, or the caller waits for ever; before anything the new process may cause (protocols 3.5). */
function spawn(kernel: Kernel, request: SpawnRequestSignal, handler: SpawnRequestHandler | undefined): void {
  const { reference, from, options } = request;
  let result: Pid | Atom = NOTSUP;
  try {
    result = handler?.(request) ?? NOTSUP;
  } catch (error) {
    kernel.logger.error({ err: error, from: from.toString() }, 'the handler of spawn requests threw');
    result = atom('system_limit');
  }
  const process = result instanceof Pid ? kernel.find(result) : undefined;
  const link = options.link && process !== undefined;
  const monitor = options.monitor && process !== undefined;
  if (link) process.links.linked(from);
  if (monitor) kernel.remoteWatches.add(process, from, reference, process.pid, false);
  kernel.route({ type: 'spawnReply', node: kernel.nodeName, reference, to: from, link, monitor, result }, from.node);
}

/** Our side of a link that the other node has made; who asked may have ended since, or given the request up. */
function linkSpawned(kernel: Kernel, asked: Pid, spawned: Pid, entry: Entry | undefined): void {
  const process = entry?.spawned === undefined ? undefined : kernel.find(asked);
  if (process !== undefined && kernel.isHere(spawned.node)) process.links.link(spawned);
  else if (process !== undefined) process.links.linked(spawned);
  else kernel.route({ type: 'linkExit', from: asked, to: spawned, reason: ABANDONED }, spawned.node);
}

/** The connection to `node` is gone: links break and monitors fire with `noconnection`, calls reject. */
export function connectionLost(kernel: Kernel, node: string): void {
  if (kernel.isHere(node)) return; // a node that dials itself has lost nobody
  kernel.remoteWatches.connectionLost(node);
  for (const [number, entry] of kernel.references.all()) {
    if (entry.to?.node === node) kernel.takeNumber(number)?.down?.(NOCONNECTION);
  }
  kernel.later(() => {
    for (const process of [...kernel.processes.values()]) process.links.connectionLost(node);
  });
}
