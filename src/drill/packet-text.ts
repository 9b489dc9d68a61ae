/** Packets in packetdrill's own short notation, and where in it each field stands. */
import type { OrAny, TcpFlags, TcpOptionSpec, TcpSpec } from './ast.ts';
import type { PacketLine } from './failure.ts';

/** A part of a packet's text; `field` is what a mismatch refers to. */
interface Piece {
  readonly field: string;
  readonly text: string;
}

/** A TCP packet to show: a script's, or a live one in the script's terms. */
export type ShownTcp = Pick<TcpSpec, 'flags' | 'seq' | 'length' | 'ack' | 'window' | 'urgent' | 'options'>;

/** Seconds with six decimals, as packetdrill prints times before packets. */
export const seconds = (us: number): string => (us / 1e6).toFixed(6).padStart(9);

/** A line of a message: a packet, with the part that `field` names marked. */
export function packetLine(packet: ShownTcp, us: number, field: string | null): PacketLine {
  const pieces = tcpPieces(packet);
  let text = '';
  let mark: PacketLine['mark'] = null;
  for (const piece of pieces) {
    if (piece.field === field && piece.text !== '') mark = { at: text.length, length: piece.text.length };
    text += piece.text;
  }
  if (mark === null && field !== null) {
    // The field is not in the text (an absent option, say): the spot where it would be.
    const group = field.startsWith('option') ? 'options' : field;
    const at = pieces.findIndex((piece) => piece.field === group);
    if (at >= 0) {
      const before = pieces.slice(0, at).reduce((sum, piece) => sum + piece.text.length, 0);
      mark = { at: before, length: Math.max(1, pieces[at]!.text.length) };
    }
  }
  return { time: seconds(us), text: text.trimEnd(), mark };
}

function tcpPieces(packet: ShownTcp): Piece[] {
  const pieces: Piece[] = [
    { field: 'flags', text: flagsText(packet.flags) },
    { field: '', text: ' ' },
  ];
  const end = packet.seq === '*' ? '*' : (packet.seq + packet.length) >>> 0;
  pieces.push(
    { field: 'seq', text: `${packet.seq}:${end}` },
    { field: 'length', text: `(${packet.length})` },
  );
  pieces.push({ field: '', text: ' ' });
  if (packet.flags.ack) pieces.push({ field: 'ack', text: `ack ${packet.ack}` }, { field: '', text: ' ' });
  if (packet.window !== '*')
    pieces.push({ field: 'win', text: `win ${packet.window}` }, { field: '', text: ' ' });
  if (packet.flags.urg || (packet.urgent !== 0 && packet.urgent !== '*')) {
    pieces.push({ field: 'urg', text: `urg ${packet.urgent}` }, { field: '', text: ' ' });
  }
  if (packet.options === '*') pieces.push({ field: 'options', text: '<...>' });
  else if (packet.options.length === 0) pieces.push({ field: 'options', text: '' });
  else {
    pieces.push({ field: '', text: '<' });
    for (const [index, option] of packet.options.entries()) {
      if (index > 0) pieces.push({ field: '', text: ',' });
      pieces.push({ field: `option${index}`, text: optionText(option) });
    }
    pieces.push({ field: 'options', text: '>' });
  }
  return pieces;
}

/** Flags in the order packetdrill prints them. */
export function flagsText(flags: TcpFlags): string {
  const letters = [
    flags.fin ? 'F' : '',
    flags.syn ? 'S' : '',
    flags.rst ? 'R' : '',
    flags.psh ? 'P' : '',
    flags.ack ? '.' : '',
    flags.urg ? 'U' : '',
  ];
  if (flags.ace) letters.push(String((flags.ae ? 4 : 0) | (flags.cwr ? 2 : 0) | (flags.ece ? 1 : 0)));
  else letters.push(flags.ece ? 'E' : '', flags.cwr ? 'W' : '', flags.ae ? 'A' : '');
  return (
    letters
      .map((letter) => (letter !== '' && flags.open.includes(letter) ? `${letter}?` : letter))
      .join('') || '-'
  );
}

const hex = (bytes: Uint8Array | '*'): string =>
  bytes === '*' ? '*' : [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');

/** An option as a script writes it. */
export function optionText(option: TcpOptionSpec): string {
  switch (option.kind) {
    case 'nop':
    case 'eol':
    case 'sackOK':
      return option.kind;
    case 'mss':
    case 'wscale':
      return `${option.kind} ${option.value}`;
    case 'TS':
      return `TS val ${option.val} ecr ${option.ecr}`;
    case 'sack':
      return `sack ${option.blocks === '*' ? '*' : option.blocks.map(({ left, right }) => `${left}:${right}`).join(' ')}`;
    case 'FO':
    case 'FOEXP':
    case 'md5':
      return `${option.kind} ${hex(option.bytes)}`.trimEnd();
    case 'ECN': {
      const names = option.first === 'e0b' ? ['e0b', 'ceb', 'e1b'] : ['e1b', 'ceb', 'e0b'];
      return `ECN${option.counters.map((value, i) => ` ${names[i]} ${value}`).join('')}`;
    }
    case 'raw':
      return `bytes ${hex(option.bytes)}`;
    case 'unknown':
      return `kind ${option.type}${option.bytes.length > 0 ? ` ${hex(option.bytes)}` : ''}`;
  }
}

/** Whether a value is what the script asks for. */
export const agrees = (wanted: OrAny, actual: OrAny): boolean => wanted === '*' || wanted === actual;
