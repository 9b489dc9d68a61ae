/**
 * TCP Fast Open (RFC 7413): what both sides of one host share. The server's cookies, what a client remembers of its
 * servers, and when a client stays away from Fast Open (net/ipv4/tcp_fastopen.c and tcp_metrics.c, 6.18).
 * The passive side is in fast-open-passive.ts, the active one in fast-open-active.ts.
 */
import type { Address } from '../../wire/address.ts';
import type { Counters } from '../counters.ts';
import { ESTABLISHED } from '../state.ts';
import type { TcpSysctls } from '../sysctls.ts';
import { sipHash24, sipHashHigh, swap } from './isn.ts';

/** The bits of net.ipv4.tcp_fastopen. */
export const FastOpenBit = {
  client: 1,
  server: 2,
  clientNoCookie: 4,
  serverNoCookie: 0x200,
  /** Every listener gets a Fast Open queue as long as its backlog. */
  allListeners: 0x400,
} as const;

/** What of the host's services Fast Open uses. */
interface FastOpenServices {
  readonly sysctls: TcpSysctls;
  readonly counters: Counters;
  readonly now: number;
  random(): number;
}

/** What of a connection Fast Open looks at and sets. */
interface FastOpenUser {
  readonly local: Address;
  readonly remote: Address;
  readonly route: { readonly loopback: boolean } | null;
  readonly options: { readonly fastOpenNoCookie: boolean };
  readonly state: number;
  readonly retransmits: number;
  readonly dataSegsIn: number;
  readonly finReceived: boolean;
  readonly outOfOrder: { readonly onlyFin: boolean };
  readonly synFastOpen: boolean;
  readonly synData: boolean;
  readonly synDataAcked: boolean;
  fastOpenFailure: number;
  fastOpenTrial: boolean;
}

/** Why data did not go with the SYN, or was not taken there (enum tcp_fastopen_client_fail). */
export const FastOpenFailure = { none: 0, noCookie: 1, notAcked: 2, retransmitted: 3 } as const;

/** A cookie as an option carries it. With no bytes it is a request for one. */
export interface Cookie {
  readonly bytes: Uint8Array;
  /** In option 254 with the magic 0xF989 instead of option 34. */
  readonly experimental: boolean;
}

/** A Fast Open under way: from the call that brings the data until it returns. */
export interface FastOpenAttempt {
  readonly data: Uint8Array;
  /** How much of it went with the SYN. */
  copied: number;
  /** The option of the SYN about to be sent; null once it was, for copies of the SYN go without. */
  cookie: Cookie | null;
}

/** What a client may put into a SYN. */
export interface Permission {
  readonly data: boolean;
  /** The peer's MSS as it was last time, 0 if unknown. */
  readonly mss: number;
  /** The option to send, null for none. */
  readonly cookie: Cookie | null;
}

/** What is remembered of one server. */
interface Remembered {
  mss: number;
  cookie: Cookie | null;
  /** A request went unanswered: 1 the experimental option is tried next, 2 that was in vain too. */
  tries: number;
}

const noBytes = new Uint8Array(0);
/** A key of SipHash. */
export const keyBytes = 16;
/** So many servers are remembered; the one longest known is forgotten first. */
const mostRemembered = 4096;
const second = 1_000_000;

/** Fast Open's memory of one host. */
export class FastOpen {
  private readonly services: FastOpenServices;
  private readonly cache: Map<string, Remembered> = new Map();
  private keyText = '';
  private keys: readonly (readonly number[])[] = [];
  /** When Fast Open was given up last, µs, and how often in a row. */
  private disabledAt = 0;
  private disabledTimes = 0;

  constructor(services: FastOpenServices) {
    this.services = services;
  }

  /** Whether a bit of net.ipv4.tcp_fastopen is set. */
  on(bit: number): boolean {
    return (this.services.sysctls.tcp_fastopen & bit) !== 0;
  }

  /** tcp_fastopen_key: the first key, and a second one that is still accepted. A host without a key chooses one. */
  private currentKeys(): readonly (readonly number[])[] {
    const { sysctls } = this.services;
    if (sysctls.tcp_fastopen_key === '') {
      const word = (): string => (this.services.random() >>> 0).toString(16).padStart(8, '0');
      sysctls.tcp_fastopen_key = [word(), word(), word(), word()].join('-');
    }
    if (this.keyText !== sysctls.tcp_fastopen_key) {
      this.keyText = sysctls.tcp_fastopen_key;
      const words = (text: string): number[] => text.split('-').map((word) => Number.parseInt(word, 16) | 0);
      this.keys = this.keyText.split(',').map(words);
    }
    return this.keys;
  }

