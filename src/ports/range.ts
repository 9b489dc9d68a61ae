/**
 * Which ports a lease may have: those that connect() and bind(0) never hand out by themselves, in an order in which
 * the same port comes again only after TIME-WAIT is over.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { type PortRange, parsePortList, parsePortRange } from '../doctor/ports.ts';

/** Below it are registered services, and every port that fetch() refuses to connect to (WHATWG fetch, "bad port"). */
const lowest = 10_081;
const highest = 65_535;
/** With fewer ports than this outside the kernel's range, leases are taken inside it and held by a bound socket. */
const fewest = 512;
/** What listens on these may start any moment on the machine of a developer. Found in nobody's registry but in use. */
const famous = [
  11_211, 11_434, 15_672, 16_686, 18_080, 25_565, 26_257, 26_379, 27_017, 27_018, 27_019, 32_400,
];
/** A port is not handed out again for at least this long, in ms: Linux keeps TIME-WAIT for 60 s. */
const rest = 65_000;

/** Ports in ascending order, and whether connect() may pick them, so that they have to be held. */
interface Candidates {
  readonly ports: readonly number[];
  readonly held: boolean;
}

/**
 * The ports that may be leased on a host.
 * @param handedOut what connect() picks from (net.ipv4.ip_local_port_range)
 * @param reserved what somebody has reserved for himself (net.ipv4.ip_local_reserved_ports)
 */
export function candidatesOf(handedOut: PortRange, reserved: readonly PortRange[]): Candidates {
  const taken = new Set(famous);
  for (const { first, last } of reserved) for (let port = first; port <= last; port++) taken.add(port);
  const inside: number[] = [];
  const outside: number[] = [];
  for (let port = lowest; port <= highest; port++) {
    if (taken.has(port)) continue;
    (port >= handedOut.first && port <= handedOut.last ? inside : outside).push(port);
  }
  return outside.length >= fewest ? { ports: outside, held: false } : { ports: inside, held: true };
}

/** The ranges of RFC 6335 and of BSD, macOS and Windows: where the host does not say otherwise. */
const dynamic: PortRange = { first: 49_152, last: 65_535 };

function readLinux(): string {
  const read = (name: string): string => {
    try {
      return readFileSync(`/proc/sys/net/ipv4/${name}`, 'latin1').trim();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      return ''; // a kernel of a sandbox without this setting
    }
  };
  return `${read('ip_local_port_range')};${read('ip_local_reserved_ports')}`;
}

function readMac(): string {
  try {
    const names = ['net.inet.ip.portrange.first', 'net.inet.ip.portrange.last'];
    return `${execFileSync('sysctl', ['-n', ...names], { encoding: 'latin1' }).trim()};`;
  } catch {
    return ';';
  }
}

let macSettings: string | undefined;

/** The text of the settings, as Linux writes them: the range and what is reserved. */
function settingsText(): string {
  if (process.platform === 'linux') return readLinux();
  // On macOS it takes a program to read them, so once has to do.
  if (process.platform === 'darwin') macSettings ??= readMac();
  return macSettings ?? ';';
}

let known: { settings: string; candidates: Candidates } | undefined;

/** The ports that may be leased on this host; read anew each time, because a test may change the settings. */
export function candidates(): Candidates {
  const settings = settingsText();
  if (known?.settings !== settings) {
    const [range = '', reserved = ''] = settings.split(';');
    known = {
      settings,
      candidates: candidatesOf(parsePortRange(range) ?? dynamic, parsePortList(reserved) ?? []),
    };
  }
  return known.candidates;
}

let position = 0;

/**
 * The place in the list of candidates whose turn it is. It follows the clock, so that processes that know nothing of
 * each other go through the ports in the same order and come back to one only after `rest`; TIME-WAIT of an earlier
 * holder then does not keep a program from the port that binds without SO_REUSEADDR.
 * @param count how many candidates there are
 * @param contended whether the last place was taken: then others are at it too, and a leap parts from them
 */
export function nextPlace(count: number, contended: boolean): number {
  const step = Math.max(1, Math.ceil(rest / count));
  const leap = contended ? 1 + Math.floor(Math.random() * 128) : 1;
  position = Math.max(position + leap, Math.floor(Date.now() / step));
  return position % count;
}
