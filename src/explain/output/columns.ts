/**
 * Attempts as rows of a table. The columns are named as the fields of the NDJSON; docs/explain-parquet.md lists them. Names
 * and types are stable: columns may be added at the end.
 */

import type { OptionSet } from '../decode/options.ts';
import type { Attempt } from '../judge/attempt.ts';
import { communityId } from './community-id.ts';

/** Version of names, types and meaning of the fields, in every line and in the metadata of Parquet. 1 had none, and no connect_ms. */
export const SCHEMA = 2;

/** What a cell may hold; bigint where the type is INT64 or TIMESTAMP (µs since 1970). */
export type Cell = string | number | bigint | boolean | null | readonly string[] | readonly bigint[];

type ColumnType =
  | 'BOOLEAN'
  | 'INT32'
  | 'INT64'
  | 'DOUBLE'
  | 'STRING'
  | 'TIMESTAMP'
  | 'LIST<STRING>'
  | 'LIST<INT64>';

/** One column. */
export interface Column {
  readonly name: string;
  readonly type: ColumnType;
  /** Whether cells may be null. */
  readonly nullable: boolean;
  /** What it holds. */
  readonly title: string;
  readonly cell: (a: Attempt) => Cell;
}

const column = (
  name: string,
  type: ColumnType,
  title: string,
  cell: Column['cell'],
  nullable = false,
): Column => ({ name, type, nullable, title, cell });

const optional = (name: string, type: ColumnType, title: string, cell: Column['cell']): Column =>
  column(name, type, title, cell, true);

const ms = (ns: number | null): number | null => (ns === null ? null : ns / 1e6);

function wholeRoundTrip({ roundTrip: { serverNs, clientNs } }: Attempt): number | null {
  return serverNs === null || clientNs === null ? null : ms(serverNs + clientNs);
}

/** Date's range ends in the year 275760; a damaged capture can claim more. */
const LAST_SECOND = 8.64e12;
const bounded = (seconds: number): number => Math.max(-LAST_SECOND, Math.min(LAST_SECOND, seconds));

/** Microseconds since 1970, cut. */
function microseconds(a: Attempt): bigint {
  const { firstTime } = a.evidence;
  const seconds = Math.floor(firstTime / 1e9);
  return (
    BigInt(bounded(a.baseSeconds + seconds)) * 1_000_000n +
    BigInt(Math.floor((firstTime - seconds * 1e9) / 1000))
  );
}

/** The columns of what one side put into its SYN or SYN+ACK. */
function optionColumns(
  name: 'offered' | 'answered',
  packet: string,
  options: (a: Attempt) => OptionSet | null,
  window: (a: Attempt) => number | null,
): Column[] {
  return [
    optional(`${name}_window`, 'INT32', `window field of the ${packet}`, window),
    optional(`${name}_mss`, 'INT32', `MSS option of the ${packet}, bytes`, (a) => options(a)?.mss ?? null),
    optional(
      `${name}_window_scale`,
      'INT32',
      `window scale option of the ${packet}, shift`,
      (a) => options(a)?.windowScale ?? null,
    ),
    optional(`${name}_sack`, 'BOOLEAN', `SACK permitted on the ${packet}`, (a) => options(a)?.sack ?? null),
    optional(
      `${name}_timestamps`,
      'BOOLEAN',
      `time stamps on the ${packet}`,
      (a) => options(a)?.timestamps ?? null,
    ),
  ];
}

function resetSide({ handshake: { clientReset, serverReset } }: Attempt): string | null {
  if (clientReset === null && serverReset === null) return null;
  return clientReset !== null && (serverReset === null || clientReset.frame < serverReset.frame)
    ? 'client'
    : 'server';
}

const kindsOf = (p: { readonly options: OptionSet } | null): readonly bigint[] =>
  p === null ? [] : p.options.kinds.map(BigInt);

