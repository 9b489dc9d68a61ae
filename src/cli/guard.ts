/** `halfopen guard`: the guard of a whole host, for programs in any language. */
import { parseArgs } from 'node:util';
import { K, type Sys, SysError, SysUnavailable, sys } from '../linux/sys.ts';
import { TcpState } from '../linux/tcp-state.ts';
import { TraceError } from '../linux/trace-events.ts';
import { guardTexts } from '../messages/guard.ts';
import { type Language, type Say, speaker } from '../messages/message.ts';
import { guardHost, type Stop } from '../warden/warden.ts';
import { formatAddress, formatEndpoint, unmap } from '../wire/address.ts';
import { visible } from '../wire/visible.ts';
import { argumentProblem, languageOf } from './language.ts';
import { complain, print, printError } from './output/print.ts';

type Voice = Say<typeof guardTexts>;

const options = {
  'dry-run': { type: 'boolean' },
  ask: { type: 'boolean' },
  json: { type: 'boolean' },
  lang: { type: 'string' },
  help: { type: 'boolean' },
} as const;

type Flags = Partial<Record<'dry-run' | 'ask' | 'json' | 'help', boolean>>;

function parse(args: string[], language: Language): Flags | null {
  try {
    return parseArgs({ args, options }).values;
  } catch (error) {
    complain('guard', argumentProblem(error, language));
    return null;
  }
}

/**
 * Lines that are written when somebody reads: a log that nobody reads must not stop the guard. What is too much is
 * dropped, and how much it was is said.
 */
class Log {
  private readonly sys: Sys;
  private readonly say: Voice;
  private waiting: string[] = [];
  private dropped = 0;

  constructor(sys: Sys, say: Voice) {
    this.sys = sys;
    this.say = say;
  }

  add(line: string): void {
    if (this.waiting.length < 10_000) this.waiting.push(line);
    else this.dropped++;
    this.flush();
  }

  /** Writes as much as can be written without waiting. */
  flush(): void {
    while (this.waiting.length > 0) {
      // Writable means that there is room for a line (PIPE_BUF, 4096 bytes, at least).
      if ((this.sys.poll([{ fd: 1, events: K.POLLOUT }], 0)[0]! & ~K.POLLIN) === 0) return;
      print(this.waiting.shift()!);
    }
    if (this.dropped > 0) note(this.say('dropped', { count: this.dropped }));
    this.dropped = 0;
  }
}

/** Runs the command. @returns the exit code */
export async function run(args: string[]): Promise<number> {
  const language = languageOf(args);
  const say = speaker(guardTexts, language);
  const flags = parse(args, language);
  if (flags === null) return 2;
  if (flags.help) {
    print(say('help'));
    return 0;
  }
  if (process.platform !== 'linux') return refuse(say('notLinux'));
  if (process.geteuid?.() !== 0) return refuse(say('notRoot'));
  return guard(flags, say);
}

function refuse(sentence: string): number {
  complain('guard', sentence);
  return 2;
}

async function guard(flags: Flags, say: Voice): Promise<number> {
  const end = new AbortController();
  const stop = (): void => end.abort();
  process.on('SIGINT', stop).on('SIGTERM', stop);
  let ready = false;
  let flushing: NodeJS.Timeout | undefined;
  try {
    const log = new Log(sys(), say);
    flushing = setInterval(() => log.flush(), 100);
    await guardHost({
      sys: sys(),
      dryRun: flags['dry-run'] === true,
      way: flags.ask ? 'ask' : 'auto',
      signal: end.signal,
      onReady: (way, why) => {
        ready = true;
        if (why !== null) note(say('noTrace', { why }));
        note(say(way === 'trace' ? 'readyTrace' : 'readyAsk'));
      },
      onStop: (it) =>
        log.add(
          flags.json
            ? `${JSON.stringify(jsonOf(it))}\n`
            : `${new Date().toISOString()} ${sentenceOf(it, say)}\n`,
        ),
      onBlind: (namespace, error) => note(say('blind', { inode: namespace.inode, why: error.message })),
    });
    return 0;
  } catch (error) {
    const problem = problemOf(error, say);
    if (problem === null) throw error;
    complain('guard', problem);
    return ready ? 1 : 2;
  } finally {
    clearInterval(flushing);
    process.off('SIGINT', stop).off('SIGTERM', stop);
  }
}

const note = (sentence: string): void => printError(`halfopen guard: ${sentence}\n`);

/** What is wrong, for people; null if it is a defect of ours. */
function problemOf(error: unknown, say: Voice): string | null {
  if (error instanceof SysError && error.code === 'EPERM') return say('notRoot');
  if (error instanceof SysError && error.code === 'EOPNOTSUPP') return say('noDestroy');
  if (error instanceof SysError || error instanceof SysUnavailable || error instanceof TraceError)
    return error.message;
  return null;
}

function sentenceOf({ socket, deed, livedUs, owner, here, namespace }: Stop, say: Voice): string {
  const end = formatEndpoint(unmap(socket.local.address), socket.local.port);
  const lived = livedUs === null ? '' : say('lived', { ms: (livedUs / 1000).toFixed(2) });
  const waiting = socket.state === TcpState.timeWait;
  const key = !waiting || deed === 'gone' ? deed : deed === 'destroyed' ? 'timeWait' : 'timeWaitSpared';
  const who = owner === null ? '' : say('owner', { name: visible(owner.name), pid: owner.pid });
  const where = here ? '' : say('elsewhere', { inode: namespace.inode });
  return `${say(key, { end, lived })}${who}${where}`;
}

const stateNames = new Map(Object.entries(TcpState).map(([name, number]) => [number as number, name]));

/** Field names and values are the same in every language. */
function jsonOf({ socket, deed, livedUs, owner, here, namespace }: Stop): object {
  const address = unmap(socket.local.address);
  return {
    time: new Date().toISOString(),
    deed,
    family: address.family === 4 ? 'IPv4' : 'IPv6',
    address: formatAddress(address),
    port: socket.local.port,
    state: stateNames.get(socket.state) ?? `${socket.state}`,
    livedUs: livedUs === null ? null : Math.round(livedUs),
    pid: owner?.pid ?? null,
    process: owner === null ? null : visible(owner.name),
    networkNamespace: namespace.inode,
    ownNamespace: here,
  };
}
