/** Sets of ports as the kernel's settings write them: `32768 60999`, `8080,9000-9010`. */

/** Ports from `first` to `last`, both included. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

const isPort = (value: number): boolean => Number.isInteger(value) && value >= 0 && value <= 65535;

/** Reads net.ipv4.ip_local_port_range; null if the text is not two ports in order. */
export function parsePortRange(text: string): PortRange | null {
  const [first, last, ...rest] = text.trim().split(/\s+/).map(Number);
  if (first === undefined || last === undefined || rest.length > 0) return null;
  return isPort(first) && isPort(last) && first <= last ? { first, last } : null;
}

/** Reads net.ipv4.ip_local_reserved_ports; null if a part is not a port or a range of ports. */
export function parsePortList(text: string): PortRange[] | null {
  const ranges: PortRange[] = [];
  for (const part of text.trim().split(',')) {
    if (part === '') continue;
    const match = /^(\d+)(?:-(\d+))?$/.exec(part);
    if (match === null) return null;
    const first = Number(match[1]);
    const last = Number(match[2] ?? match[1]);
    if (!isPort(first) || !isPort(last) || first > last) return null;
    ranges.push({ first, last });
  }
  return ranges;
}

/** The same ports in order, with neighbours and overlaps joined. */
function joinRanges(ranges: readonly PortRange[]): PortRange[] {
  const joined: PortRange[] = [];
  for (const range of [...ranges].sort((a, b) => a.first - b.first)) {
    const previous = joined.at(-1);
    if (previous !== undefined && range.first <= previous.last + 1) {
      joined[joined.length - 1] = { first: previous.first, last: Math.max(previous.last, range.last) };
    } else {
      joined.push(range);
    }
  }
  return joined;
}

/** Ports as the kernel's settings write them. */
export function portListText(ranges: readonly PortRange[]): string {
  return joinRanges(ranges)
    .map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`))
    .join(',');
}

/** Whether one of the ranges holds the port. */
export const holds = (ranges: readonly PortRange[], port: number): boolean =>
  ranges.some(({ first, last }) => port >= first && port <= last);

/** How many ports of `range` are in none of `others`. */
export function countOutside(range: PortRange, others: readonly PortRange[]): number {
  let count = range.last - range.first + 1;
  for (const other of joinRanges(others)) {
    count -= Math.max(0, Math.min(range.last, other.last) - Math.max(range.first, other.first) + 1);
  }
  return count;
}
