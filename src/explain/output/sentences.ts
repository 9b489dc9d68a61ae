/** One plain sentence per verdict: who, what, when, and how it is known. */
import type { Attempt } from '../judge/attempt.ts';
import { type Delay, delay } from '../judge/connecting.ts';
import { synGaps } from '../judge/details.ts';
import { disowned, refusesUnseen } from '../judge/handshake.ts';
import * as R from '../track/records.ts';
import { afterwards } from './afterwards.ts';
import { hintsText } from './hints.ts';
import { icmpText } from './icmp-text.ts';
import { durationText, waitText } from './numbers.ts';

export { durationText };

const SYN = 2;
const RST = 4;

type Told = Omit<Attempt, 'sentence'>;

/** The sentence for an attempt. */
export function sentence(a: Told): string {
  return `${sentences[a.verdict](a)}${a.outcome === 'completed' ? afterwards(a.trouble) : ''}${hintsText(a.hints)}.`;
}

/** Of the sentence that most attempts get; clean-json.ts writes it as bytes. */
export const CONNECTED = ' connected to ';
export const IN = ' in ';
export const AT_MOST = 'at most ';

/** An address and port, as one writes them. */
export const endpoint = (host: string, port: number): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
const client = (a: Told): string => endpoint(a.client, a.clientPort);
const server = (a: Told): string => endpoint(a.server, a.serverPort);

function rounded(value: number, digits: number): number {
  const scale = 10 ** digits;
  return Math.round(value * scale) / scale;
}

function times(n: number, thing: string): string {
  if (n === 1) return `one ${thing}`;
  return `${n} ${thing}s`;
}

/** How long connect() took, if it can be told, and why so long. */
function took(a: Told): string {
  const { ns, atMost } = a.connecting;
  if (ns === null) return '';
  const why = delay(a.handshake, a.connecting);
  const time = `${atMost ? AT_MOST : ''}${waitText(ns)}`;
  return why === null ? `${IN}${time}` : ` after ${time}: ${reason(a, why)}`;
}

function reason(a: Told, why: NonNullable<Delay>): string {
  const { serverNs, clientNs, ambiguous } = a.roundTrip;
  const trip =
    serverNs === null || clientNs === null || serverNs < 0 || clientNs < 0
      ? ''
      : ` (round trip ${durationText(serverNs + clientNs)}${ambiguous ? ', counted from the last SYN' : ''})`;
  if (why.kind === 'late-answer') return `the answer itself took so long${trip}`;
  if (why.kind === 'answer-lost')
    return `${times(why.copies, 'SYN+ACK')} of the server ${why.copies === 1 ? 'was' : 'were'} sent before the one that the client confirmed, so answers got lost between this capture and the client${trip}`;
  const first = why.copies === 1 ? 'its first SYN' : `its first ${why.copies} SYNs`;
  return `${first} got no answer in this capture${trip}`;
}

/** Of an attempt that never connected: how long it was tried. */
export function waited(a: Told): string {
  const { waitNs, atLeast } = a.connecting;
  if (waitNs === null || waitNs <= 0) return '';
  return ` ${atLeast ? 'in at least' : 'after'} ${waitText(waitNs)}`;
}

function syns(a: Told): string {
  const { handshake: h } = a;
  if (h.syns.length < 2) return 'its SYN';
  const gaps = synGaps(h.syns)
    .slice(0, 8)
    .map((gap) => `${rounded(gap, gap < 10 ? 1 : 0)}`);
  return `its ${times(a.evidence.synCount, 'SYN')} (${gaps.join(', ')} s apart)`;
}

function unanswered(a: Told): string {
  const strange = ignored(a);
  const but =
    strange === null
      ? ''
      : ` but ${strange === 'rst' ? 'an RST' : 'a SYN+ACK'} that does not acknowledge it, which it has to ignore,`;
  const subject = `${client(a)} got no answer from ${server(a)}${waited(a)} to ${syns(a)}${but}`;
  const limit = a.backOff?.timeout;
  const fails =
    limit === null || limit === undefined
      ? ''
      : `; a ${a.system} client gives up after ${limit} s by default`;
  const others = a.evidence.othersServed
    ? '; others were connected there at that time, so its accept queue may be full, or something drops the SYNs of this client'
    : '';
  return `${subject} in this capture${others}${fails}`;
}

