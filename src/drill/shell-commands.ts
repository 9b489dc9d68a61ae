/** The commands of the virtual host: what scripts need of sysctl, ip, tc, ethtool, nstat, ss and the small tools. */
import { CLOSED, LISTEN } from '../tcp/state.ts';
import {
  type CommandResult,
  type Invocation,
  type ListedSocket,
  type RouteVerb,
  type ShellContext,
  splitOnce,
  sysctlOfPath,
  writeFile,
} from './shell-context.ts';
import { linePattern } from './shell-patterns.ts';

type Command = (invocation: Invocation) => CommandResult;

const ok = (output = ''): CommandResult => ({ status: 0, output, errors: '' });
const fail = (errors: string, status = 1): CommandResult => ({ status, output: '', errors: `${errors}\n` });
const verdict = (problem: string | null): CommandResult => (problem === null ? ok() : fail(problem, 2));

/** Splits options (-q, -w) from the rest. */
function options(args: readonly string[]): { flags: Set<string>; rest: string[] } {
  const flags = new Set<string>();
  const rest: string[] = [];
  for (const arg of args) {
    if (/^-[A-Za-z0-9]+$/.test(arg)) for (const flag of arg.slice(1)) flags.add(flag);
    else rest.push(arg);
  }
  return { flags, rest };
}

function sysctl({ args, context }: Invocation): CommandResult {
  const { flags, rest } = options(args);
  let output = '';
  let errors = '';
  for (const arg of rest) {
    const [rawName, value] = splitOnce(arg, '=');
    const name = rawName.trim().replaceAll('/', '.');
    const assigned = arg.includes('=');
    if (context.host.sysctl(name) === undefined) {
      if (!flags.has('e'))
        errors += `sysctl: cannot stat /proc/sys/${name.replaceAll('.', '/')}: No such file or directory\n`;
      continue;
    }
    if (assigned) {
      const problem = context.host.setSysctl(name, value.trim());
      if (problem !== null) errors += `sysctl: setting key "${name}": ${problem}\n`;
    }
    if (!flags.has('q') || !assigned) {
      const now = context.host.sysctl(name)!;
      output += flags.has('n') ? `${now}\n` : `${name} = ${now}\n`;
    }
  }
  return { status: errors === '' ? 0 : 1, output, errors };
}

/** The outside suite's helper: sets files under /proc/sys and leaves a script that puts the old values back. */
function setSysctls({ args, context }: Invocation): CommandResult {
  let restore = '#!/bin/sh\n';
  let errors = '';
  for (const arg of args) {
    const [path, value] = splitOnce(arg, '=');
    const name = sysctlOfPath(path);
    const old = name === null ? undefined : context.host.sysctl(name);
    if (old === undefined) {
      errors += `${path}: No such file or directory\n`;
      continue;
    }
    restore += `echo "${old}" > ${path}\n`;
    const problem = writeFile(path, value, false, context);
    if (problem !== null) errors += `${path}: ${problem}\n`;
  }
  context.files.set(`/tmp/sysctl_restore_${context.variables.get('PPID') ?? ''}.sh`, restore);
  return { status: errors === '' ? 0 : 1, output: '', errors };
}

/** Names of attributes that take a value in `ip route` and `ip link`. */
const routeAttributes: ReadonlySet<string> = new Set(
  (
    'mtu advmss window rtt rttvar initcwnd initrwnd cwnd ssthresh reordering hoplimit rto_min features quickack ' +
    'congctl fastopen_no_cookie metric table proto scope src via dev'
  ).split(' '),
);

function ip({ args, context }: Invocation): CommandResult {
  const rest = args.filter((arg) => !/^-/.test(arg));
  const [object = '', verb = 'show', ...more] = rest;
  if (/^tcp_?m/.test(object)) {
    if (verb.startsWith('f')) context.host.flushMetrics();
    return ok();
  }
  if (/^ro?u?t?e?$/.test(object) && isRouteVerb(verb)) return ipRoute(verb, more, context);
  if (/^li?n?k?$/.test(object) && verb === 'set') return ipLink(more, context);
  return fail(`ip ${rest.join(' ')}: not understood by the built-in host`, 2);
}

