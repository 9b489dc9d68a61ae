/**
 * A host's sysctls: the values that the stack reads, and the text face of them as /proc/sys shows and takes it, with
 * Linux' names, defaults, ranges and errors (6.18, measured).
 */
import { congestionControls } from '../tcp/congestion/controller.ts';
import { Errno } from '../tcp/errno.ts';
import { defaultTcpSysctls, type TcpSysctls } from '../tcp/sysctls.ts';
import { inertIntegers, type Range, tcpRanges } from './sysctl-table.ts';

/** The sysctls outside net.ipv4.tcp_* that a host acts on. */
export interface HostSysctls {
  /** net.ipv4.ip_local_port_range: the first and the last port that connect() and bind(0) choose from. */
  localPortRange: [number, number];
  /** net.ipv4.ip_local_reserved_ports: never chosen, free to be asked for. */
  reservedPorts: ReadonlySet<number>;
  ipAutobindReuse: number;
  ipNonlocalBind: number;
  /** Ports below it need a privilege; a host here always has it, so it only bounds the local port range. */
  ipUnprivilegedPortStart: number;
  /** net.core.somaxconn: the longest accept queue that listen() gets. */
  somaxconn: number;
  /** net.core.[rw]mem_max: what SO_RCVBUF and SO_SNDBUF can be set to, bytes before doubling. */
  wmemMax: number;
  /** net.ipv6.bindv6only */
  bindV6Only: number;
  /** net.ipv4.ip_no_pmtu_disc: new sockets do not look for the path MTU, their packets may be fragmented. */
  noPmtuDiscovery: number;
}

/** How one sysctl is shown and set. `write` returns 0 or -errno; text without any word changes nothing. */
interface Entry {
  readonly read: () => string;
  readonly write: (text: string) => number;
}

/** One integer as the kernel parses it: sign, then decimal, 0x... or 0...; null if it is none or out of range. */
function parseInteger(word: string, range: Range): number | null {
  const match = /^(-?)(0x[0-9a-f]+|\d+)$/i.exec(word);
  if (match === null) return null;
  const digits = match[2]!;
  const octal = /^0\d/.test(digits);
  if (octal && /[89]/.test(digits)) return null;
  const size = octal ? Number.parseInt(digits, 8) : Number(digits);
  const value = match[1] === '-' ? -size : size;
  return value >= range[0] && value <= range[1] ? value : null;
}

const words = (text: string): string[] => text.split(/[\s\0]+/).filter((word) => word !== '');

/** What tcp_fastopen_key shows before a key was written or needed. */
const noFastOpenKey = '00000000-00000000-00000000-00000000';

export class Sysctls {
  /** @internal */
  readonly tcp: TcpSysctls = defaultTcpSysctls();
  /** @internal */
  readonly host: HostSysctls = {
    localPortRange: [32768, 60999],
    reservedPorts: new Set(),
    ipAutobindReuse: 0,
    ipNonlocalBind: 0,
    ipUnprivilegedPortStart: 1024,
    somaxconn: 4096,
    wmemMax: 4_194_304,
    bindV6Only: 0,
    noPmtuDiscovery: 0,
  };
  private readonly entries = new Map<string, Entry>();

  constructor() {
    const tcp = this.tcp as unknown as Record<string, number>;
    for (const [name, range] of Object.entries(tcpRanges)) this.integer(`net.ipv4.${name}`, tcp, name, range);
    for (const [name, [initial, range]] of Object.entries(inertIntegers))
      this.integer(name, { value: initial }, 'value', range);
    const host = this.host as unknown as Record<string, number>;
    const toInt: Range = [0, 0x7fffffff];
    this.integer('net.ipv4.ip_autobind_reuse', host, 'ipAutobindReuse', [0, 1]);
    this.integer('net.ipv4.ip_nonlocal_bind', host, 'ipNonlocalBind', [0, 255]);
    this.integer('net.ipv6.ip_nonlocal_bind', host, 'ipNonlocalBind', [0, 255]);
    this.integer('net.ipv4.ip_unprivileged_port_start', host, 'ipUnprivilegedPortStart', [0, 32768]);
    this.integer('net.core.somaxconn', host, 'somaxconn', toInt);
    this.integer('net.core.rmem_max', tcp, 'rmem_max', toInt);
    this.integer('net.core.wmem_max', host, 'wmemMax', toInt);
    this.integer('net.ipv4.ip_no_pmtu_disc', host, 'noPmtuDiscovery', [0, 255]);
    this.integer('net.ipv6.bindv6only', host, 'bindV6Only', [0, 255]);
    this.vector('net.ipv4.tcp_rmem', this.tcp.tcp_rmem);
    this.vector('net.ipv4.tcp_wmem', this.tcp.tcp_wmem);
    this.addTexts();
  }

  /**
   * The value as /proc/sys shows it, without the newline.
   * @param name such as `net.ipv4.tcp_syn_retries`; slashes serve as well as dots
   * @returns the text, or -ENOENT
   */
  read(name: string): string | number {
    return this.entries.get(name.replaceAll('/', '.'))?.read() ?? -Errno.ENOENT;
  }

