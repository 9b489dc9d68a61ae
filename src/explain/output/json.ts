/**
 * An attempt as one line of NDJSON. The schema is in docs/explain-json.md: what is absent, zero, false or empty is left
 * out, but for the fields that say who, when and what. Put together by hand: there may be millions of lines.
 */

import type { OptionSet } from '../decode/options.ts';
import { type Attempt, timeText } from '../judge/attempt.ts';
import type { CapturePoint, InForce } from '../judge/details.ts';
import type { PacketSeen } from '../judge/evidence.ts';
import { SCHEMA } from './columns.ts';
import { communityId } from './community-id.ts';
import { scaled } from './numbers.ts';

/**
 * One line, without the line feed. `capture`: its name, if the lines of several captures are to be told apart; `host`: where
 * it was captured, empty if nobody said.
 */
export function attemptJson(a: Attempt, capture: string | null = null, host = ''): string {
  const { evidence: e } = a;
  return (
    `${headJson(capture, host)}${a.number}${verdictJson(a)}"${a.sentence}"${notesJson(a)},"frames":[${a.frames.join()}],` +
    `"time":"${timeText(a.baseSeconds, e.firstTime)}","duration":${scaled(e.lastTime - e.firstTime, 9)},` +
    `"client":"${a.client}","client_port":${a.clientPort},"server":"${a.server}","server_port":${a.serverPort}` +
    `${wrappingJson(a.encapsulation)},"syns":${e.synCount},"synacks":${e.synAckCount}${handshakeJson(a)}${connectJson(a)}` +
    `${roundTripJson(a)}${agreedJson(a)}${pointJson(a.capturePoint)}${systemJson(a)}${rareJson(a)},` +
    `"client_packets":${e.clientPackets},"server_packets":${e.serverPackets},"client_bytes":${e.clientBytes},` +
    `"server_bytes":${e.serverBytes}${numbersJson(a)},${endJson(a)}`
  );
}

// The pieces that many attempts have in common; clean-json.ts keeps them as bytes.

/** Up to the number. */
export function headJson(capture: string | null, host: string): string {
  const named = `${host === '' ? '' : `"host":${JSON.stringify(host)},`}${capture === null ? '' : `"capture":${JSON.stringify(capture)},`}`;
  return `{${named}"attempt":`;
}

/** Up to the sentence. */
export function verdictJson(a: Attempt): string {
  return `,"verdict":"${a.verdict}","outcome":"${a.outcome}","certainty":"${a.certainty}","sentence":`;
}

export function notesJson(a: Attempt): string {
  return a.notes.length === 0 ? '' : `,"notes":["${a.notes.join('","')}"]`;
}

export function wrappingJson(encapsulation: string): string {
  return encapsulation === '' ? '' : `,"encapsulation":"${encapsulation}"`;
}

/** The options offered, answered and in force. */
export function agreedJson({ handshake: h, inForce: force }: Attempt): string {
  const syn = h.syn === null ? '' : `,"offered":{"window":${h.syn.window}${optionsJson(h.syn.options)}`;
  const synAck =
    h.synAck === null ? '' : `,"answered":{"window":${h.synAck.window}${optionsJson(h.synAck.options)}`;
  return syn + synAck + (force === null ? '' : forceJson(force));
}

export function pointJson(point: CapturePoint | null): string {
  return point === null ? '' : `,"capture_point":"${point}"`;
}

export function systemJson(a: Attempt): string {
  return a.system === null ? '' : `,"client_system":"${a.system}"`;
}

/** How long connect() took, or was tried. */
function connectJson({ connecting: { ns, atMost, waitNs, atLeast } }: Attempt): string {
  if (ns !== null) return `,"connect_ms":${scaled(ns, 6)}${atMost ? ',"connect_at_most":true' : ''}`;
  return waitNs === null ? '' : `,"wait_ms":${scaled(waitNs, 6)}${atLeast ? ',"wait_at_least":true' : ''}`;
}

/** What joins this row with those of other captures. */
function numbersJson(a: Attempt): string {
  const { evidence: e, handshake: h, clientPort, serverPort } = a;
  const client =
    !a.isnsKnown || (h.syn === null && h.synAck === null) ? '' : `,"client_isn":${e.clientIsn >>> 0}`;
  const server = !a.isnsKnown || h.synAck === null ? '' : `,"server_isn":${e.serverIsn >>> 0}`;
  return `${client}${server},"community_id":"${communityId(e.addresses, 0, clientPort, 4, serverPort, e.ipv6)}"`;
}

