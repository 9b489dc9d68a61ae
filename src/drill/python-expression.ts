/** Expressions of the Python subset of python.ts: a parser by precedence that computes as it goes. */
import type { PyValue } from './python.ts';
import type { PyToken } from './python-lexer.ts';

/** An error of a snippet, as Python would raise it, or of a snippet that needs more Python than there is here. */
export class PythonError extends Error {
  readonly line: number | null;
  readonly unsupported: boolean;

  constructor(message: string, more: { line?: number; unsupported?: boolean } = {}) {
    super(message);
    this.name = 'PythonError';
    this.line = more.line ?? null;
    this.unsupported = more.unsupported ?? false;
  }
}

export function isTrue(value: PyValue): boolean {
  if (value === null || value === false || value === '') return false;
  if (Array.isArray(value)) return value.length > 0;
  return value !== 0n && value !== 0;
}

/** The value as print shows it. */
export function text(value: PyValue): string {
  return typeof value === 'string' ? value : repr(value);
}

/** The value as Python writes it down. */
export function repr(value: PyValue): string {
  if (value === null) return 'None';
  if (value === true) return 'True';
  if (value === false) return 'False';
  if (typeof value === 'string') return `'${value}'`;
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'number')
    return Number.isInteger(value) && Math.abs(value) < 1e16 ? `${value}.0` : String(value);
  const items = value.map(repr);
  return items.length === 1 ? `(${items[0]},)` : `(${items.join(', ')})`;
}

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

class Expression {
  private readonly tokens: readonly PyToken[];
  private readonly variables: Map<string, PyValue>;
  private readonly output: string[];
  private at = 0;

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
    const otherwise = this.conditional();
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
    return this.accept('not') ? !isTrue(this.not()) : this.comparison();
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

function compare(operator: string, left: PyValue, right: PyValue): boolean {
  if (operator === 'in') {
    if (typeof right === 'string') return typeof left === 'string' && right.includes(left);
    if (Array.isArray(right)) return (right as readonly PyValue[]).some((item) => compare('==', left, item));
    throw new PythonError('TypeError: argument of this type is not iterable');
  }
  if (operator === '==' || operator === 'is') return equal(left, right);
  if (operator === '!=') return !equal(left, right);
  const ordered =
    (isNumber(left) && isNumber(right)) || (typeof left === 'string' && typeof right === 'string');
  if (!ordered) throw new PythonError(`TypeError: '${operator}' not supported between these types`);
  const [a, b] = [left as number | bigint | string, right as number | bigint | string];
  if (operator === '<') return a < b;
  if (operator === '<=') return a <= b;
  return operator === '>' ? a > b : a >= b;
}

const isNumber = (value: PyValue): value is number | bigint | boolean =>
  typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean';

function equal(left: PyValue, right: PyValue): boolean {
  if (isNumber(left) && isNumber(right))
    return (
      Number(left) === Number(right) &&
      (typeof left !== 'bigint' || typeof right !== 'bigint' || left === right)
    );
  if (Array.isArray(left) && Array.isArray(right)) {
    return (
      left.length === right.length &&
      left.every((item: PyValue, i: number) => equal(item, right[i] as PyValue))
    );
  }
  return left === right;
}

function arithmetic(operator: string, left: PyValue, right: PyValue): PyValue {
  if (operator === '%' && typeof left === 'string') return format(left, right);
  if (operator === '+' && typeof left === 'string' && typeof right === 'string') return left + right;
  if (!isNumber(left) || !isNumber(right))
    throw new PythonError(`TypeError: unsupported operand type(s) for ${operator}`);
  if ('/%//'.includes(operator) && Number(right) === 0)
    throw new PythonError('ZeroDivisionError: division by zero');
  if (typeof left === 'number' || typeof right === 'number' || operator === '/') {
    return floats(operator, Number(left), Number(right));
  }
  return integers(operator, BigInt(left), BigInt(right));
}

function floats(operator: string, a: number, b: number): number {
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return a / b;
    case '//':
      return Math.floor(a / b);
    case '%':
      return a - b * Math.floor(a / b);
    case '**':
      return a ** b;
    default:
      throw new PythonError(`TypeError: unsupported operand type(s) for ${operator}: 'float'`);
  }
}

function integers(operator: string, a: bigint, b: bigint): PyValue {
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '//':
      return floorDivide(a, b);
    case '%':
      return a - b * floorDivide(a, b);
    case '**':
      return b < 0n ? Number(a) ** Number(b) : a ** limited(b);
    case '<<':
      return a << limited(b);
    case '>>':
      return a >> limited(b);
    case '&':
      return a & b;
    case '|':
      return a | b;
    default:
      return a ^ b;
  }
}

/** No snippet needs more, and a slip must not fill the memory. */
function limited(b: bigint): bigint {
  if (b > 4096n || b < 0n) throw new PythonError('OverflowError: exponents and shifts go up to 4096 here');
  return b;
}

function floorDivide(a: bigint, b: bigint): bigint {
  const quotient = a / b;
  return a % b !== 0n && a < 0n !== b < 0n ? quotient - 1n : quotient;
}

/** `'%d of %s' % (a, b)` */
function format(template: string, values: PyValue): string {
  const list = Array.isArray(values) ? [...(values as readonly PyValue[])] : [values];
  const result = template.replace(
    /%(0?\d*)(?:\.(\d+))?([dsrxfiu%])/g,
    (_, width: string, digits: string, kind: string) => {
      if (kind === '%') return '%';
      const value = list.shift();
      if (value === undefined) throw new PythonError('TypeError: not enough arguments for format string');
      let shown = kind === 'r' ? repr(value) : text(value);
      if ('dixu'.includes(kind)) {
        if (!isNumber(value)) throw new PythonError(`TypeError: %${kind} format: a real number is required`);
        const whole = typeof value === 'number' ? BigInt(Math.trunc(value)) : BigInt(value);
        shown = whole.toString(kind === 'x' ? 16 : 10);
      } else if (kind === 'f') {
        shown = Number(value).toFixed(digits === undefined ? 6 : Number(digits));
      }
      return shown.padStart(Number(width || 0), width.startsWith('0') ? '0' : ' ');
    },
  );
  if (list.length > 0)
    throw new PythonError('TypeError: not all arguments converted during string formatting');
  return result;
}
