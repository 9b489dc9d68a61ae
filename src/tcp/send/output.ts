/** Every segment that leaves a connection passes here (net/ipv4/tcp_output.c, 6.18: __tcp_transmit_skb). */

import { Flag } from '../../wire/tcp.ts';
import { inFlight } from '../congestion/cwnd.ts';
import type { Connection } from '../connection.ts';
import { aceFlags, EcnMode } from '../ecn.ts';
import { synOptions } from '../handshake/negotiate.ts';
import { noOptions, type OptionSet, Outgoing, writePacket } from '../packet.ts';
import { shortestAto } from '../receive/ato.ts';
import { selectWindow } from '../receive/window.ts';
import { enterCwr } from '../recovery/prr.ts';
import { hopsOf, trafficClassOf } from '../socket/options.ts';
import { queueError, unixTime } from '../socket/tell.ts';
import { CLOSED } from '../state.ts';
import type { TxSegment } from './send-queue.ts';

/** The options of a segment without SYN. SACK blocks take what room timestamps leave (RFC 2018 section 3). */
function establishedOptions(conn: Connection): OptionSet {
  const options = noOptions();
  if (conn.timestampsOk) {
    options.timestamps = true;
    options.tsVal = conn.services.timestamp(conn.tsOffset);
    options.tsEcr = conn.tsRecent;
  }
  const blocks = sackBlocks(conn);
  if (blocks > 0) {
    const edges = conn.dsack ? [conn.dsackLeft, conn.dsackRight, ...conn.sackEdges] : conn.sackEdges;
    options.sack = edges.slice(0, 2 * blocks);
  }
  return options;
}

/** How many SACK blocks the next segment carries. */
function sackBlocks(conn: Connection): number {
  const room = conn.timestampsOk ? 3 : 4;
  return Math.min((conn.dsack ? 1 : 0) + conn.sackEdges.length / 2, room);
}

/** Bytes that SACK blocks take of the next segment's data. */
export function sackSize(conn: Connection): number {
  const blocks = sackBlocks(conn);
  return blocks === 0 ? 0 : 4 + 8 * blocks;
}

/** The ACK field says all there is to acknowledge: nothing is owed any more. */
function ackSent(conn: Connection): void {
  const { services } = conn;
  // The last of the quick ACKs: delays begin with the shortest.
  if (conn.quickAcks > 0 && conn.ackPending && --conn.quickAcks === 0) conn.ato = shortestAto;
  conn.ackPending = conn.ackNow = conn.ackPushed = conn.ackPushedTwice = false;
  conn.delayedAckTimer = services.timers.cancel(conn.delayedAckTimer);
  conn.dsack = false;
  if (conn.compressedAcks > 0) {
    services.counters.TCPAckCompressed += conn.compressedAcks - 1;
    conn.compressedAcks = 0;
    conn.compressedAckTimer = services.timers.cancel(conn.compressedAckTimer);
  }
  conn.lastAckSent = conn.rcvNxt;
}

/** Data sent soon after data received: the two sides talk in turns, so acknowledgments can ride on data. */
function dataSent(conn: Connection): void {
  const now = conn.services.now;
  if (conn.controller !== null && inFlight(conn) === 0) conn.controller.resumed(conn);
  conn.lastSendAt = now;
  if (now - conn.lastDataAt < conn.ato) conn.pingpong = Math.min(conn.pingpong + 1, 255);
}

/** IP_PMTUDISC_DO, and IP_PMTUDISC_WANT unless the route's MTU is locked, let nobody fragment (ip_dont_fragment). */
const dontFragment = ({ options, route, mtuLocked }: Connection): boolean =>
  options.pmtuDiscover === 2 || (options.pmtuDiscover === 1 && !mtuLocked && route?.mtuLocked !== true);

/** Every segment is written before the next one is thought of: one record does for all. */
const outgoing = new Outgoing();

