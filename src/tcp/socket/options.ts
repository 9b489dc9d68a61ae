/** After how many changes records are no longer shared: more than any socket needs to be set up. */
const mostShared = 32;

/**
 * What an application may ask of a connection. A record never changes once it is made: a listener and its children
 * share one until one of them is told otherwise, so a connection that nobody tuned costs nothing for it.
 */
export class Options {
  /** How many changes lie between the options nobody tuned and these. */
  private readonly changes: number = 0;
  readonly nodelay: boolean = false;
  readonly cork: boolean = false;
  readonly keepalive: boolean = false;
  /** TCP_KEEPIDLE and TCP_KEEPINTVL in seconds, TCP_KEEPCNT; 0 means the sysctl. */
  readonly keepIdle: number = 0;
  readonly keepInterval: number = 0;
  readonly keepCount: number = 0;
  /** SO_LINGER in seconds, -1 if off. */
  readonly linger: number = -1;
  /** TCP_LINGER2 in seconds; 0 means the sysctl, negative no FIN-WAIT-2 at all. */
  readonly linger2: number = 0;
  /** TCP_SYNCNT; 0 means the sysctl. */
  readonly synRetries: number = 0;
  /** TCP_DEFER_ACCEPT as a number of SYN+ACK retransmissions. */
  readonly deferAccept: number = 0;
  /** TCP_USER_TIMEOUT in ms. */
  readonly userTimeout: number = 0;
  /** TCP_MAXSEG in bytes; 0 if not set. */
  readonly userMss: number = 0;
  /** TCP_NOTSENT_LOWAT in bytes; 0 means the sysctl. */
  readonly notsentLowat: number = 0;
  /** TCP_INQ: recvmsg() tells how much is left to read. */
  readonly tellsInq: boolean = false;
  /** SO_OOBINLINE: urgent bytes are read with the rest. */
  readonly oobInline: boolean = false;
  /** SO_RCVLOWAT in bytes. */
  readonly rcvLowat: number = 1;
  /** The application has set the buffer's size: it does not grow by itself. */
  readonly sndBufLocked: boolean = false;
  readonly rcvBufLocked: boolean = false;
  /** TCP_THIN_LINEAR_TIMEOUTS: time-outs of a stream with little in flight are not doubled at first. */
  readonly thinLinear: boolean = false;
  /** IP_TOS and IP_TTL: of packets of IPv4, whatever the socket's family; the others of those of IPv6. -1 for the host's default. */
  readonly tos: number = 0;
  readonly ttl: number = -1;
  readonly trafficClass: number = 0;
  readonly hops: number = -1;
  /** The longest that an ACK is held back, µs (TCP_DELACK_MAX_US). */
  readonly delackMax: number = 200_000;
  /** µs; 0 for the sysctl's (TCP_RTO_MAX_MS). */
  readonly rtoMax: number = 0;
  /** IP_MTU_DISCOVER: 0 never set DF. */
  readonly pmtuDiscover: number = 1;
  /** IP_RECVERR: ICMP errors end calls at once. */
  readonly recvErr: boolean = false;
  readonly v6Only: boolean = false;
  /** SO_REUSEADDR */
  readonly reuse: boolean = false;
  readonly fastOpenConnect: boolean = false;
  readonly fastOpenNoCookie: boolean = false;
  readonly saveSyn: number = 0;
  readonly congestion: string = 'cubic';

  /** The record made of this one last, and by which change: sockets that are tuned alike share theirs. */
  private derived: Options | null = null;
  private derivedBy: OptionName | null = null;

  /** The record that differs from this one in a single option. */
  with<N extends OptionName>(name: N, value: Options[N]): Options {
    if (this[name] === value) return this;
    if (this.derived !== null && this.derivedBy === name && this.derived[name] === value) return this.derived;
    const changes = this.changes + 1;
    const derived = Object.assign(new Options(), this, {
      [name]: value,
      changes,
      derived: null,
      derivedBy: null,
    });
    // Who corks and uncorks for ever shall not leave a chain of records behind that grows for ever.
    if (changes <= mostShared) {
      this.derived = derived;
      this.derivedBy = name;
    }
    return derived;
  }
}

/** The traffic class, and the TTL or hop limit, that were asked for packets of a family. */
export const trafficClassOf = (options: Options, family: 4 | 6): number =>
  family === 4 ? options.tos : options.trafficClass;
export const hopsOf = (options: Options, family: 4 | 6): number =>
  family === 4 ? options.ttl : options.hops;

/** The options by name. */
export type OptionName = Exclude<keyof Options, 'with'>;
