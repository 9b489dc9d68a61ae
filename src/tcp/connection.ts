/**
 * The transmission control block: everything TCP knows about one connection (or listener), with RFC 9293's names
 * where it has them and the field's terms elsewhere. Behaviour lives in the files around it.
 */
import { type Address, anyIpv4 } from '../wire/address.ts';
import type { Segment } from '../wire/segment.ts';
import type { Controller } from './congestion/interface.ts';
import type { Listener } from './handshake/accept-queue.ts';
import type { FastOpenAttempt } from './handshake/fast-open.ts';
import type { ListenerTable } from './listeners.ts';
import { OutOfOrderQueue, ReceiveQueue } from './receive/receive-queue.ts';
import { calm, type RecoveryState } from './recovery/state.ts';
import type { Route } from './route.ts';
import { SendQueue } from './send/send-queue.ts';
import type { Services } from './services.ts';
import type { Completions } from './socket/completions.ts';
import type { QueuedError } from './socket/error-queue.ts';
import type { OptionName, Options } from './socket/options.ts';
import { CLOSED } from './state.ts';
import type { Tuple } from './table.ts';
import type { TimerOwner } from './timers.ts';

/** What a connection tells whoever owns it: poll's event bits of what may have changed. */
interface ConnectionOwner {
  /** @param events EPOLL bits, such as EPOLLIN */
  wake(connection: Connection, events: number): void;
}

/** What a connection uses of its host: the services, and who runs its timers. */
export interface ConnectionServices extends Services {
  readonly listeners: ListenerTable<Connection>;
  /** A timer of a connection went off. */
  connectionTimer(conn: Connection, kind: number): void;
}

/** What a connection opened early by Fast Open needs of its request, until the SYN+ACK is answered. */
export interface EarlyRequest {
  readonly listener: Connection;
  readonly iss: number;
  /** µs when the SYN+ACK was sent first. */
  readonly sentAt: number;
  /** SYN+ACKs beyond the first that a timer sent, and all beyond the first. */
  timeouts: number;
  readonly retransmits: number;
  /** Sends the SYN+ACK again. */
  resend(): void;
  /** Sends an ACK with this sequence number in answer to what is not taken. */
  sendAck(seq: number): void;
  /** What the request makes of a segment: see `Request`. */
  handle(seg: Segment): RequestVerdict;
}

/** What became of a segment for a half-open connection; `Request.handle` explains. */
export type RequestVerdict = 'established' | 'listener' | 'reset' | 'acknowledge' | 'done';

/** What probing has told of the path's MTU, see send/mtu-probe.ts. Sizes are bytes of whole packets. */
export interface MtuSearch {
  /** What passes, and the most that might. */
  low: number;
  high: number;
  /** The size of the probe that is out, 0 if there is none, and where it begins and ends in the stream. */
  probe: number;
  probeSeq: number;
  probeEnd: number;
  /** µs when the search began: after tcp_probe_interval it begins anew. */
  since: number;
}

/** What the receiver measures of a round trip, see receive/autotune.ts. Times in µs. */
export interface ReceiverRound {
  /** Bytes that the application took in the last round trip. */
  space: number;
  /** Where the present round trip began: the next byte to read, and when. */
  seq: number;
  time: number;
  /** The round trip as the receiver sees it, times 8; 0 before it is known. */
  rtt: number;
  /** One window is received when RCV.NXT gets here; when that was settled, -1 before. */
  windowEnd: number;
  windowSince: number;
  lastEcho: number;
}

/** Timer kinds of a connection. */
export const Timer = {
  retransmit: 0,
  delayedAck: 1,
  keepalive: 2,
  probe: 3,
  lossProbe: 4,
  reorder: 5,
  compressedAck: 6,
} as const;

const noEdges: readonly number[] = [];

/** A connection, from socket() to its end; also a listener, whose `listener` is then set. */
export class Connection implements Tuple, TimerOwner {
  readonly services: ConnectionServices;
  /** A number that no other connection of this host has had. */
  readonly id: number;
  hash = 0;
  state: number = CLOSED;
  owner: ConnectionOwner | null = null;
  family: 4 | 6 = 4;
  /** What the socket layer keeps about the local port; it goes on to what is left in TIME-WAIT. */
  claim: object | null = null;
  local: Address = anyIpv4;
  localPort = 0;
  remote: Address = anyIpv4;
  remotePort = 0;
  route: Route | null = null;
  listener: Listener<Connection> | null = null;
  /** The listener that a child not yet accepted belongs to. */
  parent: Connection | null = null;

  // Errors and shutdown, as in struct sock.
  error = 0;
  softError = 0;
  /** What MSG_ERRQUEUE reads, oldest first; null until there was any. */
  errorQueue: QueuedError[] | null = null;
  /** SO_ZEROCOPY and SO_TIMESTAMPING, once one of them was set. */
  completions: Completions | null = null;
  /** Bit 1: RCV_SHUTDOWN, bit 2: SEND_SHUTDOWN. */
  shutdown = 0;
  /** FIN received in order. */
  finReceived = false;
  /** The application has closed its descriptor. */
  orphaned = false;

