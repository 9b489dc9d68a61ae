/** What a script says, as values. Offsets (`at`) point into the script's text, for messages. */

/** A value the script leaves open with `*`: any will do (an extension; packetdrill has none for single fields). */
export type OrAny = number | '*';

/** When an event is due. Times are µs; `endUs` is meant for ranges only. */
export interface EventTime {
  readonly kind: 'absolute' | 'relative' | 'any' | 'absolute-range' | 'relative-range';
  readonly us: number;
  readonly endUs: number;
}

export interface Script {
  /** `--name=value` lines at the top; value null if there is none. */
  readonly options: readonly ScriptOption[];
  readonly init: Command | null;
  readonly events: readonly Event[];
  readonly cleanup: Command | null;
}

export interface ScriptOption {
  readonly name: string;
  readonly value: string | null;
  readonly at: number;
}

export interface Command {
  readonly text: string;
  readonly at: number;
}

export interface Event {
  readonly time: EventTime;
  /** Where its time stands; messages name this line. */
  readonly at: number;
  readonly action: Action;
}

export type Action =
  | { readonly kind: 'packet'; readonly packet: PacketSpec }
  | { readonly kind: 'syscall'; readonly call: SyscallSpec }
  | { readonly kind: 'command'; readonly text: string }
  | { readonly kind: 'code'; readonly text: string };

export type PacketSpec = TcpSpec | UdpSpec | IcmpSpec;

interface PacketBase {
  readonly direction: 'in' | 'out';
  /** Outer headers, outermost first. */
  readonly encapsulation: readonly Encapsulation[];
  readonly ip: IpInfo;
}

/** What `[...]` or `(...)` says of the IP header. */
export interface IpInfo {
  /** Which bits of the TOS byte the script is particular about. */
  readonly check: 'none' | 'ecn' | 'ect01' | 'tos';
  readonly tos: number;
  /** 0 if not given. */
  readonly flowLabel: number;
  /** 0 if not given. */
  readonly ttl: number;
}

export type Encapsulation =
  | {
      readonly kind: 'ipv4' | 'ipv6';
      readonly source: string;
      readonly destination: string;
      readonly ip: IpInfo;
    }
  | { readonly kind: 'gre' }
  | { readonly kind: 'mpls' }
  | { readonly kind: 'psp'; readonly spi: number };

/** Ports written before the flags; 0 if left to the socket. */
export interface Ports {
  readonly source: number;
  readonly destination: number;
}

export interface TcpSpec extends PacketBase {
  readonly kind: 'tcp';
  readonly ports: Ports;
  readonly flags: TcpFlags;
  readonly seq: OrAny;
  readonly length: number;
  readonly ack: OrAny;
  /** '*' if not given. */
  readonly window: OrAny;
  readonly urgent: OrAny;
  /** '*' for `<...>`: any options. */
  readonly options: readonly TcpOptionSpec[] | '*';
}

export interface TcpFlags {
  readonly fin: boolean;
  readonly syn: boolean;
  readonly rst: boolean;
  readonly psh: boolean;
  readonly ack: boolean;
  readonly urg: boolean;
  readonly ece: boolean;
  readonly cwr: boolean;
  readonly ae: boolean;
  /** Whether AE, CWR and ECE were given as one number (ACE). */
  readonly ace: boolean;
  /** Letters of flags that a `?` behind them leaves open (an extension). */
  readonly open: string;
}

export type TcpOptionSpec =
  | { readonly kind: 'nop' | 'eol' | 'sackOK' }
  | { readonly kind: 'mss' | 'wscale'; readonly value: OrAny }
  | { readonly kind: 'TS'; readonly val: OrAny; readonly ecr: OrAny }
  | { readonly kind: 'sack'; readonly blocks: readonly SackBlock[] | '*' }
  /** Fast open by its own kind, or by the experimental one; MD5 signatures. */
  | { readonly kind: 'FO' | 'FOEXP' | 'md5'; readonly bytes: Uint8Array | '*' }
  /** Accurate ECN: up to three counters; `first` says which of the two orders. */
  | { readonly kind: 'ECN'; readonly first: 'e0b' | 'e1b'; readonly counters: readonly number[] }
  /** Bytes as they stand, for options that no word makes: inbound only (an extension). */
  | { readonly kind: 'raw'; readonly bytes: Uint8Array }
  /** Seen in live packets only: an option that scripts have no word for. */
  | { readonly kind: 'unknown'; readonly type: number; readonly bytes: Uint8Array };

export interface SackBlock {
  readonly left: number;
  readonly right: number;
}

export interface UdpSpec extends PacketBase {
  readonly kind: 'udp';
  readonly ports: Ports;
  readonly length: number;
}

export interface IcmpSpec extends PacketBase {
  readonly kind: 'icmp';
  readonly type: string;
  readonly code: string | null;
  /** -1 if not given. */
  readonly mtu: number;
  readonly echoId: number;
  /** Which packet it reports on. */
  readonly echoed:
    | { readonly kind: 'tcp'; readonly seq: number; readonly length: number }
    | { readonly kind: 'udp' | 'raw'; readonly length: number };
  readonly at: number;
}

export interface SyscallSpec {
  readonly name: string;
  readonly args: readonly Expression[];
  readonly result: Expression;
  /** Error names after the result, such as ECONNREFUSED; several with `|` between them (an extension). Null if not written. */
  readonly errno: { readonly names: readonly string[]; readonly at: number } | null;
  /** When a blocking call (`a...b`) is to end; in the terms of the event's time. Null if it may not block. */
  readonly endUs: number | null;
  readonly at: number;
}

/** An argument or a result. */
export type Expression = { readonly at: number } & (
  | { readonly kind: 'ellipsis' }
  | { readonly kind: 'integer'; readonly value: number }
  | { readonly kind: 'word'; readonly name: string }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'or'; readonly left: Expression; readonly right: Expression }
  | { readonly kind: 'assign'; readonly name: string; readonly value: Expression }
  | { readonly kind: 'list'; readonly items: readonly Expression[] }
  | { readonly kind: 'in6addr'; readonly ip: string }
  | { readonly kind: 'sockaddr'; readonly family: string; readonly port: number; readonly ip: string }
  | {
      readonly kind: 'msghdr';
      readonly count: number;
      readonly iov: Expression;
      readonly flags: Expression;
      readonly control: readonly Expression[];
    }
  | { readonly kind: 'iovec'; readonly length: number }
  | {
      readonly kind: 'pollfd';
      readonly fd: Expression;
      readonly events: Expression;
      readonly revents: Expression | null;
    }
  | {
      readonly kind: 'epollev';
      readonly events: Expression;
      readonly field: 'fd' | 'ptr' | 'u32' | 'u64';
      readonly data: Expression;
    }
  | { readonly kind: 'linger'; readonly onoff: number; readonly linger: number }
  | {
      readonly kind: 'cmsg';
      readonly level: Expression;
      readonly type: Expression;
      readonly data: Expression;
    }
  | { readonly kind: 'timestamping'; readonly sec: number; readonly nsec: number }
  | {
      readonly kind: 'extended-error';
      readonly errno: Expression;
      readonly origin: Expression;
      readonly type: Expression;
      readonly code: Expression;
      readonly info: Expression;
      readonly data: Expression;
    }
  /** A GRE header or an MPLS stack as an argument: understood, but no call here takes one. */
  | { readonly kind: 'tunnel' }
);
