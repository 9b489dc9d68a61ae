/** Packets: what stands after `<` or `>`. Values are checked for their range here, as packetdrill does. */
import type {
  Encapsulation,
  IcmpSpec,
  IpInfo,
  OrAny,
  PacketSpec,
  Ports,
  TcpFlags,
  TcpSpec,
  UdpSpec,
} from './ast.ts';
import type { Lexer } from './lexer.ts';
import { parseAnyInt, parseNumber, parseNumberOrAny, semanticError } from './parse-number.ts';
import { optionsLength, parseTcpOptions } from './parse-options.ts';

const noIpInfo: IpInfo = { check: 'none', tos: 0, flowLabel: 0, ttl: 0 };
const ecnBits: Readonly<Record<string, number>> = { noecn: 0, ect1: 1, ect0: 2, ce: 3 };

export function parsePacket(lexer: Lexer): PacketSpec {
  const start = lexer.next();
  const direction = start.text === '<' ? 'in' : 'out';
  const encapsulation: Encapsulation[] = [];
  for (;;) {
    const layer = parseEncapsulation(lexer);
    if (layer === null) break;
    encapsulation.push(layer);
  }
  const ip = parseIpInfo(lexer);
  if (ip.check === 'ect01' && direction === 'in') {
    throw semanticError('[ect01] can only be used with outbound packets', start.start);
  }
  const base = { direction, encapsulation, ip } as const;
  if (lexer.accept('udp')) return parseUdp(lexer, base, start.start);
  if (lexer.at('icmp')) return parseIcmp(lexer, base);
  if (lexer.accept('encap')) {
    lexer.expect('psp');
    lexer.expect('spi');
    encapsulation.push({ kind: 'psp', spi: parseAnyInt(lexer) });
  }
  return parseTcp(lexer, base, start.start);
}

type Base = Pick<TcpSpec, 'direction' | 'encapsulation' | 'ip'>;

function parseTcp(lexer: Lexer, base: Base, start: number): TcpSpec {
  const ports = parsePorts(lexer);
  const flags = parseFlags(lexer);
  const { seq, length } = parseSequence(lexer);
  const ack = lexer.accept('ack')
    ? parseNumberOrAny(lexer, 'an acknowledgment number', 0xffffffff, 'TCP ack sequence number out of range')
    : flags.open.includes('.')
      ? '*'
      : 0;
  const windowGiven = lexer.accept('win');
  const window = windowGiven
    ? parseNumberOrAny(lexer, 'a window', 0xffff, 'TCP window value out of range')
    : '*';
  const urgent = lexer.accept('urg')
    ? parseNumberOrAny(lexer, 'an urgent pointer', 0xffff, 'urg_ptr value out of range')
    : 0;
  const optionsAt = lexer.peek().start;
  // `<` also starts an inbound packet, but never directly: an event starts with its time.
  const options = lexer.at('<') ? parseTcpOptions(lexer) : [];
  const packet: TcpSpec = { kind: 'tcp', ...base, ports, flags, seq, length, ack, window, urgent, options };
  if (base.direction === 'in') checkInbound(packet, windowGiven, start, optionsAt);
  else if (options !== '*' && options.some(({ kind }) => kind === 'raw'))
    throw semanticError('bytes of options can only be used with inbound packets', optionsAt);
  if (options !== '*') {
    const bytes = optionsLength(options);
    if (bytes % 4 !== 0) {
      const message =
        'TCP options are not padded correctly to ensure TCP header is a multiple of 4 bytes: ' +
        `${bytes % 4} excess bytes`;
      throw semanticError(message, optionsAt);
    }
    if (bytes > 40) throw semanticError('TCP header too large', optionsAt);
  }
  return packet;
}

function checkInbound(packet: TcpSpec, windowGiven: boolean, start: number, optionsAt: number): void {
  if (packet.options === '*') {
    throw semanticError('<...> for TCP options can only be used with outbound packets', optionsAt);
  }
  if (!windowGiven) throw semanticError('window must be specified for inbound packets', start);
  if (packet.flags.open !== '')
    throw semanticError("a '?' behind a flag can only be used with outbound packets", start);
  const open =
    [packet.seq, packet.ack, packet.window, packet.urgent].includes('*') ||
    packet.options.some((option) => Object.values(option).includes('*'));
  if (open) throw semanticError('* for a single field can only be used with outbound packets', start);
}