const isRouteVerb = (verb: string): verb is RouteVerb =>
  verb === 'add' || verb === 'change' || verb === 'replace';

function ipRoute(verb: RouteVerb, args: readonly string[], context: ShellContext): CommandResult {
  const [destination, ...rest] = args;
  if (destination === undefined) return fail('ip route: a destination is missing', 2);
  const attributes = new Map<string, string>();
  const locked = new Set<string>();
  for (let i = 0; i < rest.length; i++) {
    const name = rest[i]!;
    if (!routeAttributes.has(name))
      return fail(`ip route: '${name}' is not understood by the built-in host`, 2);
    if (rest[i + 1] === 'lock') {
      locked.add(name);
      i++;
    }
    const value = rest[++i];
    if (value === undefined) return fail(`ip route: ${name} needs a value`, 2);
    attributes.set(name, value);
  }
  return verdict(context.host.route(verb, destination, attributes, locked));
}

function ipLink(args: readonly string[], context: ShellContext): CommandResult {
  const rest = args[0] === 'dev' ? args.slice(1) : args;
  const [device, ...words] = rest;
  if (device === undefined) return fail('ip link set: a device is missing', 2);
  const attributes = new Map<string, string>();
  for (let i = 0; i < words.length; i++) {
    const name = words[i]!;
    if (name === 'up' || name === 'down') attributes.set(name, '');
    else attributes.set(name, words[++i] ?? '');
  }
  return verdict(context.host.link(device, attributes));
}

function tc({ args, context }: Invocation): CommandResult {
  const [object, verb = '', ...rest] = args;
  if (object !== 'qdisc') return fail(`tc ${object ?? ''}: not understood by the built-in host`, 2);
  const words = rest.filter((word, i) => word !== 'root' && word !== 'dev' && rest[i - 1] !== 'dev');
  const device = rest[rest.indexOf('dev') + 1] ?? '';
  const removed = verb.startsWith('del');
  if (!removed && !['add', 'replace', 'change'].includes(verb))
    return fail(`tc qdisc ${verb}: not understood`, 2);
  return verdict(context.host.qdisc(device, removed ? null : (words[0] ?? null), words.slice(1)));
}

function ethtool({ args, context }: Invocation): CommandResult {
  const [verb, device = '', ...features] = args;
  if (verb !== '-K' && verb !== '--offload')
    return fail(`ethtool ${verb ?? ''}: not understood by the built-in host`);
  for (let i = 0; i + 1 < features.length; i += 2) {
    const problem = context.host.offload(device, features[i]!, features[i + 1] === 'on');
    if (problem !== null) return fail(problem);
  }
  return ok();
}

function nstat({ args, context }: Invocation): CommandResult {
  const { flags, rest } = options(args);
  const now = context.host.counters();
  const before = context.counters;
  if (!flags.has('s')) context.counters = { ...now };
  if (flags.has('n')) return ok();
  const rows = Object.entries(now)
    .filter(([name]) => rest.length === 0 || rest.some((wanted) => globMatches(wanted, name)))
    .map(([name, value]): [string, number] => [name, flags.has('a') ? value : value - (before[name] ?? 0)])
    .filter(([, value]) => value !== 0 || flags.has('z'));
  return ok(
    `#kernel\n${rows.map(([name, value]) => `${name.padEnd(32)}${String(value).padEnd(19)}0.0\n`).join('')}`,
  );
}

const globMatches = (pattern: string, name: string): boolean =>
  linePattern(
    `^${pattern
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replaceAll(/\*+/g, '.*')
      .replaceAll('?', '.')}$`,
  )(name);

const stateNames =
  'UNKNOWN ESTAB SYN-SENT SYN-RECV FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT UNCONN CLOSE-WAIT LAST-ACK LISTEN CLOSING'.split(
    ' ',
  );