function write(
  conn: Connection,
  seq: number,
  flags: number,
  window: number,
  options: OptionSet,
  segment: TxSegment | null,
  offset: number,
  length: number,
): void {
  const { services } = conn;
  // ECN-capable transport only on new data, never on a pure ACK or a retransmission (RFC 3168 section 6.1).
  const newData = length > 0 && segment !== null && segment.retransmits === 0;
  const accurate = conn.ecnMode === EcnMode.accurate;
  const ect = accurate || (conn.ecnMode === EcnMode.classic && newData) ? 2 : 0;
  let echo = conn.ecnMode === EcnMode.classic && conn.ecnDemandCwr ? Flag.ece : 0;
  if (accurate) echo = conn.ecnReflection >= 0 ? conn.ecnReflection : aceFlags(conn.ceReceived);
  let cwr = 0;
  if (ect !== 0 && !accurate && conn.ecnQueueCwr) {
    conn.ecnQueueCwr = false;
    cwr = Flag.cwr;
  }
  const urgent =
    conn.urgentMode && ((conn.sndUp - seq) | 0) > 0 && ((conn.sndUp - seq) | 0) < 0xffff
      ? (conn.sndUp - seq) | 0
      : 0;
  const out = outgoing.between(conn);
  out.seq = seq;
  out.ack = (flags & Flag.ack) !== 0 ? conn.rcvNxt : 0;
  out.flags = flags | echo | cwr | (urgent > 0 ? Flag.urg : 0);
  out.window = window;
  out.urgent = urgent;
  const { family } = conn.remote;
  out.trafficClass = (trafficClassOf(conn.options, family) & ~3) | ect;
  out.ttl = services.ttlOf(hopsOf(conn.options, family), family);
  out.ipId = conn.ipId;
  out.dontFragment = dontFragment(conn);
  out.options = options;
  writePacket(services.out, out, segment === null ? null : segment.data, offset, length);
  conn.ipId = (conn.ipId + 1) & 0xffff;
  conn.segsOut++;
  conn.lastTransmitAt = services.now;
  if (length > 0) {
    conn.dataSegsOut++;
    conn.bytesSent += length;
  }
  services.counters.OutSegs++;
}

/**
 * Sends a segment of the queue: one packet for every `mss` bytes; PSH and FIN only on the last.
 * @returns false if the host's own queue dropped it: then it counts as not sent, and the window comes down
 */
export function transmit(conn: Connection, segment: TxSegment, mss: number): boolean {
  const { services } = conn;
  const isSyn = (segment.flags & Flag.syn) !== 0;
  const options = isSyn ? synOptions(conn) : establishedOptions(conn);
  const window = isSyn ? Math.min(conn.rcvWnd, 65535) : selectWindow(conn);
  // What makes several packets ends with PSH, which lets the receiver's offload go on; sent again alone, it does not (__tcp_transmit_skb, 6.18).
  const push = !isSyn && segment.length > mss ? Flag.psh : 0;
  const flags = segment.flags | push | (isSyn ? 0 : Flag.ack);
  let offset = 0;
  do {
    const length = Math.min(segment.length - offset, mss);
    const last = offset + length >= segment.length;
    write(
      conn,
      (segment.seq + offset) | 0,
      last ? flags : flags & ~(Flag.psh | Flag.fin),
      window,
      options,
      segment,
      offset,
      length,
    );
    offset += length;
  } while (offset < segment.length);
  if ((flags & Flag.ack) !== 0) ackSent(conn);
  if (segment.length > 0) dataSent(conn);
  if (services.linkFull) {
    enterCwr(conn);
    return false;
  }
  segment.sentAt = services.now;
  conn.completions?.sent(segment.seq, segment.end, unixTime(conn), (error) => queueError(conn, error));
  segment.deliveredAt = conn.delivered;
  conn.sendQueue.sortLast(segment);
  if (segment.firstSentAt < 0) segment.firstSentAt = services.now;
  return true;
}

/**
 * The number of a segment without data that the peer will take: SND.NXT, unless the peer has shrunk its window to before
 * that (tcp_acceptable_seq).
 */
function acceptableSeq(conn: Connection): number {
  const end = (conn.sndUna + conn.sndWnd) | 0;
  const beyond = (conn.sndNxt - end) | 0;
  return beyond <= 0 || (conn.windowScaling && beyond < 1 << conn.rcvWscale) ? conn.sndNxt : end;
}

/** Sends an ACK without data, now. */
export function sendAck(conn: Connection): void {
  if (conn.state === CLOSED) return;
  write(conn, acceptableSeq(conn), Flag.ack, selectWindow(conn), establishedOptions(conn), null, 0, 0);
  ackSent(conn);
}

/** Sends a window probe or keepalive: an old sequence number that calls for an ACK, without consuming one. */
export function sendOldSequence(conn: Connection, back = 1): void {
  write(conn, (conn.sndUna - back) | 0, Flag.ack, selectWindow(conn), establishedOptions(conn), null, 0, 0);
}

/** Sends the RST of a connection that is given up (RFC 9293 section 3.10.5). */
export function sendActiveReset(conn: Connection): void {
  write(
    conn,
    acceptableSeq(conn),
    Flag.rst | Flag.ack,
    conn.rcvWscale >= 0 ? selectWindow(conn) : 0,
    establishedOptions(conn),
    null,
    0,
    0,
  );
  conn.services.counters.OutRsts++;
}
