/** The packets of a run as what happened between two nodes, for ladders and captures. */
import type { TracedPacket } from '../drill/machine.ts';
import type { PacketEvent } from '../sim/events.ts';

/** Each packet as sent and arrived at once: a stack that is not in a simulated network has no wire in between. */
export function eventsOfTrace(packets: readonly TracedPacket[]): PacketEvent[] {
  const counts = { host: 0, script: 0 };
  return packets.flatMap(({ atUs: at, direction, bytes }): PacketEvent[] => {
    const [from, to] = direction === 'out' ? (['host', 'script'] as const) : (['script', 'host'] as const);
    const packet = { link: 'tun0', from, n: ++counts[from] };
    return [
      { kind: 'sent', at, packet, to, bytes },
      { kind: 'arrived', at, packet, to, bytes, copy: 0 },
    ];
  });
}
