/**
 * A stack of about a hundred lines that is not halfopen's, put behind the boundary of `halfopen/drill`: IPv4, passive
 * opens, data in, nothing else. It answers every SYN with a SYN+ACK and acknowledges what arrives in order.
 */
import type { Advance, OutboundPacket, Outcome, SystemCall, SystemUnderTest } from 'halfopen/drill';

const EAGAIN = 11;
const ENOSYS = 38;
const FIN = 1;
const SYN = 2;
const ACK = 16;

interface Child {
  readonly remotePort: number;
  rcvNxt: number;
  sndNxt: number;
  established: boolean;
  readable: number;
}

const sum16 = (bytes: Uint8Array, from: number, to: number): number => {
  let sum = 0;
  for (let i = from; i < to; i += 2) sum += (bytes[i]! << 8) + (i + 1 < to ? bytes[i + 1]! : 0);
  return sum;
};
const checksum = (sum: number): number => {
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
};

export class TinyStack implements SystemUnderTest {
  private clockUs = 0;
  private readonly sent: OutboundPacket[] = [];
  private readonly children: Child[] = [];
  private readonly accepted = new Map<number, Child>();
  private accepting = false;
  private end: { outcome: Outcome; atUs: number } | null = null;

  now(): number {
    return this.clockUs;
  }

  advance(untilUs: number): Advance {
    if (this.sent.length > 0 || this.end !== null) return 'activity';
    this.clockUs = untilUs;
    return 'idle'; // it has no timers: nothing ever happens by itself
  }

  nextPacket(): OutboundPacket | null {
    return this.sent.shift() ?? null;
  }

  ended(): { outcome: Outcome; atUs: number } | null {
    const end = this.end;
    this.end = null;
    return end;
  }

  syscall(call: SystemCall): Outcome | 'pending' {
    switch (call.name) {
      case 'socket':
        return { value: 3, errno: 0 };
      case 'setsockopt':
      case 'bind':
      case 'listen':
      case 'close':
        return { value: 0, errno: 0 };
      case 'accept':
        this.accepting = !this.complete();
        return this.accepting ? 'pending' : this.takeEnd();
      case 'read': {
        const child = this.accepted.get(call.fd);
        const value = Math.min(child?.readable ?? 0, call.lengths[0]!);
        if (child === undefined || value === 0) return { value: -1, errno: EAGAIN };
        child.readable -= value;
        return { value, errno: 0 };
      }
      default:
        return { value: -1, errno: ENOSYS };
    }
  }

  inject(packet: Uint8Array): void {
    const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
    const ip = (view.getUint8(0) & 15) * 4;
    const remotePort = view.getUint16(ip);
    const seq = view.getUint32(ip + 4);
    const flags = view.getUint8(ip + 13);
    const length = packet.length - ip - (view.getUint8(ip + 12) >> 4) * 4;
    let child = this.children.find((it) => it.remotePort === remotePort);
    if (flags === SYN && child === undefined) {
      child = { remotePort, rcvNxt: (seq + 1) >>> 0, sndNxt: 1001, established: false, readable: 0 };
      this.children.push(child);
      this.send(view, child, 1000, SYN | ACK, [2, 4, 1460 >> 8, 1460 & 255]);
    } else if (child !== undefined && (flags & ACK) !== 0) {
      child.established = true;
      if (this.accepting && this.complete()) this.accepting = false;
      if (seq !== child.rcvNxt) return;
      child.readable += length;
      child.rcvNxt = (seq + length + (flags & FIN)) >>> 0;
      if (length > 0 || (flags & FIN) !== 0) this.send(view, child, child.sndNxt, ACK, []);
    }
  }

  /** Ends an accept() if a connection is ready. */
  private complete(): boolean {
    const child = this.children.find((it) => it.established && ![...this.accepted.values()].includes(it));
    if (child === undefined) return false;
    const value = 4 + this.accepted.size;
    this.accepted.set(value, child);
    this.end = { outcome: { value, errno: 0 }, atUs: this.clockUs };
    return true;
  }

  private takeEnd(): Outcome {
    return this.ended()!.outcome;
  }

  /** Answers the packet in `to`: addresses and ports swapped. */
  private send(to: DataView, child: Child, seq: number, flags: number, options: number[]): void {
    const bytes = new Uint8Array(40 + options.length);
    const view = new DataView(bytes.buffer);
    view.setUint16(0, 0x4500);
    view.setUint16(2, bytes.length);
    view.setUint16(8, (64 << 8) | 6);
    view.setUint32(12, to.getUint32(16));
    view.setUint32(16, to.getUint32(12));
    view.setUint16(10, checksum(sum16(bytes, 0, 20)));
    view.setUint16(20, to.getUint16(22));
    view.setUint16(22, child.remotePort);
    view.setUint32(24, seq);
    view.setUint32(28, child.rcvNxt);
    view.setUint16(32, ((20 + options.length) << 10) | flags);
    view.setUint16(34, 65535);
    bytes.set(options, 40);
    view.setUint16(36, checksum(sum16(bytes, 12, bytes.length) + 6 + bytes.length - 20));
    this.sent.push({ bytes, atUs: this.clockUs });
  }
}
