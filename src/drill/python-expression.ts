/** Expressions of the Python subset of python.ts: a parser by precedence that computes as it goes. */
import type { PyToken } from './python-lexer.ts';
import { arithmetic, compare, isTrue, PythonError, type PyValue, text } from './python-values.ts';

/**
 * Computes an expression.
 * @param output what print() appends to
 * @throws PythonError
 */
export function evaluate(
  tokens: readonly PyToken[],
  variables: Map<string, PyValue>,
  output: string[],
): PyValue {
  const parser = new Expression(tokens, variables, output);
  const value = parser.list();
  parser.end();
  return value;
}

const binary: readonly (readonly string[])[] = [
  ['|'],
  ['^'],
  ['&'],
  ['<<', '>>'],
  ['+', '-'],
  ['*', '//', '/', '%'],
];
const comparisons: ReadonlySet<string> = new Set(['==', '!=', '<', '<=', '>', '>=', 'in', 'is']);

/** Steps into brackets and operators: no snippet needs more, and each takes some of the stack. */
const mostDepth = 300;

class Expression {
  private readonly tokens: readonly PyToken[];
  private readonly variables: Map<string, PyValue>;
  private readonly output: string[];
  private at = 0;
  private depth = 0;

  constructor(tokens: readonly PyToken[], variables: Map<string, PyValue>, output: string[]) {
    this.tokens = tokens;
    this.variables = variables;
    this.output = output;
  }

  end(): void {
    if (this.at < this.tokens.length) throw this.unsupported();
  }

  /** One value, or several with commas between: a tuple. */
  list(): PyValue {
    const first = this.conditional();
    if (!this.is(',')) return first;
    const items = [first];
    while (this.accept(',')) {
      if (this.at >= this.tokens.length || this.is(')')) break;
      items.push(this.conditional());
    }
    return items;
  }

  private deeper(inner: () => PyValue): PyValue {
    if (++this.depth > mostDepth) throw new PythonError('the expression is nested too deeply');
    const value = inner();
    this.depth--;
    return value;
  }

  private is(word: string): boolean {
    const token = this.tokens[this.at];
    return token !== undefined && token.kind !== 'string' && token.text === word;
  }

  private accept(word: string): boolean {
    if (!this.is(word)) return false;
    this.at++;
    return true;
  }

  private expect(word: string): void {
    if (!this.accept(word)) throw this.unsupported(`expected '${word}'`);
  }

  private unsupported(why = ''): PythonError {
    const token = this.tokens[this.at];
    const where = token === undefined ? 'the end of the statement' : `'${token.text}'`;
    const more = why === '' ? '' : ` (${why})`;
    return new PythonError(`${where} is not understood here${more}; --python hands snippets to python3`, {
      unsupported: true,
      ...(token === undefined ? {} : { line: token.line }),
    });
  }

  private conditional(): PyValue {
    const value = this.or();
    if (!this.accept('if')) return value;
    const condition = this.or();
    this.expect('else');
    const otherwise = this.deeper(() => this.conditional());
    return isTrue(condition) ? value : otherwise;
  }

  private or(): PyValue {
    let value = this.and();
    while (this.accept('or')) {
      const right = this.and();
      value = isTrue(value) ? value : right;
    }
    return value;
  }

  private and(): PyValue {
    let value = this.not();
    while (this.accept('and')) {
      const right = this.not();
      value = isTrue(value) ? right : value;
    }
    return value;
  }

  private not(): PyValue {
    return this.accept('not') ? !isTrue(this.deeper(() => this.not())) : this.comparison();
  }

  private comparison(): PyValue {
    let left = this.level(0);
    let result: boolean | null = null;
    for (;;) {
      const negated = this.is('not') && this.tokens[this.at + 1]?.text === 'in';
      if (negated) this.at++;
      const operator = this.tokens[this.at]?.text ?? '';
      if (!comparisons.has(operator) || this.tokens[this.at]!.kind === 'string') break;
      this.at++;
      const isNot = operator === 'is' && this.accept('not');
      const right = this.level(0);
      const holds = compare(operator, left, right) !== (negated || isNot);
      result = (result ?? true) && holds;
      left = right;
    }
    return result ?? left;
  }

