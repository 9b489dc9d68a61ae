/** `halfopen watch`: the connection attempts of this machine as they end. */
import { readlinkSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { errnoName } from '../drill/errors.ts';
import { Processes } from '../linux/processes.ts';
import { QueueOverflows } from '../linux/queue-overflows.ts';
import { SysError, SysUnavailable, sys } from '../linux/sys.ts';
import { openTrace, type Trace, TraceError } from '../linux/trace-events.ts';
import { type Language, type Say, speaker } from '../messages/message.ts';
import { watchTexts } from '../messages/watch.ts';
import { type Attempt, isFailure } from '../watch/attempt.ts';
import { seenOf, watchedEvents } from '../watch/events.ts';
import { Losses } from '../watch/losses.ts';
import { Taps } from '../watch/taps.ts';
import { Tracker } from '../watch/tracker.ts';
import { formatEndpoint, parseAddress } from '../wire/address.ts';
import { argumentProblem, languageOf, machineLanguage } from './language.ts';
import { complain, paint, print, printError, printJson } from './output/print.ts';
import { type MetricsServer, serveMetrics } from './watch-metrics.ts';
import { WatchPcap } from './watch-pcap.ts';

type Texts = typeof watchTexts;

interface Options {
  readonly all: boolean;
  readonly json: boolean;
  readonly metrics: string | undefined;
  readonly pcap: string | undefined;
  readonly namespace: number | null;
  /** Milliseconds; null without end. */
  readonly duration: number | null;
  readonly language: Language;
}

/** Wrong usage, or a machine that cannot be watched: its message is all that the user needs. */
class UsageError extends Error {}

/** Runs the command. @returns the exit code */
export async function run(args: string[]): Promise<number> {
  const say = speaker(watchTexts, languageOf(args));
  try {
    const options = parse(args, say);
    if (options === null) {
      print(say('help'));
      return 0;
    }
    return await watch(options, say);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    complain('watch', error.message);
    return 2;
  }
}

function valuesOf(args: string[]) {
  const flag = { type: 'boolean' } as const;
  const text = { type: 'string' } as const;
  const options = {
    help: { type: 'boolean', short: 'h' },
    ...{ all: flag, json: flag, metrics: text, pcap: text, pid: text, duration: text, lang: text },
  } as const;
  try {
    return parseArgs({ args, options, allowPositionals: false }).values;
  } catch (error) {
    throw new UsageError(argumentProblem(error, languageOf(args)));
  }
}

function parse(args: string[], say: Say<Texts>): Options | null {
  const values = valuesOf(args);
  if (values.help) return null;
  const seconds = values.duration === undefined ? null : Number(values.duration);
  if (seconds !== null && !(seconds > 0 && seconds < 1e6)) {
    throw new UsageError(say('badDuration', { value: values.duration! }));
  }
  if (values.metrics !== undefined && !/^(\[[0-9a-f:.]+\]|[\w.-]+):\d{1,5}$/i.test(values.metrics)) {
    throw new UsageError(say('badMetrics', { value: values.metrics }));
  }
  return {
    all: values.all ?? false,
    json: values.json ?? false,
    metrics: values.metrics,
    pcap: values.pcap,
    namespace: values.pid === undefined ? null : namespaceOf(values.pid, say),
    duration: seconds === null ? null : seconds * 1000,
    language: values.json ? machineLanguage(args) : languageOf(args),
  };
}

function namespaceOf(pid: string, say: Say<Texts>): number {
  try {
    if (!/^[1-9]\d*$/.test(pid)) throw new Error('not a number');
    return Number(/\[(\d+)\]/.exec(readlinkSync(`/proc/${pid}/ns/net`))![1]);
  } catch {
    throw new UsageError(say('badPid', { pid }));
  }
}

const microseconds = (): number => Number(process.hrtime.bigint()) / 1000;

/** What one run holds. */
interface Running {
  readonly tracker: Tracker;
  readonly trace: Trace;
  readonly queues: QueueOverflows;
  /** Tells what was lost on arrival. */
  readonly settle: () => void;
}

async function watch(options: Options, say: Say<Texts>): Promise<number> {
  if (process.getuid?.() !== 0) throw new UsageError(say('needsRoot'));
  const metrics = options.metrics === undefined ? null : await startMetrics(options.metrics, say);
  const taps = openTaps(options, say);
  const pcap = options.pcap === undefined || taps === null ? null : new WatchPcap(options.pcap, taps);
  const tell = speaker(watchTexts, options.language);
  const onEnd = (attempt: Attempt): void => {
    const networks = [attempt.namespace, attempt.who?.namespace];
    if (options.namespace !== null && !networks.includes(options.namespace)) return;
    metrics?.add(attempt);
    if (isFailure(attempt)) pcap?.keep(attempt);
    if (options.metrics !== undefined || !(options.all || isFailure(attempt))) return;
    if (options.json) printJson(attempt);
    else print(`${lineOf(attempt, tell)}\n`);
  };
  let running: Running;
  try {
    running = await begin(onEnd, taps);
  } catch (error) {
    await metrics?.close();
    pcap?.close();
    taps?.close();
    if (!(error instanceof TraceError)) throw error;
    throw new UsageError(say('cannot', { why: error.message }));
  }
  // Also for machines, on standard error: what begins before this is not seen.
  printError(
    `${options.metrics === undefined ? say('watching') : say('serving', { at: options.metrics })}\n`,
  );
  metrics?.attach(running.tracker, running.trace);
  const why = await untilEnd(options.duration, running);
  running.trace.drain();
  await running.trace.close();
  running.tracker.end(microseconds());
  pcap?.close();
  taps?.close();
  await metrics?.close();
  if (running.trace.lost > 0) printError(`${say('lost', { count: running.trace.lost })}\n`);
  if (why === null) return 0;
  complain('watch', say('ended', { why: why.message }));
  return 2;
}

/** @returns null where packets cannot be tapped, and nothing that was asked for needs them */
function openTaps({ namespace, pcap }: Options, say: Say<Texts>): Taps | null {
  try {
    return new Taps(sys(), namespace);
  } catch (error) {
    if (pcap !== undefined || !(error instanceof SysUnavailable || error instanceof SysError)) throw error;
    printError(`${say('noPackets', { why: error.message })}\n`);
    return null;
  }
}

async function startMetrics(at: string, say: Say<Texts>): Promise<MetricsServer> {
  try {
    return await serveMetrics(at, (error) => printError(`${say('doctorFailed', { why: error.message })}\n`));
  } catch (error) {
    throw new UsageError(say('cannotServe', { at, why: (error as Error).message }));
  }
}

/** Called when the trace ends by itself. */
let traceEnded: (error: Error) => void = () => {};

/** What is lost on arrival, told to a tracker. */
function followLosses(taps: Taps, tracker: Tracker): Losses {
  const losses = new Losses((loss, namespace) => {
    const { from, fromPort, to, toPort, answer, word, at } = loss;
    const ends = {
      from: formatEndpoint(parseAddress(from), fromPort),
      to: formatEndpoint(parseAddress(to), toPort),
    };
    tracker.lost({ ...ends, answer, word: word ?? '?', time: microseconds(), wall: at / 1000, namespace });
  });
  taps.give((namespace, packet) => losses.packet(namespace, packet));
  return losses;
}

async function begin(onEnd: (attempt: Attempt) => void, taps: Taps | null): Promise<Running> {
  const queues = new QueueOverflows();
  let trace: Trace | null = null;
  const processes = new Processes((thread) => {
    const line = new RegExp(`^${thread} (.*)$`, 'm').exec(trace?.readGlobal('saved_cmdlines') ?? '');
    return line?.[1] ?? null;
  });
  const offset = Date.now() - microseconds() / 1000;
  const tracker = new Tracker(
    {
      who: (thread) => processes.of(thread),
      overflowed: (to, during) => queues.overflowed(to, during, microseconds()),
      wall: (time) => offset + time / 1000,
    },
    onEnd,
  );
  const losses = taps === null ? null : followLosses(taps, tracker);
  const packetClock = taps === null ? 0 : sys().clockUs(0) - sys().clockUs(1);
  trace = await openTrace({
    events: watchedEvents,
    intervalMs: 10,
    // Room for a pause of this process on a busy CPU, and a bound for machines with many.
    bufferKb: Math.max(512, Math.min(8192, Math.floor(65_536 / cpus().length))),
    onEvents: (events) => {
      for (const event of events) {
        const seen = seenOf(event);
        if (seen === null) continue;
        tracker.see(seen);
        if (seen.kind === 'drop') losses?.drop(seen.time + packetClock, seen.word);
      }
    },
    onEnd: (error) => traceEnded(error),
  });
  queues.look(microseconds());
  return { tracker, trace, queues, settle: () => losses?.settle(sys().clockUs(0)) };
}

/** Settles and looks at queues until it is time to end. @returns the error that ended the trace, or null */
function untilEnd(duration: number | null, running: Running): Promise<Error | null> {
  const { tracker, queues } = running;
  return new Promise((resolve) => {
    const settle = setInterval(() => {
      running.settle();
      tracker.settle(microseconds());
    }, 20);
    const look = setInterval(() => queues.look(microseconds()), 500);
    const timer = duration === null ? null : setTimeout(() => end(null), duration);
    const interrupt = (): void => end(null);
    const end = (error: Error | null): void => {
      clearInterval(settle);
      clearInterval(look);
      if (timer !== null) clearTimeout(timer);
      process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
      resolve(error);
    };
    process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
    traceEnded = end;
  });
}

const timeText = (us: number): string =>
  us < 1000
    ? `${Math.round(us)} µs`
    : us < 1e6
      ? `${(us / 1000).toPrecision(3)} ms`
      : `${(us / 1e6).toFixed(1)} s`;

/** An attempt as a line for people. */
function lineOf(attempt: Attempt, say: Say<Texts>): string {
  const { who, from, to, outcome, reason, certainty, kernel, duration, syns, errno } = attempt;
  const place = who?.unit ?? who?.container;
  const name =
    who === null ? `${from} (${say('stranger')})` : `${who.name} (${who.pid}${place ? `, ${place}` : ''})`;
  const blanks = { time: timeText(duration), syns, error: errno === 0 ? '?' : errnoName(errno) };
  const what = said(say, outcome, blanks);
  const why = reason === 'none' ? '' : `: ${said(say, `why-${reason}`, blanks)}`;
  const sure = [kernel, certainty === 'likely' ? say('likely') : null].filter((word) => word !== null);
  const end = sure.length > 0 && reason !== 'none' ? ` (${sure.join(', ')})` : '';
  const colour = isFailure(attempt) ? paint('red', what) : what;
  return `${new Date(attempt.at).toISOString().slice(11, 23)} ${name} → ${to} ${colour}${why}${end}`;
}

/** An entry that is chosen by a value; those that have no blanks take none. */
function said(
  say: Say<Texts>,
  key: keyof Texts,
  blanks: { time: string; syns: number; error: string },
): string {
  return (say as (key: keyof Texts, blanks: object) => string)(key, blanks);
}
