/** The numbers and addresses of socket calls. */
import type { Connection } from '../tcp/connection.ts';
import { CLOSING, FIN_WAIT_1, LAST_ACK } from '../tcp/state.ts';
import type { Address } from '../wire/address.ts';

/** Address families of socket() and of socket addresses. */
export const Family = { unspec: 0, inet: 2, inet6: 10 } as const;

/** Flags of recv() and send(). */
export const MessageFlag = {
  oob: 0x1,
  peek: 0x2,
  trunc: 0x20,
  dontWait: 0x40,
  waitAll: 0x100,
  errorQueue: 0x2000,
  zeroCopy: 0x4000000,
  fastOpen: 0x20000000,
} as const;

/** An address and a port. In an IPv6 socket IPv4 addresses appear as mapped ones. */
export interface Endpoint {
  readonly address: Address;
  readonly port: number;
}

/** Whether close() with SO_LINGER has something to wait for. */
export const lingers = (conn: Connection): boolean =>
  conn.state === FIN_WAIT_1 || conn.state === CLOSING || conn.state === LAST_ACK;
