/**
 * The NDJSON line of a clean handshake, written as bytes straight from its record: no values are made, nothing is judged. What
 * such an attempt has in common with one before (options, windows, TTLs: then also verdict, notes, options in force, system)
 * is copied from what judge.ts and json.ts said of that one; the rest is numbers. The line is the same as attemptJson's, to
 * the byte: a test compares them. Per line it takes an eighth or so of the time.
 */

import { addressText, isIpv4, OptionReader, type OptionSet } from '../decode/options.ts';
import type { Attempt } from '../judge/attempt.ts';
import { secondText } from '../judge/attempt.ts';
import { isAtClient } from '../judge/connecting.ts';
import { type CapturePoint, pointOf } from '../judge/details.ts';
import type { Recorded } from '../judge/evidence.ts';
import { isAlone } from '../track/clean-handshake.ts';
import * as R from '../track/records.ts';
import { communityIdBytes } from './community-id.ts';
import {
  agreedJson,
  attemptJson,
  endJson,
  headJson,
  notesJson,
  pointJson,
  systemJson,
  verdictJson,
  wrappingJson,
} from './json.ts';
import { type LineBuffer, type Piece, piece } from './line-buffer.ts';
import { EXACT_NS, writeDuration, writeScaled } from './numbers.ts';
import { AT_MOST, CONNECTED, IN } from './sentences.ts';

const { WORDS, PORTS, ENCAPSULATION, STATE, CLIENT_PACKETS, SERVER_PACKETS, HISTORY, NUMBER, CLIENT } = R;
const { SERVER, DOUBLES, LAST_TIME, CLIENT_BYTES, SERVER_BYTES, FIRST_TIME, CLIENT_FIN, SERVER_FIN } = R;
const { CLIENT_DATA, IPV6, PREDICTABLE, E_FRAME, E_FLAGS, E_WINDOW, E_OPTIONS, E_SEQ, CLIENT_ISN } = R;
const { SERVER_ISN, STALLED, LEFT_OUT, ELSEWHERE, LEG, SERVER_END, TLS, SERVER_DATA } = R;

/** What attempts with the same SYN and SYN+ACK (but for numbers) have in common. */
interface Kind {
  readonly offer: OptionSet;
  readonly answer: OptionSet;
  /** Window and TTL of each, and the ECN flags of both. */
  readonly syn: number;
  readonly synAck: number;
  readonly ecn: number;
  readonly state: number;
  readonly verdict: Piece;
  /** From the end of the sentence to the frames. */
  readonly notes: Piece;
  /** From the options to the packets' count, by the capture point that is said in between. */
  readonly agreed: Readonly<Record<CapturePoint, Piece>>;
}

/** What attempts that ended alike have in common. */
interface End {
  readonly history: number;
  readonly state: number;
  readonly text: Piece;
}

/** Kinds and ends are kept by hash; another one with the same hash takes the place. */
const KEPT = 1024;
/** So many texts of seconds are kept. */
const SECONDS = 256;
/** A line is shorter than this, but for the name of the encapsulation. */
const MAX_LINE = 4096;
/** What conn_state depends on. */
const ENDS = CLIENT_FIN | SERVER_FIN | CLIENT_DATA;
const ECN = 0x1c0;

const connected = piece(CONNECTED);
const within = piece(IN);
const time = piece('],"time":"');
const duration = piece('Z","duration":');
const client = piece(',"client":"');
const clientPort = piece('","client_port":');
const server = piece(',"server":"');
const serverPort = piece('","server_port":');
const connect = piece(',"syns":1,"synacks":1,"connect_ms":');
const bound = piece(',"connect_at_most":true');
const rtt = piece(',"rtt_ms":');
const clientIsn = piece(',"client_isn":');
const serverIsn = piece(',"server_isn":');
const community = piece(',"community_id":"');
const quote = piece('"');
const atMost = piece(AT_MOST);
const rttServer = piece(',"rtt_server_ms":');
const rttClient = piece(',"rtt_client_ms":');
const serverPackets = piece(',"server_packets":');
const clientBytes = piece(',"client_bytes":');
const serverBytes = piece(',"server_bytes":');

/** Whether all times can be written without care for rounding. */
function isExact(log: Recorded, slot: number): boolean {
  const { doubles } = log.store;
  const at = slot * DOUBLES;
  const first = doubles[at + FIRST_TIME]!;
  const last = doubles[at + LAST_TIME]!;
  return Math.abs(first) + Math.abs(last) + Math.abs(log.clean.ack.time) < EXACT_NS;
}

/** A connect() that took longer is told of in more words. */
const QUICK_NS = 1e9;
const ALERT = 21;