/** From the connection's state to the end. */
export function endJson(a: Attempt): string {
  return `"conn_state":"${a.zeekState}","history":"${a.evidence.history}","schema":${SCHEMA}}`;
}

/** The frames of the handshake; a plain one has them in `frames` already. */
function handshakeJson({ evidence: e, handshake: h }: Attempt): string {
  if (h.clean) return '';
  let json = '';
  if (e.synDuplicates > 0) json += `,"syn_copies":${e.synDuplicates}`;
  if (e.synAckDuplicates > 0) json += `,"synack_copies":${e.synAckDuplicates}`;
  if (h.syns.length > 0) json += `,"syn_frames":[${frames(h.syns)}]`;
  if (h.synAcks.length > 0) json += `,"synack_frames":[${frames(h.synAcks)}]`;
  if (h.finalAck !== null) json += `,"final_ack_frame":${h.finalAck.frame}`;
  const { clientReset: client, serverReset: server } = h;
  const one = client !== null && (server === null || client.frame < server.frame) ? client : server;
  if (one !== null) json += `,"rst_frame":${one.frame},"rst_by":"${one === client ? 'client' : 'server'}"`;
  return json;
}

const frames = (packets: readonly PacketSeen[]): string => packets.map((p) => p.frame).join();

function roundTripJson({ roundTrip: { serverNs, clientNs, ambiguous } }: Attempt): string {
  let json = '';
  if (serverNs !== null && clientNs !== null) json += `,"rtt_ms":${scaled(serverNs + clientNs, 6)}`;
  if (serverNs !== null) json += `,"rtt_server_ms":${scaled(serverNs, 6)}`;
  if (clientNs !== null) json += `,"rtt_client_ms":${scaled(clientNs, 6)}`;
  return ambiguous ? `${json},"rtt_ambiguous":true` : json;
}

function rareJson(a: Attempt): string {
  const { evidence: e } = a;
  let json = '';
  if (e.isnStep !== null) json += `,"isn_step":${e.isnStep}`;
  if (a.backOff !== null) {
    json += `,"backoff":"${a.backOff.pattern}"`;
    if (a.backOff.timeout !== null) json += `,"connect_timeout":${a.backOff.timeout}`;
  }
  if (e.previous !== null) json += `,"previous":${e.previous.number}`;
  if (e.leg !== 0) json += `,"leg":${e.leg}`;
  if (e.elsewhere !== null)
    json += `,"other_address":"${e.elsewhere.address}","other_port":${e.elsewhere.port}`;
  return json;
}

const optionTexts = new WeakMap<OptionSet, string>();

/** The options, and the brace that ends them. Sets of options are shared, so each is put into text once. */
function optionsJson(o: OptionSet): string {
  let json = optionTexts.get(o);
  if (json === undefined) {
    json =
      `${o.mss === null ? '' : `,"mss":${o.mss}`}${o.windowScale === null ? '' : `,"window_scale":${o.windowScale}`}` +
      `${o.sack ? ',"sack":true' : ''}${o.timestamps ? ',"timestamps":true' : ''}` +
      `${o.fastOpen === null ? '' : `,"fast_open":"${o.fastOpen}"`}${o.mptcp ? ',"mptcp":true' : ''}${o.cut ? ',"cut":true' : ''},"kinds":[${o.kinds.join()}]}`;
    optionTexts.set(o, json);
  }
  return json;
}

const forceTexts = new WeakMap<InForce, string>();

function forceJson(f: InForce): string {
  let json = forceTexts.get(f);
  if (json === undefined) {
    json =
      `,"in_force":{"client_mss":${f.clientMss},"server_mss":${f.serverMss}` +
      `${f.clientScale === 0 ? '' : `,"client_scale":${f.clientScale}`}${f.serverScale === 0 ? '' : `,"server_scale":${f.serverScale}`}` +
      `${f.sack ? ',"sack":true' : ''}${f.timestamps ? ',"timestamps":true' : ''}${f.ecn ? ',"ecn":true' : ''}}`;
    forceTexts.set(f, json);
  }
  return json;
}