  private level(depth: number): PyValue {
    const operators = binary[depth];
    if (operators === undefined) return this.unary();
    let left = this.level(depth + 1);
    for (;;) {
      const token = this.tokens[this.at];
      if (token === undefined || token.kind !== 'operator' || !operators.includes(token.text)) return left;
      this.at++;
      left = arithmetic(token.text, left, this.level(depth + 1));
    }
  }

  private unary(): PyValue {
    return this.deeper(() => this.signed());
  }

  private signed(): PyValue {
    if (this.accept('-')) return arithmetic('-', 0n, this.unary());
    if (this.accept('+')) return arithmetic('+', 0n, this.unary());
    if (this.accept('~')) return arithmetic('-', arithmetic('-', 0n, this.unary()), 1n);
    const base = this.atom();
    return this.accept('**') ? arithmetic('**', base, this.unary()) : base;
  }

  private atom(): PyValue {
    const token = this.tokens[this.at];
    if (token === undefined) throw this.unsupported();
    if (token.kind === 'integer') {
      this.at++;
      return BigInt(token.text);
    }
    if (token.kind === 'float') {
      this.at++;
      return Number(token.text);
    }
    if (token.kind === 'string') {
      let value = '';
      while (this.tokens[this.at]?.kind === 'string') value += this.tokens[this.at++]!.text;
      return value;
    }
    if (token.kind === 'name') return this.name(token);
    const close = token.text === '(' ? ')' : token.text === '[' ? ']' : null;
    if (close === null) throw this.unsupported();
    this.at++;
    if (this.accept(close)) return [];
    const value = this.list();
    this.expect(close);
    return close === ']' && !Array.isArray(value) ? [value] : value;
  }

  private name(token: PyToken): PyValue {
    this.at++;
    if (token.text === 'True') return true;
    if (token.text === 'False') return false;
    if (token.text === 'None') return null;
    if (this.is('(')) return this.call(token);
    const value = this.variables.get(token.text);
    if (value === undefined)
      throw new PythonError(`NameError: name '${token.text}' is not defined`, { line: token.line });
    return value;
  }

  private call(token: PyToken): PyValue {
    this.expect('(');
    const args: PyValue[] = [];
    while (!this.accept(')')) {
      args.push(this.conditional());
      if (!this.is(')')) this.expect(',');
    }
    if (token.text === 'print') {
      this.output.push(`${args.map(text).join(' ')}\n`);
      return null;
    }
    return callFunction(token, args);
  }
}

function callFunction(token: PyToken, args: readonly PyValue[]): PyValue {
  const items = args.length === 1 && Array.isArray(args[0]) ? (args[0] as readonly PyValue[]) : args;
  const first = args[0];
  if (items.length === 0 && ['abs', 'min', 'max'].includes(token.text))
    throw new PythonError(`ValueError: ${token.text}() of nothing`, { line: token.line });
  switch (token.text) {
    case 'abs':
      return isTrue(compare('<', first!, 0n)) ? arithmetic('-', 0n, first!) : first!;
    case 'min':
      return items.reduce((a, b) => (compare('<', b, a) ? b : a));
    case 'max':
      return items.reduce((a, b) => (compare('>', b, a) ? b : a));
    case 'len':
      if (typeof first === 'string' || Array.isArray(first)) return BigInt(first.length);
      break;
    case 'int':
      if (typeof first === 'number') return BigInt(Math.trunc(first));
      if (typeof first === 'bigint' || typeof first === 'boolean') return BigInt(first);
      break;
    case 'float':
      if (typeof first === 'number' || typeof first === 'bigint') return Number(first);
      break;
    case 'str':
      return text(first ?? '');
    case 'hex':
      if (typeof first === 'bigint') return `0x${first.toString(16)}`;
      break;
    case 'round':
      if (typeof first === 'number' && args.length === 1) return BigInt(Math.round(first));
      break;
  }
  throw new PythonError(`${token.text}() is not understood here; --python hands snippets to python3`, {
    unsupported: true,
    line: token.line,
  });
}