function parseFlags(lexer: Lexer): TcpFlags {
  const token = lexer.flags();
  if (token.text === '') throw lexer.unexpected("a packet's flags, such as S, S., . or P.");
  let ace = -1;
  let ecn = false;
  let open = '';
  const written = token.value === '-' ? '' : token.value;
  for (const [index, flag] of [...written].entries()) {
    const at = token.start + Math.min(index, token.text.length - 1);
    if (flag === '?') {
      const before = written[index - 1] ?? '';
      if (!'FSRP.UEWA'.includes(before) || before === '')
        throw semanticError("a '?' leaves the flag before it open; there is none", at);
      open += before;
      continue;
    }
    if (!'.FSRPEWAU01234567'.includes(flag)) throw semanticError(`Invalid TCP flag: '${flag}'`, at);
    const digit = flag >= '0' && flag <= '7';
    if ((digit && (ecn || ace >= 0)) || ('EWA'.includes(flag) && ace >= 0)) {
      throw semanticError(`Conflicting TCP flag: '${flag}'`, at);
    }
    if (digit) ace = Number(flag);
    if ('EWA'.includes(flag)) ecn = true;
  }
  const has = (flag: string): boolean => written.includes(flag);
  return {
    fin: has('F'),
    syn: has('S'),
    rst: has('R'),
    psh: has('P'),
    ack: has('.'),
    urg: has('U'),
    ece: ace > 0 ? (ace & 1) !== 0 : has('E'),
    cwr: ace > 0 ? (ace & 2) !== 0 : has('W'),
    ae: ace > 0 ? (ace & 4) !== 0 : has('A'),
    ace: ace > 0,
    open,
  };
}

function parseSequence(lexer: Lexer): { seq: OrAny; length: number } {
  const at = lexer.peek().start;
  const start = parseNumberOrAny(
    lexer,
    'sequence numbers, such as 1:1001(1000)',
    0xffffffff,
    'TCP start sequence number out of range',
  );
  lexer.expect(':', "':' between the sequence numbers");
  const end = parseNumberOrAny(
    lexer,
    'the end sequence number',
    0xffffffff,
    'TCP end sequence number out of range',
  );
  lexer.expect('(', "'(' before the payload size");
  const length = parseNumber(lexer, 'the payload size', 0xffff, 'TCP payload size out of range');
  lexer.expect(')', "')' after the payload size");
  if (start !== '*' && end !== '*' && end !== start + length) {
    throw semanticError('inconsistent TCP sequence numbers and payload size', at);
  }
  return { seq: start === '*' && end !== '*' ? end - length : start, length };
}

function parsePorts(lexer: Lexer): Ports {
  if (lexer.peek().kind !== 'integer') return { source: 0, destination: 0 };
  const source = parseNumber(lexer, 'a source port', 0xffff, 'src port out of range');
  lexer.expect('>', "'>' between the ports");
  return { source, destination: parseNumber(lexer, 'a destination port', 0xffff, 'dst port out of range') };
}

function parseUdp(lexer: Lexer, base: Base, start: number): UdpSpec {
  if (base.ip.check === 'ecn') throw semanticError('ECN can only be used with TCP packets', start);
  const ports = parsePorts(lexer);
  lexer.expect('(', "'(' before the payload size");
  const length = parseNumber(lexer, 'the payload size', 0xffff, 'UDP payload size out of range');
  lexer.expect(')');
  return { kind: 'udp', ...base, ports, length };
}

function parseIcmp(lexer: Lexer, base: Base): IcmpSpec {
  const at = lexer.next().start;
  const type = lexer.expectKind('word', 'an ICMP type, such as unreachable').value;
  const keyword = lexer.at('mtu') || lexer.at('id');
  const code = !keyword && lexer.peek().kind === 'word' ? lexer.next().value : null;
  const mtu = lexer.accept('mtu') ? parseNumber(lexer, 'an MTU', 0xffffffff, 'ICMP MTU out of range') : -1;
  const echoId = lexer.accept('id') ? parseNumber(lexer, 'an id', 0xffff, 'ICMP id out of range') : 0;
  return { kind: 'icmp', ...base, type, code, mtu, echoId, echoed: parseEchoed(lexer), at };
}

function parseEchoed(lexer: Lexer): IcmpSpec['echoed'] {
  if (!lexer.accept('[')) return { kind: 'tcp', seq: 0, length: 0 };
  let echoed: IcmpSpec['echoed'];
  const kind = lexer.at('udp') ? 'udp' : lexer.at('raw') ? 'raw' : null;
  if (kind !== null) {
    lexer.next();
    lexer.expect('(');
    echoed = { kind, length: parseNumber(lexer, 'a payload size', 0xffff, 'payload size out of range') };
    lexer.expect(')');
  } else {
    const at = lexer.peek().start;
    const { seq, length } = parseSequence(lexer);
    if (seq === '*') throw semanticError('the sequence number an ICMP message echoes must be given', at);
    echoed = { kind: 'tcp', seq, length };
  }
  lexer.expect(']');
  return echoed;
}

