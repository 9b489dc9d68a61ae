/**
 * From evidence to a verdict. Rules with their sources; the near misses that each must not take are in judge.test.ts.
 */

import { FLOOD_SOURCES } from '../track/hosts.ts';
import * as R from '../track/records.ts';
import { capturePoint } from './details.ts';
import type { Evidence, PacketSeen } from './evidence.ts';
import { disowned, type Handshake, handshakeOf, refusesUnseen } from './handshake.ts';
import { type Hint, hintsOf } from './hints.ts';
import { noteworthy, optionNotes } from './notes.ts';
import type { Certainty, Note, Outcome, Verdict } from './verdicts.ts';

const { CONFIRMED, CLIENT_RST, SERVER_RST, MID_STREAM, CLIENT_ACK, SERVER_ACK, COOKIE, LEFT_OUT } = R;

/** What was found. */
interface Judgement {
  readonly verdict: Verdict;
  readonly outcome: Outcome;
  readonly certainty: Certainty;
  readonly notes: readonly Note[];
  /** The frames that show it. */
  readonly frames: readonly number[];
  readonly handshake: Handshake;
  readonly hints: readonly Hint[];
}

interface Finding {
  readonly verdict: Verdict;
  readonly outcome: Outcome;
  readonly certainty: Certainty;
  readonly packets: readonly (PacketSeen | null)[];
}

/** TIME-WAIT on Linux (net/ipv4/tcp.h, TCP_TIMEWAIT_LEN, 6.18); a new SYN within it finds the old connection. */
const TIME_WAIT_MS = 60_000;
/** A SYN+ACK sent again sooner than this, and the way to the server and back, after the client's ACK crossed it on the way. */
const CROSSED_NS = 150e6;

/** Systems send their SYN again after a second, some after three. */
const FIRST_RETRY_NS = 3.5e9;

/** Judges an attempt. */
export function judge(e: Evidence): Judgement {
  const h = handshakeOf(e);
  if (h.clean && e.alone) return completedCleanly(e, h);
  const finding = unusual(e, h) ?? ending(e, h);
  const others = alsoTrue(e, h, finding.verdict);
  const certainty = finding.certainty === 'certain' && e.state & LEFT_OUT ? 'likely' : finding.certainty;
  const hints = hintsOf(e, h, finding.verdict, finding.outcome);
  const frames: number[] = [];
  for (const p of finding.packets) if (p !== null && !frames.includes(p.frame)) frames.push(p.frame);
  frames.sort((a, b) => a - b);
  return {
    verdict: finding.verdict,
    outcome: finding.outcome,
    certainty,
    notes: [...others, ...noteworthy(e, h, finding.verdict), ...hints.map(({ note }) => note)],
    frames,
    handshake: h,
    hints,
  };
}

/** A completed handshake of which only the options can be remarkable. */
function completedCleanly(e: Evidence, h: Handshake): Judgement {
  return {
    verdict: 'completed',
    outcome: 'completed',
    certainty: e.state & LEFT_OUT ? 'likely' : 'certain',
    notes: optionNotes(e, h),
    frames: [h.syn!.frame, h.synAck!.frame, h.finalAck!.frame],
    handshake: h,
    hints: [],
  };
}

/** Handshakes of another kind than the usual three packets. */
function unusual(e: Evidence, h: Handshake): Finding | null {
  if (e.client === e.server && e.clientPort === e.serverPort && h.syn !== null) return selfConnect(h);
  if (h.serverSyn !== null && h.syn !== null) return crossing(h);
  return fastOpen(h);
}

function selfConnect(h: Handshake): Finding {
  // The socket's own SYN comes back to it: a simultaneous open with itself (RFC 9293 section 3.5, figure 8).
  const done = h.clientSynAck !== null;
  return {
    verdict: 'self-connect',
    outcome: done ? 'completed' : 'unanswered',
    certainty: done ? 'certain' : 'likely',
    packets: [h.syn, h.clientSynAck, h.finalAck],
  };
}

/** SYNs from both sides: each side's SYN+ACK makes it a simultaneous open, the client's alone a split handshake. */
function crossing(h: Handshake): Finding {
  const both = h.clientSynAck !== null && h.synAck !== null;
  const packets = [h.syn, h.serverSyn, h.earlyAck, h.clientSynAck, h.synAck, h.serverAck, h.finalAck];
  const done =
    (h.clientSynAck !== null || h.finalAck !== null) && (h.serverAck !== null || h.synAck !== null);
  const verdict =
    both || (h.clientSynAck === null && h.earlyAck === null) ? 'simultaneous-open' : 'split-handshake';
  const certainty = both || verdict === 'split-handshake' ? 'certain' : 'possible';
  return { verdict, outcome: done ? 'completed' : 'unconfirmed', certainty, packets };
}

