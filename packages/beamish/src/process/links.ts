import type { Pid, Term } from '../term/index.ts';
import type { Kernel } from './kernel.ts';
import type { Process } from './process.ts';
import { NOCONNECTION, NOPROC } from './reason.ts';

interface Link {
  readonly pid: Pid;
  active: boolean;
  /** Of the last unlink that its other side has not acknowledged. */
  unlinkId: bigint | undefined;
}

/**
 * The links of one process. Between processes of one node a link is there or not. Towards another node it follows the
 * link protocol of OTP 23.3+ (erts "Distribution Protocol", new link protocol; protocols 3.5): an unlink is
 * acknowledged, so that the exit signal of a link that was made, undone and made again is never taken for another's.
 */
export class Links {
  readonly #process: Process;
  readonly #kernel: Kernel;
  readonly #links = new Map<string, Link>();

  constructor(process: Process, kernel: Kernel) {
    this.#process = process;
    this.#kernel = kernel;
  }

  /** Those that wait for the acknowledgement of an unlink included. */
  get size(): number {
    return this.#links.size;
  }

  pids(): Pid[] {
    return [...this.#links.values()].filter((link) => link.active).map((link) => link.pid);
  }

  link(pid: Pid): void {
    const self = this.#process;
    if (pid.equals(self.pid)) return;
    const existing = this.#links.get(pid.key);
    if (existing?.active === true) return;
    if (this.#kernel.isHere(pid.node)) {
      const other = this.#kernel.find(pid);
      if (other === undefined) {
        this.#kernel.later(() => self.receiveExit(pid, NOPROC, true));
        return;
      }
      this.#add(pid);
      other.links.#add(self.pid);
      return;
    }
    if (existing === undefined) this.#add(pid);
    else {
      existing.active = true;
      existing.unlinkId = undefined;
    }
    if (!this.#kernel.route({ type: 'link', from: self.pid, to: pid }, pid.node)) {
      this.#links.delete(pid.key);
      this.#kernel.later(() => self.receiveExit(pid, NOCONNECTION, true));
    }
  }

  unlink(pid: Pid): void {
    const link = this.#links.get(pid.key);
    if (link === undefined || !link.active) return;
    if (this.#kernel.isHere(pid.node)) {
      this.#links.delete(pid.key);
      this.#kernel.find(pid)?.links.unlinked(this.#process.pid);
      return;
    }
    link.active = false;
    link.unlinkId = this.#kernel.nextUnlinkId();
    if (!this.#kernel.route({ type: 'unlink', from: this.#process.pid, to: pid, id: link.unlinkId }, pid.node)) {
      this.#links.delete(pid.key);
    }
  }

  #add(pid: Pid): void {
    this.#links.set(pid.key, { pid, active: true, unlinkId: undefined });
  }

  /** LINK came: created if absent, left alone if present, also when we have unlinked it (protocols 3.5). */
  linked(from: Pid): void {
    if (!this.#links.has(from.key)) this.#add(from);
  }

  /** UNLINK_ID came; the acknowledgement is the kernel's to send. */
  unlinked(from: Pid): void {
    if (this.#links.get(from.key)?.active === true) this.#links.delete(from.key);
  }

  /** UNLINK_ID_ACK came. */
  acknowledged(from: Pid, id: bigint): void {
    const link = this.#links.get(from.key);
    if (link !== undefined && !link.active && link.unlinkId === id) this.#links.delete(from.key);
  }

  /** The other side ended: an exit signal, if the link is there and active. */
  exited(from: Pid, reason: Term): void {
    if (this.#links.get(from.key)?.active !== true) return;
    this.#links.delete(from.key);
    this.#process.receiveExit(from, reason, true);
  }

  connectionLost(node: string): void {
    for (const [key, link] of [...this.#links]) {
      if (link.pid.node !== node) continue;
      this.#links.delete(key);
      if (link.active) this.#process.receiveExit(link.pid, NOCONNECTION, true);
    }
  }

  /** Its process ended: every linked process is told, `normal` too. */
  ended(reason: Term): void {
    const from = this.#process.pid;
    for (const { pid, active } of this.#links.values()) {
      if (!active) continue;
      if (this.#kernel.isHere(pid.node)) this.#kernel.find(pid)?.links.exited(from, reason);
      else this.#kernel.route({ type: 'linkExit', from, to: pid, reason }, pid.node);
    }
    this.#links.clear();
  }
}
