/** Runs a script on a system under test: its init command, its events in order, its cleanup, its snippets. */
import type { AbortSignalLike } from '../wire/abort.ts';
import type { Event, Script } from './ast.ts';
import { schedule, type TimedEvent, timingProblem } from './clock.ts';
import { configOf, type DrillConfig, networkOf } from './config.ts';
import { DrillError, type Failure, placeOf } from './failure.ts';
import { Machine, type TracedPacket } from './machine.ts';
import { refuseWhatIsMissing } from './missing.ts';
import { mostSeconds, semanticError } from './parse-number.ts';
import { parseScript } from './parser.ts';
import { CallEvents } from './run-calls.ts';
import { PacketEvents } from './run-packets.ts';
import { type PythonRunner, runSnippets, type Snippet, snapshot } from './snippets.ts';
import { type Steps, settled, throughAll, throughAllAsync } from './steps.ts';
import type { AsyncSystemUnderTest, IpVersion, OpenAsyncSystem, OpenSystem } from './system-under-test.ts';

/** What to run, and on what. */
export interface RunOptions {
  /** The script's name, for messages. */
  readonly file: string;
  readonly text: string;
  /** Makes the system under test. */
  readonly open: OpenSystem;
  /** Which of packetdrill's address set-ups; the script's own `--ip_version` is weaker. ipv4 if not given. */
  readonly ipVersion?: IpVersion;
  /** What `-D name=value` replaces. */
  readonly defines?: ReadonlyMap<string, string>;
  /** packetdrill's options by name, without dashes; they win over the script's own. */
  readonly options?: readonly { readonly name: string; readonly value: string | null }[];
  /** Runs the snippets instead of the built-in Python subset. */
  readonly python?: PythonRunner;
  /**
   * Calls the run off when it aborts: looked at before each event, and heard while a system's promise is waited for. The
   * system is closed, the script's cleanup does not run. `AbortSignal.timeout(ms)` is a time-out.
   */
  readonly signal?: AbortSignalLike;
}

/** How a run ended. */
export interface RunResult {
  readonly file: string;
  readonly ipVersion: IpVersion;
  /** Null if the script passed. */
  readonly failure: Failure | null;
  /** What `--non_fatal` passed over. */
  readonly warnings: readonly Failure[];
  /** When the script started, µs on the system's clock. */
  readonly startUs: number;
  /** Virtual time from the first event to the end, µs. */
  readonly virtualUs: number;
  /** What snippets and commands printed. */
  readonly output: string;
  /** Every packet of the run, in order. */
  readonly packets: readonly TracedPacket[];
}

/** The same for a system that may answer with promises. */
export interface AsyncRunOptions extends Omit<RunOptions, 'open'> {
  readonly open: OpenAsyncSystem;
}

/**
 * Runs a script. Whatever is wrong with it is in the result.
 * @throws the signal's reason if it aborted before the end, and nothing else
 */
export function runScript(options: RunOptions): RunResult {
  return unlessCalledOff(throughAll(runSteps(options)), options);
}

/** Runs a script on a system that may answer with promises. Rejects with the signal's reason, and for nothing else. */
export async function runScriptAsync(options: AsyncRunOptions): Promise<RunResult> {
  return unlessCalledOff(await throughAllAsync(runSteps(options), options.signal), options);
}

function unlessCalledOff(result: RunResult, { signal }: AsyncRunOptions): RunResult {
  if (signal?.aborted && result.failure !== null) throw signal.reason;
  return result;
}

function* runSteps(options: AsyncRunOptions): Steps<RunResult> {
  let ipVersion = options.ipVersion ?? 'ipv4';
  const ended = (failure: Failure | null, run: Run | null): RunResult => ({
    file: options.file,
    ipVersion,
    failure,
    warnings: run?.warnings ?? [],
    startUs: run?.startUs() ?? 0,
    virtualUs: run?.virtualUs() ?? 0,
    output: run?.output ?? '',
    packets: run?.packets() ?? [],
  });
  let run: Run | null = null;
  try {
    const script = parseScript(options.text, options.defines);
    const config = configOf(ipVersion, script.options, [
      ...(options.ipVersion === undefined ? [] : [{ name: 'ip_version', value: options.ipVersion }]),
      ...(options.options ?? []),
    ]);
    ipVersion = config.ipVersion;
    if (config.dryRun) return ended(null, null);
    run = new Run(options, script, config, yield* openSystem(options.open, config));
    return ended(yield* run.run(), run);
  } catch (error) {
    return ended(failureOf(error, options, -1), run);
  }
}

