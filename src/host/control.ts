/**
 * What comes beside data: the error queue and control messages of recvmsg(), MSG_ZEROCOPY of the calls that write
 * (net/ipv4/ip_sockglue.c ip_recv_error, net/ipv6/datagram.c, 6.18).
 */
import type { Connection } from '../tcp/connection.ts';
import { isIcmpError, type QueuedError } from '../tcp/socket/error-queue.ts';
import { inqHint } from '../tcp/socket/socket-calls.ts';
import { TcpOption } from '../tcp/socket/socket-options.ts';
import { andThen, type Result } from './file.ts';
import type { Socket } from './socket.ts';
import { Level } from './socket-options.ts';
import { type Endpoint, MessageFlag } from './socket-terms.ts';

/** A control message as it goes through recvmsg(). */
interface HostControl {
  readonly level: number;
  readonly type: number;
  readonly data: Uint8Array;
}

const SCM_TIMESTAMPING = 37;
const IP_RECVERR = 11;
const IPV6_RECVERR = 25;

/** Takes the oldest entry of the error queue, and what it says of the socket's pending error; null if there is none. */
export function takeQueuedError(conn: Connection): QueuedError | null {
  const error = conn.errorQueue?.shift() ?? null;
  if (error === null) return null;
  const next = conn.errorQueue?.[0];
  if (next !== undefined && isIcmpError(next)) conn.error = next.errno;
  else if (isIcmpError(error)) conn.error = 0;
  return error;
}

/** The control messages of an entry: its time if it has one, and struct sock_extended_err with the offender's address. */
export function errorControl(error: QueuedError, family: 4 | 6): HostControl[] {
  const messages: HostControl[] = [];
  if (error.stampedAt >= 0) {
    const data = new Uint8Array(48);
    const view = new DataView(data.buffer);
    view.setBigInt64(0, BigInt(Math.floor(error.stampedAt / 1e6)), true);
    view.setBigInt64(8, BigInt(error.stampedAt % 1e6) * 1000n, true);
    messages.push({ level: Level.socket, type: SCM_TIMESTAMPING, data });
  }
  const data = new Uint8Array(family === 4 ? 32 : 44);
  const view = new DataView(data.buffer);
  view.setUint32(0, error.errno, true);
  data[4] = error.origin;
  data[5] = error.type;
  data[6] = error.code;
  view.setUint32(8, error.info >>> 0, true);
  view.setUint32(12, error.data >>> 0, true);
  messages.push(
    family === 4
      ? { level: Level.ip, type: IP_RECVERR, data }
      : { level: Level.ipv6, type: IPV6_RECVERR, data },
  );
  return messages;
}

/** The control messages that come with data: TCP_INQ. */
export function dataControl(socket: Socket): HostControl[] {
  if (!socket.conn.options.tellsInq) return [];
  const data = new Uint8Array(4);
  new DataView(data.buffer).setInt32(0, inqHint(socket.conn), true);
  return [{ level: Level.tcp, type: TcpOption.inq, data }];
}

/** `send`, and a completion for the error queue if the call has MSG_ZEROCOPY and the socket SO_ZEROCOPY. */
export function sendCompleting(socket: Socket, data: Uint8Array, flags: number, to: Endpoint | null): Result {
  const { conn } = socket;
  const { completions } = conn;
  if ((flags & MessageFlag.zeroCopy) === 0 || completions?.zeroCopy !== true || data.length === 0)
    return socket.send(data, flags, to);
  // Data goes behind what waits to be sent: one completion tells of both.
  const joins = conn.sendQueue.sendHead !== null && completions.zeroCopyEnd === conn.writeSeq;
  return andThen(socket.send(data, flags, to), (n) => {
    if (n > 0) completions.zeroCopied(conn.writeSeq, joins);
    return n;
  });
}
