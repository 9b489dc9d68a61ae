/** `halfopen tun`: a host of ours on a TUN device, in a network namespace of its own or on this machine. */
import { spawn } from 'node:child_process';
import { readFileSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import { namespaceMeans, spawnInNamespace } from '../linux/namespace.ts';
import { sys } from '../linux/sys.ts';
import { interfaceIndex, Links } from '../linux/tun.ts';
import { TunHost } from '../linux/tun-host.ts';
import { serveEcho, serveHttp } from '../linux/tun-servers.ts';
import { type Language, type Say, speaker } from '../messages/message.ts';
import { tunTexts } from '../messages/tun.ts';
import { visible } from '../wire/visible.ts';
import { argumentProblem, languageOf, languageProblem } from './language.ts';
import { complain, print, printError } from './output/print.ts';
import { converse } from './tun-connect.ts';
import { parseTun, type TunOptions, TunUsage } from './tun-options.ts';
import { TunWatch } from './tun-watch.ts';

type Speaker = Say<typeof tunTexts>;

/** Set for the process inside the namespace: the descriptor on which it says that it is ready. */
const insideVariable = 'HALFOPEN_TUN_READY';
const deviceInside = 'halfopen0';

/** What is still to be ended when the host is. */
const ending: (() => void)[] = [];

/** Runs the command. @returns the exit code */
export async function run(args: string[]): Promise<number> {
  const language = languageOf(args);
  const say = speaker(tunTexts, language);
  let options: TunOptions | null;
  try {
    const problem = languageProblem(args.includes('--') ? args.slice(0, args.indexOf('--')) : args);
    if (problem !== null) throw new TunUsage(problem);
    options = parseTun(args, say);
  } catch (error) {
    return wrongUsage(error, language);
  }
  if (options === null) {
    print(say('help'));
    return 0;
  }
  const ready = process.env[insideVariable];
  delete process.env[insideVariable];
  try {
    if (options.device === null && ready === undefined) return await outside(args, say);
    return await hostOf(options, ready === undefined ? null : Number(ready), say);
  } catch (error) {
    if (error instanceof TypeError) throw error;
    complain('tun', visible((error as Error).message));
    return 1;
  }
}

function wrongUsage(error: unknown, language: Language): number {
  complain('tun', error instanceof TunUsage ? error.message : argumentProblem(error, language));
  return 2;
}

/** Starts the same command inside a namespace of its own, and waits for it. */
function outside(args: readonly string[], say: Speaker): Promise<number> {
  const child = spawnInNamespace(process.execPath, [...process.execArgv, process.argv[1]!, 'tun', ...args], {
    stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
    env: { ...process.env, [insideVariable]: '3' },
  });
  let inside = 0;
  child.stdio[3]!.once('data', () => {
    inside = childOf(child.pid!);
    if (inside > 0) printError(`halfopen tun: ${say('enter', { line: enterLine(inside) })}\n`);
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      // A terminal tells the whole group: then this is the second time, which does no harm.
      if (inside > 0) process.kill(inside, signal);
      else child.kill('SIGKILL');
    });
  }
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code, signal) =>
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])),
    );
  });
}

/** `unshare` has one child: the process inside. @returns 0 if it is gone */
function childOf(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0]);
  } catch {
    return 0;
  }
}

function enterLine(pid: number): string {
  const user = namespaceMeans().how === 'user' ? ' --user --preserve-credentials' : '';
  return `nsenter --target ${pid}${user} --net`;
}

/** The host itself, here. @param ready where to say that it is there; null without a namespace */
async function hostOf(options: TunOptions, ready: number | null, say: Speaker): Promise<number> {
  const { target, addresses, conditions, mtu, seed, sysctls, gateway } = options;
  if (ready !== null) loopbackUp();
  const watch = new TunWatch(options.ladder, options.pcap);
  const host = new TunHost({
    device: options.device ?? deviceInside,
    addresses,
    ...(ready === null ? {} : { kernelAddresses: options.kernelAddresses }),
    ...(gateway === null ? {} : { gateway }),
    mtu,
    conditions,
    seed,
    sysctls,
    ...(watch.wanted ? { watch: (packet) => watch.packet(packet) } : {}),
  });
  if (watch.wanted) watch.follow(host.stack.host);
  try {
    if (target === null) {
      serveHttp(host.stack, { address: '::', port: options.port, backlog: 4096 });
      serveEcho(host.stack, { address: '::', port: options.echoPort, backlog: 4096 });
    }
    const names = addresses.map((each) => each.slice(0, each.indexOf('/'))).join(', ');
    const values = { addresses: names, device: host.device };
    const line =
      target === null
        ? say('serving', { ...values, port: options.port, echo: options.echoPort })
        : say('connecting', values);
    printError(`halfopen tun: ${line}\n`);
    if (ready !== null) writeSync(ready, 'ready\n');
    return await Promise.race([interrupted(), ...work(options, host, say)]);
  } finally {
    for (const end of ending) end();
    host.close();
    watch.end();
  }
}

/** What the host is there for: whatever of it ends first ends the whole. */
function work(options: TunOptions, host: TunHost, say: Speaker): Promise<number>[] {
  const { target, command } = options;
  const addresses = options.addresses.map((each) => each.slice(0, each.indexOf('/')));
  const beside = command.length === 0 ? [] : [runCommand(command, target !== null, addresses, say)];
  if (target === null) return beside;
  const talk = converse(host.stack, target, { patient: command.length > 0, say });
  // The connection decides; a command that ends before it may have been its server.
  return [talk, ...beside.map((it) => it.then(() => talk))];
}

function loopbackUp(): void {
  const links = new Links(sys());
  try {
    links.up(interfaceIndex(sys(), 'lo'));
  } finally {
    links.close();
  }
}

/** Resolves when somebody asks this to end. Process 1 of a namespace hears only signals that it waits for. */
function interrupted(): Promise<number> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve(0));
  });
}

/** Runs the command. Beside a connection standard input and output are the connection's: the command's output goes to standard error. */
function runCommand(
  [command, ...args]: readonly string[],
  besideConnection: boolean,
  addresses: readonly string[],
  say: Speaker,
): Promise<number> {
  const env = { ...process.env, HALFOPEN_ADDRESSES: addresses.join(' ') };
  const stdio = besideConnection ? (['ignore', 2, 2] as const) : (['inherit', 'inherit', 'inherit'] as const);
  const child = spawn(command!, args, { stdio: [...stdio], env });
  ending.push(() => {
    child.kill();
    child.unref();
  });
  return new Promise((resolve) => {
    child.on('error', ({ message }) => {
      complain('tun', say('noCommand', { command: visible(command!), why: visible(message) }));
      resolve(1);
    });
    child.on('exit', (code, signal) =>
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])),
    );
  });
}
