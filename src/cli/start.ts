/** `halfopen start`: the classic three-way handshake between two hosts, drawn as a ladder. */
import { realpathSync } from 'node:fs';
import { isAbsolute, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { formatFailure } from '../drill/index.ts';
import { OpenFlag } from '../host/index.ts';
import { type Language, speaker } from '../messages/message.ts';
import { startTexts } from '../messages/start.ts';
import { type Pair, pair } from '../sim/index.ts';
import { ladder } from '../view/index.ts';
import { parseAddress } from '../wire/address.ts';
import { packetText } from '../wire/text.ts';
import { argumentProblem, languageOf } from './language.ts';
import { colour, columns, complain, print, printJson } from './output/print.ts';
import { runJob } from './run-job.ts';

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
  const { failure, text } = runJob({
    file,
    ip: null,
    defines: [],
    options: [],
    python: false,
    seed: 1,
    root: realpathSync(scripts),
    untrusted: true,
    timeoutMs: 60_000,
  });
  return failure === null ? null : formatFailure(failure, text);
}

/** A path as the reader can type it where they stand. */
function typed(path: string): string {
  const short = relative(process.cwd(), path) || '.';
  return /[^\w./\\:-]/.test(short) ? `"${short}"` : short;
}

/** How the reader calls this program: npx finds what npm installed and, inside a clone, the clone. */
function called(): string {
  const main = fileURLToPath(new URL('../cli/main.js', import.meta.url));
  const inside = relative(join(scripts, '..'), process.cwd());
  const outside = inside.startsWith('..') || isAbsolute(inside);
  return outside && !/[\\/]node_modules[\\/]/.test(main) ? `node ${typed(main)}` : 'npx halfopen';
}

/** What to try next, as far as this version has it. */
const suggestions = {
  run: [`run --ladder ${typed(scripts)}/*.pkt`, 'tryRun'],
  explain: ['explain FILE.pcap', 'tryExplain'],
  doctor: ['doctor', 'tryDoctor'],
} as const;

function drawing({ events }: Pair, language: Language): string {
  const say = speaker(startTexts, language);
  const sent = events.find((event) => event.kind === 'sent');
  const source = sent === undefined ? '' : (/^\S+/.exec(packetText(sent.bytes, 'tshark'))?.[0] ?? '');
  const lines = ladder(events, {
    left: 'client',
    right: 'server',
    leftTitle: [say('client'), source],
    rightTitle: [say('server'), `192.0.2.2:${port}`],
    leftState: 'CLOSED',
    rightState: 'CLOSED',
    width: columns(110),
    colour,
    language,
  });
  const next = Object.values(suggestions);
  const width = Math.max(0, ...next.map(([command]) => command.length));
  const rows = next.map(([command, text]) => `  ${called()} ${command.padEnd(width)}   ${say(text)}`);
  return [
    say('title'),
    '',
    ...lines,
    '',
    say('lessonNumbers'),
    say('lessonOptions'),
    say('scriptPasses', { script }),
    '',
    say('next'),
    ...rows,
    '',
  ].join('\n');
}

function rows({ events }: Pair): unknown[] {
  return events.map((event) =>
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
}

export async function run(args: string[]): Promise<number> {
  const language = languageOf(args);
  const say = speaker(startTexts, language);
  let values: { lang?: string; json?: boolean; help?: boolean };
  try {
    ({ values } = parseArgs({
      args,
      options: { lang: { type: 'string' }, json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
    }));
  } catch (error) {
    complain('start', argumentProblem(error, language));
    return 2;
  }
  if (values.help) {
    print(say('help'));
    return 0;
  }
  if (values.json) {
    for (const row of rows(story())) printJson(row);
    return 0;
  }
  const failure = scriptFailure();
  if (failure !== null) {
    complain('start', `${say('scriptFails')}\n${failure}`);
    return 1;
  }
  print(drawing(story(), language));
  return 0;
}
