/** An attempt as one line of NDJSON. The schema is in docs/explain-json.md. Written by hand: there may be millions. */
import { type Attempt, timeText } from './attempt.ts';
import type { PacketSeen } from './evidence.ts';
import type { SynOptions } from './options.ts';

/** One line, without the line feed. All text in it is ASCII. */
export function attemptJson(a: Attempt): string {
  const { evidence: e, handshake: h, roundTrip: r } = a;
  return (
    `{"attempt":${a.number},"verdict":"${a.verdict}","outcome":"${a.outcome}","certainty":"${a.certainty}",` +
    `"notes":${codes(a.notes)},"sentence":${quoted(a.sentence)},"frames":[${a.frames.join()}],` +
    `"time":"${timeText(a.baseSeconds, e.firstTime)}","duration":${seconds(e.lastTime - e.firstTime)},` +
    `"client":"${a.client}","client_port":${a.clientPort},"server":"${a.server}","server_port":${a.serverPort},` +
    `"encapsulation":"${a.encapsulation}","syns":${e.synCount},"syn_copies":${e.synDuplicates},` +
    `"synacks":${e.synAckCount},"synack_copies":${e.synAckDuplicates},` +
    `"syn_frames":${frames(h.syns)},"synack_frames":${frames(h.synAcks)},` +
    `"final_ack_frame":${h.finalAck?.frame ?? null},${reset(h.clientReset, h.serverReset)}` +
    `"rtt_ms":${milliseconds(sum(r.serverNs, r.clientNs))},"rtt_server_ms":${milliseconds(r.serverNs)},` +
    `"rtt_client_ms":${milliseconds(r.clientNs)},"rtt_ambiguous":${r.ambiguous},` +
    `"capture_point":${text(a.capturePoint)},"offered":${options(h.syn)},"answered":${options(h.synAck)},` +
    `"in_force":${inForce(a)},"isn_step":${e.isnStep},"client_system":${text(a.system)},` +
    `"backoff":${text(a.backOff?.pattern ?? null)},"connect_timeout":${a.backOff?.timeout ?? null},` +
    `"client_packets":${e.clientPackets},"server_packets":${e.serverPackets},` +
    `"client_bytes":${e.clientBytes},"server_bytes":${e.serverBytes},` +
    `"previous":${e.previous?.number ?? null},"conn_state":"${a.zeekState}","history":"${e.history}"}`
  );
}

const text = (value: string | null): string => (value === null ? 'null' : `"${value}"`);

/** Sentences are ours, but for addresses; only `µ` is not ASCII. */
const quoted = (value: string): string => `"${value.replaceAll('µ', '\\u00b5').replaceAll('"', '\\"')}"`;

const codes = (list: readonly string[]): string => (list.length === 0 ? '[]' : `["${list.join('","')}"]`);

const frames = (list: readonly PacketSeen[]): string =>
  list.length === 1 ? `[${list[0]!.frame}]` : `[${list.map((p) => p.frame).join()}]`;

/** Nanoseconds as seconds, exactly. */
const seconds = (ns: number): string => String(Math.round(ns / 1e3) / 1e6);

const milliseconds = (ns: number | null): string => (ns === null ? 'null' : String(Math.round(ns) / 1e6));

const sum = (a: number | null, b: number | null): number | null => (a === null || b === null ? null : a + b);

function reset(client: PacketSeen | null, server: PacketSeen | null): string {
  const one = client !== null && (server === null || client.frame < server.frame) ? client : server;
  if (one === null) return '"rst_frame":null,"rst_by":null,';
  return `"rst_frame":${one.frame},"rst_by":"${one === client ? 'client' : 'server'}",`;
}

const known = new Map<string, string>();

function options(p: PacketSeen | null): string {
  if (p === null) return 'null';
  const o: SynOptions = p.options;
  const kinds = o.kinds.join();
  // Few clients differ in more than their time stamps: the text is kept.
  const key = `${kinds}|${o.mss}|${o.windowScale}|${o.fastOpen}|${p.window}|${o.mptcp}`;
  let json = known.get(key);
  if (json === undefined) {
    json =
      `{"mss":${o.mss},"window_scale":${o.windowScale},"sack":${o.sack},"timestamps":${o.timestamp !== null},` +
      `"fast_open":${text(o.fastOpen)},"mptcp":${o.mptcp},"window":${p.window},"kinds":[${kinds}]}`;
    if (known.size < 4096) known.set(key, json);
  }
  return json;
}

function inForce({ inForce: f }: Attempt): string {
  if (f === null) return 'null';
  return (
    `{"client_mss":${f.clientMss},"server_mss":${f.serverMss},"client_scale":${f.clientScale},"server_scale":${f.serverScale},` +
    `"sack":${f.sack},"timestamps":${f.timestamps},"ecn":${f.ecn}}`
  );
}
