/**
 * The socket under test: which live connection a script's packets belong to, and how its numbers translate. A script
 * writes sequence numbers relative to the initial ones (but absolute on SYN packets), and makes up the peer's; the
 * live system chose its own.
 */

/** How far the script has taken the socket; decides which packets belong to it. */
type FlowState =
  | 'new'
  | 'listening'
  | 'connecting'
  | 'syn-sent'
  | 'syn-acked'
  | 'syn-received'
  | 'synack-sent'
  | 'synack-acked';

/** Sequence numbers are int32. */
export class Flow {
  state: FlowState = 'new';
  /** Live descriptor, -1 if there is none (yet). */
  fd: number;
  readonly protocol: number;
  localPort = 0;
  remotePort = 0;
  /** Initial sequence numbers: what the script says on its SYN packets, and what went over the wire. */
  scriptLocalIsn = 0;
  liveLocalIsn = 0;
  liveRemoteIsn = 0;
  /** Script's timestamp value → live one, of outbound packets. */
  readonly timestamps: Map<number, number> = new Map();
  firstTimestamp: { readonly script: number; readonly live: number } | null = null;
  flowLabel: { readonly script: number; readonly live: number } | null = null;

  constructor(fd: number, protocol: number) {
    this.fd = fd;
    this.protocol = protocol;
  }

  /** What to add to a peer's sequence number in the script to get the wire's. */
  remoteOffset(syn: boolean): number {
    return syn ? 0 : this.liveRemoteIsn;
  }

  /** What to add to the system's own sequence number in the script to get the wire's. */
  localOffset(syn: boolean): number {
    return syn ? (this.liveLocalIsn - this.scriptLocalIsn) | 0 : this.liveLocalIsn;
  }
}