  /**
   * The cookie of a client: SipHash-2-4 of its address and the server's, 8 bytes.
   * @param which 0 by the first key, 1 by the second
   * @param own a listener's own keys, 16 bytes each, if it has any
   * @returns null if there is no such key
   */
  cookieFor(client: Address, server: Address, which = 0, own: Uint8Array | null = null): Uint8Array | null {
    const key = (own === null ? this.currentKeys() : keysOf(own))[which];
    if (key === undefined) return null;
    const words = [client, server].flatMap((a) => (a.family === 4 ? [a.w3] : [a.w0, a.w1, a.w2, a.w3]));
    const low = sipHash24(key, words.map(swap));
    const cookie = new Uint8Array(8);
    const view = new DataView(cookie.buffer);
    view.setInt32(0, low, true);
    view.setInt32(4, sipHashHigh(), true);
    return cookie;
  }

  /** Forgets all servers (`ip tcp_metrics flush`). */
  flush(): void {
    this.cache.clear();
  }

  /** What a SYN of this connection may carry (tcp_fastopen_cookie_check). */
  permission(conn: FastOpenUser): Permission {
    const known = this.cache.get(cacheKey(conn));
    const mss = known?.mss ?? 0;
    if (this.avoided(conn)) return { data: false, mss, cookie: null };
    if (this.on(FastOpenBit.clientNoCookie) || conn.options.fastOpenNoCookie)
      return { data: true, mss, cookie: null };
    const cookie = known?.cookie ?? null;
    if (cookie !== null) return { data: true, mss, cookie };
    conn.fastOpenFailure = FastOpenFailure.noCookie;
    return { data: false, mss, cookie: { bytes: noBytes, experimental: known?.tries === 1 } };
  }

  /**
   * Remembers what a SYN+ACK said (tcp_fastopen_cache_set).
   * @param mss 0 leaves it as it is
   * @param tries see `Remembered`; counts only while there is no cookie
   */
  remember(conn: FastOpenUser, mss: number, cookie: Cookie | null, tries: number): void {
    const key = cacheKey(conn);
    let known = this.cache.get(key);
    if (known === undefined) {
      known = { mss: 0, cookie: null, tries: 0 };
      if (this.cache.size >= mostRemembered) this.cache.delete(this.cache.keys().next().value!);
      this.cache.set(key, known);
    }
    if (mss > 0) known.mss = mss;
    if (cookie !== null && cookie.bytes.length > 0) known.cookie = cookie;
    else if (known.cookie === null) known.tries = Math.max(known.tries, tries);
  }

  /** Whether Fast Open is given up for a while because something on the way seems to swallow it. */
  private avoided(conn: FastOpenUser): boolean {
    const pause = this.services.sysctls.tcp_fastopen_blackhole_timeout_sec * second;
    if (pause === 0 || this.disabledTimes === 0) return false;
    if (this.services.now < this.disabledAt + pause * 2 ** Math.min(this.disabledTimes - 1, 6)) return true;
    conn.fastOpenTrial = true;
    return false;
  }

  private giveUp(): void {
    if (this.services.sysctls.tcp_fastopen_blackhole_timeout_sec === 0) return;
    this.disabledAt = this.services.now;
    this.disabledTimes++;
    this.services.counters.TCPFastOpenBlackhole++;
  }

  /** A retransmission timer ran out: at the third in a row, or when it is the last, Fast Open is suspected. */
  timedOut(conn: FastOpenUser, last: boolean): void {
    if (!conn.synFastOpen && !conn.synData && !conn.synDataAcked) return;
    if (conn.retransmits !== 2 && !(conn.retransmits < 2 && last)) return;
    this.giveUp();
    this.services.counters.TCPFastOpenActiveFail++;
  }

  /** A RST came out of order before any data did: perhaps from something that dislikes Fast Open. */
  strangeReset(conn: FastOpenUser): void {
    if (conn.synFastOpen && conn.dataSegsIn === 0 && conn.state === ESTABLISHED) this.giveUp();
  }

  /** A connection is over: a lone FIN ahead of a gap is suspect, data received on trial clears the suspicion. */
  over(conn: FastOpenUser): void {
    if (!conn.synFastOpen) return;
    if (conn.dataSegsIn === 0) {
      if (!conn.finReceived && conn.outOfOrder.onlyFin) this.giveUp();
    } else if (conn.fastOpenTrial && conn.route?.loopback !== true) this.disabledTimes = 0;
  }
}

/** Keys from their bytes: each is four little-endian words. */
function keysOf(bytes: Uint8Array): readonly (readonly number[])[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const key = (at: number): number[] => [0, 4, 8, 12].map((i) => view.getInt32(at + i, true));
  return bytes.length === keyBytes ? [key(0)] : [key(0), key(keyBytes)];
}

const cacheKey = ({ local, remote }: FastOpenUser): string =>
  `${local.w0},${local.w1},${local.w2},${local.w3}>${remote.w0},${remote.w1},${remote.w2},${remote.w3}`;
