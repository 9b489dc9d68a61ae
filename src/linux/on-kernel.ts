/**
 * The machine's own kernel as a system under test: a network namespace with a TUN device, real system calls, real time.
 *
 * Packets go in by the TUN device. They are looked at on their way out by a packet socket, since that tells when the
 * kernel sent each; the TUN device is emptied beside. Everything is synchronous: a network namespace belongs to a
 * thread, and work of Node's thread pool would be done in another one. Only system calls that may block go to a second
 * thread (a descriptor is the same in all threads).
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import type {
  Advance,
  DrillNetwork,
  InfoKind,
  OutboundPacket,
  Outcome,
  SystemCall,
  SystemUnderTest,
} from '../drill/system-under-test.ts';
import type { BlockingCalls } from './blocking-calls.ts';
import { kernelCall, mayBlock } from './kernel-calls.ts';
import { type NetworkNamespace, newNetworkNamespace } from './namespace.ts';
import { K, must, type Sys } from './sys.ts';
import { kernelInfo } from './tcp-info.ts';
import { interfaceIndex, Links, openTun, type Tun } from './tun.ts';

/** What a run on the kernel is made from, beside the script's network. */
interface KernelOptions {
  /** The congestion control of all connections; null leaves the namespace's default. */
  readonly congestion: string | null;
  /** Folder in which commands run. */
  readonly folder: string;
  /** Makes calls that block; null if none will: then a call that blocks holds up everything. */
  readonly blocking: BlockingCalls | null;
}

const tunName = 'tun0';
/** The last stretch before a moment is waited for awake: a sleeping process is late by some ten µs. */
const spinUs = 300;
/** How long a call that may block is given at least before it is taken to block, µs. */
const blocksAfterUs = 1500;
/** How long the thread that makes such calls may take to begin with one, at most: a machine that is as busy is lost, µs. */
const startsWithinUs = 2_000_000;
/** How long a call that still blocks gets to notice that its socket is shut, µs. */
const letsGoUs = 100_000;
/** Nothing has happened for so long that nothing will: more than the longest pause of a retransmission timer (120 s), µs. */
const deadUs = 150_000_000;
/** How long a command of a script may take, ms. */
const commandMs = 60_000;
/** No descriptor is as high. */
const badFd = 0x7fff_fff0;
const packetOutgoing = 4;
const shutBoth = 2;
const ethPAll = 0x0300; // ETH_P_ALL in network order
const frameBytes = 70_000;

/** CLOCK_MONOTONIC, µs. */
function monotonicUs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e6 + Math.floor(nanoseconds / 1000);
}

/** Makes the namespace for a script's network. The process must be allowed to (see `spawnInNamespace`). */
export function openKernel(sys: Sys, network: DrillNetwork, options: KernelOptions): KernelSystem {
  return new KernelSystem(sys, network, options);
}

export class KernelSystem implements SystemUnderTest {
  private readonly sys: Sys;
  private readonly network: DrillNetwork;
  private readonly options: KernelOptions;
  private readonly namespace: NetworkNamespace;
  private readonly tun: Tun;
  private readonly packets: number;
  private readonly sent: OutboundPacket[] = [];
  private readonly fds = new Set<number>();
  private end: { readonly outcome: Outcome; readonly atUs: number } | null = null;
  /** The call that the second thread is at. */
  private waiting: SystemCall | null = null;
  private readonly frame = Buffer.alloc(frameBytes);
  private readonly from = Buffer.alloc(20);
  /** The congestion control in force. */
  private congestion: string | null;

  constructor(sys: Sys, network: DrillNetwork, options: KernelOptions) {
    this.sys = sys;
    this.network = network;
    this.options = options;
    this.congestion = options.congestion;
    this.namespace = newNetworkNamespace(sys);
    try {
      [this.tun, this.packets] = this.namespace.run(() => this.setUp());
    } catch (error) {
      this.namespace.close();
      throw error;
    }
  }