/** Whether nothing after the handshake, nor the time it took, is worth a word: see judge/aftermath.ts and judge/connecting.ts. */
function isUnremarkable(log: Recorded, slot: number): boolean {
  const { words, doubles } = log.store;
  const { syn, synAck, ack } = log.clean;
  const base = slot * WORDS;
  const state = words[base + STATE]!;
  if (state & (STALLED | LEFT_OUT | ELSEWHERE) || words[base + LEG] !== 0 || words[base + SERVER_END] !== 0)
    return false;
  if ((state & (CLIENT_DATA | SERVER_DATA)) === CLIENT_DATA) return false;
  const tls = words[base + TLS]!;
  if (
    tls !== 0 &&
    (((tls >>> 16) & 0xff) === ALERT || doubles[slot * DOUBLES + CLIENT_BYTES] === (tls & 0xffff))
  )
    return false;
  if (syn.words[syn.at + E_WINDOW]! >>> 16 === 0 || synAck.words[synAck.at + E_WINDOW]! >>> 16 === 0)
    return false;
  const exact = ack.words[ack.at + E_SEQ] === ((words[base + CLIENT_ISN]! + 1) | 0);
  return exact && synAck.time > syn.time && ack.time > syn.time && ack.time - syn.time < QUICK_NS;
}

/** Writes lines of attempts. */
export class CleanJson {
  readonly out: LineBuffer;
  /** What every attempt goes through before it is written; null for none, which is much faster. */
  through: ((a: Attempt) => Attempt) | null = null;
  private readonly capture: string | null;
  private readonly host: string;
  private readonly head: Piece;
  private readonly reader = new OptionReader();
  private readonly kinds: (Kind | undefined)[] = new Array(KEPT);
  private readonly ends: (End | undefined)[] = new Array(KEPT);
  private readonly wrappings = new Map<number, Piece>();
  // Attempts are told as they end, so the seconds in which they began come mixed.
  private readonly seconds = new Float64Array(SECONDS).fill(Number.NaN);
  private readonly secondPieces: Piece[] = new Array(SECONDS).fill(within);

  /** @param capture its name, if the lines of several captures are to be told apart @param host see attemptJson */
  constructor(out: LineBuffer, capture: string | null = null, host = '') {
    this.out = out;
    this.capture = capture;
    this.host = host;
    this.head = piece(headJson(capture, host));
  }

  /**
   * Writes an attempt's line.
   * @param explain makes the attempt's value; called if its like has not been seen yet, or it is no clean handshake
   */
  write(log: Recorded, slot: number, baseSeconds: number, explain: () => Attempt): void {
    const { words } = log.store;
    const base = slot * WORDS;
    const history = words[base + HISTORY]!;
    const ordinary =
      this.through === null &&
      log.clean.find(slot) &&
      isAlone(words, base) &&
      (words[base + STATE]! & PREDICTABLE) === 0 &&
      words[base + HISTORY + 1] === 0 &&
      isExact(log, slot) &&
      isUnremarkable(log, slot);
    if (!ordinary) {
      const a = explain();
      this.out.line(attemptJson(this.through === null ? a : this.through(a), this.capture, this.host));
      return;
    }
    const { syn, synAck } = log.clean;
    const offer = this.reader.read(syn.words, syn.at + E_OPTIONS, syn.words[syn.at + E_FLAGS]! >>> 24);
    const answer = this.reader.read(
      synAck.words,
      synAck.at + E_OPTIONS,
      synAck.words[synAck.at + E_FLAGS]! >>> 24,
    );
    const state = words[base + STATE]!;
    const kind = this.kindOf(log, offer, answer, state & IPV6, explain);
    const end = this.endOf(history, state & ENDS, explain);
    this.put(log, slot, baseSeconds, kind, end, explain);
  }

  private kindOf(
    log: Recorded,
    offer: OptionSet,
    answer: OptionSet,
    state: number,
    explain: () => Attempt,
  ): Kind {
    const { syn, synAck } = log.clean;
    const first = syn.words[syn.at + E_WINDOW]!;
    const second = synAck.words[synAck.at + E_WINDOW]!;
    const flags = syn.words[syn.at + E_FLAGS]!;
    const ecn = (flags & ECN) | ((synAck.words[synAck.at + E_FLAGS]! & ECN) << 3);
    const mixed = Math.imul(first ^ Math.imul(second, 31) ^ (offer.id << 8) ^ (answer.id << 4), 0x9e3779b1);
    const place = mixed >>> 22;
    const known = this.kinds[place];
    if (
      known !== undefined &&
      known.offer === offer &&
      known.answer === answer &&
      known.syn === first &&
      known.synAck === second &&
      known.ecn === ecn &&
      known.state === state
    )
      return known;
    const a = explain();
    const agreed = (point: CapturePoint): Piece =>
      piece(`${agreedJson(a)}${pointJson(point)}${systemJson(a)},"client_packets":`);
    const kind: Kind = {
      offer,
      answer,
      syn: first,
      synAck: second,
      ecn,
      state,
      verdict: piece(`${verdictJson(a)}"`),
      notes: piece(`."${notesJson(a)},"frames":[`),
      agreed: {
        client: agreed('client'),
        server: agreed('server'),
        between: agreed('between'),
        'same-host-or-link': agreed('same-host-or-link'),
      },
    };
    this.kinds[place] = kind;
    return kind;
  }

