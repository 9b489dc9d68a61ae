/** The TCP header field by field: where its bits are, what it says, and why it has the value it has. */

import { fold, sumBytes } from '../../../../src/wire/checksum.ts';
import { decodeIp } from '../../../../src/wire/ip.ts';
import {
  Flag,
  protocolTcp,
  pseudoHeaderSum,
  type TcpSegment,
  tcpChecksumOk,
} from '../../../../src/wire/tcp.ts';
import type { LabEvent } from '../world/run.ts';
import type { Text } from '../world/scenario.ts';
import type { About, IsnSource } from './about.ts';
import { Conversations } from './conversation.ts';
import { damagedWhy, type FieldText, flagTexts, texts } from './field-texts.ts';
import { optionPieces } from './option-texts.ts';

export interface Field {
  readonly id: string;
  /** Shown in the cell: short. */
  readonly name: string;
  readonly value: string;
  /** Bits from the header's start. */
  readonly at: number;
  readonly length: number;
  readonly meaning: Text;
  readonly why: Text;
}

export interface Header {
  readonly source: string;
  readonly destination: string;
  readonly segment: TcpSegment;
  readonly fields: readonly Field[];
  readonly checksumRight: boolean;
  /** Steps of the sum: pseudo-header, header and data, and the folded total, as numbers. */
  readonly sums: { readonly pseudo: number; readonly rest: number; readonly total: number };
}

/**
 * Reads a packet's header; null for what is no whole TCP segment.
 * @param before the events before it
 */
export function headerOf(bytes: Uint8Array, before: readonly LabEvent[], isn: IsnSource): Header | null {
  const conversations = new Conversations();
  for (const event of before) if (event.kind === 'sent') conversations.take(event.bytes);
  const standing = conversations.take(bytes);
  if (standing === null) return null;
  const { segment, source, destination } = standing;
  const about = { ...standing, isn };
  const ip = decodeIp(bytes);
  const { payload } = ip;
  const pseudo = pseudoHeaderSum(ip.source, ip.destination, protocolTcp, payload.length);
  return {
    source,
    destination,
    segment,
    fields: [...fixedFields(about), ...optionFields(segment, about)],
    checksumRight: tcpChecksumOk(payload, ip.source, ip.destination),
    sums: {
      pseudo: ~fold(pseudo) & 0xffff,
      rest: ~fold(sumBytes(payload, 0, payload.length, 0)) & 0xffff,
      total: ~fold(sumBytes(payload, 0, payload.length, pseudo)) & 0xffff,
    },
  };
}

/** What arrived of a packet that was damaged on the way: each field is told why by what it was when it was sent. */
export function asDamaged(arrived: Header, sent: Header): Header {
  const fields = arrived.fields.map((field) => {
    const before = sent.fields.find(({ id }) => id === field.id);
    if (before?.value === field.value) return { ...field, why: before.why };
    return { ...field, why: damagedWhy(before?.value ?? '—') };
  });
  return { ...arrived, fields };
}

const hex4 = (n: number): string => `0x${n.toString(16).padStart(4, '0')}`;

function fixedFields(about: About): Field[] {
  const { segment: s } = about;
  const field = (
    id: string,
    name: string,
    at: number,
    length: number,
    value: string,
    text: FieldText,
  ): Field => ({
    id,
    name,
    at,
    length,
    value,
    ...text,
  });
  const flags = (
    [
      ['ae', 'AE', Flag.ae],
      ['cwr', 'CWR', Flag.cwr],
      ['ece', 'ECE', Flag.ece],
      ['urg', 'URG', Flag.urg],
      ['ack-flag', 'ACK', Flag.ack],
      ['psh', 'PSH', Flag.psh],
      ['rst', 'RST', Flag.rst],
      ['syn', 'SYN', Flag.syn],
      ['fin', 'FIN', Flag.fin],
    ] as const
  ).map(([id, name, bit], i) =>
    field(id, name, 103 + i, 1, s.flags & bit ? '1' : '0', flagTexts(name, (s.flags & bit) !== 0, about)),
  );
  return [
    field('source-port', 'Source Port', 0, 16, `${s.sourcePort}`, texts.sourcePort(about)),
    field(
      'destination-port',
      'Destination Port',
      16,
      16,
      `${s.destinationPort}`,
      texts.destinationPort(about),
    ),
    field('seq', 'Sequence Number', 32, 32, `${s.seq >>> 0}`, texts.seq(about)),
    field('ack', 'Acknowledgment Number', 64, 32, `${s.ack >>> 0}`, texts.ack(about)),
    field('offset', 'Offset', 96, 4, `${(s.headerLength ?? 20) / 4}`, texts.offset(about)),
    field('reserved', 'Rsvd', 100, 3, `${(s.flags >>> 9) & 7}`, texts.reserved(about)),
    ...flags,
    field('window', 'Window', 112, 16, `${s.window}`, texts.window(about)),
    field('checksum', 'Checksum', 128, 16, hex4(s.checksum ?? 0), texts.checksum(about)),
    field('urgent', 'Urgent Pointer', 144, 16, `${s.urgent}`, texts.urgent(about)),
  ];
}

function optionFields(segment: TcpSegment, about: About): Field[] {
  let at = 160;
  return segment.options.flatMap((option, i) =>
    optionPieces(option, about).map((piece, n) => {
      const field: Field = { id: `option-${i}-${n}`, at, ...piece };
      at += piece.length;
      return field;
    }),
  );
}

/** A field's cells: one for each 32-bit row it is in. */
export interface Cell {
  readonly field: Field;
  readonly row: number;
  readonly column: number;
  readonly span: number;
  readonly first: boolean;
}

export function cellsOf(fields: readonly Field[]): Cell[] {
  return fields.flatMap((field) => {
    const cells: Cell[] = [];
    for (let at = field.at; at < field.at + field.length; ) {
      const row = Math.floor(at / 32);
      const span = Math.min((row + 1) * 32, field.at + field.length) - at;
      cells.push({ field, row, column: at % 32, span, first: at === field.at });
      at += span;
    }
    return cells;
  });
}
