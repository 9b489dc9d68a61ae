/** What `halfopen self-connect` does and tells, wherever it is played. */
import { paint } from './output/print.ts';

/** The story cannot be played here, or was asked for wrongly: the message is all that the user needs. */
export class StoryError extends Error {}

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
const wrote = 'Is the service there?';

const count = (n: number): string => n.toLocaleString('en');
const tried = ({ tries, seconds }: Search): string =>
  `${count(tries)} tries${seconds > 0 ? ` in ${seconds.toFixed(1)} s` : ''}`;

/** Shows how far a search is, on a terminal; says when it has gone on long enough. */
function watchful(): (search: Search) => boolean {
  let shown = 0;
  return (search) => {
    if (process.stderr.isTTY && search.seconds - shown > 0.1) {
      shown = search.seconds;
      process.stderr.write(`\r   ${count(search.tries)} tries ... `);
    }
    return search.tries >= most.tries || search.seconds >= most.seconds;
  };
}
const clearLine = (): void => {
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
};

const places: Record<Stage['where'], string> = {
  namespace: "on this machine's kernel, in a network namespace of its own",
  here: "on this machine's kernel, in this very network",
  virtual: 'on a host of halfopen’s own (its TCP, no kernel; seed 1)',
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
  tell: (text: string) => void,
): Promise<Seen> {
  const { where, range } = stage;
  const [low, high] = range;
  tell(`${paint('bold', 'A program that connects to itself')}, ${places[where]}

A service belongs on 127.0.0.1:${port}, but it is down. Its client, on the same host, tries again until it is up.
Each connect() needs a port at its own end too. It gets one from ${low} to ${high}, and ${port} is one of those.

${paint('bold', '1. The client tries')}
`);
  const { met, ...search } = await stage.meet(port, wrote, watchful());
  clearLine();
  if (met === null) {
    tell(`   ${tried(search)}, and it has not met itself: bad luck, run it again.\n`);
    return { where, range, unguarded: { port, ...search } };
  }
  const { local, remote, read } = met;
  tell(`   ${tried(search)}. All were refused, but the last: that one is ${paint('red', 'connected')}.

${paint('bold', '2. Connected with whom? Nobody listens there')}
   its own end     ${local}
   the other end   ${remote}
   It writes       "${wrote}"
   and reads       "${read}"
   It is connected to itself. On the wire (from halfopen's own TCP):
${packets.map((line) => paint('dim', `     ${line}`)).join('\n')}
   The SYN came back to the socket that sent it, and TCP takes that for a peer that opens at the same time
   (RFC 9293, section 3.5). Every health check that stops at "connected" is content.

${paint('bold', '3. The service wants to start')}
`);
  const listenMeanwhile = await stage.listen(port);
  tell(`   listen on ${port}   ${verdict(listenMeanwhile, 'its own client sits on its port')}\n`);
  await met.close();
  const listenAfterClose = await stage.listen(port);
  tell(`   The client notices, and closes as programs do.
   listen on ${port}   ${verdict(listenAfterClose, 'the port stays in TIME-WAIT for a minute')}

`);
  const unguarded = {
    port,
    ...search,
    local,
    remote,
    wrote,
    read,
    listenMeanwhile,
    listenAfterClose,
  };
  return { where, range, unguarded, guarded: await playGuarded(stage, port, tell) };
}

async function playGuarded(
  stage: Stage,
  first: number,
  tell: (text: string) => void,
): Promise<NonNullable<Seen['guarded']>> {
  const port = first + 2 <= stage.range[1] ? first + 2 : first - 2;
  const rule = stage.where === 'virtual' ? "the guard's rule" : "import 'halfopen/guard'";
  tell(
    `${paint('bold', `4. The same with the guard`)} (${rule}), on port ${port}, since ${first} is still taken\n`,
  );
  const { stopped, ...search } = await stage.meetGuarded(port, watchful());
  clearLine();
  if (stopped === 0) {
    tell(`   ${tried(search)}, and the guard has met no self-connect: bad luck, run it again.\n`);
    return { port, ...search, stopped };
  }
  tell(
    `   ${tried(search)}, ${paint('green', 'all refused')}. The last was a self-connect; the client was told ECONNREFUSED, as ever.\n`,
  );
  const answer = await stage.serve(port);
  tell(`   listen on ${port}   ${paint('green', 'up')}, at once. The client's next try reads "${answer}"

${paint('bold', 'How to stay out of it')}
   a Node program         node --import halfopen/guard app.js
   every program here     sysctl -w net.ipv4.ip_local_reserved_ports=${first}
   does it happen here?   halfopen doctor
`);
  return { port, ...search, stopped, answer };
}

/** What listen came to, and why it failed if it did. */
const verdict = (code: string | null, why: string): string =>
  code === null ? paint('green', 'up') : `${paint('red', code)}: ${why}`;
