/**
 * What one ACK did to the sending side. It goes along from step to step: the account (send/ack.ts) fills it in, loss
 * detection and the state machine of recovery read and change it, the congestion controller gets it, and in the end it
 * says what to send.
 */
import type { Segment } from '../../wire/segment.ts';
import type { Connection } from '../connection.ts';

/** What an ACK lets out: nothing of its own accord, new data only (F-RTO), or what was lost. */
export type Response = 'none' | 'new' | 'lost';

/** One value for all ACKs, one after another. */
export class AckOutcome {
  /** SND.UNA before this ACK, and the end of the highest SACKed data then. */
  priorUna = 0;
  priorHighest = 0;
  /** Packets delivered, and found lost, before this ACK. */
  priorDelivered = 0;
  priorLost = 0;
  /** The segment carried data. */
  hasData = false;
  /** SND.UNA moved; the window may have; data or a SYN was acknowledged; data that was sent again was among it. */
  advanced = false;
  windowUpdated = false;
  dataAcked = false;
  synAcked = false;
  retransmittedAcked = false;
  /** Data sent only once, before the loss was found, arrived. */
  originalArrived = false;
  /** New SACKed data; a D-SACK, perhaps that of a loss probe; ECN-Echo; the head of the queue is SACKed. */
  sacked = false;
  dsack = false;
  dsackOfProbe = false;
  ecnEcho = false;
  reneging = false;
  /** A retransmission was found lost. */
  lostRetransmission = false;
  /** The retransmission timer (or the loss probe's) has to be set anew. */
  setTimer = false;
  /** A lone short segment was acknowledged: the peer may have held the ACK back. */
  perhapsDelayed = false;
  /** Duplicate ACKs that this one counts for. */
  duplicates = 0;
  /** µs when the first and the last of the newly SACKed segments, never sent again, were sent; -1 if none. */
  firstSackedAt = -1;
  lastSackedAt = -1;
  /** The lowest newly SACKed sequence number below others that were SACKed before. */
  reordered = 0;
  /** What was delivered when the segment was sent that was sent last of all that is delivered now; -1 if none. */
  sampleDelivered = -1;
  sampleSentAt = -1;
  sampleEnd = 0;
  /** The round trip of the last segment delivered, µs; -1 if unknown. */
  rtt = -1;
  /** The timestamp that was echoed, less our offset, if there was one. */
  echoed = false;
  echo = 0;
  response: Response = 'none';

  /** Empties the value for the ACK of `seg`. */
  begin(conn: Connection, seg: Segment): this {
    this.priorUna = conn.sndUna;
    this.priorHighest = conn.sackOk && conn.sackedOut > 0 ? conn.recovery.highestSack : conn.sndUna;
    this.priorDelivered = conn.delivered;
    this.priorLost = conn.recovery.lost;
    this.hasData = seg.payloadLength > 0 || seg.seq !== seg.end;
    this.advanced = this.windowUpdated = this.dataAcked = this.synAcked = this.retransmittedAcked = false;
    this.originalArrived = this.sacked = this.dsack = this.dsackOfProbe = this.ecnEcho = false;
    this.reneging = this.lostRetransmission = this.setTimer = this.perhapsDelayed = false;
    this.duplicates = 0;
    this.firstSackedAt = this.lastSackedAt = -1;
    this.reordered = conn.sndNxt;
    this.sampleDelivered = this.sampleSentAt = this.rtt = -1;
    this.sampleEnd = 0;
    this.echoed = conn.timestampsOk && seg.hasTimestamps && seg.tsEcr !== 0;
    this.echo = (seg.tsEcr - conn.tsOffset) | 0;
    this.response = 'none';
    return this;
  }

  /** Something new was acknowledged, or a window offered: no duplicate. */
  get notDuplicate(): boolean {
    return this.hasData || this.windowUpdated || this.dataAcked || this.synAcked;
  }

  /** Worth the attention of the state machine although nothing was wrong so far. */
  get alarming(): boolean {
    return this.sacked || this.ecnEcho || this.dsack;
  }
}
