/** The system calls of a run: descriptors, the one call that may block, and what calls say about the socket under test. */

import type { SyscallSpec } from './ast.ts';
import { callAddresses } from './call-addresses.ts';
import type { CallContext } from './call-arguments.ts';
import { type PreparedCall, prepareCall } from './calls.ts';
import { type TimedEvent, timingProblem } from './clock.ts';
import type { DrillConfig } from './config.ts';
import { DrillError } from './failure.ts';
import type { Flow } from './flow.ts';
import { forEverUs, type Machine } from './machine.ts';
import { cannotRun } from './missing.ts';
import type { PacketEvents } from './run-packets.ts';
import type { Steps } from './steps.ts';
import type { Outcome } from './system-under-test.ts';

/** How long a call waits for a blocking one before it, as packetdrill does. */
const patienceUs = 1_000_000;
/** What a system answers to a call, or an option, that it lacks. */
const enosys = 38;

interface Pending {
  readonly spec: SyscallSpec;
  readonly prepared: PreparedCall;
  readonly timed: TimedEvent;
  /** When it should end, µs since the script's start; null if the script does not expect it to block. */
  readonly endUs: number | null;
}

export class CallEvents {
  private readonly machine: Machine;
  private readonly config: DrillConfig;
  private readonly packets: PacketEvents;
  private readonly fds = new Map<number, { readonly live: number; readonly flow: Flow | null }>();
  private pending: Pending | null = null;
  /** Called with what is wrong with a call's result; throws unless the run is told to go on. */
  private readonly report: (error: DrillError) => void;

  constructor(
    machine: Machine,
    config: DrillConfig,
    packets: PacketEvents,
    report: (error: DrillError) => void,
  ) {
    this.machine = machine;
    this.config = config;
    this.packets = packets;
    this.report = report;
    machine.onEnded = (outcome, atUs): void => this.finishPending(outcome, atUs);
  }

  /** Makes a call that is due now. @throws DrillError of kind syscall or timing */
  *run(spec: SyscallSpec, timed: TimedEvent): Steps<void> {
    const blocking = spec.endUs !== null;
    yield* this.awaitPending();
    if (this.pending !== null && blocking) {
      throw this.error(
        spec,
        'blocking system call while another blocking system call is already in progress',
      );
    }
    const prepared = prepareCall(spec, this.context());
    this.noteConnect(prepared);
    const endUs = blocking ? spec.endUs! + timed.offsetUs : null;
    const outcome = yield* this.machine.syscall(prepared.call);
    if (outcome !== 'pending') {
      this.finish({ spec, prepared, timed, endUs }, outcome, this.machine.now());
      return;
    }
    if (this.pending !== null) throw this.error(spec, 'the call blocks while another one already does');
    this.pending = { spec, prepared, timed, endUs };
    if (!blocking) yield* this.awaitUnexpectedBlock(spec);
  }

  /** The script is over: a call that still blocks is an error. */
  *end(): Steps<void> {
    yield* this.awaitPending();
    if (this.pending === null) return;
    const { spec } = this.pending;
    throw new DrillError(
      'syscall',
      'runtime error: exiting while a blocking system call is in progress',
      spec.at,
    );
  }

  private error(spec: SyscallSpec, message: string): DrillError {
    return new DrillError('syscall', `runtime error in ${spec.name} call: ${message}`, spec.at);
  }

  /** Lets a call that blocks come to its end, for a while. */
  *awaitPending(): Steps<void> {
    const until = this.machine.now() + patienceUs;
    while (this.pending !== null && this.machine.now() < until) {
      if ((yield* this.machine.step(until)) === 'idle') break;
    }
  }

  /** A call without an end time blocks: then the script waits with it, and nothing else can be injected meanwhile. */
  private *awaitUnexpectedBlock(spec: SyscallSpec): Steps<void> {
    const until = this.machine.now() + forEverUs;
    while (this.pending !== null) {
      const why = yield* this.machine.step(until);
      if (why === 'activity') continue;
      const message =
        why === 'idle'
          ? 'the call blocks, and nothing is left that could end it; a call that is meant to block is written +0...0.1'
          : 'the call blocked for a whole day';
      throw this.error(spec, message);
    }
  }