function ss({ args, context }: Invocation): CommandResult {
  const { flags } = options(args);
  const wanted = (it: ListedSocket): boolean =>
    flags.has('a') || (flags.has('l') ? it.state === LISTEN : it.state !== LISTEN && it.state !== CLOSED);
  const end = (ipText: string, port: number, family: number): string =>
    `${family === 6 ? `[${ipText}]` : ipText}:${port === 0 ? '*' : port}`;
  const rows = context.host.sockets().filter(wanted);
  const lines = rows.map((it) =>
    [
      (stateNames[it.state] ?? 'UNKNOWN').padEnd(11),
      String(it.receiveQueue).padEnd(7),
      String(it.sendQueue).padEnd(7),
      end(it.localIp, it.localPort, it.family).padEnd(24),
      end(it.remoteIp, it.remotePort, it.family),
    ].join(''),
  );
  return ok(
    `State      Recv-Q Send-Q Local Address:Port      Peer Address:Port\n${lines.map((it) => `${it}\n`).join('')}`,
  );
}

const hex = (value: number, digits: number): string => value.toString(16).toUpperCase().padStart(digits, '0');

/** An address as /proc/net/tcp has it: the bytes of each 32-bit word the other way round. */
function procAddress(ipText: string, family: 4 | 6): string {
  if (family === 4)
    return ipText
      .split('.')
      .map(Number)
      .reverse()
      .map((it) => hex(it, 2))
      .join('');
  const [left = '', right] = ipText.split('::');
  const groups = (half: string): string[] => (half === '' ? [] : half.split(':'));
  const head = groups(left);
  const tail = right === undefined ? [] : groups(right);
  const all = [...head, ...Array<string>(8 - head.length - tail.length).fill('0'), ...tail]
    .map((it) => it.padStart(4, '0'))
    .join('');
  return (all.match(/.{8}/g) ?? [])
    .map((word) => (word.match(/../g) ?? []).reverse().join('').toUpperCase())
    .join('');
}

function procNetTcp(context: ShellContext, family: 4 | 6): string {
  const rows = context.host.sockets().filter((it) => it.family === family);
  const lines = rows.map((it, i) => {
    const ends = [
      `${procAddress(it.localIp, family)}:${hex(it.localPort, 4)}`,
      `${procAddress(it.remoteIp, family)}:${hex(it.remotePort, 4)}`,
    ];
    const queues = `${hex(it.sendQueue, 8)}:${hex(it.receiveQueue, 8)}`;
    return `${String(i).padStart(4)}: ${ends.join(' ')} ${hex(it.state, 2)} ${queues} 00:00000000 00000000     0        0 0\n`;
  });
  return `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n${lines.join('')}`;
}

/** A file of the virtual host, or null. */
function readVirtual(path: string, context: ShellContext): string | null {
  if (path === '/dev/null') return '';
  if (path === '/proc/net/tcp') return procNetTcp(context, 4);
  if (path === '/proc/net/tcp6') return procNetTcp(context, 6);
  const name = sysctlOfPath(path);
  if (name !== null) {
    const value = context.host.sysctl(name);
    return value === undefined ? null : `${value}\n`;
  }
  return context.files.get(path) ?? null;
}

function cat({ args, input, context }: Invocation): CommandResult {
  if (args.length === 0) return ok(input);
  let output = '';
  for (const path of args) {
    const text = readVirtual(path, context);
    if (text === null) return { status: 1, output, errors: `cat: ${path}: No such file or directory\n` };
    output += text;
    if (output.length > 1 << 25) return fail('cat: more than 32 MiB are not read here');
  }
  return ok(output);
}

function grep({ args, input, context }: Invocation): CommandResult {
  const flags = new Set<string>();
  const rest: string[] = [];
  for (const arg of args) {
    if (/^-[a-zA-Z]+$/.test(arg) && rest.length === 0) for (const flag of arg.slice(1)) flags.add(flag);
    else rest.push(arg);
  }
  const [pattern, ...paths] = rest;
  if (pattern === undefined) return fail('grep: a pattern is missing', 2);
  // In a basic expression, + ? { } ( ) | are ordinary characters.
  const source = flags.has('F')
    ? pattern.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
    : flags.has('E')
      ? pattern
      : pattern.replace(/\\?[+?{}()|]/g, (it) => (it.length === 2 ? it[1]! : `\\${it}`));
  const matches = linePattern(flags.has('w') ? `\\b(${source})\\b` : source, flags.has('i'));
  let errors = '';
  const lines: string[] = [];
  for (const path of paths.length === 0 ? [null] : paths) {
    const text = path === null ? input : readVirtual(path, context);
    if (text === null) errors += `grep: ${path}: No such file or directory\n`;
    const found = (text ?? '')
      .split('\n')
      .filter((line, i, all) => (i < all.length - 1 || line !== '') && matches(line) !== flags.has('v'));
    lines.push(...found.map((line) => (paths.length > 1 && !flags.has('h') ? `${path}:${line}` : line)));
  }
  const output = flags.has('q')
    ? ''
    : flags.has('c')
      ? `${lines.length}\n`
      : lines.map((it) => `${it}\n`).join('');
  return { status: errors !== '' ? 2 : lines.length > 0 ? 0 : 1, output, errors };
}

