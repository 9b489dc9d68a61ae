/**
 * The part of Python that scripts use in `%{ ... }%`: assert, print, assignments, integers, floats, strings, `%`
 * formatting, arithmetic, bits, comparisons (chains too), and/or/not, conditional expressions, and a few functions.
 * Integers do not overflow, and what is not understood is an error that says so: nothing is guessed. All snippets of a
 * script share one set of variables.
 */
import { evaluate } from './python-expression.ts';
import { lexPython, type PyToken } from './python-lexer.ts';
import { isTrue, PythonError, type PyValue, repr, text } from './python-values.ts';

/** How a snippet ended. */
interface PythonResult {
  /** What it printed. */
  readonly output: string;
  /** Why it failed; null if it did not. `line` counts from 1 within the snippet. */
  readonly error: { readonly message: string; readonly line: number; readonly unsupported: boolean } | null;
}

/**
 * Runs a snippet.
 * @param variables read and changed
 */
export function runPython(source: string, variables: Map<string, PyValue>): PythonResult {
  const output: string[] = [];
  let line = 1;
  try {
    for (const statement of statements(source)) {
      line = statement[0]!.line;
      execute(statement, variables, output);
    }
    return { output: output.join(''), error: null };
  } catch (error) {
    // Infinity as an integer, values within values without end: what JavaScript cannot hold either.
    if (error instanceof RangeError)
      return {
        output: output.join(''),
        error: { message: `OverflowError: ${error.message}`, line, unsupported: false },
      };
    if (!(error instanceof PythonError)) throw error;
    const { message, unsupported } = error;
    return { output: output.join(''), error: { message, line: error.line ?? line, unsupported } };
  }
}

/** Tokens statement by statement; a newline or a semicolon ends one. */
function* statements(source: string): Generator<PyToken[]> {
  let current: PyToken[] = [];
  for (const token of lexPython(source)) {
    if (token.kind === 'end-of-statement') {
      if (current.length > 0) yield current;
      current = [];
    } else {
      current.push(token);
    }
  }
  if (current.length > 0) yield current;
}

const augmented: ReadonlySet<string> = new Set([
  '+=',
  '-=',
  '*=',
  '//=',
  '/=',
  '%=',
  '|=',
  '&=',
  '^=',
  '<<=',
  '>>=',
]);
const unsupportedKeywords: ReadonlySet<string> = new Set(
  'if else elif for while def class import from return with try except lambda yield global del raise async await'.split(
    ' ',
  ),
);

function execute(tokens: PyToken[], variables: Map<string, PyValue>, output: string[]): void {
  const [first, second] = tokens as [PyToken, PyToken?];
  if (first.kind === 'name') {
    if (first.text === 'assert') {
      runAssert(tokens, variables);
      return;
    }
    if (first.text === 'pass' && tokens.length === 1) return;
    if (unsupportedKeywords.has(first.text)) {
      throw new PythonError(
        `'${first.text}' is more Python than this runner understands; --python hands it to python3`,
        {
          unsupported: true,
          line: first.line,
        },
      );
    }
    if (second?.text === '=') {
      variables.set(first.text, evaluate(tokens.slice(2), variables, output));
      return;
    }
    if (second !== undefined && augmented.has(second.text)) {
      const operator: PyToken = { ...second, text: second.text.slice(0, -1) };
      const open: PyToken = { ...second, text: '(' };
      const close: PyToken = { ...second, text: ')' };
      const whole = [first, operator, open, ...tokens.slice(2), close];
      variables.set(first.text, evaluate(whole, variables, output));
      return;
    }
  }
  evaluate(tokens, variables, output);
}

function runAssert(tokens: PyToken[], variables: Map<string, PyValue>): void {
  const comma = topLevelComma(tokens);
  const condition = evaluate(tokens.slice(1, comma), variables, []);
  if (isTrue(condition)) return;
  const said = comma < tokens.length ? text(evaluate(tokens.slice(comma + 1), variables, [])) : '';
  const shown = tokens
    .slice(1, comma)
    .map(({ text: word }) => word)
    .join(' ');
  const names = tokens
    .slice(1, comma)
    .filter(({ kind, text: name }) => kind === 'name' && variables.has(name));
  const values = [...new Set(names.map(({ text: name }) => `${name} = ${repr(variables.get(name)!)}`))];
  const where = values.length > 0 ? ` (${values.join(', ')})` : '';
  throw new PythonError(`AssertionError${said === '' ? '' : `: ${said}`}; assert ${shown}${where}`, {
    line: tokens[0]!.line,
  });
}

/** Index of the first comma outside brackets, or the number of tokens. */
function topLevelComma(tokens: readonly PyToken[]): number {
  let depth = 0;
  for (const [index, token] of tokens.entries()) {
    if (token.kind !== 'operator') continue;
    if ('([{'.includes(token.text)) depth++;
    else if (')]}'.includes(token.text)) depth--;
    else if (token.text === ',' && depth === 0) return index;
  }
  return tokens.length;
}
