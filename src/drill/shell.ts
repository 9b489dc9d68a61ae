/**
 * Runs the shell commands of scripts against a virtual host. The only thing it reads of the real machine is what its
 * caller hands it: shell scripts beside the packetdrill script (such as the outside suite's defaults.sh). It changes
 * nothing there.
 */
import { commands } from './shell-commands.ts';
import { type CommandResult, type ShellContext, splitOnce, writeFile } from './shell-context.ts';
import {
  type Choice,
  type Pipeline,
  parseShell,
  type Redirection,
  ShellError,
  type SimpleCommand,
  type Word,
} from './shell-parser.ts';

interface ShellResult {
  readonly status: number;
  readonly output: string;
}

const maxDepth = 8;
/** The most characters of one command. */
const mostText = 1 << 20;

/** Runs a command line or a whole script; a text that is not understood ends with status 2 and says why. */
export function runShell(text: string, context: ShellContext, depth = 0): ShellResult {
  if (depth > maxDepth) return { status: 2, output: 'scripts call each other too deeply\n' };
  const printed: string[] = [];
  try {
    return { status: runList(parseShell(text), context, depth, printed), output: printed.join('') };
  } catch (error) {
    // A RangeError: numbers or nesting that JavaScript cannot hold either.
    if (!(error instanceof ShellError || error instanceof RangeError)) throw error;
    const { inFile } = context;
    const why = inFile === null ? error.message : `${inFile}: more shell than the built-in host understands`;
    return { status: 2, output: `${printed.join('')}${why}\n` };
  }
}

/** @param printed gets what is printed. @returns the last status */
function runList(list: readonly Pipeline[], context: ShellContext, depth: number, printed: string[]): number {
  let status = 0;
  for (const pipeline of list) {
    if ((pipeline.after === '&&' && status !== 0) || (pipeline.after === '||' && status === 0)) continue;
    if (pipeline.choice !== undefined) status = runChoice(pipeline.choice, context, depth, printed);
    else {
      const result = runPipeline(pipeline, context, depth);
      status = result.status;
      printed.push(result.output);
    }
    context.variables.set('?', String(status));
  }
  return status;
}

function runChoice(choice: Choice, context: ShellContext, depth: number, printed: string[]): number {
  const chosen = choice.branches.find(({ condition }) => runList(condition, context, depth, printed) === 0);
  return runList(chosen?.body ?? choice.otherwise, context, depth, printed);
}

function runPipeline(pipeline: Pipeline, context: ShellContext, depth: number): ShellResult {
  let input = '';
  let status = 0;
  let errors = '';
  for (const command of pipeline.commands) {
    const result = redirect(command, runSimple(command, input, context, depth), context, depth);
    input = result.output;
    errors += result.errors;
    status = result.status;
  }
  return { status: pipeline.negated ? Number(status === 0) : status, output: errors + input };
}

function limited(length: number): void {
  if (length > mostText) throw new ShellError(`a command has up to ${mostText} characters here`);
}

function runSimple(
  command: SimpleCommand,
  input: string,
  context: ShellContext,
  depth: number,
): CommandResult {
  const words = command.words.flatMap((word) => expand(word, context, depth));
  limited(words.reduce((sum, word) => sum + word.length, 0));
  while (words.length > 0 && /^[A-Za-z_]\w*=/.test(words[0]!)) {
    const [name, value] = splitOnce(words.shift()!, '=');
    context.variables.set(name, value);
  }
  if (words.length === 0) return { status: 0, output: '', errors: '' };
  const [name, ...args] = words as [string, ...string[]];
  const base = name.slice(name.lastIndexOf('/') + 1);
  const known = Object.hasOwn(commands, base) ? commands[base] : undefined;
  const { inFile } = context;
  if (known !== undefined) {
    const result = known({ args, input, context });
    return inFile === null || result.errors === ''
      ? result
      : { ...result, errors: `${inFile}: ${base} failed\n` };
  }
  if (name === '.' && args[0] !== undefined) return runFile(args[0], context, depth);
  if (name.includes('/')) return runFile(name, context, depth);
  const what = inFile === null ? name : `${inFile}: something in it`;
  const errors = `${what}: not a command of the built-in host, which has ${Object.keys(commands).join(', ')}\n`;
  return { status: 127, output: '', errors };
}

