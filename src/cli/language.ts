/** In which language a command speaks: `--lang`, else the locale of the environment. JSON stays English unless asked. */
import { common } from '../messages/common.ts';
import { type Language, languageNamed, speaker } from '../messages/message.ts';
import { visible } from '../wire/visible.ts';

/** What follows `--lang` in the arguments; undefined if there is none, '' if nothing follows. The last one counts. */
function asked(args: readonly string[]): string | undefined {
  const end = args.indexOf('--');
  const own = end < 0 ? args : args.slice(0, end);
  let found: string | undefined;
  own.forEach((arg, i) => {
    if (arg === '--lang') found = own[i + 1] ?? '';
    else if (arg.startsWith('--lang=')) found = arg.slice('--lang='.length);
  });
  return found;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The locale by POSIX's order: the first of the three that is set and not empty. */
function ofEnvironment(env: Environment): Language {
  const locale = [env.LC_ALL, env.LC_MESSAGES, env.LANG].find((value) => value !== undefined && value !== '');
  return languageNamed(locale ?? '') ?? 'en';
}

/**
 * The language of a command's output, help and errors. Call it first, so that even a wrong option is told in the right
 * language; a language that is neither en nor zh is for `languageProblem` to tell.
 * @param args the command's arguments, as they came
 */
export function languageOf(args: readonly string[], env: Environment = process.env): Language {
  return languageNamed(asked(args) ?? '') ?? ofEnvironment(env);
}

/** The language of JSON and other output for machines: English unless `--lang` asks for another. */
export const machineLanguage = (args: readonly string[]): Language =>
  languageNamed(asked(args) ?? '') ?? 'en';

/** What is wrong with `--lang` in the arguments; null if nothing is. */
export function languageProblem(args: readonly string[], env: Environment = process.env): string | null {
  const name = asked(args);
  if (name === undefined || languageNamed(name) !== null) return null;
  const say = speaker(common, ofEnvironment(env));
  return name === '' ? say('languageMissing') : say('badLanguage', { name });
}

/** What was wrong with the arguments, in the user's language, from an error of node:util's parseArgs. */
export function argumentProblem(error: unknown, language: Language): string {
  const say = speaker(common, language);
  const { code, message } = error as { code?: string; message: string };
  const quoted = visible(/'([^']*)'/.exec(message)?.[1] ?? '');
  const what =
    code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION'
      ? say('unknownOption', { option: quoted })
      : code === 'ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL'
        ? say('unexpected', { argument: quoted })
        : code !== 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE'
          ? visible(message)
          : / does not take /.test(message)
            ? say('optionTakesNone', { option: quoted })
            : say('optionNeedsValue', { option: quoted.replace(/ <value>$/, '') });
  return `${what}${language === 'zh' ? '；' : '; '}${say('seeHelp')}`;
}
