/**
 * An attempt as one line of NDJSON. The schema is in docs/explain-json.md: what is absent, zero, false or empty is left
 * out, but for the fields that say who, when and what. Put together by hand: there may be millions of lines.
 */
import { type Attempt, timeText } from './attempt.ts';
import type { InForce } from './details.ts';
import type { PacketSeen } from './evidence.ts';
import type { OptionSet } from './options.ts';

/** One line, without the line feed. */
export function attemptJson(a: Attempt): string {
  const { evidence: e, handshake: h } = a;
  const syn = h.syn === null ? '' : `,"offered":{"window":${h.syn.window}${optionsJson(h.syn.options)}`;
  const synAck =
    h.synAck === null ? '' : `,"answered":{"window":${h.synAck.window}${optionsJson(h.synAck.options)}`;
  return (
    `{"attempt":${a.number},"verdict":"${a.verdict}","outcome":"${a.outcome}","certainty":"${a.certainty}","sentence":"${a.sentence}"` +
    `${list('notes', a.notes)},"frames":[${a.frames.join()}],"time":"${timeText(a.baseSeconds, e.firstTime)}",` +
    `"duration":${scaled(e.lastTime - e.firstTime, 1e9, 9)},"client":"${a.client}","client_port":${a.clientPort},` +
    `"server":"${a.server}","server_port":${a.serverPort}${a.encapsulation === '' ? '' : `,"encapsulation":"${a.encapsulation}"`}` +
    `,"syns":${e.synCount},"synacks":${e.synAckCount}${handshakeJson(a)}${roundTripJson(a)}${syn}${synAck}` +
    `${a.inForce === null ? '' : forceJson(a.inForce)}${rareJson(a)},"client_packets":${e.clientPackets},` +
    `"server_packets":${e.serverPackets},"client_bytes":${e.clientBytes},"server_bytes":${e.serverBytes},` +
    `"conn_state":"${a.zeekState}","history":"${e.history}"}`
  );
}

function list(name: string, codes: readonly string[]): string {
  return codes.length === 0 ? '' : `,"${name}":["${codes.join('","')}"]`;
}

/** The frames of the handshake; a plain one has them in `frames` already. */
function handshakeJson({ evidence: e, handshake: h }: Attempt): string {
  if (h.plain) return '';
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
  if (serverNs !== null && clientNs !== null) json += `,"rtt_ms":${scaled(serverNs + clientNs, 1e6, 6)}`;
  if (serverNs !== null) json += `,"rtt_server_ms":${scaled(serverNs, 1e6, 6)}`;
  if (clientNs !== null) json += `,"rtt_client_ms":${scaled(clientNs, 1e6, 6)}`;
  return ambiguous ? `${json},"rtt_ambiguous":true` : json;
}

function rareJson(a: Attempt): string {
  const { evidence: e } = a;
  let json = '';
  if (a.capturePoint !== null) json += `,"capture_point":"${a.capturePoint}"`;
  if (a.system !== null) json += `,"client_system":"${a.system}"`;
  if (e.isnStep !== null) json += `,"isn_step":${e.isnStep}`;
  if (a.backOff !== null) {
    json += `,"backoff":"${a.backOff.pattern}"`;
    if (a.backOff.timeout !== null) json += `,"connect_timeout":${a.backOff.timeout}`;
  }
  if (e.previous !== null) json += `,"previous":${e.previous.number}`;
  return json;
}

/** Whole nanoseconds in a larger unit, exactly, without the slow printing of fractions. */
function scaled(ns: number, unit: number, digits: number): string {
  const sign = ns < 0 ? '-' : '';
  const size = Math.abs(ns);
  let whole = Math.floor(size / unit);
  let rest = size - whole * unit;
  // Beyond 52 days, which damaged captures claim and long ones have, the division may round up.
  if (rest < 0 || rest >= unit) {
    rest = size % unit;
    whole = (size - rest) / unit;
  }
  if (rest === 0 || whole >= 1e21) return `${sign}${whole}`;
  // Most captures count microseconds.
  const micro = rest % 1000 === 0;
  return `${sign}${whole}.${String(micro ? rest / 1000 : rest).padStart(micro ? digits - 3 : digits, '0')}`;
}

const optionTexts = new WeakMap<OptionSet, string>();

/** The options, and the brace that ends them. Sets of options are shared, so each is put into text once. */
function optionsJson(o: OptionSet): string {
  let json = optionTexts.get(o);
  if (json === undefined) {
    json =
      `${o.mss === null ? '' : `,"mss":${o.mss}`}${o.windowScale === null ? '' : `,"window_scale":${o.windowScale}`}` +
      `${o.sack ? ',"sack":true' : ''}${o.timestamps ? ',"timestamps":true' : ''}` +
      `${o.fastOpen === null ? '' : `,"fast_open":"${o.fastOpen}"`}${o.mptcp ? ',"mptcp":true' : ''},"kinds":[${o.kinds.join()}]}`;
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
