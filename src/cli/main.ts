#!/usr/bin/env node
/**
 * The `halfopen` command. Each subcommand is a file of this folder that exports `run(args)`, loaded only when asked
 * for; it returns the exit code: 0 success, 1 something failed or was found, 2 wrong usage.
 */
import { commandTexts } from '../messages/commands.ts';
import { speaker } from '../messages/message.ts';
import { visible } from '../wire/visible.ts';
import { commands } from './commands.ts';
import { languageOf, languageProblem } from './language.ts';
import { WriteError } from './output/errors.ts';
import { commandLine } from './output/names.ts';
import { complain, guardStandardOutput, print, printError } from './output/print.ts';

const given = commandLine();
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
    complain(visible(name ?? ''), visible(problem));
    return 2;
  }
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    print(usage());
    return name === undefined ? 2 : 0;
  }
  if (name === '--version' || name === '-V') {
    print(`${(await import('../index.ts')).version}\n`);
    return 0;
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) {
    printError(`halfopen: ${say('noCommand', { name: visible(name) })}\n\n${usage()}`);
    return 2;
  }
  return (await command.load()).run(args);
}

const command = name !== undefined && Object.hasOwn(commands, name) ? name : '';
guardStandardOutput(command);
try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof WriteError)) throw error;
  complain(command, error.message);
  process.exitCode = 1;
}