  private finishPending(outcome: Outcome, atUs: number): void {
    const { pending } = this;
    this.pending = null;
    if (pending !== null) this.finish(pending, outcome, atUs);
  }

  private finish({ spec, prepared, timed, endUs }: Pending, outcome: Outcome, atUs: number): void {
    const problem = prepared.problem(outcome);
    const lacks = outcome.value < 0 && outcome.errno === enosys;
    if (lacks && spec.errno?.names.includes('ENOSYS') !== true)
      throw cannotRun(`the stack has no ${spec.name}()`, spec.at);
    if (problem !== null) this.report(this.error(spec, problem));
    if (outcome.value >= 0) this.noteSuccess(prepared, outcome, spec);
    if (endUs === null) return;
    const end = { ...timed, us: endUs, endUs };
    const late = timingProblem('system call return', end, atUs, timed.us, this.config);
    if (late !== null) throw new DrillError('timing', late, spec.at);
  }

  private context(): CallContext {
    const { config } = this;
    return {
      ...callAddresses(config),
      toleranceUs: config.toleranceUs,
      startUs: this.machine.startUs,
      liveFd: (scriptFd) => this.fds.get(scriptFd)?.live,
    };
  }

  private flowOf(liveFd: number): Flow | null {
    for (const { live, flow } of this.fds.values()) if (live === liveFd) return flow;
    return null;
  }

  /** A call that may open a connection: the socket's next SYN is to be recognised. */
  private noteConnect({ call }: PreparedCall): void {
    if (call.name !== 'connect' && call.name !== 'sendto' && call.name !== 'sendmsg') return;
    if (call.address === null) return;
    const flow = this.flowOf(call.fd);
    if (flow === null) return;
    if (call.address.family === 0) {
      flow.state = 'new';
    } else if (flow.state === 'new') {
      flow.state = 'connecting';
      flow.localPort = 0;
      flow.remotePort = call.address.port;
    }
  }

  private noteSuccess({ call, newFds }: PreparedCall, outcome: Outcome, spec: SyscallSpec): void {
    switch (call.name) {
      case 'socket':
        this.addFd(
          newFds[0],
          outcome.value,
          this.packets.add(outcome.value, call.protocol === 0 ? 6 : call.protocol),
          spec,
        );
        break;
      case 'listen': {
        const flow = this.flowOf(call.fd);
        if (flow !== null) flow.state = 'listening';
        break;
      }
      case 'accept': {
        const flow = this.packets.flows.findLast(
          (it) => it.fd < 0 && (it.state === 'synack-sent' || it.state === 'synack-acked'),
        );
        if (flow !== undefined) flow.fd = outcome.value;
        // As in packetdrill, accept() alone may use a descriptor again: from now on it means the new socket.
        if (newFds[0] !== undefined) this.fds.delete(newFds[0]);
        this.addFd(newFds[0], outcome.value, flow ?? null, spec);
        break;
      }
      case 'open':
      case 'epoll_create':
        this.addFd(newFds[0], outcome.value, null, spec);
        break;
      case 'pipe':
        for (const [i, scriptFd] of newFds.entries())
          this.addFd(scriptFd, outcome.fds?.[i] ?? -1, null, spec);
        break;
      case 'close':
        for (const [scriptFd, { live }] of this.fds) if (live === call.fd) this.fds.delete(scriptFd);
        break;
    }
  }

  private addFd(scriptFd: number | undefined, live: number, flow: Flow | null, spec: SyscallSpec): void {
    if (scriptFd === undefined) return;
    if (this.fds.has(scriptFd)) throw this.error(spec, `duplicate fd ${scriptFd} in script`);
    this.fds.set(scriptFd, { live, flow });
  }
}
