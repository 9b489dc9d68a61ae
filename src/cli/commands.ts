/** The subcommands of `halfopen`, each loaded on first use so that start-up stays fast. */
import { commandTexts } from '../messages/commands.ts';
import type { Words } from '../messages/message.ts';

export interface Command {
  /** One line for the help text. */
  readonly summary: Words;
  readonly load: () => Promise<{
    /** Runs the command with the arguments after its name; resolves to the exit code. */
    run(args: string[]): Promise<number>;
  }>;
}

export const commands: Readonly<Record<string, Command>> = {
  start: {
    summary: commandTexts.start,
    load: () => import('./start.ts'),
  },
  explain: {
    summary: commandTexts.explain,
    load: () => import('./explain.ts'),
  },
  run: {
    summary: commandTexts.run,
    load: () => import('./run.ts'),
  },
  compare: {
    summary: commandTexts.compare,
    load: () => import('./compare.ts'),
  },
  musts: {
    summary: commandTexts.musts,
    load: () => import('./musts.ts'),
  },
  tun: {
    summary: commandTexts.tun,
    load: () => import('./tun.ts'),
  },
  lab: {
    summary: commandTexts.lab,
    load: () => import('./lab.ts'),
  },
  doctor: {
    summary: commandTexts.doctor,
    load: () => import('./doctor.ts'),
  },
  watch: {
    summary: commandTexts.watch,
    load: () => import('./watch.ts'),
  },
  guard: {
    summary: commandTexts.guard,
    load: () => import('./guard.ts'),
  },
  port: {
    summary: commandTexts.port,
    load: () => import('./port.ts'),
  },
  'self-connect': {
    summary: commandTexts['self-connect'],
    load: () => import('./self-connect.ts'),
  },
};