  private setUp(): [Tun, number] {
    const { sys, network } = this;
    quiet();
    const tun = openTun(sys, tunName);
    const links = new Links(sys);
    try {
      links.up(interfaceIndex(sys, 'lo'));
      links.up(tun.index, network.mtu);
      links.address(tun.index, network.localIp, network.prefixLength);
      this.route(links, tun.index);
    } finally {
      links.close();
    }
    return [tun, this.packetSocket(tun.index)];
  }

  /** packetdrill's route to the remote address; its congestion control overrules what the namespace may not choose. */
  private route(links: Links, index: number): void {
    const { remoteIp, gatewayIp, localIp } = this.network;
    // The built-in host does not mind a gateway that is itself; the kernel does.
    const gateway = gatewayIp === localIp ? nextAddress(gatewayIp) : gatewayIp;
    links.route(index, remoteIp, remoteIp.includes(':') ? 128 : 32, gateway, this.congestion);
  }

  private packetSocket(index: number): number {
    const { sys } = this;
    const type = K.SOCK_DGRAM | K.SOCK_NONBLOCK | K.SOCK_CLOEXEC;
    const fd = must('socket(AF_PACKET)', sys.call('socket', K.AF_PACKET, type, 0));
    must('SO_TIMESTAMPNS', sys.setsockoptInt(fd, K.SOL_SOCKET, K.SO_TIMESTAMPNS, 1));
    sys.setsockoptInt(fd, K.SOL_SOCKET, K.SO_RCVBUF, 4 << 20);
    const address = Buffer.alloc(20);
    address.writeUInt16LE(K.AF_PACKET, 0);
    address.writeUInt16LE(ethPAll, 2);
    address.writeInt32LE(index, 4);
    must('bind(AF_PACKET)', sys.call('bind', fd, address, address.length));
    return fd;
  }

  now(): number {
    return monotonicUs();
  }

  advance(untilUs: number): Advance {
    const quietUntil = monotonicUs() + deadUs;
    for (;;) {
      if (this.look()) return 'activity';
      const now = monotonicUs();
      if (now >= untilUs) return 'reached';
      if (now >= quietUntil) return 'idle';
      const left = Math.min(untilUs, quietUntil) - now;
      if (left <= spinUs) continue;
      const wake = this.options.blocking?.wake ?? -1;
      const fds = [{ fd: this.packets, events: K.POLLIN }];
      if (wake >= 0) fds.push({ fd: wake, events: K.POLLIN });
      this.sys.poll(fds, left - spinUs);
    }
  }

  /** Whether there is something to look at. */
  private look(): boolean {
    this.drain();
    this.end ??= this.blockingEnd();
    return this.sent.length > 0 || this.end !== null;
  }

  /** Takes what the kernel has sent; its times are of the real clock, which may be set meanwhile. */
  private drain(): void {
    const { sys, frame, from } = this;
    const ahead = sys.clockUs(0) - monotonicUs();
    for (;;) {
      const { value, control } = sys.recvmsg(this.packets, [frame], K.MSG_DONTWAIT, from, 64);
      if (value < 0) break;
      if (from[10] !== packetOutgoing) continue;
      const time = control.find(({ type }) => type === K.SO_TIMESTAMPNS)?.data;
      const view = time === undefined ? null : Buffer.from(time);
      const realUs =
        view === null ? null : Number(view.readBigInt64LE(0)) * 1e6 + Number(view.readBigInt64LE(8)) / 1000;
      const atUs = realUs === null ? monotonicUs() : Math.round(realUs - ahead);
      this.sent.push({ bytes: Uint8Array.from(frame.subarray(0, value)), atUs });
    }
    while (sys.call('read', this.tun.fd, frame, frame.length) >= 0);
  }

  nextPacket(): OutboundPacket | null {
    if (this.sent.length === 0) this.drain();
    return this.sent.shift() ?? null;
  }

  inject(packet: Uint8Array): void {
    must('write to the TUN device', this.sys.call('write', this.tun.fd, packet, packet.length));
  }