  // Send sequence space (RFC 9293 section 3.3.1).
  iss = 0;
  sndUna = 0;
  sndNxt = 0;
  sndWnd = 0;
  sndWl1 = 0;
  /** The largest window the peer ever offered. */
  maxWindow = 0;
  /** One past the last byte the application wrote (FIN included). */
  writeSeq = 0;
  /** Up to where PSH was set last. */
  pushedSeq = 0;
  /** The end of the last segment shorter than the MSS that was sent (Minshall). */
  sndSml = 0;
  sndUp = 0;
  urgentMode = false;
  /** The urgent byte of the peer (`Urgent` of receive/urgent.ts), and where it stands in the stream. */
  urgentData = 0;
  urgentSeq = 0;

  // Receive sequence space.
  irs = 0;
  rcvNxt = 0;
  rcvWnd = 0;
  /** RCV.NXT when the last window update was sent. */
  rcvWup = 0;
  /** The next byte the application will read. */
  copiedSeq = 0;
  windowClamp = 0;
  rcvSsthresh = 0;
  /** How much of a received packet's memory is data, in 256ths. */
  scalingRatio = 128;
  /** The receive buffer is full: the next ACK says so. */
  outOfMemory = false;
  /** What a round trip is taken to bring before one was measured, bytes; 0 before the handshake is complete. */
  rcvSpace = 0;
  /** What sizes the receive buffer; null until there is data. */
  autotune: ReceiverRound | null = null;

  // What was negotiated.
  windowScaling = false;
  sndWscale = 0;
  rcvWscale = 0;
  sackOk = false;
  timestampsOk = false;
  /** Headers are counted with timestamps: as negotiated, and before that as hoped for (tcp_header_len). */
  stampedHeaders = false;
  /** One of `EcnMode`. */
  ecnMode = 0;
  /** Accurate ECN: packets received with a mark; what the handshake's ACK shows in place of their number, -1 if nothing. */
  ceReceived = 0;
  ecnReflection = -1;
  /** The SYN asked for ECN, before the answer is in. */
  ecnRequested = false;
  /** ECN-Echo is owed to the peer until it says CWR. */
  ecnDemandCwr = false;
  /** A segment with a mark has been received. */
  ecnSeen = false;
  ecnQueueCwr = false;
  mssClamp = 536;
  advMss = 0;
  mssCache = 536;
  pmtu = 0;
  /** The search for what the path takes; null if there is none (tcp_mtu_probing). */
  mtuSearch: MtuSearch | null = null;
  /** A router asked for less than Linux takes for a path's MTU: packets may be fragmented. */
  mtuLocked = false;
  tsOffset = 0;
  tsRecent = 0;
  /** µs when tsRecent was taken; -1 if never. */
  tsRecentAt = -1;
  /** TSecr of the last segment that had one. */
  rcvTsEcr = 0;
  /** TSval of the first SYN: what the answer may echo. */
  firstTsVal = 0;
  /** The last ACK number sent, for deciding which timestamp to echo (RFC 7323 section 4.3). */
  lastAckSent = 0;

  // Round-trip time and retransmission, µs.
  srtt = 0;
  mdev = 1_000_000;
  mdevMax = 0;
  rttvar = 0;
  rttSeq = 0;
  minRtt: number = Infinity;
  /** µs when that was measured. */
  minRttAt = 0;
  /** The round trip of our SYN, µs; 0 if there was none. */
  synRtt = 0;
  rto = 1_000_000;
  /** The shortest time-out: tcp_rto_min_us as it was when the socket was made (icsk_rto_min). */
  rtoMin: number;
  backoff = 0;
  /** Retransmissions of the segment at SND.UNA (or zero-window probes) since it last moved. */
  retransmits = 0;
  probes = 0;
  /** µs of the first retransmission of this series (of a SYN: of its first copy), -1 if none. */
  retransmitsSince = -1;
  /** µs when probing a shut window began, -1 if it is open. */
  probesSince = -1;
  totalRetransmits = 0;
  totalRto = 0;

  // Congestion.
  cwnd = 10;
  ssthresh = 0x7fffffff;
  cwndCount = 0;
  cwndClamp = 0x7fffffff;
  isCwndLimited = false;
  cwndUsageSeq = 0;
  maxPacketsOut = 0;
  /** Made when it is asked for first: see congestion/controller.ts. */
  controller: Controller | null = null;
  /** µs when the window changed, or was used, last; the most that was out since. */
  cwndStamp = 0;
  cwndUsed = 0;
  /** SND.NXT when loss was found: recovery ends when it is acknowledged. */
  highSeq = 0;
  caState = 0;
  /** Bytes per second that the estimate says the path takes; Infinity before there is one. It sizes offloaded segments. */
  pacingRate: number = Infinity;
  /** µs when anything was sent last. */
  lastTransmitAt: number = -Infinity;
  /** Segments (of one MSS) in flight, and of those: retransmitted, SACKed, lost. */
  packetsOut = 0;
  retransOut = 0;
  sackedOut = 0;
  lostOut = 0;
  reordering: number;
  /** Packets delivered; with congestion marks among them; and those that were ever held for lost. */
  delivered = 0;

