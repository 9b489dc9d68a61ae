/** The subcommands of `halfopen`, each loaded on first use so that start-up stays fast. */
export interface Command {
  /** One line for the help text. */
  readonly summary: string;
  readonly load: () => Promise<{
    /** Runs the command with the arguments after its name; resolves to the exit code. */
    run(args: string[]): Promise<number>;
  }>;
}

export const commands: Readonly<Record<string, Command>> = {
  start: {
    summary: 'the three-way handshake, drawn as a ladder: the first minute',
    load: () => import('./start.ts'),
  },
  explain: {
    summary: 'what happened to every connection attempt in a capture',
    load: () => import('./explain.ts'),
  },
  run: {
    summary: 'run packetdrill scripts on the built-in stack',
    load: () => import('./run.ts'),
  },
  lab: {
    summary: 'serve the lab: see a handshake, break it, understand it',
    load: () => import('./lab.ts'),
  },
  doctor: {
    summary: 'find what makes connections fail on this host',
    load: () => import('./doctor.ts'),
  },
  'self-connect': {
    summary: 'show how a program connects to itself, and how the guard prevents it',
    load: () => import('./self-connect.ts'),
  },
};
