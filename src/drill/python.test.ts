import { describe, expect, test } from 'vitest';
import { runPython } from './python.ts';
import type { PyValue } from './python-values.ts';

const run = (source: string, variables: Record<string, PyValue> = {}) =>
  runPython(source, new Map(Object.entries(variables)));
const message = (source: string, variables: Record<string, PyValue> = {}) =>
  run(source, variables).error?.message ?? null;

describe('snippets', () => {
  test('an assert that holds says nothing, one that does not says what it saw', () => {
    expect(message('assert tcpi_snd_cwnd == 10, tcpi_snd_cwnd', { tcpi_snd_cwnd: 10n })).toBeNull();
    expect(message('assert tcpi_snd_cwnd == 10, tcpi_snd_cwnd', { tcpi_snd_cwnd: 11n })).toBe(
      'AssertionError: 11; assert tcpi_snd_cwnd == 10 (tcpi_snd_cwnd = 11)',
    );
  });
  test('comparisons chain', () => {
    expect(message('assert 1 <= x <= 3', { x: 2n })).toBeNull();
    expect(message('assert 1 <= x <= 3', { x: 4n })).not.toBeNull();
  });
  test('lines go on after a backslash and inside brackets, end at a semicolon, and may carry comments', () => {
    expect(message('assert a == 1, a; \\\n  assert b == 2; \\\n', { a: 1n, b: 2n })).toBeNull();
    expect(message('x = (1 +\n 2) # three\nassert x == 3')).toBeNull();
  });
  test('variables last from one snippet to the next', () => {
    const variables = new Map<string, PyValue>();
    runPython('cwnd = 10', variables);
    runPython('cwnd += 1; cwnd *= 2 + 1', variables);
    expect(variables.get('cwnd')).toBe(33n);
  });
  test('integers do not overflow, and operators are as strong as in Python', () => {
    expect(message('assert 2**64 + 1 == 18446744073709551617')).toBeNull();
    expect(message('assert 5 & 3 == 1')).toBeNull();
    expect(message('assert 1 + 2 << 1 == 6 and not 1 == 2 or False')).toBeNull();
    expect(message('assert -7 // 2 == -4 and -7 % 3 == 2 and 7 / 2 == 3.5 and -2 ** 2 == -4')).toBeNull();
  });
  test('print goes to the output, with formats', () => {
    expect(run("print('%d of %s, %05.1f%%' % (3, 'x', 2.5), 1 if True else 2)").output).toBe(
      '3 of x, 002.5% 1\n',
    );
  });
  test('what is not understood is an error that says so', () => {
    for (const source of [
      'import os',
      'for x in y: pass',
      'open("/etc/passwd")',
      'a.b',
      'assert $',
      '1 +',
      'x[1]',
    ]) {
      const { error } = run(source, { x: [1n], a: 1n });
      expect(error?.unsupported, source).toBe(true);
      expect(error?.message, source).toMatch(/not understood|python3|unexpected/);
    }
  });
  test('mistakes are the errors that Python raises', () => {
    expect(message('assert y == 1')).toBe("NameError: name 'y' is not defined");
    expect(message('1 // 0')).toMatch(/ZeroDivisionError/);
    expect(message("'a' < 1")).toMatch(/TypeError/);
  });
  test('the line of the error is counted within the snippet', () => {
    expect(run('a = 1\nassert a == 1\nassert a == 2').error?.line).toBe(3);
  });
});