/** What came from the server that the client has to ignore (RFC 9293 section 3.10.7.3). */
export function ignored({ evidence: { packets } }: Told): 'rst' | 'synack' | null {
  const stray = packets.find((p) => p.stray && !p.fromClient && (p.flags & (RST | SYN)) !== 0);
  return stray === undefined ? null : stray.flags & RST ? 'rst' : 'synack';
}

function resetByClient(a: Told): string {
  const { syn, synAck } = a.handshake;
  if (synAck === null && ignored(a) === 'synack')
    return `${client(a)} answered a SYN+ACK of ${server(a)} with RST, since it acknowledges something else than its SYN: an older attempt from that port, or somebody else's answer`;
  if (synAck === null) return `${client(a)} gave up on ${server(a)} with RST${waited(a)}, after its SYN`;
  if (syn === null)
    return `${client(a)} answered a SYN+ACK of ${server(a)} with RST: its SYN is not in this capture, and it may never have sent one, or to another address`;
  return `${client(a)} reset its attempt at ${server(a)}${waited(a)}, when the SYN+ACK came, and did not try again in this capture: it had given up, only wanted to know whether the port is open, or did not know the answer because an address translation on the way is not undone; which of these, this capture does not tell`;
}

/**
 * Of an attempt whose SYN+ACK was sent again: whether the client had sent data, and whether the server took the connection in the end.
 */
export function queueStory({ evidence: e }: Told): { readonly sent: boolean; readonly taken: boolean } {
  const { stall } = e.aftermath;
  return {
    sent:
      (stall !== null && !stall.byServer) || e.packets.some((p) => p.fromClient && p.length > 0 && !p.stray),
    taken: (e.state & (R.SERVER_ACK | R.SERVER_DATA)) !== 0,
  };
}

function finalAckIgnored(a: Told): string {
  const { sent, taken } = queueStory(a);
  const waits = sent
    ? 'it has sent data, so the server does not wait for them (TCP_DEFER_ACCEPT): the accept queue was full, or ACKs and data do not get to the server (a firewall, or another way back)'
    : 'the server may wait for data (TCP_DEFER_ACCEPT), its accept queue may have been full, or the ACK did not get to it';
  const fate = taken ? 'it took the connection later' : 'in this capture it never took the connection';
  return `${client(a)}${CONNECTED}${server(a)}${took(a)}, but the server sent its SYN+ACK again although that was confirmed: ${waits}; ${fate}`;
}

function acceptQueueFull(a: Told): string {
  const { taken } = queueStory(a);
  const fate = taken
    ? 'it took the connection later'
    : 'the client is connected, but in this capture the server never took the connection';
  return `${client(a)}${CONNECTED}${server(a)}${took(a)}, but the server sent its SYN+ACK again although it had the ACK and data: its accept queue was full, or a firewall of its own drops them; ${fate}`;
}

function answeredElsewhere(a: Told): string {
  const other = a.evidence.elsewhere;
  const place = other === null ? '' : endpoint(other.address, other.port);
  const why =
    'an address translation on the way there is not undone on the way back (it needs masquerading, or a way back through the translator)';
  if (a.handshake.synAck === null)
    return `${client(a)} got no answer from ${server(a)}${waited(a)}, since the answer to its SYN came from ${place} instead (attempt ${a.evidence.leg}): ${why}`;
  const fate = a.handshake.clientReset === null ? '' : ', and the client, which does not know it, resets it';
  return `${server(a)} answered ${client(a)} to a SYN that was sent to ${place} (attempt ${a.evidence.leg})${fate}: ${why}`;
}

function midStream(a: Told): string {
  if (refusesUnseen(a.evidence))
    return `${server(a)} refused ${client(a)} with RST; the SYN that it answers is not in this capture`;
  const reset = disowned(a.evidence);
  if (reset === null) return `The connection between ${client(a)} and ${server(a)} began before this capture`;
  const [to, from] = reset.fromClient ? [server(a), client(a)] : [client(a), server(a)];
  return `${from} knows of no connection with ${to}, or no more: it answered its packet with RST; no SYN is in this capture`;
}

function portReused(a: Told): string {
  const { previous } = a.evidence;
  const state =
    previous !== null && R.hasClosed(previous.state) ? 'was closed less than a minute ago' : 'had not ended';
  return `${client(a)}${CONNECTED}${server(a)}${took(a)} from a port whose connection before (attempt ${previous?.number}) ${state}`;
}

