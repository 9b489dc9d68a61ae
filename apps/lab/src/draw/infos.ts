/** The packet list's rows: what a reader of captures knows from other tools. */
import { formatAddress } from '../../../../src/wire/address.ts';
import { decodeIp } from '../../../../src/wire/ip.ts';
import { packetText } from '../../../../src/wire/text.ts';
import { Conversations, type Standing, windowShift } from '../text/conversation.ts';
import type { Arrow } from './drawing.ts';

export interface Info {
  readonly arrow: Arrow;
  readonly source: string;
  readonly destination: string;
  readonly text: string;
}

/** One row for each packet that left, in order. Windows are scaled as the SYNs agreed. */
export function infosOf(arrows: readonly Arrow[]): Info[] {
  const conversations = new Conversations();
  return arrows
    .filter(({ copy }) => !copy)
    .map((arrow) => {
      const { bytes } = arrow;
      const standing = conversations.take(bytes);
      const [source, destination] = addresses(bytes);
      if (standing === null) return { arrow, source, destination, text: packetText(bytes, 'short') };
      // Of thousands of rows few are looked at.
      return {
        arrow,
        source,
        destination,
        get text(): string {
          return infoText(bytes, standing);
        },
      };
    });
}

function infoText(bytes: Uint8Array, standing: Standing): string {
  const { segment, again } = standing;
  const shift = { windowShift: windowShift(standing) };
  const line = packetText(bytes, 'tshark', shift).replace(/^\S+ → \S+ /, '');
  const ports = `${segment.sourcePort} → ${segment.destinationPort}`;
  return `${again ? '[TCP Retransmission] ' : ''}${ports} ${line}`;
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
