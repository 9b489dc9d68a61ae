/** How long a plan takes at best: what the judge of the end goes by. */
import type { Plan, Program } from './plan.ts';

/** The ideal time of a plan, µs: what the path and the programs take at best, without any loss. */
export function idealTime(plan: Plan): number {
  const oneWay = plan.conditions.map((it) => {
    const { delayUs = 0, jitterUs = 0, reorderUs = 0, bandwidth, queueBytes = 0 } = it;
    return delayUs + jitterUs + reorderUs + (bandwidth === undefined ? 0 : (queueBytes * 8e6) / bandwidth);
  });
  const rtt = oneWay[0]! + oneWay[1]!;
  let ideal = 3 * rtt;
  for (const i of [0, 1] as const) {
    const it = plan.programs[i];
    const other = plan.programs[1 - i]!;
    const small = smallBuffers(plan, i);
    // A window of one of the smallest buffers takes little, and no small write waits for another if it must not.
    // Where a black hole is suspected, segments become as small as tcp_mtu_probe_floor, and stay so for minutes.
    const largest = 'net.ipv4.tcp_mtu_probing' in plan.sysctls[i] ? 48 : Math.min(...plan.mtu) - 100;
    // A buffer below a packet: what is left of the window, which does not shrink, may be a tenth of it for good.
    const tiny = other.rcvBuf > 0 && other.rcvBuf < Math.max(...plan.mtu);
    const mss = small ? Math.min(tiny ? 100 : 500, largest, it.noDelay ? 2 * it.chunk : 500) : largest;
    const wire = it.total * (1 + 100 / Math.min(mss, it.noDelay ? it.chunk : mss));
    const bandwidth = plan.conditions[i].bandwidth ?? 1e10;
    ideal += (wire * 8e6) / bandwidth + Math.log2(2 + it.total / mss) * rtt;
    ideal += small ? (it.total / mss) * (rtt + 240_000) : (it.total / 48_000) * rtt;
    if (it.thinkEvery > 0) ideal += Math.ceil(it.total / it.thinkEvery) * (it.thinkUs + rtt + 240_000);
    if (other.readPauseUs > 0) ideal += readingTime(it, other);
  }
  for (const { us } of plan.outages) ideal += us;
  for (const { us } of plan.sleeps) ideal += us;
  return ideal;
}

/** A buffer takes no more than a segment or two: every one of them may wait for a delayed ACK. */
function smallBuffers(plan: Plan, from: 0 | 1): boolean {
  const [sender, receiver] = [plan.programs[from], plan.programs[1 - from]!];
  const small = (sysctls: Record<string, string | number>, name: string): boolean =>
    `net.ipv4.${name}` in sysctls;
  const mtu = Math.max(...plan.mtu);
  return (
    (sender.sndBuf > 0 && sender.sndBuf < 8 * mtu) ||
    (receiver.rcvBuf > 0 && receiver.rcvBuf < 8 * mtu) ||
    small(plan.sysctls[from], 'tcp_wmem') ||
    small(plan.sysctls[1 - from]!, 'tcp_rmem')
  );
}

const readingTime = (sender: Program, reader: Program): number =>
  Math.ceil(sender.total / Math.min(reader.read, 1400)) * reader.readPauseUs;
