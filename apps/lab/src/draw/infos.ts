/** The packet list's rows: what a reader of captures knows from other tools. */
import { formatAddress } from '../../../../src/wire/address.ts';
import { decodeIp } from '../../../../src/wire/ip.ts';
import { Flag } from '../../../../src/wire/tcp.ts';
import { packetText } from '../../../../src/wire/text.ts';
import { segmentOf } from '../text/describe.ts';
import { consumes } from '../text/fields.ts';
import type { Arrow } from './drawing.ts';

export interface Info {
  readonly arrow: Arrow;
  readonly source: string;
  readonly destination: string;
  readonly text: string;
}

/** One row for each packet that left, in order. Windows are scaled as the SYNs agreed. */
export function infosOf(arrows: readonly Arrow[]): Info[] {
  const shifts = new Map<string, number | null>();
  const seen = new Set<string>();
  return arrows
    .filter(({ copy }) => !copy)
    .map((arrow) => {
      const { bytes } = arrow;
      const segment = segmentOf(bytes);
      let [source, destination] = ['', ''];
      try {
        const ip = decodeIp(bytes);
        source = formatAddress(ip.source);
        destination = formatAddress(ip.destination);
      } catch {
        // packetText says what is wrong with it.
      }
      if (segment === null) return { arrow, source, destination, text: packetText(bytes, 'short') };
      const forward = `${source} ${segment.sourcePort} ${destination} ${segment.destinationPort}`;
      const backward = `${destination} ${segment.destinationPort} ${source} ${segment.sourcePort}`;
      if (segment.flags & Flag.syn) {
        const scale = segment.options.find((option) => option.kind === 'windowScale');
        shifts.set(forward, scale?.shift ?? null);
      }
      const [own, other] = [shifts.get(forward) ?? null, shifts.get(backward) ?? null];
      const windowShift = own !== null && other !== null ? own : 0;
      const number = `${forward} ${segment.seq} ${segment.flags & (Flag.syn | Flag.fin | Flag.ack)}`;
      const again = consumes(segment) > 0 && seen.has(number);
      if (consumes(segment) > 0) seen.add(number);
      const line = packetText(bytes, 'tshark', { windowShift }).replace(/^\S+ → \S+ /, '');
      const ports = `${segment.sourcePort} → ${segment.destinationPort}`;
      return { arrow, source, destination, text: `${again ? '[TCP Retransmission] ' : ''}${ports} ${line}` };
    });
}