  private endOf(history: number, state: number, explain: () => Attempt): End {
    const place = Math.imul(history ^ state, 0x9e3779b1) >>> 22;
    const known = this.ends[place];
    if (known !== undefined && known.history === history && known.state === state) return known;
    const end: End = { history, state, text: piece(`,${endJson(explain())}\n`) };
    this.ends[place] = end;
    return end;
  }

  private put(
    log: Recorded,
    slot: number,
    baseSeconds: number,
    kind: Kind,
    end: End,
    explain: () => Attempt,
  ): void {
    const { out } = this;
    const { words, doubles } = log.store;
    const { syn, synAck, ack } = log.clean;
    const base = slot * WORDS;
    const at = slot * DOUBLES;
    const ports = words[base + PORTS]!;
    const wrapping = this.wrapping(words[base + ENCAPSULATION]!, explain);
    const serverNs = synAck.time - syn.time;
    const clientNs = ack.time - synAck.time;
    const firstTime = doubles[at + FIRST_TIME]!;
    out.reserve(MAX_LINE + this.head.length + wrapping.length);
    out.piece(this.head);
    out.whole(words[base + NUMBER]!);
    out.piece(kind.verdict);
    this.place(words, base + CLIENT, ports >>> 16);
    out.piece(connected);
    this.place(words, base + SERVER, ports & 0xffff);
    out.piece(within);
    const point = pointOf((kind.syn >>> 16) & 0xff, (kind.synAck >>> 16) & 0xff, serverNs, clientNs);
    const exact = isAtClient(point, serverNs, clientNs);
    const connectNs = exact ? serverNs : serverNs + clientNs;
    if (!exact) out.piece(atMost);
    writeDuration(out, connectNs);
    out.piece(kind.notes);
    out.whole(syn.words[syn.at + E_FRAME]!);
    out.byte(44);
    out.whole(synAck.words[synAck.at + E_FRAME]!);
    out.byte(44);
    out.whole(ack.words[ack.at + E_FRAME]!);
    out.piece(time);
    this.time(baseSeconds, firstTime);
    out.piece(duration);
    writeScaled(out, doubles[at + LAST_TIME]! - firstTime, 9);
    out.piece(client);
    this.address(words, base + CLIENT);
    out.piece(clientPort);
    out.whole(ports >>> 16);
    out.piece(server);
    this.address(words, base + SERVER);
    out.piece(serverPort);
    out.whole(ports & 0xffff);
    if (wrapping.length > 0) out.piece(wrapping);
    out.piece(connect);
    writeScaled(out, connectNs, 6);
    if (!exact) out.piece(bound);
    out.piece(rtt);
    writeScaled(out, serverNs + clientNs, 6);
    out.piece(rttServer);
    writeScaled(out, serverNs, 6);
    out.piece(rttClient);
    writeScaled(out, clientNs, 6);
    out.piece(kind.agreed[point]);
    out.whole(words[base + CLIENT_PACKETS]!);
    out.piece(serverPackets);
    out.whole(words[base + SERVER_PACKETS]!);
    out.piece(clientBytes);
    out.whole(doubles[at + CLIENT_BYTES]!);
    out.piece(serverBytes);
    out.whole(doubles[at + SERVER_BYTES]!);
    out.piece(clientIsn);
    out.whole(words[base + CLIENT_ISN]! >>> 0);
    out.piece(serverIsn);
    out.whole(words[base + SERVER_ISN]! >>> 0);
    out.piece(community);
    const ipv6 = (words[base + STATE]! & IPV6) !== 0;
    out.ascii(communityIdBytes(words, base + CLIENT, ports >>> 16, base + SERVER, ports & 0xffff, ipv6));
    out.piece(quote);
    out.piece(end.text);
  }

  private place(words: Int32Array, at: number, port: number): void {
    const { out } = this;
    const brackets = !isIpv4(words, at);
    if (brackets) out.byte(91);
    this.address(words, at);
    if (brackets) out.byte(93);
    out.byte(58);
    out.whole(port);
  }

  private address(words: Int32Array, at: number): void {
    if (isIpv4(words, at)) this.out.ipv4(words[at + 3]!);
    else this.out.piece(piece(addressText(words, at)));
  }

  private time(baseSeconds: number, ns: number): void {
    const seconds = Math.floor(ns / 1e9);
    const second = baseSeconds + seconds;
    const place = second & (SECONDS - 1);
    if (second !== this.seconds[place]) {
      this.seconds[place] = second;
      this.secondPieces[place] = piece(`${secondText(second)}.`);
    }
    const rest = ns - seconds * 1e9;
    const micros = (rest / 1000) | 0;
    this.out.piece(this.secondPieces[place]!);
    this.out.six(micros);
    this.out.three(rest - micros * 1000);
  }

  private wrapping(number: number, explain: () => Attempt): Piece {
    let text = this.wrappings.get(number);
    if (text === undefined) {
      text = piece(wrappingJson(explain().encapsulation));
      if (this.wrappings.size > 65_536) this.wrappings.clear();
      this.wrappings.set(number, text);
    }
    return text;
  }
}