function parseIpInfo(lexer: Lexer): IpInfo {
  const close = lexer.at('[') ? ']' : lexer.at('(') ? ')' : null;
  if (close === null) return noIpInfo;
  lexer.next();
  let info = noIpInfo;
  const word = lexer.peek();
  const bits = ecnBits[word.text];
  if (bits !== undefined) info = { ...info, check: 'ecn', tos: bits };
  else if (word.text === 'ect01') info = { ...info, check: 'ect01' };
  if (bits !== undefined || word.text === 'ect01') lexer.next();
  else if (lexer.accept('tos') || lexer.accept('class'))
    info = { ...info, check: 'tos', tos: parseHex(lexer, 0xff, 'tos out of range for 8 bits') };
  else if (lexer.accept('ttl') || lexer.accept('hlim'))
    info = { ...info, ttl: parseNumber(lexer, 'a TTL', 0xff, 'ttl out of range') };
  else if (!lexer.at('flowlabel')) {
    throw lexer.unexpected('ect0, ect1, ect01, ce, noecn, tos 0x.., ttl N or flowlabel 0x..');
  }
  if (lexer.at('flowlabel') || (info.ttl === 0 && lexer.accept(','))) {
    lexer.expect('flowlabel');
    info = { ...info, flowLabel: parseHex(lexer, 0xfffff, 'flowlabel out of range for 20 bits') };
  }
  lexer.expect(close);
  return info;
}

function parseHex(lexer: Lexer, max: number, rangeError: string): number {
  const token = lexer.expectKind('hex', 'a number written as 0x..');
  const value = Number(token.value);
  if (value > max) throw semanticError(rangeError, token.start);
  return value;
}

function parseEncapsulation(lexer: Lexer): Encapsulation | null {
  const token = lexer.peek();
  if (token.kind !== 'word') return null;
  switch (token.text) {
    case 'ipv4':
    case 'ipv6': {
      lexer.next();
      const ip = parseIpInfo(lexer);
      const source = lexer.expectKind(token.text, `an ${token.text} address`).value;
      lexer.expect('>');
      const destination = lexer.expectKind(token.text, `an ${token.text} address`).value;
      lexer.expect(':');
      return { kind: token.text, source, destination, ip };
    }
    case 'gre':
    case 'GREv0':
      lexer.next();
      lexer.accept(',');
      if (!lexer.at(':')) parseGreHeader(lexer);
      lexer.expect(':');
      return { kind: 'gre' };
    case 'mpls':
      lexer.next();
      while (lexer.at('(')) parseMplsEntry(lexer);
      lexer.expect(':');
      return { kind: 'mpls' };
    default:
      return null;
  }
}

/** `flags [..] sum N off N key = N seq N`; its values are not kept, since no system here sends GRE. */
export function parseGreHeader(lexer: Lexer): void {
  if (!lexer.accept('flags')) lexer.expect('Flags', "'flags' of a GRE header");
  if (lexer.accept('[')) {
    do {
      if (lexer.accept('none')) continue;
      for (const flag of ['checksum', 'key', 'sequence']) if (lexer.accept(flag)) break;
      lexer.accept('#');
      lexer.expect('present');
    } while (lexer.accept(','));
    lexer.expect(']');
  } else {
    parseAnyInt(lexer);
  }
  for (const field of ['sum', 'off', 'key', 'seq']) {
    lexer.accept(',');
    lexer.expect(field);
    if (field === 'key') lexer.accept('=');
    parseAnyInt(lexer);
  }
}

/** `(label N, tc N, [S], ttl N)` */
export function parseMplsEntry(lexer: Lexer): void {
  lexer.expect('(');
  lexer.expect('label');
  parseNumber(lexer, 'a label', 0xfffff, 'MPLS label out of range for 20 bits');
  lexer.expect(',');
  lexer.expect('tc');
  parseNumber(lexer, 'a traffic class', 7, 'MPLS traffic_class out of range for 3 bits');
  lexer.expect(',');
  if (lexer.accept('[')) {
    lexer.expect('S', '[S] for MPLS label stack bottom');
    lexer.expect(']');
    lexer.expect(',');
  }
  lexer.expect('ttl');
  parseNumber(lexer, 'a TTL', 0xff, 'MPLS ttl out of range for 8 bits');
  lexer.expect(')');
}