  syscall(asked: SystemCall): Outcome | 'pending' {
    const { sys } = this;
    const call = this.onlyOurs(asked);
    const { blocking } = this.options;
    const blocks = mayBlock(sys, call);
    // Nobody can wait for it, or the one who could does already.
    if (blocks && (blocking === null || blocking.busy)) return this.withoutBlocking(call);
    if (blocking === null || !blocks) {
      const outcome =
        call.name === 'socket' ? this.namespace.run(() => kernelCall(sys, call)) : kernelCall(sys, call);
      return this.note(call, outcome);
    }
    blocking.start(call);
    this.waiting = call;
    return this.endSoon(blocking)?.outcome ?? 'pending';
  }

  /**
   * The end of the call that the second thread has just been given; null if it blocks. Time alone does not tell: on a busy
   * machine the thread may not even have begun.
   */
  private endSoon(blocking: BlockingCalls): { readonly outcome: Outcome } | null {
    const started = monotonicUs();
    for (let asleep = 0; ; ) {
      const end = this.blockingEnd();
      if (end !== null) return end;
      const passed = monotonicUs() - started;
      if (passed > startsWithinUs) return null;
      // Asleep once may be on its way into the call, or out of it.
      asleep = blocking.sleeps() ? asleep + 1 : 0;
      if (asleep > 2 && passed > blocksAfterUs) return null;
      if (passed > blocksAfterUs) this.sys.poll([{ fd: blocking.wake, events: K.POLLIN }], 200);
    }
  }

  /** A call on a descriptor that this run did not make is one on a bad descriptor: others of this process are not its own. */
  private onlyOurs(call: SystemCall): SystemCall {
    const ours = (fd: number): number => (this.fds.has(fd) ? fd : badFd);
    if (call.name === 'poll')
      return { ...call, fds: call.fds.map((it) => (it.fd < 0 ? it : { ...it, fd: ours(it.fd) })) };
    if (call.name === 'epoll_ctl') return { ...call, epfd: ours(call.epfd), fd: ours(call.fd) };
    if (call.name === 'epoll_wait') return { ...call, epfd: ours(call.epfd) };
    if ('out' in call) return { ...call, in: ours(call.in), out: ours(call.out) };
    return 'fd' in call ? { ...call, fd: ours(call.fd) } : call;
  }

  /** Makes a call that may block where nobody can wait for it: if it would, it never ends. */
  private withoutBlocking(call: SystemCall): Outcome | 'pending' {
    const { sys } = this;
    if (call.name === 'poll' || call.name === 'epoll_wait') {
      const outcome = kernelCall(sys, { ...call, timeoutMs: 0 });
      return outcome.value === 0 ? 'pending' : outcome;
    }
    const fds = 'fd' in call ? [call.fd] : 'out' in call ? [call.out, call.in] : [];
    const flags = fds.map((fd) => sys.call('fcntl', fd, K.F_GETFL, 0));
    const set = (extra: number): void => {
      fds.forEach((fd, i) => {
        if (flags[i]! >= 0) sys.call('fcntl', fd, K.F_SETFL, flags[i]! | extra);
      });
    };
    set(K.O_NONBLOCK);
    const outcome = kernelCall(sys, call);
    if (call.name !== 'close' || outcome.value < 0) set(0);
    const wouldBlock =
      outcome.errno === K.EAGAIN || (call.name === 'connect' && outcome.errno === K.EINPROGRESS);
    return wouldBlock ? 'pending' : this.note(call, outcome);
  }

  /** Remembers descriptors: all of them are closed in the end. */
  private note(call: SystemCall, outcome: Outcome): Outcome {
    if (outcome.value < 0) return outcome;
    if (call.name === 'close') this.fds.delete(call.fd);
    else if (['socket', 'accept', 'open', 'epoll_create'].includes(call.name)) this.fds.add(outcome.value);
    else for (const fd of outcome.fds ?? []) this.fds.add(fd);
    return outcome;
  }

  ended(): { readonly outcome: Outcome; readonly atUs: number } | null {
    const end = this.end ?? this.blockingEnd();
    this.end = null;
    return end;
  }

  /** The end of the call that the second thread was at, its descriptors remembered. */
  private blockingEnd(): { readonly outcome: Outcome; readonly atUs: number } | null {
    const end = this.options.blocking?.ended() ?? null;
    if (end === null || this.waiting === null) return null;
    this.note(this.waiting, end.outcome);
    this.waiting = null;
    return end;
  }

