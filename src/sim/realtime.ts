/**
 * The same node on a real clock. Browsers hold back the timers of a hidden tab for seconds to minutes, and any process
 * may be stopped and continued: after a late wake-up, everything that fell due meanwhile is done in its order and at its
 * own nominal time, before anything new is let in. So a node never sees time out of order.
 */
import type { Clock } from './clock.ts';
import type { Node } from './node.ts';

/** The real world, as its user provides it. */
export interface RealClock {
  /** Monotonic time in µs; fractions are cut off. */
  now(): number;
  /** Calls back after `us` µs or later; returns a function that calls it off. */
  setTimer(us: number, callback: () => void): () => void;
}

/** Runs one node in real time. */
export class Realtime implements Clock {
  now: number;
  private readonly real: RealClock;
  private node: Node | null = null;
  private transmit: (packet: Uint8Array) => void = () => {};
  private cancel: (() => void) | null = null;
  private armedFor = Number.POSITIVE_INFINITY;
  private busy = false;
  private readonly inbox: Uint8Array[] = [];

  /** Made before the node, which reads its clock. */
  constructor(real: RealClock) {
    this.real = real;
    this.now = Math.floor(real.now());
  }

  /**
   * Starts running a node.
   * @param transmit takes each IP packet the node sends; the bytes are the callee's to keep
   */
  start(node: Node, transmit: (packet: Uint8Array) => void): void {
    this.node = node;
    this.transmit = transmit;
    this.call(() => {});
  }

  /** Hands the node an IP packet from the network; the buffer is the caller's again afterwards. */
  input(packet: Uint8Array): void {
    // A packet that comes while the node is at work (its own `transmit` led to it) waits until it is not.
    if (this.busy) {
      this.inbox.push(packet.slice());
      return;
    }
    this.inbox.push(packet);
    try {
      this.call(() => {});
    } finally {
      // Only an error leaves it there, for the clock's next turn: its buffer is the caller's by then.
      const at = this.inbox.lastIndexOf(packet);
      if (at >= 0) this.inbox[at] = packet.slice();
    }
  }

  /**
   * Makes calls on the node, at the present time, and sends what comes of them. What fell due by now is done first.
   * A call within a call just runs: the outer one sends.
   * An error of the action, the node or `transmit` is the caller's; the node goes on with the rest afterwards.
   * @param hold lets nothing in that the sending leads to before the clock's next turn
   */
  call<T>(action: () => T, hold = false): T {
    if (this.busy) return action();
    this.busy = true;
    try {
      try {
        this.catchUp();
        return action();
      } finally {
        if (hold) this.drain();
        else this.deliver();
      }
    } finally {
      this.busy = false;
      this.arm();
    }
  }

  /** Stops: no timer is left behind, nothing more is sent. */
  stop(): void {
    this.cancel?.();
    this.cancel = null;
    this.armedFor = Number.POSITIVE_INFINITY;
    this.node = null;
  }

  /** Does everything that is due by now, each at its nominal time. */
  private catchUp(): void {
    const { node } = this;
    const present = Math.max(this.now, Math.floor(this.real.now()));
    while (node !== null && this.node === node) {
      const deadline = node.nextDeadline();
      if (deadline > present) break;
      this.now = Math.max(this.now, deadline);
      node.handleTimers(this.now);
      this.drain();
    }
    this.now = present;
  }

  /** Lets in what waits, and sends what the node has to send, until neither is left. */
  private deliver(): void {
    for (;;) {
      this.drain();
      const packet = this.inbox.shift();
      if (packet === undefined) return;
      const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
      this.node?.input(this.now, packet, view, 0, packet.length);
    }
  }

  /** Sets the one timer for the node's next deadline. */
  private arm(): void {
    const { node } = this;
    if (node === null) return;
    // An error may have left packets that wait to be sent.
    const waiting = this.inbox.length > 0 || node.out.size > 0;
    const deadline = waiting ? this.now : node.nextDeadline();
    if (deadline === this.armedFor) return;
    this.cancel?.();
    this.cancel = null;
    this.armedFor = deadline;
    if (deadline === Number.POSITIVE_INFINITY) return;
    this.cancel = this.real.setTimer(Math.max(0, deadline - this.now), () => {
      this.cancel = null;
      this.armedFor = Number.POSITIVE_INFINITY;
      this.call(() => {});
    });
  }

  private drain(): void {
    const { node } = this;
    if (node === null) return;
    const { out } = node;
    while (out.shift()) {
      const { bytes, view, offset, length } = out;
      const exit = node.interfaceFor === undefined ? 1 : node.interfaceFor(bytes, view, offset);
      if (exit < 0) continue;
      const packet = bytes.slice(offset, offset + length);
      if (exit > 0) this.transmit(packet);
      else node.input(this.now, packet, new DataView(packet.buffer), 0, length, true);
    }
  }
}
