/** `halfopen port`: runs a command with ports for tests. */
import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { parseArgs } from 'node:util';
import { speaker } from '../messages/message.ts';
import { portTexts } from '../messages/port.ts';
import { freePort, type Lease, refusingPort, silentPort, stallingPort } from '../ports/index.ts';
import { visible } from '../wire/visible.ts';
import { argumentProblem, languageOf } from './language.ts';
import { complain, print } from './output/print.ts';

const kinds: Readonly<Record<string, () => Promise<Lease>>> = {
  free: freePort,
  refusing: refusingPort,
  silent: silentPort,
  stalling: stallingPort,
};

/** Runs the command. @returns the exit code */
export async function run(args: string[]): Promise<number> {
  const language = languageOf(args);
  const say = speaker(portTexts, language);
  const refuse = (sentence: string): number => {
    complain('port', sentence);
    return 2;
  };
  const end = args.indexOf('--');
  const own = end < 0 ? args : args.slice(0, end);
  let values: { help?: boolean };
  let positionals: string[];
  try {
    ({ values, positionals } = parseArgs({
      args: own,
      options: { lang: { type: 'string' }, help: { type: 'boolean' } },
      allowPositionals: true,
    }));
  } catch (error) {
    return refuse(argumentProblem(error, language));
  }
  if (values.help) {
    print(say('help', { slot: '{NAME}', web: '{WEB}' }));
    return 0;
  }
  const wanted = new Map<string, () => Promise<Lease>>();
  for (const argument of positionals.length > 0 ? positionals : ['PORT=free']) {
    const [, name, kind] = /^([A-Za-z_]\w*)=(\w+)$/.exec(argument) ?? [];
    if (name === undefined || !Object.hasOwn(kinds, kind!))
      return refuse(say('badPort', { argument: visible(argument) }));
    if (wanted.has(name)) return refuse(say('twice', { name }));
    wanted.set(name, kinds[kind!]!);
  }
  const command = end < 0 ? [] : args.slice(end + 1);
  if (command.length === 0) return refuse(say('noCommand'));
  const leases = new Map<string, Lease>();
  try {
    for (const [name, make] of wanted) leases.set(name, await make());
    return await runWith(leases, command);
  } catch (error) {
    const why = visible((error as Error).message);
    complain('port', say('cannotRun', { command: visible(command[0]!), why }));
    return 127;
  } finally {
    await Promise.all([...leases.values()].map((lease) => lease.release()));
  }
}

function runWith(leases: ReadonlyMap<string, Lease>, command: readonly string[]): Promise<number> {
  const numbers = [...leases].map(([name, { port }]) => [name, `${port}`] as const);
  const [program, ...args] = command.map((word) =>
    numbers.reduce((text, [name, number]) => text.replaceAll(`{${name}}`, number), word),
  );
  return new Promise((resolve, reject) => {
    const child: ChildProcess = spawn(program!, args, {
      stdio: 'inherit',
      env: { ...process.env, ...Object.fromEntries(numbers) },
    });
    // ^C reaches the command by itself; this process stays to hold the ports until it has ended.
    const wait = (): void => {};
    const pass = (signal: NodeJS.Signals): void => {
      child.kill(signal);
    };
    process.on('SIGINT', wait).on('SIGTERM', pass).on('SIGHUP', pass);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      process.off('SIGINT', wait).off('SIGTERM', pass).off('SIGHUP', pass);
      resolve(code ?? 128 + constants.signals[signal!]);
    });
  });
}
