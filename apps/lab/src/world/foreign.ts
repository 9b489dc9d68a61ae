/** Packets that do not come from the scenario's run: a script's, or those of an attempt in a capture. */
import { packetKey } from '../draw/drawing.ts';
import type { LabEvent } from './run.ts';
import type { Scenario, Text } from './scenario.ts';

export interface Foreign {
  readonly kind: 'script' | 'capture';
  readonly events: readonly LabEvent[];
  /** Lanes of the diagram, with what is written above each. */
  readonly lanes: readonly { readonly name: string; readonly title: Text; readonly address: string }[];
  /** What it is. */
  readonly title: Text;
  /** The scenario that is most like it, and the packets of both that the other has not. */
  readonly nearest: {
    readonly scenario: Scenario;
    readonly differing: ReadonlySet<string>;
    readonly differingThere: ReadonlySet<string>;
  } | null;
}

export const scriptPackets = (events: readonly LabEvent[]): Foreign => ({
  kind: 'script',
  events,
  lanes: [
    { name: 'host', title: { en: 'under test', zh: '被测系统' }, address: '' },
    { name: 'script', title: { en: 'script', zh: '脚本' }, address: '' },
  ],
  title: { en: 'Packets of the script', zh: '脚本的报文' },
  nearest: null,
});

/** One packet of a capture. */
export interface CapturedBytes {
  /** µs since the first packet of the attempt. */
  readonly at: number;
  readonly frame: number;
  readonly fromClient: boolean;
  readonly bytes: Uint8Array;
}

/** An attempt's packets as events. A capture has one moment for each packet: it leaves and arrives then. */
export function eventsOf(packets: readonly CapturedBytes[], selfConnect: boolean): LabEvent[] {
  return packets.flatMap(({ at, frame, fromClient, bytes }): LabEvent[] => {
    const from = fromClient || selfConnect ? 'client' : 'server';
    const to = fromClient && !selfConnect ? 'server' : 'client';
    const packet = { link: 'capture', from, n: frame };
    return [
      { kind: 'sent', at, packet, to, bytes },
      { kind: 'arrived', at, packet, to, bytes, copy: 0 },
    ];
  });
}

export { packetKey };