  /**
   * Sets a value from text, as a write to /proc/sys does.
   * @returns 0, -ENOENT for an unknown name, -EINVAL for what is not a value or out of range, -EACCES if read-only
   */
  write(name: string, text: string): number {
    return this.entries.get(name.replaceAll('/', '.'))?.write(text) ?? -Errno.ENOENT;
  }

  /**
   * Sets a value that must be right.
   * @throws RangeError that names the sysctl and what was wrong with the value
   */
  set(name: string, value: string | number): void {
    const result = this.write(name, `${value}`);
    if (result === -Errno.ENOENT && !this.names().includes(name))
      throw new RangeError(`there is no sysctl '${name}'`);
    if (result < 0) throw new RangeError(`sysctl ${name} cannot be '${value}'`);
  }

  /** All names, sorted. */
  names(): string[] {
    return [...this.entries.keys()].sort();
  }

  private integer(name: string, holder: Record<string, number>, key: string, range: Range): void {
    this.entries.set(name, {
      read: () => `${holder[key]}`,
      write: (text) => {
        const first = words(text)[0];
        if (first === undefined) return 0;
        const value = parseInteger(first, range);
        if (value === null) return -Errno.EINVAL;
        holder[key] = value;
        return 0;
      },
    });
  }

  /** Minimum, default, maximum: as many as are given are set, up to the first that is wrong. */
  private vector(name: string, holder: [number, number, number]): void {
    this.entries.set(name, {
      read: () => holder.join('\t'),
      write: (text) => {
        for (const [i, word] of words(text).slice(0, 3).entries()) {
          const value = parseInteger(word, [1, 0x7fffffff]);
          if (value === null) return -Errno.EINVAL;
          holder[i] = value;
        }
        return 0;
      },
    });
  }

  private addTexts(): void {
    const { host, tcp, entries } = this;
    entries.set('net.ipv4.ip_local_port_range', {
      read: () => host.localPortRange.join('\t'),
      write: (text) => this.writePortRange(words(text)),
    });
    entries.set('net.ipv4.ip_local_reserved_ports', {
      read: () => formatPorts(host.reservedPorts),
      write: (text) => {
        if (text === '') return 0;
        const ports = parsePorts(text.trim());
        if (ports === null) return -Errno.EINVAL;
        host.reservedPorts = ports;
        return 0;
      },
    });
    entries.set('net.ipv4.tcp_congestion_control', {
      read: () => tcp.tcp_congestion_control,
      write: (text) => {
        const name = text.trim();
        if (name === '') return 0;
        if (!congestionControls.includes(name)) return -Errno.ENOENT;
        tcp.tcp_congestion_control = name;
        return 0;
      },
    });
    for (const name of ['tcp_available_congestion_control', 'tcp_allowed_congestion_control'])
      entries.set(`net.ipv4.${name}`, {
        read: () => congestionControls.join(' '),
        write: () => -Errno.EACCES,
      });
    entries.set('net.ipv4.tcp_fastopen_key', {
      read: () => tcp.tcp_fastopen_key || noFastOpenKey,
      write: (text) => {
        const keys = text.trim().split(',');
        const groups = keys.map((key) => /^([0-9a-f]{1,8}(-|$)){4}$/i.test(key));
        if (keys.length > 2 || groups.includes(false)) return -Errno.EINVAL;
        const pad = (key: string): string =>
          key
            .split('-')
            .map((word) => word.toLowerCase().padStart(8, '0'))
            .join('-');
        tcp.tcp_fastopen_key = keys.map(pad).join(',');
        return 0;
      },
    });
  }

  private writePortRange(parts: string[]): number {
    if (parts.length === 0) return 0;
    const [low, high] = parts.map((part) => parseInteger(part, [1, 65535]));
    if (parts.length !== 2 || low == null || high == null) return -Errno.EINVAL;
    if (high < low || low < this.host.ipUnprivilegedPortStart) return -Errno.EINVAL;
    this.host.localPortRange = [low, high];
    return 0;
  }
}

/** A list such as `8080,9000-9010`; null if it is none. A comma at the end is fine. */
function parsePorts(text: string): Set<number> | null {
  const ports = new Set<number>();
  if (text === '') return ports;
  for (const part of text.replace(/,$/, '').split(',')) {
    const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part);
    if (match === null) return null;
    const low = Number(match[1]);
    const high = Number(match[2] ?? low);
    if (low > high || high > 65535) return null;
    for (let port = low; port <= high; port++) ports.add(port);
  }
  return ports;
}

/** The list with neighbours joined to ranges. */
function formatPorts(ports: ReadonlySet<number>): string {
  const sorted = [...ports].sort((a, b) => a - b);
  const parts: string[] = [];
  for (let i = 0; i < sorted.length; ) {
    let last = i;
    while (sorted[last + 1] === sorted[last]! + 1) last++;
    parts.push(last === i ? `${sorted[i]}` : `${sorted[i]}-${sorted[last]}`);
    i = last + 1;
  }
  return parts.join(',');
}
