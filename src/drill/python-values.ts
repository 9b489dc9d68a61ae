/** Values of the Python subset of python.ts: truth, text, comparison, arithmetic, formatting. */

/** A value of a snippet. Integers are bigint, so that they behave like Python's. */
export type PyValue = bigint | number | string | boolean | null | readonly PyValue[];

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

/** The most characters a text may have, and a field of `%`: more than any snippet prints. */
const mostText = 1_000_000;
const mostWidth = 100;
/** Integers beyond take long to compute with. */
const mostInteger = 1n << 65_536n;

const tooLong = (): PythonError =>
  new PythonError(`MemoryError: texts have up to ${mostText} characters here`);

function limitedText(value: string): string {
  if (value.length > mostText) throw tooLong();
  return value;
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

/** `left operator right` for the operators == != < <= > >= in is. */
export function compare(operator: string, left: PyValue, right: PyValue): boolean {
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

/** `left operator right` for arithmetic and bits; `%` formats if `left` is a string. */
export function arithmetic(operator: string, left: PyValue, right: PyValue): PyValue {
  if (operator === '%' && typeof left === 'string') return format(left, right);
  if (operator === '+' && typeof left === 'string' && typeof right === 'string')
    return limitedText(left + right);
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
  if ([a, b].some((it) => it > mostInteger || it < -mostInteger))
    throw new PythonError('OverflowError: integers have up to 65536 bits here');
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
      return b < 0n ? Number(a) ** Number(b) : power(a, limited(b));
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

function power(a: bigint, b: bigint): bigint {
  if (BigInt(a.toString(16).length) * 4n * b > 2n * 65_536n)
    throw new PythonError('OverflowError: integers have up to 65536 bits here');
  return a ** b;
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
  let size = template.length;
  const result = template.replace(
    /%(0?\d*)(?:\.(\d+))?([dsrxfiu%])/g,
    (_, width: string, digits: string, kind: string) => {
      if (kind === '%') return '%';
      if (Number(width) > mostWidth || Number(digits ?? 0) > mostWidth)
        throw new PythonError(`ValueError: fields have up to ${mostWidth} characters here`);
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
      size += shown.length;
      if (size > mostText) throw tooLong();
      return shown.padStart(Number(width || 0), width.startsWith('0') ? '0' : ' ');
    },
  );
  if (list.length > 0)
    throw new PythonError('TypeError: not all arguments converted during string formatting');
  return result;
}
