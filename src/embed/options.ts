/** What a program asks of a stack, and whether it can be had. */
import { type HostOptions, parsePrefix } from '../host/index.ts';
import type { RealClock } from '../sim/realtime.ts';
import type { AbortSignalLike } from '../wire/abort.ts';
import { isPort, parseAddress } from '../wire/address.ts';

/** What a `Stack` is made from. */
export interface StackOptions {
  /** The stack's addresses with their prefix lengths, such as `192.0.2.1/24` or `2001:db8::1/64`. */
  readonly addresses: readonly string[];
  /** Takes each IP packet that the stack sends; the bytes are the callee's to keep. */
  readonly transmit: (packet: Uint8Array) => void;
  /** Next hop of the default route; without it only the addresses' own networks can be reached. */
  readonly gateway?: string;
  /** Bytes, IP header included, from 68 (1280 with an IPv6 address) to 65,535; 1500 if not given. */
  readonly mtu?: number;
  /** Linux sysctls by name, such as `{ 'net.ipv4.tcp_syn_retries': 3 }`. */
  readonly sysctls?: Readonly<Record<string, string | number>>;
  /** The clock; the system's if not given. `VirtualTime` is one that a test moves. */
  readonly clock?: RealClock;
  /** 32 random bits (0 to 2^32 - 1) at each call; the system's secure ones if not given. */
  readonly random?: () => number;
  /** How initial sequence numbers are chosen. */
  readonly isn?: HostOptions['isn'];
  /** Unix time of the clock's 0, µs. */
  readonly epochUs?: number;
  /**
   * The most connections from outside at a time; further ones wait in their listeners' backlogs, and beyond these their SYNs
   * are dropped, as Linux does where a program does not accept. No limit if not given. An idle one takes about 3 KB, one with
   * full buffers up to the sysctls net.ipv4.tcp_rmem and tcp_wmem together. All limits: docs/limits.md.
   */
  readonly maxConnections?: number;
}

/** How a `Stack` connects, beside where to. */
export interface StackConnectOptions {
  /** Gives the attempt or the connection up when it aborts: `closed` gets ECONNABORTED with the signal's reason as `cause`. */
  readonly signal?: AbortSignalLike;
  /** How long the handshake may take, µs; ETIMEDOUT afterwards. TCP's own patience, about two minutes, if not given. */
  readonly timeoutUs?: number;
  /** The own address, one of the stack's; and the own port. The stack chooses what is not given. */
  readonly localAddress?: string;
  readonly localPort?: number;
  /** See `StackConnection.setNoDelay`. */
  readonly noDelay?: boolean;
  /** See `StackConnection.setKeepAlive`; a number is seconds of silence. */
  readonly keepAlive?: boolean | number;
}

const isWord = (value: unknown): boolean =>
  Number.isInteger(value) && Number(value) >= -(2 ** 31) && Number(value) < 2 ** 32;

const areWords = (value: unknown, count: number): boolean =>
  Array.isArray(value) && value.length === count && value.every(isWord);

/**
 * @throws RangeError for an option out of its range
 * @throws DecodeError if an address is invalid
 */
export function checkOptions(options: StackOptions): void {
  const { addresses, gateway, mtu, isn, epochUs, maxConnections } = options;
  if (addresses.length === 0) throw new RangeError('addresses must have one at least, such as 192.0.2.1/24');
  for (const text of addresses)
    if (!/\/\d+$/.test(text)) throw new RangeError(`'${text}' has no prefix length, as 192.0.2.1/24 has`);
  const families = addresses.map((text) => parsePrefix(text).address.family);
  if (mtu !== undefined) {
    // RFC 791 section 3.2 and RFC 8200 section 5; the most that an IPv4 packet's length can say.
    const least = families.includes(6) ? 1280 : 68;
    if (!(Number.isInteger(mtu) && mtu >= least && mtu <= 65_535))
      throw new RangeError(`mtu must be an integer from ${least} to 65535, not ${mtu}`);
  }
  if (gateway !== undefined) {
    const { family } = parseAddress(gateway);
    if (!families.includes(family))
      throw new RangeError(`the gateway ${gateway} needs an IPv${family} address among the stack's own`);
  }
  if (epochUs !== undefined && !Number.isSafeInteger(epochUs))
    throw new RangeError(`epochUs must be an integer, not ${epochUs}`);
  if (maxConnections !== undefined && !(Number.isInteger(maxConnections) && maxConnections >= 1))
    throw new RangeError(`maxConnections must be an integer from 1, not ${maxConnections}`);
  if (isn !== undefined) checkIsn(isn);
}

/** @throws RangeError for an option out of its range */
export function checkConnectOptions({ timeoutUs, localPort }: StackConnectOptions): void {
  if (timeoutUs !== undefined && !(timeoutUs > 0))
    throw new RangeError(`timeoutUs must be a number of µs above 0, not ${timeoutUs}`);
  if (localPort !== undefined && !isPort(localPort, 0))
    throw new RangeError(`localPort must be an integer from 0 to 65535, not ${localPort}`);
}

function checkIsn(isn: NonNullable<StackOptions['isn']>): void {
  if (isn === 'siphash' || isn === 'md5') return;
  const { kind } = isn;
  if (kind === 'constant') {
    if (!isWord(isn.value)) throw new RangeError(`isn.value must be a 32-bit integer, not ${isn.value}`);
  } else if (kind === 'siphash') {
    if (!areWords(isn.key, 4)) throw new RangeError('isn.key must be four 32-bit integers');
  } else if (kind === 'md5') {
    if (!areWords(isn.secret, 16)) throw new RangeError('isn.secret must be 16 32-bit integers');
  } else
    throw new RangeError(
      `isn must be siphash, md5, or one of these or constant in detail, not ${kind ?? isn}`,
    );
}
