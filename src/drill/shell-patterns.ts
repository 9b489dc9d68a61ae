/** Patterns that a script's commands search with, kept from taking for ever: a pattern is a program of the script's. */
import { ShellError } from './shell-parser.ts';

/** No script needs longer patterns. */
const mostPattern = 500;
/** Ways to match a line that are tried at worst; a second or so. */
const mostWays = 1e9;

/** Whether a line matches. @throws ShellError if it could take too long to find out */
type LineMatcher = (line: string) => boolean;

/**
 * @param source a pattern in JavaScript's notation
 * @throws ShellError if it is not understood, or could take for ever
 */
export function linePattern(source: string, ignoreCase = false): LineMatcher {
  const { repetitions, choices } = measure(source);
  let expression: RegExp;
  try {
    expression = new RegExp(source, ignoreCase ? 'i' : '');
  } catch {
    throw new ShellError(`the pattern '${source}' is not understood`);
  }
  return (line) => {
    if (line.length ** (1 + repetitions) * 2 ** choices > mostWays) {
      const size = `${repetitions} repetitions and ${choices} choices`;
      throw new ShellError(
        `a pattern with ${size} could take for ever on a line of ${line.length} characters`,
      );
    }
    return expression.test(line);
  };
}

/** How often a pattern can go on in several ways: at most as many as the line is long, or two. */
function measure(source: string): { repetitions: number; choices: number } {
  if (source.length > mostPattern)
    throw new ShellError(`patterns have up to ${mostPattern} characters here, not ${source.length}`);
  let [repetitions, choices] = [0, 0];
  let before = '';
  for (const [token] of source.matchAll(/\\[\s\S]?|\[(?:\\[\s\S]|[^\]\\])*\]?|[\s\S]/g)) {
    if (/^\\[1-9k]/.test(token))
      throw new ShellError(`${token}: references to a group are not understood here`);
    if (before === '(' && token === '?') throw new ShellError("'(?' is not understood in a pattern here");
    if ('*+{'.includes(token)) {
      if (before === ')') throw new ShellError(`a group repeated with ${token} is not understood here`);
      repetitions++;
    } else if (token === '|' || token === '?') {
      choices++;
    }
    before = token;
  }
  return { repetitions, choices };
}
