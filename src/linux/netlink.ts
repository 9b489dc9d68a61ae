/** Netlink: requests to the kernel, and its answers (RFC 3549; include/uapi/linux/netlink.h). */
import { K, must, type Sys, SysError } from './sys.ts';

const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
/** Flags of a request. */
export const NLM = {
  request: 1,
  ack: 4,
  dump: 0x300,
  replace: 0x100,
  exclusive: 0x200,
  create: 0x400,
} as const;

/** One answer: its type, and what follows the netlink header. */
interface NetlinkMessage {
  readonly type: number;
  readonly body: Buffer;
}

/** Where answers are read to; requests are synchronous, and what is handed out is a copy. */
const room = Buffer.alloc(65_536);

/** A netlink socket of the calling thread's network namespace. */
export class Netlink {
  private readonly sys: Sys;
  private readonly fd: number;
  private sequence = 0;

  /** @param protocol 0 for routes and links, 4 for sock_diag */
  constructor(sys: Sys, protocol: number) {
    this.sys = sys;
    this.fd = must(
      'socket(AF_NETLINK)',
      sys.call('socket', K.AF_NETLINK, K.SOCK_RAW | K.SOCK_CLOEXEC, protocol),
    );
  }

  /**
   * Sends a request and waits for the end of its answer (an acknowledgment, or the end of a dump).
   * @param what names the request in errors
   * @throws SysError with the kernel's error
   */
  request(what: string, type: number, flags: number, body: Uint8Array): NetlinkMessage[] {
    const sequence = ++this.sequence;
    const message = Buffer.alloc(16 + body.length);
    message.writeUInt32LE(message.length, 0);
    message.writeUInt16LE(type, 4);
    message.writeUInt16LE(flags | NLM.request, 6);
    message.writeUInt32LE(sequence, 8);
    message.set(body, 16);
    const to = Buffer.from([K.AF_NETLINK, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    must(what, this.sys.call('sendto', this.fd, message, message.length, 0, to, to.length));
    const answers: NetlinkMessage[] = [];
    for (;;) {
      const length = must(what, this.sys.call('recvfrom', this.fd, room, room.length, 0, null, null));
      for (let at = 0; at + 16 <= length; ) {
        const size = room.readUInt32LE(at);
        if (size < 16 || at + size > length) break;
        const kind = room.readUInt16LE(at + 4);
        const ours = room.readUInt32LE(at + 8) === sequence;
        if (ours && kind === NLMSG_ERROR) {
          const error = room.readInt32LE(at + 16);
          if (error !== 0) throw new SysError(what, -error);
          return answers;
        }
        if (ours && kind === NLMSG_DONE) return answers;
        if (ours) answers.push({ type: kind, body: Buffer.from(room.subarray(at + 16, at + size)) });
        at += (size + 3) & ~3;
      }
    }
  }

  close(): void {
    this.sys.call('close', this.fd);
  }
}

/** A netlink attribute, padded. */
export function attribute(type: number, data: Uint8Array): Buffer {
  const bytes = Buffer.alloc((4 + data.length + 3) & ~3);
  bytes.writeUInt16LE(4 + data.length, 0);
  bytes.writeUInt16LE(type, 2);
  bytes.set(data, 4);
  return bytes;
}
