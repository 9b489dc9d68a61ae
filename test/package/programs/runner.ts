// Runs scripts on a stack of one's own: here one that answers every SYN with a RST, and one that never answers.
import {
  type Advance,
  type AsyncSystemUnderTest,
  formatFailure,
  type OutboundPacket,
  type Outcome,
  runScript,
  runScriptAsync,
  type SystemCall,
  type SystemUnderTest,
} from 'halfopen/drill';
import { decodeIp, decodeTcp, encodeIp, encodeTcp, Flag, ipPacket } from 'halfopen/wire';

class Refusing implements SystemUnderTest {
  private time = 0;
  private readonly packets: OutboundPacket[] = [];

  now(): number {
    return this.time;
  }

  advance(untilUs: number): Advance {
    if (this.packets.length > 0) return 'activity';
    if (untilUs === Number.POSITIVE_INFINITY) return 'idle';
    this.time = untilUs;
    return 'reached';
  }

  nextPacket(): OutboundPacket | null {
    return this.packets.shift() ?? null;
  }

  inject(packet: Uint8Array): void {
    const { source, destination, payload } = decodeIp(packet);
    const syn = decodeTcp(payload);
    if ((syn.flags & Flag.syn) === 0) return;
    const reset = {
      sourcePort: syn.destinationPort,
      destinationPort: syn.sourcePort,
      seq: 0,
      ack: syn.seq + 1,
      flags: Flag.rst | Flag.ack,
      window: 0,
      urgent: 0,
      options: [],
      payload: new Uint8Array(0),
    };
    const bytes = encodeIp(
      ipPacket({
        source: destination,
        destination: source,
        protocol: 6,
        payload: encodeTcp(reset, destination, source),
      }),
    );
    this.packets.push({ bytes, atUs: this.time });
  }

  syscall(call: SystemCall): Outcome {
    return call.name === 'socket' ? { value: 3, errno: 0 } : { value: -1, errno: 38 };
  }
}

const text = '0 < S 0:0(0) win 1000 <mss 1000>\n+0 > R. 0:0(0) ack 1 win 0\n';
const passed = runScript({ file: 'refused.pkt', text, open: () => new Refusing() });
console.log(passed.failure === null ? 'passed' : formatFailure(passed.failure), passed.packets.length);
const failed = runScript({ file: 'other.pkt', text: text.replace('R.', 'S.'), open: () => new Refusing() });
console.log(failed.failure?.kind, failed.failure?.line);

const stop = new AbortController();
setTimeout(() => stop.abort(), 20);
const stuck: AsyncSystemUnderTest = {
  now: () => 0,
  advance: () => new Promise<Advance>(() => {}),
  nextPacket: () => null,
  inject: () => {},
  syscall: (call) => new Refusing().syscall(call),
};
try {
  await runScriptAsync({ file: 'stuck.pkt', text, open: () => stuck, signal: stop.signal });
} catch (error) {
  console.log(error instanceof Error ? error.name : error);
}