/** An error as a value that names the script's line. */
function failureOf(error: unknown, options: AsyncRunOptions, eventAt: number): Failure {
  const known =
    error instanceof DrillError
      ? error
      : new DrillError(
          'internal',
          `internal error: ${error instanceof Error ? (error.stack ?? error.message) : error}`,
        );
  const at = known.at >= 0 ? known.at : eventAt;
  const { line, column } = at >= 0 ? placeOf(options.text, at) : { line: 0, column: 0 };
  const { kind, message, expected, actual, notes } = known;
  return { kind, file: options.file, line, column, message, expected, actual, notes };
}

function* openSystem(open: OpenAsyncSystem, config: DrillConfig): Steps<AsyncSystemUnderTest> {
  try {
    return yield* settled(open(networkOf(config)));
  } catch (error) {
    if (error instanceof DrillError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new DrillError('internal', `the system under test cannot be made: ${why}`);
  }
}

class Run {
  readonly warnings: Failure[] = [];
  output = '';
  private readonly options: AsyncRunOptions;
  private readonly script: Script;
  private readonly config: DrillConfig;
  private readonly system: AsyncSystemUnderTest;
  private readonly machine: Machine;
  private readonly packetEvents: PacketEvents;
  private readonly calls: CallEvents;
  private readonly snippets: Snippet[] = [];
  private last: TimedEvent | null = null;
  private current: Event | null = null;
  private endUs = 0;

  constructor(options: AsyncRunOptions, script: Script, config: DrillConfig, system: AsyncSystemUnderTest) {
    this.options = options;
    this.script = script;
    this.config = config;
    this.system = system;
    this.machine = new Machine(this.system);
    this.packetEvents = new PacketEvents(this.machine, config);
    this.calls = new CallEvents(this.machine, config, this.packetEvents, (error) => this.reportCall(error));
  }

  virtualUs(): number {
    return this.endUs;
  }

  startUs(): number {
    return this.machine.startUs;
  }

  packets(): readonly TracedPacket[] {
    return this.machine.trace;
  }

  /** Cleanup runs whenever the init command did, also after a failure. */
  *run(): Steps<Failure | null> {
    let failure: Failure | null = null;
    let initialised = false;
    try {
      refuseWhatIsMissing(this.script, this.system);
      yield* this.init();
      initialised = true;
      yield* this.events();
    } catch (error) {
      failure = this.failure(error);
    }
    this.endUs = this.machine.now();
    try {
      if (initialised && !this.isCalledOff()) yield* this.cleanup();
      if (failure === null) {
        this.output += runSnippets(this.options.file, this.snippets, this.options.python ?? null);
        yield* this.calls.end();
      }
    } catch (error) {
      failure ??= this.failure(error);
    }
    try {
      const closed = this.system.close?.();
      // A system that has not answered may not do so now either.
      if (!this.isCalledOff()) yield* settled(closed);
    } catch (error) {
      failure ??= this.failure(error);
    }
    return failure;
  }

  private isCalledOff(): boolean {
    return this.options.signal?.aborted === true;
  }

  private failure(error: unknown): Failure {
    return failureOf(error, this.options, this.current?.at ?? -1);
  }

  private *init(): Steps<void> {
    for (const name of this.config.initScripts) yield* this.command(name, 'init script', -1);
    const { init } = this.script;
    if (init !== null) yield* this.command(init.text, 'init command', init.at);
    this.machine.start();
  }

  private *cleanup(): Steps<void> {
    const { cleanup } = this.script;
    if (cleanup !== null) yield* this.command(cleanup.text, 'cleanup command', cleanup.at);
  }

  /** @param what what it is, for the message; null for a command in mid-script */
  private *command(text: string, what: string | null, at: number): Steps<void> {
    const { status, output } = yield* settled(this.system.command!(text));
    this.output += output;
    if (status === 0) return;
    const subject = what ?? `\`${text}\` command`;
    const notes = output.split('\n').filter((line) => line !== '');
    throw new DrillError('command', `error executing ${subject}: non-zero status ${status}`, at, { notes });
  }

  private *events(): Steps<void> {
    for (const event of this.script.events) {
      this.current = event;
      if (this.isCalledOff()) throw new DrillError('internal', 'the run was called off', event.at);
      if (this.last === null && event.time.us !== 0) {
        throw new DrillError('semantic', 'first event should be at time 0', event.at);
      }
      const timed = schedule(event, this.last, this.machine.now());
      if (timed.endUs >= mostSeconds * 1e6)
        throw semanticError(`time out of range: events end before ${mostSeconds} s`, event.at);
      if (
        this.last?.event.time.kind === 'absolute' &&
        event.time.kind === 'absolute' &&
        timed.us < this.last.us
      ) {
        const message = `time goes backward in script from ${this.last.us} usec to ${timed.us} usec`;
        throw new DrillError('semantic', message, event.at);
      }
      yield* this.event(timed);
      this.last = timed;
    }
    this.current = null;
  }

  private *event(timed: TimedEvent): Steps<void> {
    const { event } = timed;
    const { action } = event;
    switch (action.kind) {
      case 'packet':
        yield* this.packet(timed);
        break;
      case 'syscall':
        yield* this.wait(timed, 'system call start');
        yield* this.calls.run(action.call, timed);
        break;
      case 'command':
        yield* this.wait(timed, 'command');
        yield* this.command(action.text, null, event.at);
        break;
      case 'code': {
        yield* this.wait(timed, 'data collection for code');
        // A real kernel's accept() may be over although this process has not been told yet.
        if ((this.packetEvents.current?.fd ?? -1) < 0) yield* this.calls.awaitPending();
        const flow = this.packetEvents.current;
        if (flow === null) throw new DrillError('python', 'runtime error in code: no socket to use for code');
        const variables = yield* snapshot(this.system, flow.fd);
        this.snippets.push({
          text: action.text,
          line: placeOf(this.options.text, event.at).line,
          at: event.at,
          variables,
        });
        break;
      }
    }
  }

  private *packet(timed: TimedEvent): Steps<void> {
    const { event } = timed;
    if (event.action.kind !== 'packet') return;
    const { packet } = event.action;
    try {
      if (packet.direction === 'out') {
        yield* this.packetEvents.outbound(packet, timed, this.last?.us ?? null);
        return;
      }
      yield* this.wait(timed, 'inbound packet');
      yield* this.packetEvents.inbound(packet, event.at);
    } catch (error) {
      if (!(error instanceof DrillError)) throw error;
      const aboutPacket = error.kind === 'packet' || (error.kind === 'timing' && packet.direction === 'out');
      if (!aboutPacket || /^runtime error/.test(error.message)) throw error;
      const { kind, at, expected, actual, notes } = error;
      const passOver = this.config.nonFatal.has('packet') && actual !== null;
      const message = `${passOver ? 'warning' : 'error'} handling packet: ${error.message}`;
      const whole = new DrillError(kind, message, at, {
        ...(expected === null ? {} : { expected }),
        ...(actual === null ? {} : { actual }),
        notes,
      });
      if (!passOver) throw whole;
      this.warnings.push(this.failure(whole));
    }
  }

  private reportCall(error: DrillError): void {
    if (!this.config.nonFatal.has('syscall')) throw error;
    this.warnings.push(this.failure(error));
  }

  /** Waits until an event is due; it may be too late already. */
  private *wait(timed: TimedEvent, what: string): Steps<void> {
    yield* this.machine.runUntil(timed.us);
    if (this.last === null) return;
    const late = timingProblem(what, timed, this.machine.now(), this.last.us, this.config);
    if (late !== null) throw new DrillError('timing', late, timed.event.at);
  }
}