  info(fd: number, kind: InfoKind): Record<string, number> | null {
    return kernelInfo(this.sys, fd, kind);
  }

  /** Runs a command in a real shell inside the namespace. This is no sandbox: it can do what the user can. */
  command(text: string): { status: number; output: string } {
    const sysctl = /^sysctl -q -w ([a-z0-9_.]+)="([^"]*)"$/.exec(text);
    if (sysctl !== null) {
      const done = this.sysctl(sysctl[1]!, sysctl[2]!);
      this.followCongestion(text);
      return done;
    }
    const result = this.namespace.run(() =>
      spawnSync('/bin/sh', ['-c', withoutWhatIsSo(text)], {
        cwd: this.options.folder,
        // As packetdrill does: the scripts of its suite name files by this number and by $PPID.
        env: { ...process.env, PACKETDRILL_PID: `${process.pid}` },
        encoding: 'utf8',
        timeout: commandMs,
        killSignal: 'SIGKILL',
        maxBuffer: 4 << 20,
      }),
    );
    this.followCongestion(text);
    const trouble = result.error === undefined ? '' : `${result.error.message}\n`;
    return { status: result.status ?? 1, output: `${result.stdout ?? ''}${result.stderr ?? ''}${trouble}` };
  }

  /** A sysctl alone needs no shell. */
  private sysctl(name: string, value: string): { status: number; output: string } {
    try {
      this.namespace.run(() => writeFileSync(`/proc/sys/${name.replaceAll('.', '/')}`, value));
      return { status: 0, output: '' };
    } catch (error) {
      return { status: 1, output: `${(error as Error).message}\n` };
    }
  }

  /**
   * A script that chooses a congestion control gets it: by the route, since a namespace may not choose by sysctl what
   * tcp_allowed_congestion_control of the first one lacks, and since the route that is there would overrule the sysctl.
   */
  private followCongestion(text: string): void {
    const chosen = [...text.matchAll(/tcp_congestion_control\s*=\s*"?([a-z0-9_]+)/g)].at(-1)?.[1];
    if (chosen === undefined || chosen === this.congestion) return;
    this.congestion = chosen;
    this.namespace.run(() => {
      const links = new Links(this.sys);
      try {
        this.route(links, this.tun.index);
      } finally {
        links.close();
      }
    });
  }

  /** Whether no call blocks any more. */
  idle(): boolean {
    return this.options.blocking?.busy !== true;
  }

  close(): void {
    const { blocking } = this.options;
    if (blocking?.busy === true) {
      for (const fd of this.fds) this.sys.call('shutdown', fd, shutBoth);
      const until = monotonicUs() + letsGoUs;
      while (this.blockingEnd() === null && monotonicUs() < until)
        this.sys.poll([{ fd: blocking.wake, events: K.POLLIN }], 1000);
    }
    for (const fd of [...this.fds, this.packets, this.tun.fd]) this.sys.call('close', fd);
    this.namespace.close();
  }
}

/** A script's writes to the machine's settings that say what they are already: nobody may write, and nothing has to be done. */
const withoutWhatIsSo = (text: string): string =>
  text.replace(/^[ \t]*echo (\S+) > (\/sys\/\S+)[ \t]*$/gm, (line, value: string, file: string) => {
    try {
      return readFileSync(file, 'utf8').trim() === value ? ':' : line;
    } catch {
      return line;
    }
  });

/** No packets but the script's: IPv6 neither asks for routers nor checks for duplicates here. */
function quiet(): void {
  for (const [name, value] of [
    ['router_solicitations', '0'],
    ['accept_dad', '0'],
    ['addr_gen_mode', '1'],
  ]) {
    try {
      writeFileSync(`/proc/sys/net/ipv6/conf/default/${name}`, `${value}`);
    } catch {
      return; // A kernel without IPv6 has none of these.
    }
  }
}

/** The address after an IPv4 one. */
function nextAddress(ip: string): string {
  const [a, b, c, d] = ip.split('.').map(Number) as [number, number, number, number];
  return `${a}.${b}.${c}.${d + 1}`;
}