function echo({ args }: Invocation): CommandResult {
  const bare = args[0] === '-n';
  return ok(`${args.slice(bare ? 1 : 0).join(' ')}${bare ? '' : '\n'}`);
}

function sleep({ args, context }: Invocation): CommandResult {
  const seconds = Number(args[0]);
  if (!(seconds >= 0 && seconds < 1e6)) return fail(`sleep: '${args[0] ?? ''}' is no number of seconds`);
  context.host.sleep(Math.round(seconds * 1e6));
  return ok();
}

function rm({ args, context }: Invocation): CommandResult {
  const { flags, rest } = options(args);
  const missing = rest.filter((path) => !context.files.delete(path));
  return missing.length > 0 && !flags.has('f')
    ? fail(`rm: cannot remove '${missing[0]}': No such file or directory`)
    : ok();
}

/** Only what makes a file of zeros. */
function dd({ args, context }: Invocation): CommandResult {
  const given = new Map(args.map((arg) => splitOnce(arg, '=')));
  const size = Number(given.get('bs') ?? 512) * Number(given.get('count') ?? Number.NaN);
  const path = given.get('of');
  if (given.get('if') !== '/dev/zero' || path === undefined || !(size >= 0 && size <= 1 << 24)) {
    return fail('dd: only if=/dev/zero of=FILE bs=N count=N is understood here');
  }
  context.files.set(path, '\0'.repeat(size));
  return ok();
}

/** test, [: of words, numbers and files. */
function test({ args, context }: Invocation): CommandResult {
  const words = args.at(-1) === ']' ? args.slice(0, -1) : [...args];
  const negated = words[0] === '!';
  if (negated) words.shift();
  const [first = '', second = '', third] = words;
  const place = (path: string): string => (path.startsWith('/') ? path : `${context.folder}/${path}`);
  const isFile = (path: string): boolean =>
    context.files.has(path) || typeof context.readFile(place(path)) === 'string';
  const compared: Readonly<Record<string, (a: string, b: string) => boolean>> = {
    '=': (a, b) => a === b,
    '==': (a, b) => a === b,
    '!=': (a, b) => a !== b,
    '-eq': (a, b) => Number(a) === Number(b),
    '-ne': (a, b) => Number(a) !== Number(b),
    '-lt': (a, b) => Number(a) < Number(b),
    '-gt': (a, b) => Number(a) > Number(b),
  };
  let holds: boolean;
  if (words.length <= 1) holds = first !== '';
  else if (words.length === 3 && Object.hasOwn(compared, second)) holds = compared[second]!(first, third!);
  else if (words.length === 2 && (first === '-z' || first === '-n'))
    holds = (second === '') === (first === '-z');
  else if (words.length === 2 && /^-[efrx]$/.test(first)) holds = isFile(second);
  else return fail(`test: '${words.join(' ')}' is not understood here`, 2);
  return { status: Number(holds === negated), output: '', errors: '' };
}

const uname: Command = ({ args }) => ok(args[0] === '-r' ? '6.18.44\n' : 'Linux\n');

const nothing: Command = () => ok();

export const commands: Readonly<Record<string, Command>> = {
  sysctl,
  ip,
  tc,
  ethtool,
  nstat,
  ss,
  cat,
  grep,
  echo,
  sleep,
  rm,
  dd,
  test,
  '[': test,
  uname,
  'set_sysctls.py': setSysctls,
  true: nothing,
  ':': nothing,
  chmod: nothing,
  false: () => ({ status: 1, output: '', errors: '' }),
};
