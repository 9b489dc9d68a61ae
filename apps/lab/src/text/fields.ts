/** The TCP header field by field: where its bits are, what it says, and why it has the value it has. */

import { formatEndpoint } from '../../../../src/wire/address.ts';
import { fold, sumBytes } from '../../../../src/wire/checksum.ts';
import { decodeIp } from '../../../../src/wire/ip.ts';
import type { TcpOption } from '../../../../src/wire/options.ts';
import {
  decodeTcp,
  Flag,
  protocolTcp,
  pseudoHeaderSum,
  type TcpSegment,
  tcpChecksumOk,
} from '../../../../src/wire/tcp.ts';
import type { LabEvent } from '../world/run.ts';
import type { Text } from '../world/scenario.ts';
import { type FieldText, flagTexts, optionTexts, texts } from './field-texts.ts';

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

/** What one direction of the connection has shown before. */
interface Side {
  readonly isn: number | null;
  readonly shift: number | null;
}

/** What a field's explanation may need. */
export interface About {
  readonly segment: TcpSegment;
  readonly own: Side;
  readonly other: Side;
  /** Whether the same sequence numbers were sent before. */
  readonly again: boolean;
  /** Where a SYN's sequence number comes from. */
  readonly isn: IsnSource;
}

/** A generator of the stack's, a constant, or whoever made the packet. */
export type IsnSource = 'siphash' | 'md5' | 'constant' | 'forged' | 'script';

/** Reads a packet's header; null for what is no whole TCP segment. */
export function headerOf(bytes: Uint8Array, before: readonly LabEvent[], isn: IsnSource): Header | null {
  try {
    const ip = decodeIp(bytes);
    if (ip.protocol !== protocolTcp || ip.fragmentOffset > 0) return null;
    const segment = decodeTcp(ip.payload);
    const source = formatEndpoint(ip.source, segment.sourcePort);
    const destination = formatEndpoint(ip.destination, segment.destinationPort);
    const about = { ...aboutOf(segment, source, destination, before), isn };
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
  } catch {
    return null;
  }
}

function aboutOf(
  segment: TcpSegment,
  source: string,
  destination: string,
  before: readonly LabEvent[],
): Omit<About, 'isn'> {
  let own: Side = { isn: null, shift: null };
  let other: Side = { isn: null, shift: null };
  let again = false;
  for (const event of before) {
    if (event.kind !== 'sent') continue;
    const it = endsOf(event.bytes);
    if (it === null) continue;
    const mine = it.source === source && it.destination === destination;
    const theirs = it.source === destination && it.destination === source;
    if (mine && consumes(it.segment) > 0 && it.segment.seq === segment.seq) again = true;
    if ((it.segment.flags & Flag.syn) === 0) continue;
    const scale = it.segment.options.find((option) => option.kind === 'windowScale');
    const side = { isn: it.segment.seq, shift: scale?.shift ?? null };
    if (mine) own = side;
    if (theirs) other = side;
  }
  if (consumes(segment) === 0) again = false;
  return { segment, own, other, again };
}

/** How many sequence numbers a segment takes. */
export const consumes = ({ flags, payload }: TcpSegment): number =>
  payload.length + (flags & Flag.syn ? 1 : 0) + (flags & Flag.fin ? 1 : 0);

function endsOf(bytes: Uint8Array): { source: string; destination: string; segment: TcpSegment } | null {
  try {
    const ip = decodeIp(bytes);
    if (ip.protocol !== protocolTcp) return null;
    const segment = decodeTcp(ip.payload);
    return {
      source: formatEndpoint(ip.source, segment.sourcePort),
      destination: formatEndpoint(ip.destination, segment.destinationPort),
      segment,
    };
  } catch {
    return null;
  }
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

const optionName: Record<TcpOption['kind'], string> = {
  end: 'End',
  nop: 'NOP',
  mss: 'MSS',
  windowScale: 'Window Scale',
  sackPermitted: 'SACK Permitted',
  sack: 'SACK',
  timestamps: 'Timestamps',
  md5: 'MD5',
  fastOpen: 'Fast Open',
  unknown: 'Option',
  rest: 'Padding',
};

/** Bytes that an option takes on the wire. */
function optionLength(option: TcpOption): number {
  switch (option.kind) {
    case 'end':
    case 'nop':
      return 1;
    case 'mss':
      return 4;
    case 'windowScale':
      return 3;
    case 'sackPermitted':
      return 2;
    case 'sack':
      return 2 + 8 * option.blocks.length;
    case 'timestamps':
      return 10;
    case 'md5':
      return 18;
    case 'fastOpen':
      return 2 + option.cookie.length + (option.experimental ? 2 : 0);
    case 'unknown':
      return 2 + option.data.length;
    case 'rest':
      return option.data.length;
  }
}

function optionValue(option: TcpOption): string {
  switch (option.kind) {
    case 'mss':
      return `${option.value}`;
    case 'windowScale':
      return `${option.shift} (×${2 ** Math.min(14, option.shift)})`;
    case 'sack':
      return option.blocks.map(({ left, right }) => `${left >>> 0}–${right >>> 0}`).join(' ');
    case 'timestamps':
      return `TSval ${option.value >>> 0}, TSecr ${option.echo >>> 0}`;
    case 'unknown':
      return `${option.type}`;
    default:
      return '';
  }
}

function optionFields(segment: TcpSegment, about: About): Field[] {
  let at = 160;
  return segment.options.map((option, i) => {
    const length = optionLength(option) * 8;
    const field: Field = {
      id: `option-${i}`,
      name: optionName[option.kind],
      value: optionValue(option),
      at,
      length,
      ...optionTexts(option, about),
    };
    at += length;
    return field;
  });
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
