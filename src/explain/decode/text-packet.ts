/** Packets made of what a line of text tells of them: addresses or names, ports, options. */

/** One TCP packet, as far as a line tells. */
export interface Told {
  /** Nanoseconds. */
  time: bigint;
  source: string;
  sourcePort: string;
  target: string;
  targetPort: string;
  flags: number;
  seq: number | null;
  ack: number | null;
  window: number;
  length: number;
  /** Option bytes; null if the line does not show them. */
  options: number[] | null;
  /** Blocks that were received out of order. */
  sacks: [number, number][];
  ttl: number;
  id: number;
  /** Whether numbers count from the connection's own, beyond the SYN (tshark: with it). */
  relative: boolean;
  /** A SYN with another number than the one before on its tuple. */
  fresh: boolean;
}

/** Ports by the names that tcpdump prints. */
const services: Readonly<Record<string, number>> = {
  ftp: 21,
  ssh: 22,
  telnet: 23,
  smtp: 25,
  domain: 53,
  http: 80,
  kerberos: 88,
  pop3: 110,
  sunrpc: 111,
  'netbios-ssn': 139,
  imap2: 143,
  imap: 143,
  bgp: 179,
  ldap: 389,
  https: 443,
  'microsoft-ds': 445,
  submission: 587,
  ldaps: 636,
  imaps: 993,
  pop3s: 995,
  'ms-sql-s': 1433,
  nfs: 2049,
  mysql: 3306,
  'ms-wbt-server': 3389,
  postgresql: 5432,
  amqp: 5672,
  redis: 6379,
  'http-alt': 8080,
  webcache: 8080,
};

export function portOf(name: string): number | null {
  if (/^\d+$/.test(name)) return Number(name) < 65_536 ? Number(name) : null;
  return services[name] ?? null;
}

/** Addresses, and made-up ones (240.0.0.0/4, which nobody has) for names. */
export class Addresses {
  readonly names: Map<string, string> = new Map();
  private readonly byName = new Map<string, Uint8Array>();

  of(name: string): Uint8Array {
    const four = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(name);
    if (four?.slice(1).every((part) => Number(part) < 256)) return Uint8Array.from(four.slice(1).map(Number));
    const six = name.includes(':') ? ipv6Bytes(name) : null;
    if (six !== null) return six;
    let made = this.byName.get(name);
    if (made === undefined) {
      const n = this.byName.size + 1;
      made = Uint8Array.of(240, (n >> 16) & 255, (n >> 8) & 255, n & 255);
      this.byName.set(name, made);
      this.names.set(made.join('.'), name);
    }
    return made;
  }
}

function ipv6Bytes(text: string): Uint8Array | null {
  const halves = text.split('::');
  if (halves.length > 2 || !/^[\da-fA-F:]+$/.test(text)) return null;
  const groups = (part: string | undefined): number[] =>
    part === undefined || part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16));
  const head = groups(halves[0]);
  const tail = groups(halves[1]);
  const gap = 8 - head.length - tail.length;
  if (gap < 0 || (halves.length === 1 && gap !== 0)) return null;
  const all = [...head, ...new Array<number>(halves.length === 2 ? gap : 0).fill(0), ...tail];
  return all.some((group) => !(group >= 0 && group <= 0xffff))
    ? null
    : Uint8Array.from(all.flatMap((group) => [group >> 8, group & 255]));
}

const u32 = (value: number): number[] => [
  (value >>> 24) & 255,
  (value >>> 16) & 255,
  (value >>> 8) & 255,
  value & 255,
];

/** What tcpdump prints between the brackets. */
export function dumpOptions(text: string): number[] {
  const bytes: number[] = [];
  for (const part of text.split(',')) {
    const [, name = '', one = '0'] = /^\s*([A-Za-z]+)(?: (?:val )?(\d+))?/.exec(part) ?? [];
    if (name === 'mss') bytes.push(2, 4, Number(one) >> 8, Number(one) & 255);
    else if (name === 'nop') bytes.push(1);
    else if (name === 'eol') bytes.push(0);
    else if (name === 'wscale') bytes.push(3, 3, Number(one) & 255);
    else if (name === 'sackOK') bytes.push(4, 2);
    else if (name === 'TS')
      bytes.push(8, 10, ...u32(Number(one)), ...u32(Number(/ecr (\d+)/.exec(part)?.[1] ?? 0)));
  }
  return bytes;
}

/** What tshark prints behind the numbers; the order is not told. */
export function sharkOptions(text: string): number[] {
  const number = (name: string): number | null => {
    const it = new RegExp(`\\b${name}=(\\d+)`).exec(text);
    return it === null ? null : Number(it[1]);
  };
  const bytes: number[] = [];
  const mss = number('MSS');
  const scale = number('WS');
  const value = number('TSval');
  if (mss !== null) bytes.push(2, 4, mss >> 8, mss & 255);
  if (/\bSACK_PERM/.test(text)) bytes.push(4, 2);
  if (value !== null) bytes.push(8, 10, ...u32(value), ...u32(number('TSecr') ?? 0));
  if (scale !== null) bytes.push(3, 3, Math.round(Math.log2(Math.max(1, scale))) & 255);
  return bytes;
}

/** The IP packet of a line. Options that are not told are announced in the header and not there, as if cut off. */
export function packet(
  p: Told,
  source: Uint8Array,
  target: Uint8Array,
  sourcePort: number,
  targetPort: number,
): { bytes: Uint8Array; wire: number } {
  const six = source.length === 16;
  const ip = six ? 40 : 20;
  const options = (p.options ?? []).slice(0, 40);
  if (p.sacks.length > 0 && options.length + 2 + 8 * p.sacks.length <= 40)
    options.push(
      5,
      2 + 8 * p.sacks.length,
      ...p.sacks.flatMap(([left, right]) => [...u32(left), ...u32(right)]),
    );
  while (options.length % 4 !== 0) options.push(1);
  const header = p.options === null ? 60 : 20 + options.length;
  const captured = ip + 20 + options.length;
  const total = ip + header + p.length;
  const bytes = new Uint8Array(captured);
  const view = new DataView(bytes.buffer);
  if (six) {
    view.setUint32(0, 0x6000_0000);
    view.setUint16(4, Math.min(65_535, total - 40));
    bytes[6] = 6;
    bytes[7] = p.ttl;
    bytes.set(source, 8);
    bytes.set(target, 24);
  } else {
    bytes[0] = 0x45;
    view.setUint16(2, Math.min(65_535, total));
    view.setUint16(4, p.id);
    bytes[8] = p.ttl;
    bytes[9] = 6;
    bytes.set(source, 12);
    bytes.set(target, 16);
  }
  view.setUint16(ip, sourcePort);
  view.setUint16(ip + 2, targetPort);
  view.setUint32(ip + 4, p.seq ?? 0);
  view.setUint32(ip + 8, p.ack ?? 0);
  bytes[ip + 12] = (header >> 2) << 4;
  bytes[ip + 13] = p.flags & 255;
  view.setUint16(ip + 14, p.window);
  bytes.set(options, ip + 20);
  return { bytes, wire: total };
}
