#!/usr/bin/env node
/**
 * The `halfopen` command. Each subcommand is a file of this folder that exports `run(args)`, loaded only when asked
 * for; it returns the exit code: 0 success, 1 something failed or was found, 2 wrong usage.
 */
import { commands } from './commands.ts';

const [name, ...args] = process.argv.slice(2);

function usage(): string {
  const rows = Object.entries(commands).map(([key, { summary }]) => `  ${key.padEnd(14)}${summary}`);
  return [
    'Usage: halfopen COMMAND [OPTION]...',
    '',
    'Commands:',
    ...rows,
    '',
    'halfopen COMMAND --help says more.',
    '',
  ].join('\n');
}

async function main(): Promise<number> {
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(usage());
    return name === undefined ? 2 : 0;
  }
  if (name === '--version' || name === '-V') {
    process.stdout.write(`${(await import('../index.ts')).version}\n`);
    return 0;
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) {
    process.stderr.write(`halfopen: there is no command '${name}'\n\n${usage()}`);
    return 2;
  }
  return (await command.load()).run(args);
}

// Whoever reads the output has gone (`| head`): end as other programs do, without a stack trace. 141 is 128 + SIGPIPE.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(141);
});

process.exitCode = await main();