/** All columns, in their order. */
export const columns: readonly Column[] = [
  column('attempt', 'INT64', 'number of the attempt in its capture, from 1', (a) => BigInt(a.number)),
  column('verdict', 'STRING', 'what happened (docs/explain.md)', (a) => a.verdict),
  column('outcome', 'STRING', 'how it ended, in few classes', (a) => a.outcome),
  column('certainty', 'STRING', '`certain`, `likely` or `possible`', (a) => a.certainty),
  column('sentence', 'STRING', 'the same in one plain sentence', (a) => a.sentence),
  column('notes', 'LIST<STRING>', 'codes of what else is worth knowing', (a) => a.notes),
  column('frames', 'LIST<INT64>', 'frames that show the verdict', (a) =>
    a.frames.map((frame) => BigInt(frame)),
  ),
  column('time', 'TIMESTAMP', 'when it began, UTC, µs', microseconds),
  column(
    'duration',
    'DOUBLE',
    'seconds from its first to its last packet',
    ({ evidence: e }) => (e.lastTime - e.firstTime) / 1e9,
  ),
  column('client', 'STRING', "the client's address", (a) => a.client),
  column('client_port', 'INT32', 'and port', (a) => a.clientPort),
  column('server', 'STRING', "the server's address", (a) => a.server),
  column('server_port', 'INT32', 'and port', (a) => a.serverPort),
  column(
    'encapsulation',
    'STRING',
    'what the packets were wrapped in; empty for nothing',
    (a) => a.encapsulation,
  ),
  column('syns', 'INT32', "how many times the client's SYN was sent", (a) => a.evidence.synCount),
  column('synacks', 'INT32', 'how many times the SYN+ACK was sent', (a) => a.evidence.synAckCount),
  optional('rtt_ms', 'DOUBLE', 'round-trip time of the handshake, ms', wholeRoundTrip),
  optional('rtt_server_ms', 'DOUBLE', 'its half from the capture point to the server, ms', (a) =>
    ms(a.roundTrip.serverNs),
  ),
  optional('rtt_client_ms', 'DOUBLE', 'its half from the capture point to the client, ms', (a) =>
    ms(a.roundTrip.clientNs),
  ),
  column(
    'rtt_ambiguous',
    'BOOLEAN',
    'whether it cannot be told which SYN was answered',
    (a) => a.roundTrip.ambiguous,
  ),
  ...optionColumns(
    'offered',
    'SYN',
    (a) => a.handshake.syn?.options ?? null,
    (a) => a.handshake.syn?.window ?? null,
  ),
  ...optionColumns(
    'answered',
    'SYN+ACK',
    (a) => a.handshake.synAck?.options ?? null,
    (a) => a.handshake.synAck?.window ?? null,
  ),
  optional(
    'capture_point',
    'STRING',
    'where the capture was taken: `client`, `server`, `between`, `same-host-or-link`',
    (a) => a.capturePoint,
  ),
  optional('client_system', 'STRING', "the client's system, where its SYN leaves no doubt", (a) => a.system),
  optional(
    'connect_timeout',
    'DOUBLE',
    'seconds after which connect() fails, if the system implies it',
    (a) => a.backOff?.timeout ?? null,
  ),
  column('client_packets', 'INT64', 'packets from the client', (a) => BigInt(a.evidence.clientPackets)),
  column('server_packets', 'INT64', 'packets from the server', (a) => BigInt(a.evidence.serverPackets)),
  column('client_bytes', 'INT64', 'payload bytes from the client', (a) => BigInt(a.evidence.clientBytes)),
  column('server_bytes', 'INT64', 'payload bytes from the server', (a) => BigInt(a.evidence.serverBytes)),
  column('conn_state', 'STRING', "Zeek's conn_state", (a) => a.zeekState),
  column('history', 'STRING', "Zeek's history", (a) => a.evidence.history),
  optional(
    'connect_ms',
    'DOUBLE',
    'from the first SYN to the SYN+ACK that reached the client, ms; null if it never connected',
    (a) => ms(a.connecting.ns),
  ),
  column(
    'connect_at_most',
    'BOOLEAN',
    'whether that is a bound: the client may have waited less',
    (a) => a.connecting.atMost,
  ),
  optional('wait_ms', 'DOUBLE', 'of what never connected: how long it was tried, ms', (a) =>
    ms(a.connecting.waitNs),
  ),
  optional('client_isn', 'INT64', "the client's initial sequence number", (a) =>
    !a.isnsKnown || (a.handshake.syn === null && a.handshake.synAck === null)
      ? null
      : BigInt(a.evidence.clientIsn >>> 0),
  ),
  optional('server_isn', 'INT64', "the server's initial sequence number", (a) =>
    !a.isnsKnown || a.handshake.synAck === null ? null : BigInt(a.evidence.serverIsn >>> 0),
  ),
  column('community_id', 'STRING', 'Community ID, version 1', ({ evidence: e, clientPort, serverPort }) =>
    communityId(e.addresses, 0, clientPort, 4, serverPort, e.ipv6),
  ),
  optional(
    'leg',
    'INT64',
    'another attempt that shows the same SYN elsewhere on its way',
    ({ evidence: e }) => (e.leg === 0 ? null : BigInt(e.leg)),
  ),
  optional('rst_by', 'STRING', 'who sent the first RST: `client` or `server`', resetSide),
  column('offered_kinds', 'LIST<INT64>', 'kinds of all options of the SYN, in order', (a) =>
    kindsOf(a.handshake.syn),
  ),
  column('answered_kinds', 'LIST<INT64>', 'kinds of all options of the SYN+ACK, in order', (a) =>
    kindsOf(a.handshake.synAck),
  ),
];

type ColumnText = Pick<Column, 'name' | 'type' | 'nullable' | 'title'>;

const captureColumn: ColumnText = {
  name: 'capture',
  type: 'STRING',
  nullable: false,
  title: 'the capture, as it was named on the command line',
};
const hostColumn: ColumnText = {
  name: 'host',
  type: 'STRING',
  nullable: false,
  title: 'the host that captured it, as `--hostname` says; empty if nobody said',
};

/** Names, types and meaning of all columns of a file, in their order. */
export const parquetColumns: readonly ColumnText[] = [captureColumn, ...columns, hostColumn];

/** The day on which an attempt began, UTC: `2026-01-31`. */
export function dayOf(a: Attempt): string {
  const seconds = a.baseSeconds + Math.floor(a.evidence.firstTime / 1e9);
  return new Date(bounded(seconds) * 1000).toISOString().replace(/T.*/, '');
}
