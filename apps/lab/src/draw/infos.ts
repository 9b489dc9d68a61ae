/** The packet list's rows: what a reader of captures knows from other tools, with the marks that Wireshark would add. */
import { formatAddress } from '../../../../src/wire/address.ts';
import { decodeIp } from '../../../../src/wire/ip.ts';
import { Flag, protocolTcp } from '../../../../src/wire/tcp.ts';
import { packetText } from '../../../../src/wire/text.ts';
import { Conversations, consumes, type Standing, windowShift } from '../text/conversation.ts';
import type { Arrow } from './drawing.ts';

/** What Wireshark says of a packet; it judges by one direction and the other, and knows no more. */
type WiresharkMark = 'retransmission' | 'out-of-order' | 'window-update' | 'port-reused';

export interface Info {
  readonly arrow: Arrow;
  readonly source: string;
  readonly destination: string;
  readonly protocol: string;
  readonly mark: WiresharkMark | null;
  readonly text: string;
}

export const markText: Readonly<Record<WiresharkMark, string>> = {
  retransmission: '[TCP Retransmission]',
  'out-of-order': '[TCP Out-Of-Order]',
  'window-update': '[TCP Window Update]',
  'port-reused': '[TCP Port numbers reused]',
};

/**
 * One row for each packet that left, in order. Windows are scaled as the SYNs agreed.
 * @param relative sequence numbers counted from each side's ISN
 */
export function infosOf(arrows: readonly Arrow[], relative = false): Info[] {
  const conversations = new Conversations();
  const windows = new Map<string, Seen>();
  return arrows
    .filter(({ copy }) => !copy)
    .map((arrow) => {
      const { bytes } = arrow;
      const standing = conversations.take(bytes);
      const [source, destination] = addresses(bytes);
      if (standing === null) {
        const text = packetText(bytes, 'short');
        return { arrow, source, destination, protocol: protocolOf(bytes), mark: null, text };
      }
      const mark = markOf(standing, windows);
      // Of thousands of rows few are looked at.
      return {
        arrow,
        source,
        destination,
        protocol: 'TCP',
        mark,
        get text(): string {
          return infoText(bytes, standing, mark, relative);
        },
      };
    });
}

/** What was seen last from an end. */
interface Seen {
  readonly isn: number | null;
  readonly ack: number;
  readonly window: number;
}

/** The mark that Wireshark gives a packet, by the rules of its analysis in short. */
function markOf(
  { segment, source, destination, again, crossed }: Standing,
  seen: Map<string, Seen>,
): WiresharkMark | null {
  const key = `${source} ${destination}`;
  const before = seen.get(key);
  const syn = (segment.flags & Flag.syn) !== 0;
  const acks = (segment.flags & Flag.ack) !== 0;
  seen.set(key, {
    isn: syn ? segment.seq : (before?.isn ?? null),
    ack: acks ? segment.ack : 0,
    window: segment.window,
  });
  if (again) return 'retransmission';
  if (before === undefined) return null;
  if (syn && !acks) return before.isn !== null && before.isn !== segment.seq ? 'port-reused' : null;
  // Of two directions that are one, the answer has a number that was sent already.
  if (crossed && source === destination) return 'out-of-order';
  const bare = acks && consumes(segment) === 0 && (segment.flags & Flag.rst) === 0;
  return bare && segment.ack === before.ack && segment.window !== before.window ? 'window-update' : null;
}

function infoText(
  bytes: Uint8Array,
  standing: Standing,
  mark: WiresharkMark | null,
  relative: boolean,
): string {
  const { segment, own, other } = standing;
  const bases = relative ? { seqBase: own.isn ?? 0, ackBase: other.isn ?? 0 } : {};
  const line = packetText(bytes, 'tshark', { windowShift: windowShift(standing), ...bases }).replace(
    /^\S+ → \S+ /,
    '',
  );
  const ports = `${segment.sourcePort} → ${segment.destinationPort}`;
  return `${mark === null ? '' : `${markText[mark]} `}${ports} ${line}`;
}

function protocolOf(bytes: Uint8Array): string {
  try {
    const { protocol } = decodeIp(bytes);
    return protocol === protocolTcp
      ? 'TCP'
      : protocol === 1
        ? 'ICMP'
        : protocol === 58
          ? 'ICMPv6'
          : `${protocol}`;
  } catch {
    // The text says what is wrong with it.
    return '';
  }
}

function addresses(bytes: Uint8Array): [source: string, destination: string] {
  try {
    const ip = decodeIp(bytes);
    return [formatAddress(ip.source), formatAddress(ip.destination)];
  } catch {
    // packetText says what is wrong with it.
    return ['', ''];
  }
}