/** Fast Open (RFC 7413). */
function fastOpen(h: Handshake): Finding | null {
  const { synAck, answeredSyn, tfoSyn } = h;
  if (synAck === null || tfoSyn === null || answeredSyn === null) return null;
  const outcome = h.finalAck === null ? 'unconfirmed' : 'completed';
  const packets = [tfoSyn, answeredSyn, synAck, h.finalAck];
  const covered = (synAck.ack - tfoSyn.seq - 1) | 0;
  if (tfoSyn.length > 0 && covered > 0)
    return {
      verdict: 'fast-open-accepted',
      outcome: h.finalAck === null && !h.serverData ? 'unconfirmed' : 'completed',
      certainty: 'certain',
      packets,
    };
  const plain = h.syns.find((p) => p.frame > tfoSyn.frame && p.options.fastOpen === null && p.length === 0);
  if (plain !== undefined && plain.time < synAck.time) {
    // Without an echoed time stamp the first SYN may have been the one that was answered.
    const sure = h.answeredByEcho && answeredSyn.options.fastOpen === null;
    if (!h.answeredByEcho || sure)
      return {
        verdict: 'fast-open-fallback',
        outcome,
        certainty: sure ? 'certain' : 'likely',
        packets: [tfoSyn, plain, synAck, h.finalAck],
      };
  }
  const offered = tfoSyn.length > 0 && tfoSyn.options.fastOpen !== null && tfoSyn.options.fastOpen !== '';
  return offered ? { verdict: 'fast-open-rejected', outcome, certainty: 'certain', packets } : null;
}

/** How an ordinary attempt ended. */
function ending(e: Evidence, h: Handshake): Finding {
  if (h.syn === null && h.synAck === null)
    return {
      verdict: 'mid-stream',
      outcome: 'unknown',
      certainty: refusesUnseen(e) || disowned(e) !== null ? 'likely' : 'certain',
      packets: e.packets.slice(0, 2),
    };
  if (h.oneSided)
    return {
      verdict: 'one-sided',
      outcome: 'unknown',
      certainty: 'certain',
      packets: [h.syn, h.synAck, ...e.packets.slice(1, 3)],
    };
  if (h.synAck !== null && h.finalAck !== null) return completed(e, h);
  if (h.synAck !== null) return answered(e, h);
  if (h.impliedAck !== null)
    return {
      verdict: 'completed',
      outcome: 'completed',
      certainty: 'likely',
      packets: [h.syn, h.impliedAck],
    };
  return notAnswered(e, h);
}

function completed(e: Evidence, h: Handshake): Finding {
  const packets = [h.answeredSyn, h.synAck, h.finalAck];
  const certainty = h.syn === null ? 'likely' : 'certain';
  const queue = acceptQueue(e, h);
  if (queue !== null) return queue;
  if (isCookie(e, h)) return { verdict: 'syn-cookie', outcome: 'completed', certainty: 'likely', packets };
  if (h.challenge !== null)
    return {
      verdict: 'challenge-ack',
      outcome: 'completed',
      certainty,
      packets: [h.syn, h.challenge, h.synAck, h.finalAck],
    };
  if (reuse(e)) {
    const sure = e.previous!.state & CONFIRMED ? certainty : 'likely';
    return { verdict: 'port-reused', outcome: 'completed', certainty: sure, packets };
  }
  return { verdict: 'completed', outcome: 'completed', certainty, packets };
}

/**
 * A server that sends its SYN+ACK again although the client's ACK is in the capture did not take the ACK: its accept queue
 * is full (net/ipv4/tcp_minisocks.c, tcp_check_req, 6.18), it waits for data (TCP_DEFER_ACCEPT), or the ACKs do not get there.
 */