  // Loss recovery (recovery/).
  /** What is remembered of losses; write to it by `recoveryOf`. */
  recovery: RecoveryState = calm;
  /** Of what was delivered, the segment sent last: when, its end, its round trip; whether that is news. */
  rackSentAt = -1;
  rackEnd = 0;
  rackRtt = 0;
  rackAdvanced = false;
  /** What holds sending back (`Limit` of send/limits.ts), since when, and the times of each that are over, µs. */
  limitedBy = 0;
  limitedSince = 0;
  busyTime = 0;
  bytesSent = 0;
  bytesAcked = 0;
  bytesReceived = 0;
  bytesRetransmitted = 0;
  segsIn = 0;
  segsOut = 0;
  dataSegsIn = 0;
  dataSegsOut = 0;
  lastSendAt = 0;
  lastAckAt = 0;

  // Acknowledging.
  ackPending = false;
  ackNow = false;
  /** The next data in order is taken without a look at the buffer if memory is at hand (the kernel's pred_flags). */
  fastPath = false;
  /** A short segment with PSH arrived (once, twice): the reader may acknowledge it as soon as it has read. */
  ackPushed = false;
  ackPushedTwice = false;
  lastSegmentSize = 0;
  quickAcks = 0;
  pingpong = 0;
  /** Delayed-ACK time-out in µs; 0 before the first data. */
  ato = 0;
  rcvMss = 0;
  lastDataAt = 0;
  /** A duplicate to report by D-SACK (RFC 2883): [dsackLeft, dsackRight) if `dsack`. */
  dsack = false;
  dsackLeft = 0;
  dsackRight = 0;
  /** The out-of-order ranges in the order SACK should name them (most recently changed first). */
  sackEdges: readonly number[] = noEdges;
  /** ACKs put together since the last one sent; RCV.NXT when duplicates were last counted, and their number. */
  compressedAcks = 0;
  compressedAt = 0;
  duplicateAcks = 0;
  lastOutOfWindowAckAt: number = -Infinity;

  // Timers: handles of the wheel, -1 if not armed.
  retransmitTimer = -1;
  delayedAckTimer = -1;
  compressedAckTimer = -1;
  keepaliveTimer = -1;
  /** What the retransmit timer is for: a `Timer`, -1 if it is not armed. */
  timerKind = -1;

  readonly sendQueue: SendQueue = new SendQueue();
  readonly receiveQueue: ReceiveQueue = new ReceiveQueue();
  readonly outOfOrder: OutOfOrderQueue = new OutOfOrderQueue();

  /** What the application asked for. Shared: change it by `setOption`. */
  options: Options;
  /** A writer or a poll was refused room: it is to be told when there is some (SOCK_NOSPACE). */
  noSpace = false;
  sndBuf = 16384;
  rcvBuf = 131072;
  ipId = 0;
  /** TCP_FASTOPEN of a listener: the most pending connections. */
  fastOpenQueue = 0;
  /** TCP_FASTOPEN_KEY of a listener: one key or two, in place of the host's. */
  fastOpenKeys: Uint8Array | null = null;

  // Fast Open, active side.
  /** The call that brings data for the SYN, while it goes on. */
  fastOpenAttempt: FastOpenAttempt | null = null;
  /** connect() was called, but the SYN waits for data. */
  deferredConnect = false;
  /** A writer waits for the handshake to end: its data will carry the ACK. */
  writePending = false;
  /** Passive side: the SYN opened the connection by Fast Open. */
  openedEarly = false;
  /** The SYN carried data. */
  synData = false;
  /** The SYN carried a cookie or a request for one, and in which option. */
  synFastOpen = false;
  synFastOpenExperimental = false;
  /** Why data did not go with the SYN or was not taken: see `FastOpenFailure`. */
  fastOpenFailure = 0;
  /** Fast Open was tried although it had been given up: success ends the suspicion. */
  fastOpenTrial = false;
  /** Data that came with a SYN was taken: by the peer, or here. */
  synDataAcked = false;
  /** Passive side: what the SYN settled, while the SYN+ACK of a connection opened by it is unanswered. */
  earlyRequest: EarlyRequest | null = null;
  savedSyn: Uint8Array | null = null;

  constructor(services: ConnectionServices, id: number, options: Options) {
    this.services = services;
    this.id = id;
    this.options = options;
    this.rtoMin = services.sysctls.tcp_rto_min_us;
    this.reordering = services.sysctls.tcp_reordering;
  }

  /** Changes an option, of this connection alone. */
  setOption<N extends OptionName>(name: N, value: Options[N]): void {
    this.options = this.options.with(name, value);
  }

  onTimer(kind: number): void {
    this.services.connectionTimer(this, kind);
  }
}
