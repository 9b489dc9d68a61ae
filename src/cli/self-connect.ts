/** `halfopen self-connect`: a program that connects to itself, step by step. */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { complain, print, printJson } from './output/print.ts';
import { KernelStage } from './self-connect-kernel.ts';
import { play, type Seen, type Stage, StoryError } from './self-connect-story.ts';
import { packetsOfSelfConnect, VirtualStage } from './self-connect-virtual.ts';

const help = `Usage: halfopen self-connect [OPTION]...

Shows how a program that waits for a service on its own host connects to itself instead, what that does to the
service, and how halfopen/guard prevents it. Takes some seconds; tries at most 200,000 times and 60 s each way.

It runs on the real kernel in a network namespace of its own, which is gone afterwards. That needs root or user
namespaces; without them it runs on a host of halfopen's own.

  --here        in this network instead: no privilege needed; the port stays in TIME-WAIT for a minute
  --virtual     on a host of halfopen's own
  --port PORT   the service's port (default 50000); with --here it must be one where nobody listens
  --json        what was seen, as JSON

Exit: 0 shown, 1 no self-connect was met within the bounds, 2 wrong usage or not possible here.

Examples:
  halfopen self-connect
  halfopen self-connect --here --port 51234
  halfopen self-connect --json | jq .unguarded.tries
`;

/** Set in the process that runs inside the namespace. */
const inside = 'HALFOPEN_SELF_CONNECT_INSIDE';

interface Options {
  readonly port: number;
  readonly json: boolean;
  readonly place: 'namespace' | 'here' | 'virtual';
}

/** Runs the command. @returns the exit code */
export async function run(args: string[]): Promise<number> {
  try {
    const options = parse(args);
    if (options === null) {
      print(help);
      return 0;
    }
    const { place } = options;
    if (place === 'namespace') {
      const code = runInNamespace(args);
      if (code !== null) return code;
    }
    return await tell(
      place === 'here' ? new KernelStage(process.env[inside] ? 'namespace' : 'here') : new VirtualStage(),
      options,
    );
  } catch (error) {
    if (!(error instanceof StoryError)) throw error;
    complain('self-connect', error.message);
    return 2;
  }
}

/** @returns null if help is asked for @throws StoryError */
function parse(args: string[]): Options | null {
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
        port: { type: 'string', default: '50000' },
      },
    }).values;
  } catch (error) {
    throw new StoryError(
      `${(error as Error).message.replace(/\. To specify.*/s, '')}; --help says what there is`,
    );
  }
  if (values.help) return null;
  if (values.here && values.virtual) throw new StoryError('--here and --virtual exclude each other');
  if (values.here && process.platform !== 'linux')
    throw new StoryError('--here needs Linux; without it this runs on a host of halfopen’s own');
  const port = Number(values.port);
  if (!/^\d+$/.test(values.port) || port < 1 || port > 65_535)
    throw new StoryError(`--port takes a number from 1 to 65535, not '${values.port}'`);
  const here = values.here || process.env[inside] === '1';
  return { port, json: values.json, place: here ? 'here' : values.virtual ? 'virtual' : 'namespace' };
}

/**
 * Runs this command in a network namespace of its own.
 * @returns its exit code, or null if this user cannot make one
 */
function runInNamespace(args: string[]): number | null {
  if (process.platform !== 'linux') return null;
  const enter = ['-n', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh'];
  // Without root, a user namespace may give the right to; some distributions forbid that.
  const wayIn = [enter, ['-r', ...enter]].find(
    (way) => spawnSync('unshare', [...way, 'true'], { stdio: 'ignore' }).status === 0,
  );
  if (wayIn === undefined) {
    complain(
      'self-connect',
      'no network namespace can be made here (root, unshare and ip are needed), ' +
        "so this is halfopen's own TCP; --here shows the kernel's.",
    );
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
  const hint = `choose another --port, such as ${low + 2 * Math.floor((high - low) / 4)}`;
  if (port < low || port > high)
    throw new StoryError(
      `port ${port} is not one that a connect() is given (net.ipv4.ip_local_port_range is ${low} to ${high}), ` +
        `so nothing can connect to itself there; ${hint}`,
    );
  // Linux tries the ports of the low end's parity first (net/ipv4/inet_hashtables.c, __inet_hash_connect).
  if (port % 2 !== low % 2)
    throw new StoryError(
      `connect() tries the ${low % 2 === 0 ? 'even' : 'odd'} ports first, and ${port} is none, ` +
        `so it would take very long to meet itself there; ${hint}`,
    );
  if (stage.reserved.split(',').some((part) => within(port, part)))
    throw new StoryError(
      `port ${port} is reserved (net.ipv4.ip_local_reserved_ports), so no connect() is given it; ${hint}`,
    );
}

function within(port: number, part: string): boolean {
  if (part === '') return false;
  const [first, last = first] = part.split('-').map(Number);
  return port >= first! && port <= last!;
}

async function tell(stage: Stage, { port, json }: Options): Promise<number> {
  checkPort(stage, port);
  const seen: Seen = await play(stage, port, packetsOfSelfConnect(port), json ? () => {} : print);
  if (json) printJson(seen, 2);
  return seen.guarded?.answer === undefined ? 1 : 0;
}