function acceptQueue(e: Evidence, h: Handshake): Finding | null {
  const { finalAck, answeredSyn, synAck } = h;
  if (finalAck === null || synAck === null) return null;
  const way = answeredSyn === null ? 0 : Math.max(0, synAck.time - answeredSyn.time);
  // The only SYN+ACK, in front of the ACK in the capture, was sent once: then its time is wrong, not the queue full.
  const again = h.synAcks.find(
    (p) =>
      p.time - finalAck.time > way + CROSSED_NS &&
      p.seq === e.serverIsn &&
      (p !== synAck || p.frame > finalAck.frame),
  );
  if (again === undefined) return null;
  const data = e.packets.find((p) => p.fromClient && p.length > 0 && p.time < again.time && !p.stray);
  const { stall } = e.aftermath;
  const sent = data !== undefined || (stall !== null && !stall.byServer);
  // Whether the ACK has got there is known at the server only; and only data rule out that it waits for them.
  const atServer = capturePoint(h) === 'server' || e.client === e.server;
  return {
    verdict: atServer && sent ? 'accept-queue-full' : 'final-ack-ignored',
    outcome: 'completed',
    certainty: atServer && sent ? 'likely' : 'possible',
    packets: [synAck, finalAck, data ?? null, again],
  };
}

function answered(e: Evidence, h: Handshake): Finding {
  const packets = [h.answeredSyn, ...h.synAcks.slice(0, 6)];
  const { serverReset } = h;
  if (e.elsewhere !== null)
    return elsewhere([...packets, h.clientReset], h.clientReset === null ? 'unconfirmed' : 'reset');
  // After an RST some clients (Windows) send their SYN again: if that is answered, the RST is history.
  if (serverReset !== null && isBefore(serverReset, h.clientReset) && !isBefore(serverReset, h.answeredSyn))
    return resetByServer(h, serverReset, packets);
  if (h.clientReset !== null) {
    const found = [...packets, h.clientReset];
    if (e.scanned > 0)
      return { verdict: 'scan', outcome: 'reset', certainty: scanCertainty(h), packets: found };
    if (isFlood(e, h) && !isOfSystem(h.syn))
      return { verdict: 'flood', outcome: 'reset', certainty: 'likely', packets: found };
    const reset = h.clientReset;
    if (h.syns.some((p) => p.time > reset.time) && h.synAcks.some((p) => p.time < reset.time))
      return {
        verdict: 'answer-unmatched',
        outcome: 'reset',
        certainty: 'likely',
        packets: [...found, h.syns[1] ?? null],
      };
    // Nobody knows whether a client whose SYN is not in the capture ever sent one, or whether it goes on after the capture's end.
    const over = e.now - reset.time > FIRST_RETRY_NS;
    const certainty = h.syn === null || !over ? 'likely' : 'certain';
    return { verdict: 'reset-by-client', outcome: 'reset', certainty, packets: found };
  }
  if (isFlood(e, h)) return { verdict: 'flood', outcome: 'unconfirmed', certainty: 'likely', packets };
  if (isCookie(e, h)) return { verdict: 'syn-cookie', outcome: 'unconfirmed', certainty: 'likely', packets };
  return {
    verdict: 'unconfirmed',
    outcome: 'unconfirmed',
    certainty: h.cutShort ? 'possible' : 'certain',
    packets,
  };
}

const isBefore = (p: PacketSeen, q: PacketSeen | null): boolean => q === null || p.time < q.time;

/** The server's RST came first: after its SYN+ACK, or, from whoever answers in its name, before (the client believes what is first). */
function resetByServer(h: Handshake, reset: PacketSeen, answer: readonly (PacketSeen | null)[]): Finding {
  const packets = [...answer, reset];
  if (isBefore(reset, h.synAck))
    return { verdict: 'refused', outcome: 'refused', certainty: 'likely', packets };
  return { verdict: 'reset-by-server', outcome: 'reset', certainty: 'certain', packets };
}

/** A client whose network is down does not try so many destinations within a minute. */
const MANY_DESTINATIONS = 50;

/** Scanners that write their own packets send a SYN with an MSS at most; systems offer more. What was cut off is not held against anybody. */
const isOfSystem = (syn: PacketSeen | null): boolean => syn !== null && (syn.options.sack || syn.options.cut);

/** A client most of whose destinations are down looks much like a scanner if its SYNs are those of a system. */
const scanCertainty = (h: Handshake): Certainty => (isOfSystem(h.syn) ? 'possible' : 'likely');

/** Whether it is one of a flood's SYNs: those of clients come again, and are answered, or come from a few addresses. */
function isFlood(e: Evidence, h: Handshake): boolean {
  if (e.flooded === 0 || e.synCount !== 1) return false;
  return h.synAck !== null || !isOfSystem(h.syn) || e.flooded >= FLOOD_SOURCES;
}

/** The client's SYN was answered by another address than it asked: numbers and port say that it is the same one. */
function elsewhere(packets: Finding['packets'], outcome: Outcome): Finding {
  return { verdict: 'answered-elsewhere', outcome, certainty: 'certain', packets };
}

