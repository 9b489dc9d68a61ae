/**
 * What the handshake settles: segment size, window, window scale, SACK, timestamps, ECN. The one place for these
 * rules, for both sides (RFC 9293 3.7.1, RFC 7323, RFC 2018, RFC 3168; net/ipv4/tcp_output.c and tcp_input.c, 6.18).
 */
import type { Segment } from '../../wire/segment.ts';
import { Flag } from '../../wire/tcp.ts';
import type { Connection } from '../connection.ts';
import { noOptions, type OptionSet } from '../packet.ts';
import type { Route } from '../route.ts';
import type { TcpSysctls } from '../sysctls.ts';

/** The largest shift a window scale option may ask for (RFC 7323 section 2.3). */
const maxWindowScale = 14;

/** Bytes of IP and TCP headers without options. */
export const headers = (family: 4 | 6): number => (family === 4 ? 40 : 60);

/** The least that is announced of a route without `advmss` (ip_rt_min_advmss of IPv4 and IPv6). */
const leastAdvertised = { 4: 256, 6: 1220 } as const;

/** What a route lets one announce: the MTU less headers, or its `advmss`. */
const routeMss = (route: Route, family: 4 | 6, mtu: number): number =>
  route.advmss > 0 ? route.advmss : Math.max(Math.min(mtu, 65535) - headers(family), leastAdvertised[family]);

/** The MSS to announce over a route; a user's TCP_MAXSEG lowers it. */
export function advertisedMss(route: Route, family: 4 | 6, userMss: number): number {
  const mss = routeMss(route, family, route.mtu);
  return userMss > 0 && userMss < mss ? userMss : mss;
}

/** Half of the buffer is for data, the rest for what surrounds it, until real segments show their ratio. */
export const windowFromSpace = (space: number): number => space >> 1;

/** The window to offer first, what it may grow to, and the scale that needs. Bytes. */
interface InitialWindow {
  readonly window: number;
  readonly clamp: number;
  readonly scale: number;
}

/**
 * The window and scale of a SYN or SYN+ACK: as many whole segments as the receive buffer takes.
 * @param space bytes the buffer can take now; `clamp` the application's limit, 0 for none
 * @param mss bytes of data in a full segment as far as known
 * @param initrwnd the route's, in segments, 0 if not set
 */
export function initialWindow(
  space: number,
  mss: number,
  clamp: number,
  scaling: boolean,
  initrwnd: number,
  sysctls: TcpSysctls,
): InitialWindow {
  const limit = clamp > 0 ? clamp : 65535 << maxWindowScale;
  space = Math.min(limit, Math.max(space, 0));
  if (space > mss) space -= space % mss;
  // A SYN can only say 65,535 of it, since its window is never scaled.
  let window = sysctls.tcp_workaround_signed_windows ? Math.min(space, 32767) : space;
  if (initrwnd > 0) window = Math.min(window, initrwnd * mss);
  let scale = 0;
  if (scaling) {
    const most = Math.min(Math.max(space, sysctls.tcp_rmem[2], sysctls.rmem_max), limit);
    scale = Math.min(Math.max(31 - Math.clz32(most) - 15, 0), maxWindowScale);
  }
  return { window, scale, clamp: Math.min(65535 << scale, limit) };
}

/** The MSS of a peer that does not say its own (RFC 9293 3.7.1). */
export const defaultMss = (family: 4 | 6): number => (family === 4 ? 536 : 1220);

/** What an incoming SYN or SYN+ACK offers, cut down to what this host supports. */
export interface Offer {
  /** If the option is absent, what every path takes: see `defaultMss`. */
  readonly mss: number;
  /** -1 without window scaling. */
  readonly windowScale: number;
  readonly sack: boolean;
  readonly timestamps: boolean;
  readonly tsVal: number;
  readonly tsEcr: number;
}

/** Reads the offer of a segment with SYN. */
export function readOffer(seg: Segment, sysctls: TcpSysctls, userMss: number): Offer {
  const announced = seg.mss > 0 ? seg.mss : defaultMss(seg.family);
  // TCP_MAXSEG bounds what a peer says, not what is taken for granted (tcp_parse_options).
  const bounded = seg.mss > 0 && userMss > 0 && userMss < announced;
  const timestamps = seg.hasTimestamps && sysctls.tcp_timestamps !== 0;
  return {
    mss: bounded ? userMss : announced,
    windowScale:
      seg.windowScale >= 0 && sysctls.tcp_window_scaling !== 0
        ? Math.min(seg.windowScale, maxWindowScale)
        : -1,
    sack: seg.sackPermitted && sysctls.tcp_sack !== 0,
    timestamps,
    tsVal: timestamps ? seg.tsVal : 0,
    tsEcr: timestamps ? seg.tsEcr : 0,
  };
}

/** The options of our own SYN. */
export function synOptions(conn: Connection): OptionSet {
  const { sysctls } = conn.services;
  const options = noOptions();
  // A copy of a SYN has what the path is known to take by now (tcp_advertise_mss).
  conn.advMss = Math.min(conn.advMss, routeMss(conn.route!, conn.family, conn.pmtu));
  options.mss = conn.advMss;
  options.sackPermitted = sysctls.tcp_sack !== 0;
  if (sysctls.tcp_timestamps !== 0) {
    options.timestamps = true;
    options.tsVal = conn.services.timestamp(conn.tsOffset);
    options.tsEcr = conn.tsRecent;
  }
  if (sysctls.tcp_window_scaling !== 0) options.windowScale = conn.rcvWscale;
  options.cookie = conn.fastOpenAttempt?.cookie ?? null;
  return options;
}

/** Whether a SYN asks for ECN the classic way (RFC 3168 section 6.1.1). */
export const asksEcn = (flags: number): boolean => (flags & (Flag.ece | Flag.cwr)) === (Flag.ece | Flag.cwr);

/** The most data one segment can carry: path MTU and the peer's MSS less the options of every segment. */
export function currentMss(conn: Connection, mtu: number = conn.pmtu): number {
  return Math.max(mssOfPath(conn, mtu) - (conn.stampedHeaders ? 12 : 0), 1);
}

/** What path MTU and the peer's MSS leave for data and options. */
export const mssOfPath = (conn: Connection, mtu: number = conn.pmtu): number =>
  Math.max(Math.min(mtu - headers(conn.family), conn.mssClamp), conn.services.sysctls.tcp_min_snd_mss);
