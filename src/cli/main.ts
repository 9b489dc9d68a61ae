#!/usr/bin/env node
/**
 * The `halfopen` command. Each subcommand is a file of this folder that exports `run(args)`, loaded only when asked
 * for; it returns the exit code: 0 success, 1 something failed or was found, 2 wrong usage.
 */
import { commandTexts } from '../messages/commands.ts';
import { speaker } from '../messages/message.ts';
import { commands } from './commands.ts';
import { languageOf, languageProblem } from './language.ts';

const given = process.argv.slice(2);
/** `halfopen --lang zh COMMAND` says the same as `halfopen COMMAND --lang zh`. */
const moved = given[0]?.startsWith('--lang') ? given.splice(0, given[0] === '--lang' ? 2 : 1) : [];
const [name, ...rest] = given;
const args = [...moved, ...rest];
const language = languageOf(args);
const say = speaker(commandTexts, language);

function usage(): string {
  const rows = Object.entries(commands).map(
    ([key, { summary }]) => `  ${key.padEnd(14)}${summary[language]}`,
  );
  return [say('usage'), '', say('commands'), ...rows, '', say('more'), ''].join('\n');
}

async function main(): Promise<number> {
  const problem = languageProblem(args);
  if (problem !== null) {
    process.stderr.write(`halfopen${name === undefined ? '' : ` ${name}`}: ${problem}\n`);
    return 2;
  }
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
    process.stderr.write(`halfopen: ${say('noCommand', { name })}\n\n${usage()}`);
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