function notAnswered(e: Evidence, h: Handshake): Finding {
  const sent = h.syns.slice(0, 8);
  if (e.elsewhere !== null && h.serverReset === null) return elsewhere(sent, 'unanswered');
  if (h.serverReset !== null) {
    if (e.scanned > 0)
      return {
        verdict: 'scan',
        outcome: 'refused',
        certainty: scanCertainty(h),
        packets: [h.syn, h.serverReset],
      };
    return { verdict: 'refused', outcome: 'refused', certainty: 'certain', packets: [h.syn, h.serverReset] };
  }
  if (h.icmp !== null)
    return {
      verdict: 'rejected-by-icmp',
      outcome: 'rejected',
      certainty: 'certain',
      packets: [...sent, h.icmp],
    };
  if (h.challenge !== null) {
    const outcome = h.clientReset === null ? 'unanswered' : 'reset';
    return {
      verdict: 'challenge-ack',
      outcome,
      certainty: 'likely',
      packets: [h.syn, h.challenge, h.clientReset],
    };
  }
  if (h.clientReset !== null)
    return {
      verdict: 'reset-by-client',
      outcome: 'reset',
      certainty: 'certain',
      packets: [h.syn, h.earlyAck, h.clientReset],
    };
  const certainty = h.cutShort ? 'possible' : 'certain';
  if (isFlood(e, h)) return { verdict: 'flood', outcome: 'unanswered', certainty: 'likely', packets: sent };
  // A system that sends its SYN again wants the connection: it may have lost its network. A worm's does so too, at many more places.
  const insists = h.syns.length > 1 && isOfSystem(h.syn) && e.scanned < MANY_DESTINATIONS;
  if (e.scanned > 0 && !insists)
    return { verdict: 'scan', outcome: 'unanswered', certainty: scanCertainty(h), packets: sent };
  return { verdict: 'unanswered', outcome: 'unanswered', certainty, packets: sent };
}

/** So many SYN+ACKs of one attempt with equal low bits are no chance: 1 in 64^3. */
const COOKIE_SYNACKS = 4;

/**
 * Whether the SYN+ACK is a SYN cookie: by its like from the same server (cookies.ts), or since the low six bits of the time
 * stamp are the same in the answers to several copies of the SYN, which Linux makes anew each time.
 */
function isCookie(e: Evidence, h: Handshake): boolean {
  if (e.state & COOKIE) return true;
  if (h.synAcks.length < COOKIE_SYNACKS || h.synAcks.some((p) => !p.options.timestamps)) return false;
  const first = h.synAcks[0]!.timestamp;
  const stamps = new Set(h.synAcks.map((p) => p.timestamp));
  return stamps.size >= COOKIE_SYNACKS && h.synAcks.every((p) => ((p.timestamp - first) & 63) === 0);
}

/** Whether the attempt took the tuple of one that was live, closing or in TIME-WAIT. */
function reuse(e: Evidence): boolean {
  const { previous } = e;
  if (previous === null || previous.ageMs < 0) return false;
  const { state } = previous;
  // Of a connection that began before the capture, packets of both sides show that it lived.
  const lived = (state & CONFIRMED) !== 0 || (state & BEGAN_BEFORE) === BEGAN_BEFORE;
  if (!lived || state & (CLIENT_RST | SERVER_RST)) return false;
  return !R.hasClosed(state) || previous.ageMs < TIME_WAIT_MS;
}

const BEGAN_BEFORE = MID_STREAM | CLIENT_ACK | SERVER_ACK;

/** A server that ignores ACKs until data come, and takes those at once: TCP_DEFER_ACCEPT, unless its queue had room just then. */
function waitsForData(e: Evidence, h: Handshake, chosen: Verdict): boolean {
  if (chosen !== 'final-ack-ignored' || e.aftermath.stall !== null) return false;
  return h.synAcks.length < 4 && (e.state & (SERVER_ACK | R.SERVER_DATA)) !== 0;
}

/** The verdicts that hold beside the one chosen. */
function alsoTrue(e: Evidence, h: Handshake, chosen: Verdict): Note[] {
  const list: Note[] = [];
  if (chosen !== 'syn-cookie' && h.synAck !== null && isCookie(e, h)) list.push('syn-cookie');
  if (waitsForData(e, h, chosen)) list.push('defer-accept');
  if (chosen !== 'port-reused' && h.syn !== null && reuse(e)) list.push('port-reused');
  if (chosen !== 'challenge-ack' && h.challenge !== null && h.syn !== null) list.push('challenge-ack');
  return list;
}
