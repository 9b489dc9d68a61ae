/** `halfopen self-connect`: a program that connects to itself, step by step. */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { type Language, speaker } from '../messages/message.ts';
import { selfConnectTexts } from '../messages/self-connect.ts';
import { visible } from '../wire/visible.ts';
import { argumentProblem, languageOf } from './language.ts';
import { complain, print, printJson } from './output/print.ts';
import { KernelStage } from './self-connect-kernel.ts';
import { play, type Seen, type Stage, StoryError } from './self-connect-story.ts';
import { packetsOfSelfConnect, VirtualStage } from './self-connect-virtual.ts';

/** Set in the process that runs inside the namespace. */
const inside = 'HALFOPEN_SELF_CONNECT_INSIDE';

interface Options {
  readonly port: number;
  readonly json: boolean;
  readonly place: 'namespace' | 'here' | 'virtual';
}

/** Runs the command. @returns the exit code */
export async function run(args: string[]): Promise<number> {
  const language = languageOf(args);
  const say = speaker(selfConnectTexts, language);
  try {
    const options = parse(args, language);
    if (options === null) {
      print(say('help'));
      return 0;
    }
    const { place } = options;
    if (place === 'namespace') {
      const code = runInNamespace(args, language);
      if (code !== null) return code;
    }
    return await tell(
      place === 'here' ? new KernelStage(process.env[inside] ? 'namespace' : 'here') : new VirtualStage(),
      options,
      language,
    );
  } catch (error) {
    if (!(error instanceof StoryError)) throw error;
    complain('self-connect', error.told(say));
    return 2;
  }
}

/** @returns null if help is asked for @throws StoryError */
function parse(args: string[], language: Language): Options | null {
  const flag = { type: 'boolean', default: false } as const;
  let values: { help: boolean; here: boolean; virtual: boolean; json: boolean; port: string };
  try {
    values = parseArgs({
      args,
      options: {
        help: { ...flag, short: 'h' },
        here: flag,
        virtual: flag,
        json: flag,
        lang: { type: 'string' },
        port: { type: 'string', default: '50000' },
      },
    }).values;
  } catch (error) {
    throw new StoryError(() => argumentProblem(error, language));
  }
  if (values.help) return null;
  if (values.here && values.virtual) throw new StoryError((say) => say('exclusive'));
  if (values.here && process.platform !== 'linux') throw new StoryError((say) => say('needsLinux'));
  const port = Number(values.port);
  if (!/^\d+$/.test(values.port) || port < 1 || port > 65_535)
    throw new StoryError((say) => say('badPort', { text: visible(values.port) }));
  const here = values.here || process.env[inside] === '1';
  return { port, json: values.json, place: here ? 'here' : values.virtual ? 'virtual' : 'namespace' };
}

/**
 * Runs this command in a network namespace of its own.
 * @returns its exit code, or null if this user cannot make one
 */
function runInNamespace(args: string[], language: Language): number | null {
  if (process.platform !== 'linux') return null;
  // Not for readers: a command.
  const enter = ['-n', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh'];
  // Without root, a user namespace may give the right to; some distributions forbid that.
  const wayIn = [enter, ['-r', ...enter]].find(
    (way) => spawnSync('unshare', [...way, 'true'], { stdio: 'ignore' }).status === 0,
  );
  if (wayIn === undefined) {
    complain('self-connect', speaker(selfConnectTexts, language)('noNamespace'));
    return null;
  }
  const command = [process.execPath, process.argv[1]!, 'self-connect', ...args];
  const { status, error } = spawnSync('unshare', [...wayIn, ...command], {
    stdio: 'inherit',
    env: { ...process.env, [inside]: '1' },
  });
  if (error) throw error;
  return status ?? 2;
}

/** @throws StoryError if a connect() to the port can never be given that port itself */
function checkPort(stage: Stage, port: number): void {
  const [low, high] = stage.range;
  const near = low + 2 * Math.floor((high - low) / 4);
  const refuse = (key: 'outOfRange' | 'evenFirst' | 'oddFirst' | 'reserved'): never => {
    throw new StoryError((say) => say(key, { port, low, high, hint: say('hint', { port: near }) }));
  };
  if (port < low || port > high) refuse('outOfRange');
  // Linux tries the ports of the low end's parity first (net/ipv4/inet_hashtables.c, __inet_hash_connect).
  if (port % 2 !== low % 2) refuse(low % 2 === 0 ? 'evenFirst' : 'oddFirst');
  if (stage.reserved.split(',').some((part) => within(port, part))) refuse('reserved');
}

function within(port: number, part: string): boolean {
  if (part === '') return false;
  const [first, last = first] = part.split('-').map(Number);
  return port >= first! && port <= last!;
}

async function tell(stage: Stage, { port, json }: Options, language: Language): Promise<number> {
  checkPort(stage, port);
  const seen: Seen = await play(stage, port, packetsOfSelfConnect(port), language, json ? () => {} : print);
  if (json) printJson(seen, 2);
  return seen.guarded?.answer === undefined ? 1 : 0;
}
