/** Compares what explain says of a capture with a truth table, row by row. */
import { readFileSync } from 'node:fs';
import type { OptionSet } from '../../src/explain/decode/options.ts';
import type { Attempt } from '../../src/explain/judge/attempt.ts';
import { explainAll } from '../../src/explain/testing.ts';

/** One row of a truth table: column by name. */
export type Row = Readonly<Record<string, string>>;

/** All attempts of a capture, also of a damaged one. */
export const attemptsOf = (path: string): Attempt[] => explainAll(readFileSync(path)).attempts;

export function rowsOf(path: string): Row[] {
  const [head, ...lines] = readFileSync(path, 'utf8').replace(/\n$/, '').split('\n');
  const names = head!.split('\t');
  return lines.map((line) => {
    const cells = line.split('\t');
    return Object.fromEntries(names.map((name, n) => [name, cells[n] ?? '']));
  });
}

/** The truth tables' classes and the outcomes they mean. */
const classes: Readonly<Record<string, readonly string[]>> = {
  completed: ['completed'],
  no_syn_completed: ['completed'],
  no_answer: ['unanswered'],
  midstream: ['unknown'],
  refused: ['refused'],
  syn_then_rst_by_client: ['reset'],
  synack_then_rst: ['reset'],
  synack_only: ['unknown'],
  synack_no_final_ack: ['unconfirmed'],
  simultaneous_or_split: ['completed'],
  syn_other: ['unanswered'],
};

/** The attempt that a row is about. */
export function match(row: Row, attempts: readonly Attempt[]): Attempt | undefined {
  const frames = [row.syn_frames, row.synack_frames, row.first_frame].flatMap((cell) =>
    cell === undefined || cell === '' ? [] : cell.split(',').map(Number),
  );
  for (const frame of frames) {
    const found = attempts.find((a) => a.evidence.packets.some((p) => p.frame === frame && !p.stray));
    if (found !== undefined) return found;
  }
  const first = Number(row.first_frame);
  const ports = [row.cport, row.sport].map(Number);
  return attempts.find(
    (a) =>
      ports.includes(a.clientPort) &&
      ports.includes(a.serverPort) &&
      a.evidence.firstFrame <= first &&
      a.evidence.lastFrame >= first,
  );
}

/** What a row and its attempt disagree about; empty if nothing. */
export function differences(row: Row, a: Attempt): string[] {
  const list: string[] = [];
  const compare = (name: string, truth: string | number, ours: string | number): void => {
    if (String(truth) !== String(ours)) list.push(`${name}: truth ${truth}, explain ${ours}`);
  };
  const { evidence: e, handshake: h } = a;
  const syns = e.synCount + e.synDuplicates;
  const synAcks = e.synAckCount + e.synAckDuplicates;
  compare('SYNs', row.syn!, syns);
  compare('SYN+ACKs', row.synack!, synAcks);
  if (h.syn !== null && row.syn !== '0') options('client', row, 'c', h.syn.options, compare);
  if (h.synAck !== null && row.synack !== '0') options('server', row, 's', h.synAck.options, compare);
  for (const [name, cell, ns] of [
    ['SYN to SYN+ACK', row.rtt_syn_synack_ms!, a.roundTrip.serverNs],
    ['SYN+ACK to ACK', row.rtt_synack_ack_ms!, a.roundTrip.clientNs],
  ] as const) {
    if (cell === '') continue;
    if (ns === null || Math.abs(Number(cell) - ns / 1e6) > 1)
      list.push(`${name}: truth ${cell} ms, explain ${ns === null ? 'none' : ns / 1e6} ms`);
  }
  const allowed = classes[row.outcome!] ?? [];
  if (!allowed.includes(a.outcome))
    list.push(`class: truth ${row.outcome}, explain ${a.verdict}/${a.outcome}`);
  return list;
}

function options(
  side: string,
  row: Row,
  prefix: string,
  o: OptionSet,
  compare: (name: string, truth: string, ours: string | number) => void,
): void {
  compare(`${side} MSS`, row[`${prefix}_mss`]!, o.mss ?? '');
  compare(`${side} window scale`, row[`${prefix}_ws`]!, o.windowScale ?? '');
  compare(`${side} SACK`, row[`${prefix}_sack`] || '0', o.sack ? 1 : 0);
  compare(`${side} time stamps`, row[`${prefix}_ts`] || '0', o.timestamps ? 1 : 0);
  compare(`${side} kinds`, row[`${prefix}_kinds`]!, o.kinds.join());
}