function scan(a: Told): string {
  const fate =
    a.outcome === 'refused'
      ? 'this one refused'
      : a.outcome === 'reset'
        ? 'this one is open'
        : 'this one did not answer';
  const what =
    a.certainty === 'possible' ? 'a scan, or a client whose network or servers are down' : 'a scan';
  return `${client(a)} tried ${server(a)} as one of at least ${a.evidence.scanned} destinations within a minute, and was connected to few of them: ${what}; ${fate}`;
}

const sentences: Record<Told['verdict'], (a: Told) => string> = {
  completed: (a) => {
    const { syn, synAck } = a.handshake;
    const missing =
      syn === null
        ? '; the SYN is not in this capture'
        : synAck === null
          ? '; the SYN+ACK is not in this capture'
          : '';
    return `${client(a)}${CONNECTED}${server(a)}${took(a)}${missing}`;
  },
  refused: (a) =>
    a.handshake.synAck === null
      ? `${server(a)} refused ${client(a)}${waited(a)}: it answered ${syns(a)} with RST, so nothing listens on port ${a.serverPort}, or a firewall or another machine rejects it in its name`
      : `${client(a)} got an RST in the name of ${server(a)} and then its SYN+ACK: somebody on the way, such as a firewall, refused what the server accepts`,
  unanswered,
  unconfirmed: (a) =>
    `${server(a)} answered ${client(a)} with ${times(a.evidence.synAckCount, 'SYN+ACK')}, but no ACK of that by the client is in this capture`,
  'reset-by-client': resetByClient,
  'reset-by-server': (a) =>
    `${server(a)} answered ${client(a)} with SYN+ACK and then reset the connection${waited(a)}, before it was confirmed`,
  'rejected-by-icmp': (a) => {
    const { icmp } = a.handshake;
    const from = icmp?.icmp?.sender;
    return `${from} rejected the SYN from ${client(a)} to ${server(a)}${waited(a)}: ${icmp === null ? '' : icmpText(icmp, a.evidence.ipv6)}`;
  },
  'simultaneous-open': (a) =>
    `${client(a)} and ${server(a)} sent each other a SYN at the same time: a simultaneous open, one connection`,
  'split-handshake': (a) =>
    `${server(a)} answered the SYN of ${client(a)} with a SYN of its own instead of a SYN+ACK: a split handshake`,
  'self-connect': (a) =>
    `A socket at ${client(a)} connected to itself: its own SYN came back to it, and nothing else listens there`,
  'fast-open-accepted': (a) =>
    `${server(a)} accepted ${times(a.handshake.tfoSyn?.length ?? 0, 'byte')} of data that ${client(a)} sent with its SYN (Fast Open)`,
  'fast-open-rejected': (a) =>
    `${server(a)} acknowledged only the SYN of ${client(a)}, not the data with it: Fast Open was rejected and the data has to be sent again`,
  'fast-open-fallback': (a) =>
    `${client(a)} got no answer from ${server(a)} to its SYN with Fast Open and fell back to a plain SYN, which was answered`,
  'syn-cookie': (a) =>
    `${server(a)} answered ${client(a)} with a SYN cookie: the low six bits of its time stamps hold the options, as Linux does it when its SYN queue is full`,
  'accept-queue-full': acceptQueueFull,
  'final-ack-ignored': finalAckIgnored,
  'answer-unmatched': (a) =>
    `${client(a)} answered each SYN+ACK of ${server(a)} with RST and yet sent its SYN again: it goes on trying, but does not know the answer that reaches it, as where an address translation is not undone on the way back`,
  'answered-elsewhere': answeredElsewhere,
  'port-reused': portReused,
  'challenge-ack': (a) =>
    `${server(a)} answered the SYN of ${client(a)} with an ACK for another connection: it still has an older connection or half-open attempt from that port${a.evidence.previous === null ? '' : ` (attempt ${a.evidence.previous.number})`}${a.outcome === 'completed' ? '; in the end it took the new one' : ''}`,
  'one-sided': (a) =>
    a.handshake.syn === null
      ? `Only packets from ${server(a)} are in this capture; it acknowledges a SYN of ${client(a)}`
      : `Only packets from ${client(a)} are in this capture; ${server(a)} must have answered, since it is acknowledged`,
  'mid-stream': midStream,
  scan,
  flood: (a) =>
    `${client(a)} sent ${server(a)} one of very many SYNs within seconds, few of which were followed up: a SYN flood`,
};
