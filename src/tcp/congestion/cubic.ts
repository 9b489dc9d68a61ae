/**
 * CUBIC with HyStart as Linux has it (RFC 9438; net/ipv4/tcp_cubic.c, 6.18): after loss the window comes back along a
 * cubic curve to where it was, stays there for a while, and goes beyond; never slower than Reno would.
 */
import { seqGt } from '../../wire/seq.ts';
import { type Controller, type Flow, growSlowly, isLimited, slowStart } from './interface.ts';
import { CaState } from './state.ts';

/** What remains after loss, of 1024. */
const beta = 717;
/** Reno's slope beside that beta: 8 (1 + β) / 3 (1 - β). */
const friendlyScale = Math.floor(Math.floor((8 * (1024 + beta)) / 3) / (1024 - beta));
/** The curve's steepness C = 0.4, of 1024; the curve counts in 1024ths of a second. */
const steepness = 410;
const cubeFactor = 2 ** 40 / steepness;

/** HyStart begins at this window, packets. */
const hystartLowWindow = 16;
const hystartSamples = 8;
/** ACKs closer than this belong to one train, µs. */
const trainGap = 2000;

/** One connection's CUBIC. */
export class Cubic implements Controller {
  readonly name = 'cubic';
  /** One packet more for so many acknowledged. */
  private per = 0;
  /** The window before the last reductions; the curve's plateau, and the time to it in 1024ths of a second. */
  private lastMax = 0;
  private origin = 0;
  private k = 0;
  /** The window and the µs when the slope was computed last. */
  private lastCwnd = 0;
  private lastAt = -1;
  /** µs when the curve began, -1 before. */
  private epoch = -1;
  /** Packets since then, and the window that Reno would have. */
  private ackCount = 0;
  private renoCwnd = 0;
  /** The shortest round trip, µs; 0 if unknown. */
  private delayMin = 0;
  /** HyStart: slow start is over; samples of this round, and its shortest round trip. */
  private found = false;
  private samples = 0;
  private roundRtt = 0x7fffffff;
  private roundEnd = 0;
  private roundStart = 0;
  private lastAck = 0;

  constructor(flow: Flow) {
    this.delayMin = flow.synRtt;
    this.beginRound(flow);
  }

  private reset(): void {
    this.per = this.lastMax = this.origin = this.k = this.lastCwnd = 0;
    this.ackCount = this.renoCwnd = this.delayMin = 0;
    this.epoch = this.lastAt = -1;
    this.found = false;
  }

  private beginRound(flow: Flow): void {
    this.roundStart = this.lastAck = flow.services.now;
    this.roundEnd = flow.sndNxt;
    this.roundRtt = 0x7fffffff;
    this.samples = 0;
  }

  threshold(flow: Flow): number {
    this.epoch = -1;
    // Fast convergence: who lost below the last maximum leaves room to others.
    this.lastMax = flow.cwnd < this.lastMax ? Math.floor((flow.cwnd * (1024 + beta)) / 2048) : flow.cwnd;
    return Math.max(Math.floor((flow.cwnd * beta) / 1024), 2);
  }

  undone(flow: Flow): number {
    return Math.max(flow.cwnd, flow.recovery.priorCwnd);
  }

  stateChanged(flow: Flow, state: number): void {
    if (state !== CaState.loss) return;
    this.reset();
    this.beginRound(flow);
  }

  /** A pause does not count as time on the curve. */
  resumed(flow: Flow): void {
    const { now } = flow.services;
    const pause = now - flow.lastSendAt;
    if (this.epoch >= 0 && pause > 0) this.epoch = Math.min(this.epoch + pause, now);
  }

  acked(flow: Flow, packets: number): void {
    if (!isLimited(flow)) return;
    const rest = flow.cwnd < flow.ssthresh ? slowStart(flow, packets) : packets;
    if (rest === 0) return;
    this.slope(flow.cwnd, rest, flow.services.now);
    growSlowly(flow, this.per, rest);
  }

  /** How many packets have to be acknowledged for one more (bictcp_update). */
  private slope(cwnd: number, acked: number, now: number): void {
    this.ackCount += acked;
    if (this.lastCwnd === cwnd && now - this.lastAt <= 1e6 / 32) return;
    if (this.epoch < 0 || now - this.lastAt >= 1000) this.onCurve(cwnd, acked, now);
    this.notSlowerThanReno(cwnd);
    // Half as much again in a round trip at the most.
    this.per = Math.max(this.per, 2);
  }

  private onCurve(cwnd: number, acked: number, now: number): void {
    this.lastCwnd = cwnd;
    this.lastAt = now;
    if (this.epoch < 0) {
      this.epoch = now;
      this.ackCount = acked;
      this.renoCwnd = cwnd;
      const below = this.lastMax - cwnd;
      this.k = below > 0 ? Math.floor(Math.cbrt(cubeFactor * below)) : 0;
      this.origin = below > 0 ? this.lastMax : cwnd;
    }
    const t = Math.floor(((now - this.epoch + this.delayMin) * 1024) / 1e6);
    const distance = Math.abs(t - this.k);
    const rise = Math.floor((steepness * distance ** 3) / 2 ** 40);
    const target = t < this.k ? this.origin - rise : this.origin + rise;
    this.per = target > cwnd ? Math.floor(cwnd / (target - cwnd)) : 100 * cwnd;
    // While nothing was lost yet nothing is known: 5 % a round trip at least.
    if (this.lastMax === 0 && this.per > 20) this.per = 20;
  }

  private notSlowerThanReno(cwnd: number): void {
    const per = (cwnd * friendlyScale) >> 3;
    if (per > 0 && this.ackCount > per) {
      const steps = Math.ceil(this.ackCount / per) - 1;
      this.ackCount -= steps * per;
      this.renoCwnd += steps;
    }
    if (this.renoCwnd > cwnd) this.per = Math.min(this.per, Math.floor(cwnd / (this.renoCwnd - cwnd)));
  }

  measured(flow: Flow, rtt: number): void {
    // Right after recovery delays say little.
    if (this.epoch >= 0 && flow.services.now - this.epoch < 1e6) return;
    const delay = Math.max(rtt, 1);
    if (this.delayMin === 0 || this.delayMin > delay) this.delayMin = delay;
    if (!this.found && flow.cwnd < flow.ssthresh) this.hystart(flow, delay);
  }

  /** Leaves slow start before it loses: a long train of ACKs, or round trips that grow (hystart_update). */
  private hystart(flow: Flow, delay: number): void {
    if (seqGt(flow.sndUna, this.roundEnd)) this.beginRound(flow);
    if (flow.cwnd < hystartLowWindow) return;
    const { now } = flow.services;
    if (now - this.lastAck <= trainGap) {
      this.lastAck = now;
      // Four of the largest offloaded segments may be under way at once.
      const slack = flow.pacingRate > 0 ? Math.min(1000, Math.floor((65536 * 4 * 1e6) / flow.pacingRate)) : 0;
      if (now - this.roundStart > (this.delayMin + slack) >> 1) this.leave(flow);
    }
    if (this.roundRtt > delay) this.roundRtt = delay;
    if (this.samples < hystartSamples) this.samples++;
    else if (this.roundRtt > this.delayMin + Math.min(Math.max(this.delayMin >> 3, 4000), 16_000))
      this.leave(flow);
  }

  private leave(flow: Flow): void {
    this.found = true;
    flow.ssthresh = flow.cwnd;
  }
}
