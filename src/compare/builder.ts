/** Builds a scenario step by step, from the text that a script would have. */
import type { Action } from '../drill/ast.ts';
import { parseScript } from '../drill/parser.ts';
import type { IpVersion } from '../drill/system-under-test.ts';
import type { Prng } from '../sim/prng.ts';
import type { Scenario, Step, Stimulus } from './scenario.ts';

/** The action that a piece of script text is. */
const parseAction = (text: string): Action => parseScript(`0 ${text}`).events[0]!.action;

export class Builder {
  readonly random: Prng;
  readonly ipVersion: IpVersion;
  readonly flows: { opens: 'system' | 'peer'; peerPort: number }[] = [];
  private readonly steps: Step[] = [];
  private atUs = 0;

  constructor(random: Prng, ipVersion: IpVersion) {
    this.random = random;
    this.ipVersion = ipVersion;
  }

  /** One of several, each as likely. */
  pick<T>(choices: readonly T[]): T {
    return choices[this.random.below(choices.length)]!;
  }

  chance(probability: number): boolean {
    return this.random.unit() < probability;
  }

  wait(ms: number): void {
    this.atUs += ms * 1000;
  }

  /** A pause that none of the usual timers (40 and 200 ms, 1 s) ends with. */
  pause(): void {
    this.wait(this.pick([1, 1, 3, 7, 13, 60, 90, 110, 130, 330, 530, 730]));
  }

  private add(stimulus: Stimulus): void {
    this.steps.push({ atUs: this.atUs, stimulus });
    // Two things at one moment would race on the kernel.
    this.atUs += 500;
  }

  /** A system call; `fd` is the descriptor that it makes. */
  call(text: string, fd: number | null = null): void {
    const action = parseAction(`${text} = ${fd ?? 0}`);
    if (action.kind === 'syscall') this.add({ kind: 'call', call: action.call, text });
  }

  set(fd: number, level: string, option: string, value: number): void {
    this.call(`setsockopt(${fd}, ${level}, ${option}, [${value}], 4)`);
  }

  get(fd: number, level: string, option: string): void {
    this.call(`getsockopt(${fd}, ${level}, ${option}, [0], [4])`);
  }

  nonBlocking(fd: number): void {
    this.call(`fcntl(${fd}, F_SETFL, O_RDWR|O_NONBLOCK)`);
  }

  /** An inbound packet, as it stands behind `<`. */
  packet(flow: number, text: string): void {
    const action = parseAction(`< ${text}`);
    if (action.kind === 'packet') this.add({ kind: 'packet', packet: action.packet, flow, text });
  }

  sysctl(name: string, value: string | number): void {
    this.add({ kind: 'sysctl', name, value: String(value) });
  }

  look(fd: number): void {
    this.add({ kind: 'look', fd });
  }

  scenario(name: string, about: string, afterMs: number): Scenario {
    const mtu = this.ipVersion === 'ipv6' ? 1520 : 1500;
    const { steps, flows, ipVersion } = this;
    return { name, about, ipVersion, mtu, steps, flows, afterUs: afterMs * 1000 };
  }
}
