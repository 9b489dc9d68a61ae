/** What `halfopen self-connect` does and tells, wherever it is played. */
import { type Language, type Say, speaker } from '../messages/message.ts';
import { selfConnectTexts } from '../messages/self-connect.ts';
import { paint } from './output/print.ts';

/** How the story is told: its texts in one language. */
type SayStory = Say<typeof selfConnectTexts>;

/** The story cannot be played here, or was asked for wrongly: the message is all that the user needs. */
export class StoryError extends Error {
  /** The message in the language of a voice. */
  readonly told: (say: SayStory) => string;

  constructor(told: (say: SayStory) => string) {
    super(told(speaker(selfConnectTexts, 'en')));
    this.told = told;
  }
}

/** How long something was tried. */
export interface Search {
  readonly tries: number;
  /** 0 where no time passes. */
  readonly seconds: number;
}

/** What the loop came to: `met` is null if it met nobody within its bounds. */
export interface Meeting extends Search {
  readonly met: {
    readonly local: string;
    readonly remote: string;
    /** What was read after something was written. */
    readonly read: string;
    /** Closes the connection in the ordinary way. */
    close(): Promise<void>;
  } | null;
}

/** Where the story is played. Addresses are 127.0.0.1. Its functions throw a StoryError if they cannot do their part. */
export interface Stage {
  /** The kernel's TCP in a namespace of its own or on this host, or halfopen's own TCP. */
  readonly where: 'namespace' | 'here' | 'virtual';
  /** net.ipv4.ip_local_port_range */
  readonly range: readonly [number, number];
  /** net.ipv4.ip_local_reserved_ports */
  readonly reserved: string;
  /** Connects to the port until that works, then writes `text` and reads. `enough` is asked after each try. */
  meet(port: number, text: string, enough: (search: Search) => boolean): Promise<Meeting>;
  /** Listens on the port for a moment. @returns null, or the code of the error */
  listen(port: number): Promise<string | null>;
  /** Connects to the port with the guard on until that has stopped a self-connect. */
  meetGuarded(
    port: number,
    enough: (search: Search) => boolean,
  ): Promise<Search & { readonly stopped: number }>;
  /** Listens on the port and connects to it. @returns what the service says */
  serve(port: number): Promise<string>;
}

/** Everything that was seen, as `--json` prints it. */
export interface Seen {
  readonly where: Stage['where'];
  readonly range: readonly [number, number];
  readonly unguarded: Search & {
    readonly port: number;
    readonly local?: string;
    readonly remote?: string;
    readonly wrote?: string;
    readonly read?: string;
    /** What listen came to, null for success. */
    readonly listenMeanwhile?: string | null;
    readonly listenAfterClose?: string | null;
  };
  readonly guarded?: Search & { readonly port: number; readonly stopped: number; readonly answer?: string };
}

const most = { tries: 200_000, seconds: 60 };
// Not for readers: the client's own bytes, which it reads again.
const wrote = 'Is the service there?';

const count = (n: number): string => n.toLocaleString('en');
const tried = ({ tries, seconds }: Search, say: SayStory): string =>
  seconds > 0
    ? say('triesIn', { count: count(tries), seconds: seconds.toFixed(1) })
    : say('tries', { count: count(tries) });

/** Shows how far a search is, on a terminal; says when it has gone on long enough. */
function watchful(say: SayStory): (search: Search) => boolean {
  let shown = 0;
  return (search) => {
    if (process.stderr.isTTY && search.seconds - shown > 0.1) {
      shown = search.seconds;
      process.stderr.write(`\r${say('progress', { count: count(search.tries) })}`);
    }
    return search.tries >= most.tries || search.seconds >= most.seconds;
  };
}
const clearLine = (): void => {
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
};

/**
 * Plays the story.
 * @param packets of a self-connect, a line each
 * @param tell called with each piece of text, ready for the terminal
 */
export async function play(
  stage: Stage,
  port: number,
  packets: readonly string[],
  language: Language,
  tell: (text: string) => void,
): Promise<Seen> {
  const say: SayStory = speaker(selfConnectTexts, language);
  const { where, range } = stage;
  const [low, high] = range;
  tell(
    `${say('heading', { title: paint('bold', say('title')), place: say(where) })}\n\n` +
      `${say('intro', { port, low, high })}\n\n${paint('bold', say('one'))}\n`,
  );
  const { met, ...search } = await stage.meet(port, wrote, watchful(say));
  clearLine();
  if (met === null) {
    tell(`${say('badLuck', { tried: tried(search, say) })}\n`);
    return { where, range, unguarded: { port, ...search } };
  }
  const { local, remote, read } = met;
  const lines = packets.map((line) => `${paint('dim', `     ${line}`)}\n`).join('');
  tell(
    `${say('allButLast', { tried: tried(search, say), connected: paint('red', say('connected')) })}\n\n` +
      `${paint('bold', say('two'))}\n${say('ends', { local, remote, wrote, read })}\n${lines}` +
      `${say('why')}\n\n${paint('bold', say('three'))}\n`,
  );
  const listenMeanwhile = await stage.listen(port);
  tell(`${say('listenOn', { port, result: verdict(listenMeanwhile, 'portTaken', say) })}\n`);
  await met.close();
  const listenAfterClose = await stage.listen(port);
  tell(
    `${say('clientCloses')}\n${say('listenOn', { port, result: verdict(listenAfterClose, 'portWaits', say) })}\n\n`,
  );
  const unguarded = { port, ...search, local, remote, wrote, read, listenMeanwhile, listenAfterClose };
  return { where, range, unguarded, guarded: await playGuarded(stage, port, say, tell) };
}

async function playGuarded(
  stage: Stage,
  first: number,
  say: SayStory,
  tell: (text: string) => void,
): Promise<NonNullable<Seen['guarded']>> {
  const port = first + 2 <= stage.range[1] ? first + 2 : first - 2;
  const rule = stage.where === 'virtual' ? say('ruleOfGuard') : "import 'halfopen/guard'";
  tell(`${say('fourOn', { four: paint('bold', say('four')), rule, port, first })}\n`);
  const { stopped, ...search } = await stage.meetGuarded(port, watchful(say));
  clearLine();
  if (stopped === 0) {
    tell(`${say('guardBadLuck', { tried: tried(search, say) })}\n`);
    return { port, ...search, stopped };
  }
  tell(`${say('guarded', { tried: tried(search, say), refused: paint('green', say('allRefused')) })}\n`);
  const answer = await stage.serve(port);
  tell(
    `${say('answered', { port, up: paint('green', say('up')), answer })}\n\n` +
      `${paint('bold', say('remedies'))}\n${say('remedyList', { port: first })}\n`,
  );
  return { port, ...search, stopped, answer };
}

/** What listen came to, and why it failed if it did. */
const verdict = (code: string | null, why: 'portTaken' | 'portWaits', say: SayStory): string =>
  code === null ? paint('green', say('up')) : say('failed', { code: paint('red', code), why: say(why) });