function runFile(path: string, context: ShellContext, depth: number): CommandResult {
  const own = context.files.get(path);
  const text = own ?? context.readFile(path.startsWith('/') ? path : `${context.folder}/${path}`);
  if (text === null) return { status: 127, output: '', errors: `${path}: not found\n` };
  if (typeof text !== 'string') return { status: 126, output: '', errors: `${path}: ${text.refused}\n` };
  const interpreter = /^#!.*\b(python|perl|node|ruby)/.exec(text)?.[1];
  if (interpreter !== undefined) {
    return {
      status: 126,
      output: '',
      errors: `${path}: ${interpreter} scripts do not run on the built-in host\n`,
    };
  }
  const { inFile } = context;
  if (own === undefined) context.inFile ??= path;
  try {
    return { ...runShell(text, context, depth + 1), errors: '' };
  } finally {
    context.inFile = inFile;
  }
}

function redirect(
  command: SimpleCommand,
  result: CommandResult,
  context: ShellContext,
  depth: number,
): CommandResult {
  let { status, output, errors } = result;
  const write = (redirection: Redirection, path: string, text: string): void => {
    const written = writeFile(path, text, redirection.append, context);
    if (written !== null) {
      status = 1;
      errors += `${path}: ${written}\n`;
    }
  };
  for (const redirection of command.redirections) {
    const { from, to } = redirection;
    if (typeof to === 'number') {
      if (from === 2 && to === 1) {
        // `> file 2>&1` has emptied the output already; then errors go the same way.
        const redirected = command.redirections.some(
          (other) => other.from === 1 && typeof other.to !== 'number',
        );
        if (!redirected) output += errors;
        errors = '';
      }
      continue;
    }
    const path = expand(to, context, depth).join(' ');
    const text = from === 2 ? errors : from === 1 ? output : output + errors;
    if (from !== 1) errors = '';
    if (from !== 2) output = '';
    write(redirection, path, text);
  }
  return { status, output, errors };
}

function expand(word: Word, context: ShellContext, depth: number): string[] {
  let text = '';
  for (const part of word) {
    switch (part.kind) {
      case 'text':
        text += part.text;
        break;
      case 'variable':
        text += context.variables.get(part.name) ?? '';
        break;
      case 'arithmetic':
        text += String(arithmetic(part.text, context));
        break;
      case 'substitution':
        text += runShell(part.text, context, depth + 1).output.replace(/\n+$/, '');
        break;
    }
    limited(text.length);
  }
  // An unquoted variable alone that is empty is no word at all.
  return text === '' && word.every((part) => part.kind === 'variable') && word.length > 0 ? [] : [text];
}

/** `15*1024*1024`: integers, + - * / % << >> | & and parentheses. */
function arithmetic(text: string, context: ShellContext): number {
  const tokens = text.match(/0x[0-9a-fA-F]+|\d+|\$?[A-Za-z_]\w*|<<|>>|[-+*/%|&()]/g) ?? [];
  const levels = [['|'], ['&'], ['<<', '>>'], ['+', '-'], ['*', '/', '%']];
  let at = 0;
  const level = (depth: number): number => {
    const operators = levels[depth];
    if (operators === undefined) return atom();
    let value = level(depth + 1);
    while (operators.includes(tokens[at] ?? '')) value = apply(tokens[at++]!, value, level(depth + 1));
    return value;
  };
  const atom = (): number => {
    const token = tokens[at++] ?? '';
    if (token === '(') {
      const value = level(0);
      at++;
      return value;
    }
    if (token === '-') return -atom();
    const value = Number(
      /^\d|^0x/.test(token) ? token : (context.variables.get(token.replace('$', '')) ?? 'x'),
    );
    if (!Number.isFinite(value))
      throw new ShellError(`$((${text})) is more shell than this runner understands`);
    return value;
  };
  const value = level(0);
  if (at < tokens.length) throw new ShellError(`$((${text})) is more shell than this runner understands`);
  return value;
}

function apply(operator: string, a: number, b: number): number {
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return Math.trunc(a / b);
    case '%':
      return a % b;
    case '<<':
      return a * 2 ** b;
    case '>>':
      return Math.floor(a / 2 ** b);
    case '&':
      return Number(BigInt(a) & BigInt(b));
    default:
      return Number(BigInt(a) | BigInt(b));
  }
}
