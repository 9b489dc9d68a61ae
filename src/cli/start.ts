/** `halfopen start`: the classic three-way handshake between two hosts, drawn as a ladder. */
import { isAbsolute, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { formatFailure } from '../drill/index.ts';
import { OpenFlag } from '../host/index.ts';
import { type Pair, pair } from '../sim/index.ts';
import { type Language, ladder } from '../view/index.ts';
import { parseAddress } from '../wire/address.ts';
import { packetText } from '../wire/text.ts';
import { commands } from './commands.ts';
import { runJob } from './run-job.ts';

const help = `Usage: halfopen start [OPTION]...

Shows the classic three-way handshake: two hosts with Linux 6.18's defaults, joined by a wire of 25 ms, in virtual time.

  --lang en|zh   language of the sentences (en)
  --json         events instead of the drawing, one JSON object a line
  --help
`;

const port = 8080;

/** A client connects to a server; nothing is sent afterwards. */
function story(): Pair {
  const it = pair({ conditions: { delayUs: 25_000 } });
  const { world, client, server } = it;
  const listener = server.socket(4, OpenFlag.nonBlock);
  listener.bind(parseAddress('0.0.0.0'), port);
  listener.listen(128);
  client.socket(4, OpenFlag.nonBlock).connect(parseAddress('192.0.2.2'), port);
  world.run(1_000_000);
  return it;
}

const scripts = fileURLToPath(new URL('../../scripts', import.meta.url));
const script = '01-three-way-handshake.pkt';

/** The same handshake as a packetdrill script, run now: what was wrong, or null. */
function scriptFailure(): string | null {
  const file = join(scripts, script);
  const { failure, text } = runJob({ file, ip: null, defines: [], options: [], python: false, seed: 1 });
  return failure === null ? null : formatFailure(failure, text);
}

/** A path as the reader can type it where they stand. */
function typed(path: string): string {
  const short = relative(process.cwd(), path) || '.';
  return /[^\w./\\:-]/.test(short) ? `"${short}"` : short;
}

/** How the reader calls this program: npx finds what npm installed and, inside a clone, the clone. */
function called(): string {
  const main = fileURLToPath(new URL('main.js', import.meta.url));
  const inside = relative(join(scripts, '..'), process.cwd());
  const outside = inside.startsWith('..') || isAbsolute(inside);
  return outside && !/[\\/]node_modules[\\/]/.test(main) ? `node ${typed(main)}` : 'npx halfopen';
}

/** What to try next, as far as this version has it. */
const suggestions: Readonly<Record<string, [string, Record<Language, string>]>> = {
  run: [
    `run --ladder ${typed(scripts)}`,
    {
      en: 'run packetdrill scripts, without root and in virtual time',
      zh: '无需 root，在虚拟时间中运行 packetdrill 脚本',
    },
  ],
  explain: [
    'explain FILE.pcap',
    { en: 'what happened to every connection attempt in a capture', zh: '解释抓包中每一次连接尝试的结局' },
  ],
  doctor: [
    'doctor',
    { en: 'find what makes connections fail on this machine', zh: '查找本机连接失败的原因' },
  ],
};

function drawing({ events }: Pair, language: Language): string {
  const sent = events.find((event) => event.kind === 'sent');
  const source = sent === undefined ? '' : (/^\S+/.exec(packetText(sent.bytes, 'tshark'))?.[0] ?? '');
  const lines = ladder(events, {
    left: 'client',
    right: 'server',
    leftTitle: ['client', source],
    rightTitle: ['server', `192.0.2.2:${port}`],
    leftState: 'CLOSED',
    rightState: 'CLOSED',
    width: Math.min(process.stdout.columns ?? 80, 110),
    colour: process.stdout.isTTY === true && !process.env.NO_COLOR,
    language,
  });
  const title = {
    en: 'The three-way handshake as Linux 6.18 does it: built-in TCP, virtual time',
    zh: '三次握手，与 Linux 6.18 的行为一致：内置 TCP，虚拟时间',
  }[language];
  const lesson = {
    en: [
      'A SYN consumes one sequence number, so both acknowledgments are ISN + 1.',
      'An option is in force only if both sides offered it; windows are scaled from the third packet on.',
    ],
    zh: [
      'SYN 占用一个序号，因此双方的确认号都是 ISN + 1。',
      '只有双方都提供的选项才生效；从第三个包起窗口才按比例放大。',
    ],
  }[language];
  const next = Object.entries(suggestions).filter(([name]) => name in commands);
  const width = Math.max(0, ...next.map(([, [command]]) => command.length));
  const rows = next.map(
    ([, [command, text]]) => `  ${called()} ${command.padEnd(width)}   ${text[language]}`,
  );
  return [
    title,
    '',
    ...lines,
    '',
    ...lesson,
    {
      en: `The packetdrill script of it, ${script}, passes.`,
      zh: `对应的 packetdrill 脚本 ${script} 运行通过。`,
    }[language],
    '',
    { en: 'Try next:', zh: '接下来可以试试：' }[language],
    ...rows,
    '',
  ].join('\n');
}

function json({ events }: Pair): string {
  const rows = events.map((event) =>
    event.kind === 'tcp'
      ? {
          at: event.at,
          kind: event.event.kind,
          node: event.node,
          reason: event.event.reason,
          from: event.event.from,
          to: event.event.to,
          args: event.event.args,
        }
      : { at: event.at, kind: event.kind, ...event.packet, text: packetText(event.bytes, 'tshark') },
  );
  return rows.map((row) => `${JSON.stringify(row)}\n`).join('');
}

export async function run(args: string[]): Promise<number> {
  let values: { lang?: string; json?: boolean; help?: boolean };
  try {
    ({ values } = parseArgs({
      args,
      options: { lang: { type: 'string' }, json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
    }));
  } catch (error) {
    process.stderr.write(`halfopen start: ${(error as Error).message}\n\n${help}`);
    return 2;
  }
  if (values.help) {
    process.stdout.write(help);
    return 0;
  }
  const language = values.lang ?? 'en';
  if (language !== 'en' && language !== 'zh') {
    process.stderr.write(`halfopen start: --lang must be en or zh, not '${language}'\n`);
    return 2;
  }
  if (values.json) {
    process.stdout.write(json(story()));
    return 0;
  }
  const failure = scriptFailure();
  if (failure !== null) {
    process.stderr.write(
      `halfopen start: the stack does not do what the script of the handshake says:\n${failure}\n`,
    );
    return 1;
  }
  process.stdout.write(drawing(story(), language));
  return 0;
}
